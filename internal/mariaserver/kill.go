package mariaserver

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// unknownThread is MariaDB's error for KILL where there is no such connection.
const unknownThread = 1094

// KillConnections ends the connections of all clients, or those whose current
// database is one of the given alone, and says how many. It does not wait for
// them to go. They hear nothing: their connection is lost, also in the middle of
// a statement. It needs a connection itself, the first time, so it fails where
// the server has none left.
func (s *Server) KillConnections(ctx context.Context, databases ...string) (int, error) {
	ids, err := s.victims(ctx, databases)
	if err != nil {
		return 0, wrap(err)
	}
	killed := 0
	for _, id := range ids {
		ok, err := s.kill(ctx, id)
		if err != nil {
			return killed, wrap(err)
		}
		if ok {
			killed++
		}
	}
	return killed, nil
}

// KillRandomConnection ends the connection of one client, drawn with rnd from
// all or from those whose current database is one of the given. It returns false
// where there was none.
func (s *Server) KillRandomConnection(ctx context.Context, rnd *rand.Rand, databases ...string) (bool, error) {
	ids, err := s.victims(ctx, databases)
	if err != nil || len(ids) == 0 {
		return false, wrap(err)
	}
	ok, err := s.kill(ctx, ids[rnd.IntN(len(ids))])
	return ok, wrap(err)
}

// victims returns the numbers of client connections, in order, so that the same
// random number picks the same one.
func (s *Server) victims(ctx context.Context, databases []string) ([]int64, error) {
	query := `select id from information_schema.processlist where id <> connection_id()
		and user not in ('system user', 'event_scheduler') and command not in ('Daemon', 'Killed')`
	var args []any
	if len(databases) > 0 {
		query += " and db in (?" + strings.Repeat(", ?", len(databases)-1) + ")"
		for _, name := range databases {
			args = append(args, name)
		}
	}
	return s.admin.ids(ctx, s.Addr(), query+" order by id", args...)
}

// kill ends a connection and says whether it was there.
func (s *Server) kill(ctx context.Context, id int64) (bool, error) {
	err := s.admin.exec(ctx, s.Addr(), "kill connection "+strconv.FormatInt(id, 10))
	var answer *mysql.MySQLError
	if errors.As(err, &answer) && answer.Number == unknownThread {
		return false, nil
	}
	return err == nil, err
}
