package dbproc

import (
	"context"
	"fmt"
)

// Kind says what one brand of server needs. All fields without a default are
// required.
type Kind struct {
	// Name begins errors, and the names of temporary directories and of the guard
	Name string

	// Users are the users that root's servers run as: the first that exists.
	// root itself where none does
	Users []string

	// HideEnv are the beginnings of the environment variables that the programs
	// must not see, for they hold the developer's own settings. none
	HideEnv []string

	// GuardSignal, such as QUIT, is what the guard ends the server with
	GuardSignal string

	// LockFile is in the server's directory as long as the server runs. Where it
	// is named, the guard gives the server up to 5 s to remove it before SIGKILL
	// and the removal of the directory. none: the guard does not wait
	LockFile string

	// Orphans is how the names of the server's other processes begin, to kill
	// those that outlive the main one (on Linux). none: there are no others
	Orphans string

	// Init makes the data with [Server.Run]. A failed Init fails Start
	Init func(ctx context.Context, s *Server) error

	// Serve returns the command that runs the server on s.Port() in the
	// foreground. Its output is the log
	Serve func(s *Server) []string

	// Ping says whether the server, and no other on its port, answers. It is
	// called every few milliseconds, at most 5 s each
	Ping func(ctx context.Context, s *Server) error

	// PortTaken says whether a log tells that somebody else has the port
	PortTaken func(log string) bool

	// End stops the server as fast as it goes. Its sessions' work may be lost
	End Stopper
}

// Stopper tells a server to stop and does not wait for it. One that has ended by
// itself is fine.
type Stopper func(ctx context.Context, p *Process) error

// wrap says whose error it is.
func (k Kind) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", k.Name, err)
}
