//go:build !linux

package speed

import "time"

var start = time.Now()

// now returns wall time, because these systems have no simple call for the time of a thread.
func now() time.Duration { return time.Since(start) }
