// Spans measures how well the marked part of a text is found: the power of several
// tests and how well what they find overlaps what is marked, and how often each finds
// something where nothing is.
//
//	go run ./spans -trials 1000 > results/spans.txt
//
// A text is a row of n scored positions, green with probability gamma, but for one
// segment that is green more often. No tokens and no keys are involved: given the text,
// the scores of distinct pairs have exactly this law.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
)

const (
	gamma = 0.5
	alpha = 1e-6 // of the power
	level = 0.05 // of the null
)

// A cell is one kind of text.
type cell struct {
	length int     // of the marked segment
	rate   float64 // green in it
}

var cells = []cell{{100, 0.80}, {200, 0.70}, {300, 0.70}, {1000, 0.60}, {3000, 0.55}}

func main() {
	trials := flag.Int("trials", 1000, "texts for each row of the table")
	null := flag.Int("null", 4000, "texts without a mark")
	n := flag.Int("n", 10_000, "scored positions in a text")
	seed := flag.Uint64("seed", 1, "of the random numbers")
	flag.Parse()
	if *trials < 1 || *null < 1 || *n < 3000 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "spans: -trials and -null are at least 1, -n at least 3000, and there are no arguments")
		os.Exit(2)
	}
	fmt.Printf("# go run ./spans -trials %d -null %d -n %d -seed %d\n", *trials, *null, *n, *seed)
	fmt.Printf("# %s, %s %s/%s\n", cpu(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if err := table(os.Stdout, *n, *trials, *null, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "spans:", err)
		os.Exit(1)
	}
}

// table writes the whole measurement.
func table(w io.Writer, n, trials, null int, seed uint64) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# n %d, gamma %v; power at alpha %g, in brackets the mean overlap (intersection over union)\n", n, gamma, alpha)
	fmt.Fprintf(&b, "# of the best interval with the marked segment, where detected\n\n%-16s", "segment, rate")
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
	fmt.Fprintf(&b, "\n# something found in %d unmarked texts at alpha %g, with the standard error\n%-16s", null, level, "none")
	for _, s := range measure(n, cell{}, null, level, rand.NewPCG(seed, 0)) {
		rate := float64(s.found) / float64(null)
		fmt.Fprintf(&b, "%24s", fmt.Sprintf("%.4f ± %.4f", rate, math.Sqrt(rate*(1-rate)/float64(null))))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// A score is what a method came to over many texts.
type score struct {
	found   int
	overlap float64 // summed over what was found
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

// overlap is intersection over union of two intervals.
func overlap(a, b, c, d int) float64 {
	both := max(0, min(b, d)-max(a, c))
	return float64(both) / float64(b-a+d-c-both)
}

// cpu names the processor where the system tells.
func cpu() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}
