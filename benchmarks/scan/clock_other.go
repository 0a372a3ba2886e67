//go:build !unix

package main

import "time"

var begun = time.Now()

// processTime returns the time since the start: this system has no CPU time of a process.
func processTime() time.Duration { return time.Since(begun) }
