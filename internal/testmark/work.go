package testmark

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

const (
	// workTime is what a parser may take for one input. It is some thousand times what any takes on a
	// busy machine, and far below what one takes whose time grows with the square of the length.
	workTime = 20 * time.Second
	// stretched is the length to which InTime stretches inputs, in bytes.
	stretched = 1 << 18
)

// InTime calls a parser with data, and with data repeated to a quarter of a MiB for one input in
// sixteen. It fails the test for a call that takes much longer than a linear parser can. So a fuzz
// target finds time as it finds panics.
func InTime(t *testing.T, data []byte, parse func(data []byte)) {
	t.Helper()
	inputs := [][]byte{data}
	sum := 0
	for _, b := range data {
		sum = 31*sum + int(b)
	}
	if len(data) > 0 && sum%16 == 0 {
		inputs = append(inputs, bytes.Repeat(data, 1+stretched/len(data)))
	}
	for _, in := range inputs {
		done := make(chan struct{})
		go func() {
			defer close(done)
			parse(in)
		}()
		timer := time.NewTimer(workTime)
		select {
		case <-done:
			timer.Stop()
		case <-timer.C:
			stacks := make([]byte, 1<<16)
			t.Fatalf("a parser takes more than %v for %d bytes\n%s", workTime, len(in), stacks[:runtime.Stack(stacks, true)])
		}
	}
}
