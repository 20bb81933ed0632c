create table outbox (
	id uuid primary key default gen_random_uuid(), -- the receiver's Idempotency-Key
	seq bigint generated always as identity,       -- who was first; gaps mean nothing
	url text not null,
	body bytea not null,
	due timestamptz not null default now(),
	failures int not null default 0
);
create index outbox_due on outbox (due, seq);
