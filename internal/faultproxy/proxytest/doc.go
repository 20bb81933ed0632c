// Package proxytest is the tests that the fault proxies of all protocols must
// pass. What is particular to a protocol is tested beside it.
package proxytest
