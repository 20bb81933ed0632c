create table shows (
    id        integer   primary key autoincrement,
    title     text      not null,
    starts_at timestamp not null,
    price     integer   not null check (price >= 0),
    seats     integer   not null check (seats > 0),
    -- Every booking writes these two.
    sold      integer   not null default 0,
    takings   integer   not null default 0 check (takings >= 0),
    check (sold between 0 and seats)
);

create table bookings (
    id        integer   primary key autoincrement,
    reference text      not null unique,
    show_id   integer   not null references shows (id),
    seat      integer   not null check (seat > 0),
    customer  text      not null references accounts (name),
    price     integer   not null,
    booked_at timestamp not null default current_timestamp,
    -- The belt: the one writer that SQLite allows is the braces.
    constraint one_booking_per_seat unique (show_id, seat)
);
