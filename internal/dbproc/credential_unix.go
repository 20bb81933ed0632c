//go:build unix

package dbproc

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// credential is the first of users that exists. It is nil, for ourselves, where
// we are not root or none does; a server that minds says what is wrong.
func credential(users []string) *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range users {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	return nil
}

// giveAway makes dir belong to the user the server runs as.
func giveAway(dir string, users []string) error {
	c := credential(users)
	if c == nil {
		return nil
	}
	return os.Chown(dir, int(c.Uid), int(c.Gid))
}
