create table if not exists shows (
    id        bigint       auto_increment primary key,
    title     varchar(200) not null,
    starts_at datetime     not null,
    price     bigint       not null check (price >= 0),
    seats     integer      not null check (seats > 0),
    -- Every booking writes these two: the row all bookings of a show meet in.
    sold      integer      not null default 0,
    takings   bigint       not null default 0 check (takings >= 0),
    check (sold between 0 and seats)
) engine=InnoDB default charset=utf8mb4;

create table if not exists bookings (
    id        bigint      auto_increment primary key,
    reference varchar(32) character set ascii collate ascii_bin not null unique,
    show_id   bigint      not null,
    seat      integer     not null check (seat > 0),
    customer  varchar(64) character set ascii collate ascii_bin not null,
    price     bigint      not null,
    booked_at timestamp   not null default current_timestamp,
    -- The belt: SERIALIZABLE and the replay are the braces.
    constraint one_booking_per_seat unique (show_id, seat),
    foreign key (show_id) references shows (id),
    foreign key (customer) references accounts (name)
) engine=InnoDB default charset=utf8mb4;
