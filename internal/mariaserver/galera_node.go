package mariaserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/reprise-go/reprise/internal/dbproc"
)

// node is a server of a cluster.
type node struct {
	*Server
	cluster *Cluster
	first   bool   // it makes the cluster, when it starts the first time
	up      bool   // it has started once
	group   string // host:port for the others; fixed once it is up
}

// start makes the node. Only the first one makes data of its own.
func (n *node) start(ctx context.Context) (err error) {
	kind := n.kind()
	kind.Serve, kind.Ping, kind.PortTaken = n.serve, n.ping, portTaken
	if !n.first {
		kind.Init = func(ctx context.Context, p *dbproc.Server) error {
			return p.Run(ctx, "mkdir", "-m", "700", p.DataDir())
		}
	}
	n.Server.Server, err = dbproc.Start(ctx, kind)
	n.up = true
	return err
}

// serve returns the command line of the server. Whatever port somebody else has taken
// meanwhile, the next try is with others.
func (n *node) serve(p *dbproc.Server) []string {
	addrs, err := freeAddrs(3)
	if err != nil {
		return []string{"/bin/sh", "-c", `echo "$0"; exit 1`, err.Error()} // for the log
	}
	peers := n.cluster.peers(n)
	if !n.up {
		n.group = addrs[0]
		if n.first {
			peers = "gcomm://" // a new cluster
		}
	}
	return append(n.Server.serve(p),
		"--binlog-format=ROW",
		"--innodb-autoinc-lock-mode=2",
		"--wsrep-on=ON",
		"--wsrep-provider="+n.cluster.provider,
		"--wsrep-cluster-name="+n.cluster.name,
		"--wsrep-cluster-address="+peers,
		"--wsrep-node-address="+n.group,
		"--wsrep-sst-method=rsync",
		"--wsrep-sst-receive-address="+addrs[1],
		"--wsrep-provider-options="+providerOptions(p.DataDir(), n.group, addrs[2]),
	)
}

// ping waits until the node is in sync with the others.
func (n *node) ping(ctx context.Context, p *dbproc.Server) (err error) {
	if err := ping(ctx, p); err != nil {
		return err
	}
	db, err := open(config(p.Addr(), ""))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	state, err := status(ctx, db, "wsrep_local_state_comment")
	if err == nil && state != "Synced" {
		err = fmt.Errorf("the node is %s", state)
	}
	return err
}

// status returns a status of the server.
func status(ctx context.Context, db *sql.DB, name string) (value string, err error) {
	err = db.QueryRowContext(ctx, "select variable_value from information_schema.global_status where variable_name = '"+name+"'").Scan(&value)
	return value, err
}

// portTaken knows what MariaDB, Galera and rsync's script say.
func portTaken(log string) bool {
	return strings.Contains(log, "Address already in use") || strings.Contains(log, "has been taken")
}

// freeAddrs returns n different addresses on ports of 127.0.0.1 that were free a moment
// ago.
func freeAddrs(n int) ([]string, error) {
	var addrs []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // when all are chosen
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}
