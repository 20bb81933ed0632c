package pgproxy

import "github.com/reprise-go/reprise/internal/faultproxy"

// The names of package faultproxy, so that who uses one proxy imports one package.
type (
	Proxy    = faultproxy.Proxy
	Rule     = faultproxy.Rule
	Trigger  = faultproxy.Trigger
	Hit      = faultproxy.Hit
	Schedule = faultproxy.Schedule
	Dir      = faultproxy.Dir
	How      = faultproxy.How
	Do       = faultproxy.Do
	Then     = faultproxy.Then
)

const (
	Up   = faultproxy.Up
	Down = faultproxy.Down

	FIN = faultproxy.FIN
	RST = faultproxy.RST

	Forward  = faultproxy.Forward
	Drop     = faultproxy.Drop
	Truncate = faultproxy.Truncate
	Delay    = faultproxy.Delay
	Hold     = faultproxy.Hold

	Nothing   = faultproxy.Nothing
	CutClient = faultproxy.CutClient
	CutServer = faultproxy.CutServer
	CutBoth   = faultproxy.CutBoth
	BlackHole = faultproxy.BlackHole
)

// Byte is [faultproxy.Byte].
func Byte(dir Dir, n int64) Trigger { return faultproxy.Byte(dir, n) }

// SQL is [faultproxy.SQL].
func SQL(text string) Trigger { return faultproxy.SQL(text) }

// SQLFunc is [faultproxy.SQLFunc].
func SQLFunc(match func(sql string) bool) Trigger { return faultproxy.SQLFunc(match) }
