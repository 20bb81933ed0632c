// Package pgtest gives tests PostgreSQL servers and databases.
//
// Where PostgreSQL is not installed, tests are skipped, loudly. With CI or
// REPRISE_REQUIRE_SERVERS set in the environment they fail instead.
package pgtest
