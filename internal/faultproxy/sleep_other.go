//go:build !linux || !(amd64 || arm64)

package faultproxy

import "time"

type precise struct{}

func (precise) wait(d time.Duration) { time.Sleep(d) }

func (precise) close() {}
