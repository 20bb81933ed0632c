// Package mariatest gives tests MariaDB servers and databases.
//
// Where MariaDB is not installed, tests are skipped, loudly. With CI or
// REPRISE_REQUIRE_SERVERS set in the environment they fail instead.
package mariatest
