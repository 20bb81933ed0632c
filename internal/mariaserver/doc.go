// Package mariaserver runs throwaway MariaDB servers for tests and examples.
//
// A server has a data directory of its own, listens on 127.0.0.1 alone, lets
// root in without a password, and disappears with everything it wrote when it is
// closed. It also disappears when the process that started it dies in any way,
// SIGKILL included. There are no servers on Windows.
//
// It is built to be hurt: see [Server.Kill], [Server.Stop] and
// [Server.KillConnections].
package mariaserver
