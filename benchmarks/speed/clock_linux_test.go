package speed

import (
	"time"

	"golang.org/x/sys/unix"
)

// now returns the CPU time of the calling thread, which excludes the time of other programs. The caller
// locks the goroutine to its thread.
func now() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}
