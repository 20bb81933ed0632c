package torture

// OneRing is invariant 8: the nodes are one ring still.
func OneRing(w *World) []Violation {
	c := complaints{invariant: 8}
	seen := map[int]bool{}
	at := 0
	for !seen[at] && at >= 0 && at < len(w.Ring) {
		seen[at] = true
		at = w.Ring[at]
	}
	if at != 0 || len(seen) != RingSize || len(w.Ring) != RingSize {
		c.addf("from node 0 a walk comes to %d after %d nodes: %v", at, len(seen), w.Ring)
	}
	return c.all
}
