// Package race tells whether the race detector is on. Tests of allocations and long
// computations look at it.
package race
