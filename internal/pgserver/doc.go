// Package pgserver runs throwaway PostgreSQL servers for tests and examples.
//
// A server has a data directory of its own, listens on 127.0.0.1 alone, lets
// everybody in, and disappears with everything it wrote when it is closed. On
// Unix it also disappears when the process that started it dies in any way,
// SIGKILL included. On Windows a killed process leaves it running.
//
// It is built to be hurt: see [Server.Kill], [Server.Stop] and
// [Server.TerminateBackends].
package pgserver
