// Package dbtest is what packages
// [github.com/reprise-go/reprise/internal/pgserver/pgtest] and
// [github.com/reprise-go/reprise/internal/mariaserver/mariatest] have in common,
// and the tests that both kinds of servers must pass: [Engine].
package dbtest
