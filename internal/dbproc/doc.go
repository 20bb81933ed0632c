// Package dbproc runs throwaway database servers: what
// [github.com/reprise-go/reprise/internal/pgserver] and
// [github.com/reprise-go/reprise/internal/mariaserver] have in common.
//
// A server has a directory of its own, listens on a port of 127.0.0.1, and
// disappears with everything it wrote when it is closed. On Unix it also
// disappears when the process that started it dies in any way, SIGKILL
// included: a shell, the guard, watches. On Windows a killed process leaves it
// running.
package dbproc
