// Package outage measures what clients see while a database is away: restarted, behind a
// network that has gone silent, replaced by its standby, or a node of a cluster.
//
// Requests arrive at a fixed rate, whether earlier ones have been answered or not, as
// they do in front of a service. Half of them read, and half insert a row with the id of
// the request, so that afterwards the table says which were lost and which were done
// twice. The numbers of docs/outages.md come from here: run `make outage`, and with
// LONG=1 the form that they were measured with.
package outage
