// Command bench measures Reprise beside what people use today, all in one process and
// one run: the same handlers, the same servers, one after the other in random order,
// again and again. What it prints are ratios of one run: times differ between machines.
//
//	make bench
//
// Every work is served by an http.Handler that is called directly, without a network in
// front of it, so that nothing but the way to the database differs. Between the handler and the
// database there is nothing (loopback), or a proxy that makes each round trip take 1 ms.
package main
