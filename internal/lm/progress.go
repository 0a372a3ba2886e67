package lm

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// Stages of Load, in order. Load may skip some.
const (
	StageCheck    = "checking" // whether the cache has the corpus
	StageRead     = "reading"
	StageTokenize = "tokenizing"
	StageTrain    = "training"
)

// A Progress receives reports about a stage. One goroutine at a time calls it. Within a stage done
// never decreases, and the last call of a successful stage has done == total. A nil Progress receives
// nothing.
type Progress func(stage string, done, total int64)

// A meter counts the work of several goroutines. It makes about a hundred reports per stage, instead of
// one for each of ten thousand files.
type meter struct {
	mu       sync.Mutex
	report   Progress
	stage    string
	done     int64
	total    int64
	reported int64
}

func (p Progress) start(stage string, total int64) *meter {
	m := &meter{report: p, stage: stage, total: total, reported: -1}
	m.add(0)
	return m
}

func (m *meter) add(n int64) {
	if m.report == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	if m.reported < 0 || m.done-m.reported > m.total/100 || m.done == m.total && m.reported != m.total {
		m.reported = m.done
		m.report(m.stage, m.done, m.total)
	}
}

// parallel calls f(0) to f(n-1) from one goroutine per processor. It returns the error of the lowest
// index that failed. f stores its result by index, so the order of the calls does not matter.
func parallel(ctx context.Context, n int, f func(i int) error) error {
	var next atomic.Int64
	var mu sync.Mutex
	var firstErr error
	firstIndex := n
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return
				}
				if err := f(i); err != nil {
					mu.Lock()
					if i < firstIndex {
						firstIndex, firstErr = i, err
					}
					mu.Unlock()
					next.Store(int64(n)) // calls with lower indices have started already
				}
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return firstErr
}
