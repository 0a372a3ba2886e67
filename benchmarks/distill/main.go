// Distill trains models on text that carries a mark, and on text that does not, and tests
// their outputs: whether a student shows the mark of its teacher, how strongly, through whose
// account, and that nothing is found where nothing is. docs/experiment.md describes the
// design and reads the numbers.
//
//	go run ./distill -out results/distill
//
// Every arm writes one file when it has finished. A rerun skips those whose file belongs to
// the same config and corpus, so the program can be stopped at any time. Results are a function of the
// Go distribution, whose doc comments are the human text, and of the processor's
// architecture.
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
	quick := flag.Bool("quick", false, "a small version, in less than two minutes, which prints its tables and leaves no files unless -out is given")
	only := flag.String("only", "", "run the arms whose name matches this regular expression")
	reportOnly := flag.Bool("report", false, "run nothing: write tables and plots of the arms that have finished")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "distill: there are no arguments")
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

// runQuick prints the tables of the small version.
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

// workers is how many arms run at a time.
const workers = 2

// queueOf takes arms from two lists in turn: one worker must not wait for what the other
// makes, as the neural students' base.
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

// runAll runs what has not finished before. A worker whose queue is empty helps the other,
// from the end.
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
		return fmt.Errorf("interrupted; the same command goes on: %w", ctx.Err())
	}
	return nil
}
