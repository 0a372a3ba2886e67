//go:build !linux

package main

import "time"

// clock names what now reads.
const clock = "elapsed time"

var start = time.Now()

// now returns the elapsed time: only on Linux this program reads the CPU time of a thread.
func now() time.Duration { return time.Since(start) }
