alter table booking add column booked_at timestamptz not null default now();
