package detect_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/nullpanel"
	"github.com/isotope-wm/isotope/internal/testmark/nulltext"
	"github.com/isotope-wm/isotope/watermark"
)

var (
	nullLong     = flag.Bool("nullpanel.long", false, "run the long null panel, which takes many minutes")
	nullBinomial = flag.Int("nullpanel.binomial", 1e8, "binomial tests of the long null panel")
	nullTests    = flag.Int("nullpanel.tests", 1e6, "tests of each other statistic of the long null panel")
	nullOnly     = flag.String("nullpanel.only", "", "regular expression of the rows of the long null panel to run")
	nullOut      = flag.String("nullpanel.out", "", "file for the counts of the long null panel")
)

// nullLongText is the number of tokens of each text that the long panel tests. Many short tests say
// more about the law than a few long ones.
const nullLongText = 100

// TestNullPanelLong counts the p-values of many more keys than TestNullPanel:
//
//	go test ./detect -run NullPanelLong -nullpanel.long -nullpanel.out ../benchmarks/results/null.txt -timeout 0 -v
func TestNullPanelLong(t *testing.T) {
	if !*nullLong {
		t.Skip("needs -nullpanel.long")
	}
	w := io.Writer(os.Stdout)
	if *nullOut != "" {
		f, err := os.Create(*nullOut)
		require.NoError(t, err)
		defer f.Close()
		w = io.MultiWriter(w, f)
	}
	only, err := regexp.Compile(*nullOnly)
	require.NoError(t, err)
	texts, statistics := nulltext.Texts(t), nullStatistics()
	cells := 5 + len(statistics)*(len(texts)+1)
	fmt.Fprintf(w, "# go test ./detect -run NullPanelLong -nullpanel.long -nullpanel.binomial %d -nullpanel.tests %d -nullpanel.only %q -timeout 0\n", *nullBinomial, *nullTests, *nullOnly)
	fmt.Fprintf(w, "# %s, %s %s/%s; texts of the Go distribution and generated ones, keys derived from one fixed key\n", nullCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, "# How many p-values of texts that do not depend on the key are at most alpha; in brackets how many the exact law of the\n")
	fmt.Fprintf(w, "# statistic lets expect. P-values are discrete, so that this is below tests * alpha. (-): at most tests * alpha is promised.\n\n")
	fmt.Fprintf(w, "%-24s %10s", "statistic", "tests")
	for _, alpha := range nullpanel.Depths {
		fmt.Fprintf(w, "  %20s", fmt.Sprintf("p <= %.0e", alpha))
	}
	fmt.Fprintln(w)
	row := func(name string, c *nullpanel.Count) { fmt.Fprintf(w, "%-24s %v\n", name, c) }

	began := time.Now()
	var all nullpanel.Count
	for i, gamma := range nullGammas {
		if !only.MatchString("binomial") {
			break
		}
		c := binomialPanel(t, texts, gamma, i%2+1, *nullBinomial/len(nullGammas))
		row(fmt.Sprintf("binomial, gamma %.4g", gamma), c)
		c.Check(t, "binomial", cells)
		all.Merge(c)
	}
	if all.N > 0 {
		row("binomial", &all)
		all.Check(t, "binomial", cells)
		t.Logf("binomial: %v", time.Since(began).Round(time.Second))
	}

	root := nulltext.Root().Derive("long")
	for _, s := range statistics {
		if !only.MatchString(s.name) {
			continue
		}
		began := time.Now()
		counts := make([]nullpanel.Count, len(texts))
		keys := (*nullTests/max(s.slow, 1) + len(texts) - 1) / len(texts)
		parallel(len(texts), func(i int) {
			x := texts[i].Cut(nullLongText)
			test := s.test(x)
			nullKeys(root, s.name, x.Name, keys, func(k watermark.Key) { counts[i].Add(test(k)) })
		})
		var all nullpanel.Count
		for i := range counts {
			counts[i].Check(t, s.name+", "+texts[i].Name, cells)
			all.Merge(&counts[i])
		}
		row(s.name, &all)
		all.Check(t, s.name, cells)
		t.Logf("%s: %v", s.name, time.Since(began).Round(time.Second))
	}
}

// nullGammas are the green shares of the binomial panel. They cover all widths of lane.
var nullGammas = [...]float64{0.5, 0.25, 0.0625, 0.80078125}

// binomialPanel cuts the distinct pairs of all texts into disjoint sets of some 64 pairs. Each set is
// a test. Under one key the tests are independent, since no pair is in two sets.
func binomialPanel(t testing.TB, texts []*nulltext.Text, gamma float64, width, tests int) *nullpanel.Count {
	mark := func(k watermark.Key) *watermark.Mark {
		return testmark.Must(watermark.New(k, watermark.GreenList{Gamma: gamma, Delta: 1, Width: width}, texts[0].Vocab))
	}
	root := nulltext.Root().Derive("binomial", fmt.Sprint(gamma))
	pairs := distinct(mark(root), texts...)
	const least, most = 40, 88
	sizes := []int{}
	for i, left := 0, len(pairs); left >= most; i++ {
		sizes = append(sizes, least+i*7%(most-least+1))
		left -= sizes[i]
	}
	// deep[n][k] is the number of nullpanel.Depths that k green of n reach.
	var deep [most + 1][most + 1]uint8
	for n := least; n <= most; n++ {
		for k := range n + 1 {
			p := tail.Binomial(int64(k), int64(n), gamma)
			for d, alpha := range nullpanel.Depths {
				if p <= math.Log10(alpha) {
					deep[n][k] = uint8(d + 1)
				}
			}
		}
	}
	keys := (tests + len(sizes) - 1) / len(sizes)
	blocks := runtime.GOMAXPROCS(0)
	reached := make([][len(nullpanel.Depths) + 1]int64, blocks)
	parallel(blocks, func(b int) {
		var scores []int64
		var mine [len(nullpanel.Depths) + 1]int64
		for i := b; i < keys; i += blocks {
			scores = mark(root.Derive(strconv.Itoa(i))).Score(scores[:0], pairs)
			from := 0
			for _, n := range sizes {
				var green int64
				for _, s := range scores[from : from+n] {
					green += s
				}
				from += n
				mine[deep[n][green]]++
			}
		}
		reached[b] = mine
	})
	count := &nullpanel.Count{N: int64(keys) * int64(len(sizes)), Exact: true}
	for d := range nullpanel.Depths {
		for _, r := range reached {
			for _, n := range r[d+1:] {
				count.Hits[d] += n
			}
		}
	}
	laws := make(map[int]nullpanel.Law)
	for _, n := range sizes {
		if laws[n] == nil {
			var units nullpanel.Units
			units[1] = int64(n)
			laws[n] = nullpanel.NewLaw(units, gamma, 1)
		}
		for d, alpha := range nullpanel.Depths {
			count.Expected[d] += float64(keys) * laws[n].Level(alpha)
		}
	}
	return count
}

// parallel calls f for 0 to n-1 on as many goroutines as there are processors.
func parallel(n int, f func(int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// nullCPU names the processor, where Linux does.
func nullCPU() string {
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
