package mariaserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reprise-go/reprise/internal/dbproc"
)

// ClusterConfig says how a Galera cluster is made. The zero value is ready.
type ClusterConfig struct {
	// Node is every node's
	Node Config

	// Nodes is how many there are. 1
	Nodes int
}

// Cluster is a Galera cluster: servers that each take writes and have the same data.
// Its methods are safe for concurrent use. [Cluster.Close] it.
type Cluster struct {
	name     string
	provider string
	nodes    []*node
}

// providers is where packages put Galera.
var providers = []string{
	"/usr/lib/galera/libgalera_smm.so",
	"/usr/lib/*/galera*/libgalera_smm.so",
	"/usr/lib64/galera*/libgalera_smm.so",
}

// StartCluster makes a cluster with an empty database test and returns when all nodes
// are in sync. The first takes half a second, and each further one, which gets a copy
// of its data by rsync, some 4 s. ctx is for starting only; without a deadline 60 s
// are allowed for each node. The error is [ErrNotInstalled] where MariaDB or Galera is
// missing. A failed StartCluster leaves nothing behind.
func StartCluster(ctx context.Context, cfg ClusterConfig) (*Cluster, error) {
	tools, err := find(cfg.Node.BinDir)
	if err != nil {
		return nil, err
	}
	found := dbproc.Dirs(providers)
	if len(found) == 0 {
		return nil, fmt.Errorf("%w with Galera: nothing at %s", ErrNotInstalled, strings.Join(providers, ", "))
	}
	c := &Cluster{name: rand.Text(), provider: found[0]}
	for range max(cfg.Nodes, 1) {
		n := &node{Server: &Server{cfg: cfg.Node, tools: tools}, cluster: c, first: len(c.nodes) == 0}
		if err := n.start(ctx); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.nodes = append(c.nodes, n)
	}
	if err := run(ctx, config(c.nodes[0].Addr(), ""), "create database test"); err != nil {
		return nil, errors.Join(wrap(err), c.Close())
	}
	return c, nil
}

// Nodes returns the nodes. They are servers like others, but for these: what one
// commits another may have a little later, one that has been stopped or killed joins
// the others when it is started again, and if none of them is up it does not start.
func (c *Cluster) Nodes() []*Server {
	all := make([]*Server, len(c.nodes))
	for i, n := range c.nodes {
		all[i] = n.Server
	}
	return all
}

// Close kills the nodes and removes everything they wrote. Later calls do nothing.
func (c *Cluster) Close() error {
	var errs []error
	for _, n := range slices.Backward(c.nodes) {
		errs = append(errs, n.Close())
	}
	return errors.Join(errs...)
}

// peers returns where the nodes but n are.
func (c *Cluster) peers(n *node) string {
	var all []string
	for _, other := range c.nodes {
		if other != n {
			all = append(all, other.group)
		}
	}
	return "gcomm://" + strings.Join(all, ",")
}

// providerOptions are Galera's own, for a node with its files in dir. A node that does
// not answer is suspected after a second, not after 5.
func providerOptions(dir, group, increments string) string {
	return strings.Join([]string{
		"base_dir=" + filepath.Clean(dir),
		"gmcast.listen_addr=tcp://" + group,
		"ist.recv_addr=" + increments,
		"gcache.size=8M",
		"evs.keepalive_period=PT0.1S",
		"evs.inactive_check_period=PT0.1S",
		"evs.suspect_timeout=PT1S",
		"evs.inactive_timeout=PT2S",
		"evs.install_timeout=PT2S",
		"evs.join_retrans_period=PT0.2S",
	}, ";")
}
