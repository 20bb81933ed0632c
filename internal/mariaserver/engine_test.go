package mariaserver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
)

var engine = dbtest.Engine[*mariaserver.Server]{
	Shared: mariatest.Shared,
	New:    func(tb testing.TB) *mariaserver.Server { tb.Helper(); return mariatest.New(tb, mariaserver.Config{}) },
	Start: func(ctx context.Context, settings map[string]string) (*mariaserver.Server, error) {
		return mariaserver.Start(ctx, mariaserver.Config{Settings: settings})
	},
	DSN:  (*mariaserver.Server).DSN,
	Open: mariatest.Pool,
	Ends: map[string]func(*mariaserver.Server) error{
		"fast":      func(s *mariaserver.Server) error { return s.Stop(mariaserver.Fast) },
		"immediate": stopImmediately,
	},
	EndSessions:      (*mariaserver.Server).KillConnections,
	EndRandomSession: (*mariaserver.Server).KillRandomConnection,
	Ended:            func(error) bool { return true }, // it hears nothing
	Loop:             "begin not atomic loop set @x = 1; end loop; end",
	Sleep:            "do sleep(600)",
	Busy: `select count(*) from information_schema.processlist
		where command = 'Query' and id <> connection_id() and db = 'test'`,
}

// stopImmediately checks that the server has not written its pages.
func stopImmediately(s *mariaserver.Server) error {
	err := s.Stop(mariaserver.Immediate)
	if log := s.LogTail(); !strings.Contains(log, "fast_shutdown=2") {
		err = errors.Join(err, fmt.Errorf("its pages were written; the log:\n%s", log))
	}
	return err
}

func TestEndsWithBusySessions(t *testing.T) { engine.EndsWithBusySessions(t) }
func TestKillConnections(t *testing.T)      { engine.EndsSessions(t) }
func TestFailureShowsTheLog(t *testing.T)   { engine.FailureShowsTheLog(t) }
func TestDatabasesAreApart(t *testing.T)    { engine.DatabasesAreApart(t) }
func TestDatabaseIsDropped(t *testing.T)    { engine.DatabaseIsDropped(t) }
func TestDatabasesAreDropped(t *testing.T)  { engine.DatabasesAreDropped(t) }

func TestLives(t *testing.T) {
	t.Parallel()
	s := mariatest.New(t, mariaserver.Config{})
	if err := s.Exec(t.Context(), "do 1; do ?", 1); err == nil {
		t.Error("several statements with arguments")
	}
	engine.Lives(t, s)
}
