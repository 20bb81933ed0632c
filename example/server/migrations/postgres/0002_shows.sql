create table shows (
    id        bigint      generated always as identity primary key,
    title     text        not null,
    starts_at timestamptz not null,
    price     bigint      not null check (price >= 0),
    seats     integer     not null check (seats > 0),
    -- Every booking writes these two: the row all bookings of a show meet in.
    sold      integer     not null default 0,
    takings   bigint      not null default 0 check (takings >= 0),
    check (sold between 0 and seats)
);

create table bookings (
    id        bigint      generated always as identity primary key,
    reference text        not null unique,
    show_id   bigint      not null references shows (id),
    seat      integer     not null check (seat > 0),
    customer  text        not null references accounts (name),
    price     bigint      not null,
    booked_at timestamptz not null default now(),
    -- The belt: SERIALIZABLE and the replay are the braces.
    constraint one_booking_per_seat unique (show_id, seat)
);
