// Distill measures whether a student shows the mark of its teacher. It trains models on marked and on
// unmarked text and tests their outputs: how strong the mark is, through whose account the text went,
// and that clean students show nothing. docs/experiment.md describes the design and explains the
// numbers.
//
//	go run ./distill -out results/distill
//
// Every finished arm writes one file. A second run skips the arms whose file belongs to the same
// config and corpus, so the program can be stopped at any time. Results depend on the Go distribution,
// whose doc comments are the human text, and on the architecture of the processor.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"time"
)

func main() {
	out := flag.String("out", "results/distill", "directory of the results")
	quick := flag.Bool("quick", false, "run a small version in less than two minutes, and print its tables\n"+
		"(writes files only with -out)")
	only := flag.String("only", "", "run only the arms whose names match this `regexp`")
	reportOnly := flag.Bool("report", false, "run no arms, and write tables and plots of the finished ones")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "distill: unexpected arguments; use flags only")
		os.Exit(2)
	}
	which, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "distill: -only:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	named := false
	flag.Visit(func(f *flag.Flag) { named = named || f.Name == "out" })
	if *quick && !named {
		err = runQuick(ctx, os.Stdout, which)
	} else {
		err = run(ctx, *out, *quick, which, *reportOnly)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "distill:", err)
		os.Exit(1)
	}
}

// runQuick runs the small version in a temporary directory and prints its tables.
func runQuick(ctx context.Context, out io.Writer, which *regexp.Regexp) error {
	dir, err := os.MkdirTemp("", "distill")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	err = run(ctx, dir, true, which, false)
	tables, readErr := os.ReadFile(filepath.Join(dir, "tables.md"))
	if readErr == nil {
		_, readErr = out.Write(tables)
	}
	if err != nil {
		return err
	}
	return readErr
}

// run runs the arms that have not finished and writes the report.
func run(ctx context.Context, out string, quick bool, which *regexp.Regexp, reportOnly bool) error {
	runtime.GOMAXPROCS(min(workers, runtime.GOMAXPROCS(0)))
	s := fullScale
	front, back := neuralArms(), ngramArms(s)
	if quick {
		s = quickScale
		front, back = quickArms(s), nil
	}
	if !reportOnly {
		begin := time.Now()
		w, err := newWorld(ctx, s)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s: %d tokens\n", w.corpus, w.tokens)
		if err := w.runAll(ctx, out, queueOf(front, back, which)); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "finished in %s\n", time.Since(begin).Round(time.Second))
	}
	return writeReport(out, s, append(front, back...))
}

// workers is the number of arms that run at the same time.
const workers = 2

// queueOf returns one queue per worker. The neural students share a queue, so that no worker waits for
// the base that the other one trains.
func queueOf(front, back []arm, which *regexp.Regexp) [workers][]arm {
	var queues [workers][]arm
	for i, arms := range [workers][]arm{front, back} {
		for _, a := range arms {
			if which.MatchString(a.name) {
				queues[i] = append(queues[i], a)
			}
		}
	}
	return queues
}

// runAll runs the arms that have not finished. A worker with an empty queue takes arms from the end of
// the other queue.
func (w *world) runAll(ctx context.Context, out string, queues [workers][]arm) error {
	var mu sync.Mutex
	next := func(own int) (a arm, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if q := queues[own]; len(q) > 0 {
			queues[own] = q[1:]
			return q[0], true
		}
		if q := queues[1-own]; len(q) > 0 {
			queues[1-own] = q[:len(q)-1]
			return q[len(q)-1], true
		}
		return arm{}, false
	}
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for own := range workers {
		wg.Go(func() {
			for {
				a, ok := next(own)
				if !ok || ctx.Err() != nil {
					return
				}
				done, err := w.finished(out, a)
				if err == nil && !done {
					var took time.Duration
					if took, err = w.do(out, a); err == nil {
						fmt.Fprintf(os.Stderr, "%8s  %s\n", took.Round(time.Second), a.name)
					}
				}
				if err != nil {
					errs[own] = err
					return
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted; run the same command to resume: %w", ctx.Err())
	}
	return nil
}
