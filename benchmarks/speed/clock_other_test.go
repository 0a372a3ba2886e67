//go:build !linux

package speed

import "time"

var start = time.Now()

// now is the time by the clock where the time of a thread takes more to ask for.
func now() time.Duration { return time.Since(start) }
