// Package scenarios holds the 50 faults that Reprise must survive, by number and name,
// each on every engine that has it, with exactly what a request comes to that meets it.
// It has tests only.
package scenarios
