package ledger

import "strings"

// Schema returns the statement that creates the ledger in [DefaultTable] if it is not
// there, for your migrations. engine is "postgres", "mysql" (MariaDB, too) or "sqlite".
// Schema panics for any other.
func Schema(engine string) string { return Config{Table: DefaultTable}.Schema(engine) }

// Schema is [Schema] with c.Table. It panics if c is invalid, or no ledger.
func (c Config) Schema(engine string) string {
	if err := c.Validate(); err != nil {
		panic("ledger: Config." + err.Error())
	}
	if !c.On() {
		panic("ledger: Config.Table is empty")
	}
	ddl, ok := schemas[engine]
	if !ok {
		panic("ledger: Schema: unknown engine " + engine)
	}
	_, bare, qualified := strings.Cut(c.Table, ".")
	if !qualified {
		bare = c.Table
	}
	return strings.NewReplacer("{table}", c.Table, "{bare}", bare).Replace(ddl)
}

// run and attempt say whose row it is; void, that the attempt was found not to be
// committed, and must not be any more. created_at is for purging, and in UTC, since
// sessions may have time zones of their own. key_hash and what follows are of attempts
// with a key, and null for all others.
//
// On MySQL the index has what is null at its end (MySQL 8.0, MariaDB 10.8; older ones
// ignore it). Who waits for a key locks the gap before it, where all rows without a key
// would be inserted if it were the least.
var schemas = map[string]string{
	"postgres": `create table if not exists {table} (
	run         uuid        not null,
	attempt     integer     not null,
	void        boolean     not null default false,
	created_at  timestamptz not null default now(),
	key_hash    bytea,
	fingerprint bytea,
	status      integer,
	header      text,
	body        bytea,
	primary key (run, attempt)
);
create index if not exists {bare}_created_at on {table} (created_at);
create unique index if not exists {bare}_key_hash on {table} (key_hash) where key_hash is not null`,

	"mysql": `create table if not exists {table} (
	run         binary(16)  not null,
	attempt     integer     not null,
	void        boolean     not null default false,
	created_at  datetime(3) not null default (utc_timestamp(3)),
	key_hash    binary(32),
	fingerprint binary(32),
	status      integer,
	header      mediumtext character set ascii,
	body        longblob,
	primary key (run, attempt),
	key {bare}_created_at (created_at),
	unique key {bare}_key_hash (key_hash desc)
) engine=InnoDB`,

	"sqlite": `create table if not exists {table} (
	run         blob    not null,
	attempt     integer not null,
	void        integer not null default 0,
	created_at  integer not null default (cast(strftime('%s', 'now') as integer)),
	key_hash    blob,
	fingerprint blob,
	status      integer,
	header      text,
	body        blob,
	primary key (run, attempt)
) without rowid;
create index if not exists {bare}_created_at on {table} (created_at);
create unique index if not exists {bare}_key_hash on {table} (key_hash) where key_hash is not null`,
}
