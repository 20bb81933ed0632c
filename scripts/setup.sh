#!/bin/sh
# Installs what the tests need and is not there yet: a C compiler for the race
# detector, PgBouncer, the servers of PostgreSQL and MariaDB, and Galera, which
# Homebrew does not have: its tests are skipped on macOS. Debian and Ubuntu (root or
# sudo) and macOS (Homebrew). It starts no service: tests start their own servers on
# loopback.
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

have_postgres() {
	have initdb && have postgres && return 0
	for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
		/opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
		[ -x "$dir/initdb" ] && [ -x "$dir/postgres" ] && return 0
	done
	return 1
}

have_mariadb() (
	PATH="$PATH:/usr/sbin:/usr/libexec:/opt/homebrew/opt/mariadb/bin:/usr/local/opt/mariadb/bin"
	have mariadb-install-db && { have mariadbd || have mysqld; }
)

have_pgbouncer() (
	PATH="$PATH:/usr/sbin:/opt/homebrew/opt/pgbouncer/bin:/usr/local/opt/pgbouncer/bin"
	have pgbouncer
)

# A node sends its data to a new one with rsync, and looks with lsof or ss whether it
# listens.
have_galera() {
	have rsync && { have lsof || have ss; } || return 1
	for lib in /usr/lib/galera/libgalera_smm.so /usr/lib/*/galera*/libgalera_smm.so \
		/usr/lib64/galera*/libgalera_smm.so; do
		[ -e "$lib" ] && return 0
	done
	return 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; elif have sudo; then sudo "$@"; else die "need root or sudo for: $*"; fi
}

# Debian starts a service as it installs it, unless this file tells it not to.
policy=/usr/sbin/policy-rc.d

no_services() {
	[ -e "$policy" ] && return
	trap 'as_root rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
	as_root chmod 755 "$policy"
}

apt_install() {
	say "installing $*"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

have go || die "Go is missing; get it from https://go.dev/dl (go.mod names the version)"

missing=""
have gcc || have clang || missing="$missing gcc libc6-dev"
if ! have_postgres; then
	missing="$missing postgresql"
	# The tests bring their own clusters; Debian need not make and start one.
	if have apt-get && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		as_root mkdir -p /etc/postgresql-common
		printf 'create_main_cluster = false\n' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
	fi
fi
have_mariadb || missing="$missing mariadb-server"
have_pgbouncer || missing="$missing pgbouncer"
[ "$(uname)" = Darwin ] || have_galera || missing="$missing galera-4 rsync lsof"
[ -z "$missing" ] && exit 0

if have apt-get; then
	no_services
	# shellcheck disable=SC2086
	apt_install $missing
elif have brew; then
	have gcc || have clang || die "the race detector needs a C compiler: xcode-select --install"
	have_postgres || { say "installing postgresql"; brew install --quiet postgresql@17; }
	have_mariadb || { say "installing mariadb"; brew install --quiet mariadb; }
	have_pgbouncer || { say "installing pgbouncer"; brew install --quiet pgbouncer; }
	say "Homebrew has no Galera; the tests that need it are skipped"
else
	die "please install:$missing"
fi
have_postgres || die "PostgreSQL was installed but initdb and postgres are not where they are looked for"
have_mariadb || die "MariaDB was installed but mariadbd and mariadb-install-db are not where they are looked for"
have_pgbouncer || die "PgBouncer was installed but pgbouncer is not where it is looked for"
[ "$(uname)" = Darwin ] || have_galera || die "Galera was installed but libgalera_smm.so is not where it is looked for"
