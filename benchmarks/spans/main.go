// Spans measures how well several tests find the marked part of a text. It prints the power of each
// test, how well its findings overlap the marked part, and how often it finds something in unmarked
// text.
//
//	go run ./spans -trials 1000 > results/spans.txt
//
// A text is n scored positions. Each is green with probability gamma, except in one segment, which is
// green more often. There are no tokens and no keys, because the scores of distinct pairs have exactly
// this law.
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"

	"github.com/isotope-wm/isotope/benchmarks/internal/host"
)

const (
	gamma = 0.5
	alpha = 1e-6 // level for the power
	level = 0.05 // level for unmarked texts
)

// A cell is one kind of text.
type cell struct {
	length int     // positions in the marked segment
	rate   float64 // green share in it
}

var cells = []cell{{100, 0.80}, {200, 0.70}, {300, 0.70}, {1000, 0.60}, {3000, 0.55}}

func main() {
	trials := flag.Int("trials", 1000, "texts per row of the table")
	null := flag.Int("null", 4000, "unmarked texts")
	n := flag.Int("n", 10_000, "scored positions per text")
	seed := flag.Uint64("seed", 1, "seed of the random numbers")
	flag.Parse()
	if *trials < 1 || *null < 1 || *n < 3000 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "spans: want -trials >= 1, -null >= 1, -n >= 3000 and no arguments")
		os.Exit(2)
	}
	fmt.Printf("# go run ./spans -trials %d -null %d -n %d -seed %d\n", *trials, *null, *n, *seed)
	fmt.Printf("# %s, %s %s/%s\n", host.CPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if err := table(os.Stdout, *n, *trials, *null, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "spans:", err)
		os.Exit(1)
	}
}

// table writes the measurement.
func table(w io.Writer, n, trials, null int, seed uint64) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# n %d, gamma %v; power at alpha %g, "+
		"in brackets the mean overlap (intersection over union)\n", n, gamma, alpha)
	fmt.Fprintf(&b, "# of the best interval with the marked segment, where detected\n\n")
	fmt.Fprintf(&b, "%-16s", "segment, rate")
	for _, m := range methods {
		fmt.Fprintf(&b, "%24s", m.name)
	}
	b.WriteString("\n")
	for i, c := range cells {
		fmt.Fprintf(&b, "%-16s", fmt.Sprintf("%d, %.2f", c.length, c.rate))
		for _, s := range measure(n, c, trials, alpha, rand.NewPCG(seed, uint64(i+1))) {
			overlap := "    -"
			if s.found > 0 {
				overlap = fmt.Sprintf("(%.2f)", s.overlap/float64(s.found))
			}
			fmt.Fprintf(&b, "%24s", fmt.Sprintf("%.3f %s", float64(s.found)/float64(trials), overlap))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\n# something found in %d unmarked texts at alpha %g, with the standard error\n%-16s",
		null, level, "none")
	for _, s := range measure(n, cell{}, null, level, rand.NewPCG(seed, 0)) {
		rate := float64(s.found) / float64(null)
		fmt.Fprintf(&b, "%24s", fmt.Sprintf("%.4f ± %.4f", rate, math.Sqrt(rate*(1-rate)/float64(null))))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// A score counts the findings of a method over many texts.
type score struct {
	found   int
	overlap float64 // sum over the findings
}

// measure applies every method to the same texts.
func measure(n int, c cell, trials int, alpha float64, source rand.Source) []score {
	rng := rand.New(source)
	scores := make([]score, len(methods))
	green := make([]uint8, n)
	for range trials {
		from := rng.IntN(n - c.length + 1)
		for i := range green {
			rate := gamma
			if i >= from && i < from+c.length {
				rate = c.rate
			}
			green[i] = 0
			if rng.Float64() < rate {
				green[i] = 1
			}
		}
		for i, m := range methods {
			if f := m.find(green); f.log10P <= math.Log10(alpha) {
				scores[i].found++
				scores[i].overlap += overlap(f.from, f.to, from, from+c.length)
			}
		}
	}
	return scores
}

// overlap returns intersection over union of the intervals [a,b) and [c,d).
func overlap(a, b, c, d int) float64 {
	both := max(0, min(b, d)-max(a, c))
	return float64(both) / float64(b-a+d-c-both)
}
