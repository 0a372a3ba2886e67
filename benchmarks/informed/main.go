// Informed measures how many tokens a test needs that knows the probabilities of the tokens, beside
// tests that do not, and beside what other projects do with a model at hand.
//
//	go run ./informed > results/informed.txt
//
// A text is n scored positions. A position has a row of a mixture of Zipf-shaped rows, as docs/schemes.md
// has for code, chat and web. A share of the positions is marked: its token is drawn by the mark. There are no keys,
// because the scores of distinct pairs have exactly these laws.
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/isotope-wm/isotope/benchmarks/internal/host"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/informed"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

const level = -6 // log10 of the p-value that detects

// entropies, in nats, of the rows that kinds of text are mixed of.
var entropies = []float64{.02, .1, .25, .5, 1, 1.5, 2, 3, 4}

type kind struct {
	name    string
	weights []float64
	longest int
}

var kinds = []kind{
	{"web", []float64{.10, .07, .08, .12, .15, .13, .12, .14, .09}, 1200},
	{"chat", []float64{.40, .12, .10, .12, .11, .07, .05, .025, .005}, 4000},
	{"code", []float64{.70, .10, .07, .06, .04, .02, .01, 0, 0}, 8000},
}

// A position is a token with what the tests see of it.
type position struct {
	gumbel     int64 // score of a keyed draw
	tournament []bool
	green      bool    // of the token that the bias drew
	row        int     // index in entropies
	p          float64 // probability of the drawn token
	pGreen     float64 // that of the token that the bias drew
}

// zipf returns rows in proportion to r^-s, one for each entropy.
func zipf() [][]float64 {
	var rows [][]float64
	for _, h := range entropies {
		row := make([]float64, 1000)
		lo, hi := 0.0, 64.0
		for range 45 {
			s := (lo + hi) / 2
			var sum, entropy float64
			for i := range row {
				row[i] = math.Pow(float64(i+1), -s)
				sum += row[i]
			}
			for i := range row {
				if row[i] /= sum; row[i] > 0 {
					entropy -= row[i] * math.Log(row[i])
				}
			}
			if entropy > h {
				lo = s
			} else {
				hi = s
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func pick(rng *rand.Rand, weights []float64) int {
	u := rng.Float64()
	for i, w := range weights {
		if u -= w; u < 0 {
			return i
		}
	}
	return 0
}

var (
	rows   = zipf()
	layers = watermark.Layers{Depth: 30, Weighted: true, Marked: 0.75}
	bias   = watermark.Bernoulli{P: 0.5, Marked: math.Exp(2) / (1 + math.Exp(2))}
)

// tournaments says that a method needs the bits of a tournament, which take most of the time.
var tournaments bool

// draw returns a position.
func draw(rng *rand.Rand, k kind, marked bool) position {
	x := position{row: pick(rng, k.weights)}
	row := rows[x.row]
	token := pick(rng, row)
	x.p = row[token]
	u := rng.Float64()
	if marked {
		u = math.Pow(u, x.p)
	}
	x.gumbel = int64(watermark.ScoreUnit * -math.Log1p(-u))

	// The bias: colours of the likeliest tokens, and half of the rest.
	var green, seen float64
	colours := make([]bool, 0, 32)
	for _, p := range row {
		if seen += p; seen > 1-1e-4 || len(colours) == cap(colours) {
			green += (1 - seen + p) / 2
			break
		}
		colours = append(colours, rng.IntN(2) == 1)
		if colours[len(colours)-1] {
			green += p
		}
	}
	at := token
	if marked {
		e := math.Exp(2)
		u := rng.Float64() * (1 + (e-1)*green)
		for at = range colours {
			w := row[at]
			if colours[at] {
				w *= e
			}
			if u -= w; u < 0 {
				break
			}
		}
		if u >= 0 { // one of the rest
			at = len(colours) + rng.IntN(len(row)-len(colours))
		}
	}
	x.pGreen = row[min(at, len(row)-1)]
	if at < len(colours) {
		x.green = colours[at]
	} else {
		x.green = rng.Float64() < map[bool]float64{true: bias.Marked, false: 0.5}[marked]
	}

	if !tournaments {
		return x
	}
	// The tournament: two candidates, on the likeliest 40 tokens.
	top := row[:40]
	bits := make([]uint32, len(top))
	for i := range bits {
		bits[i] = rng.Uint32()
	}
	p := slices.Clone(top)
	if marked {
		for l := range layers.Depth {
			var ones, all float64
			for i, b := range bits {
				ones += p[i] * float64(b>>l&1)
				all += p[i]
			}
			for i, b := range bits {
				p[i] *= 1 + float64(b>>l&1) - ones/all
			}
		}
	}
	var all float64
	for _, q := range p {
		all += q
	}
	w := rng.Float64() * all
	chosen := 0
	for chosen = range p {
		if w -= p[chosen]; w < 0 {
			break
		}
	}
	x.tournament = make([]bool, layers.Depth)
	for l := range x.tournament {
		x.tournament[l] = bits[chosen]>>l&1 == 1
	}
	return x
}

// A script is a scorer that returns given scores: token i has the i-th.
type script struct {
	law    watermark.Law
	scores []int64
}

func (s *script) ID() string         { return "script" }
func (s *script) Width() int         { return 0 }
func (s *script) Vocab() int         { return 1 << 20 }
func (s *script) Law() watermark.Law { return s.law }
func (s *script) Score(dst []int64, pairs []detect.Pair) []int64 {
	for _, p := range pairs {
		dst = append(dst, s.scores[p.Token])
	}
	return dst
}

func (s *script) tokens(from, to int) []detect.Token {
	text := make([]detect.Token, 0, to-from)
	for i := from; i < to; i++ {
		text = append(text, detect.Token(i))
	}
	return text
}

func gumbelScores(text []position) []int64 {
	scores := make([]int64, len(text))
	for i, x := range text {
		scores[i] = x.gumbel
	}
	return scores
}

func greenScores(text []position) []int64 {
	scores := make([]int64, len(text))
	for i, x := range text {
		if x.green {
			scores[i] = 1
		}
	}
	return scores
}

func tournamentScores(text []position) []int64 {
	weights := layers.Weights()
	scores := make([]int64, len(text))
	for i, x := range text {
		for l, v := range weights {
			if x.tournament[l] {
				scores[i] += v
			}
		}
	}
	return scores
}

// A method returns the smallest of the lengths at which a text is detected, or 0.
type method struct {
	name string
	find func(rng *rand.Rand, k kind, text []position, lengths []int) int
}

// accumulated is a test of package detect, with weights or without.
func accumulated(law watermark.Law, scores func([]position) []int64, weight func(x position) uint8) func(*rand.Rand, kind, []position, []int) int {
	return func(_ *rand.Rand, _ kind, text []position, lengths []int) int {
		s := &script{law, scores(text)}
		o := &detect.Options{}
		if weight != nil {
			o.Weighting = detect.WeightGiven
		}
		a := detect.NewPanel([]detect.Scorer{s}, o)
		from := 0
		for _, n := range lengths {
			for i := from; i < n; i++ {
				w := uint8(1)
				if weight != nil {
					w = weight(text[i])
				}
				if weight != nil {
					a.AddWeighted(s.tokens(i, i+1), []uint8{w})
				} else {
					a.Add(s.tokens(i, i+1))
				}
			}
			from = n
			if a.Results()[0].Log10P <= level {
				return n
			}
		}
		return 0
	}
}

// knows is the informed test, by what a proxy says of each token.
func knows(law watermark.Law, scores func([]position) []int64, p func(rng *rand.Rand, x position) float64) func(*rand.Rand, kind, []position, []int) int {
	return func(rng *rand.Rand, _ kind, text []position, lengths []int) int {
		s := &script{law, scores(text)}
		t := informed.New(s, nil)
		from := 0
		for _, n := range lengths {
			for i := from; i < n; i++ {
				t.Add(s.tokens(i, i+1), []float64{p(rng, text[i])})
			}
			from = n
			if t.Result().Log10P <= level {
				return n
			}
		}
		return 0
	}
}

func truth(_ *rand.Rand, x position) float64 { return x.p }

// noisy turns the odds by e^N(0,1).
func noisy(rng *rand.Rand, x position) float64 {
	odds := x.p / (1 - x.p) * math.Exp(rng.NormFloat64())
	return odds / (1 + odds)
}

// warm is the same model at temperature 1.5.
func warm(_ *rand.Rand, x position) float64 {
	var sum float64
	for _, p := range rows[x.row] {
		sum += math.Pow(p, 1/1.5)
	}
	return math.Pow(x.p, 1/1.5) / sum
}

// smaller is a model that is less sure: it mixes the row with one of the next larger entropy.
func smaller(_ *rand.Rand, x position) float64 {
	at := slices.Index(rows[x.row], x.p)
	return 0.5*x.p + 0.5*rows[min(x.row+1, len(rows)-1)][at]
}

// coarse rounds the logarithm of the probability to halves, as low-bit weights do.
func coarse(_ *rand.Rand, x position) float64 {
	return math.Exp(math.Round(2*math.Log(x.p)) / 2)
}

// entropyWeight is TextSeal's: a Gumbel score weighs as much as the row's entropy.
func entropyWeight(x position) uint8 {
	return uint8(math.Round(math.Min(15, 1+14*entropies[x.row]/4)))
}

func spikeWeight(x position) uint8 {
	return spikes[x.row]
}

var spikes = func() (w []uint8) {
	for _, row := range rows {
		logits := make([]float32, len(row))
		for i, p := range row {
			logits[i] = float32(math.Log(p))
		}
		w = append(w, detect.EntropyWeight(logits, watermark.GreenList{Gamma: 0.5, Delta: 2}))
	}
	return w
}()

// bayes is the score of SynthID's Bayesian detector without interactions of layers: the sum of ln (1
// +- 2 gain) over layers, the gains fitted to marked text of the kind. Its null law is exact: a
// weighted sum of fair bits.
func bayes(_ *rand.Rand, k kind, text []position, lengths []int) int {
	weights := fitted(k)
	var sum int64
	from := 0
	for _, n := range lengths {
		for ; from < n; from++ {
			for l, bit := range text[from].tournament {
				if bit {
					sum += weights[l]
				}
			}
		}
		groups := make([]tail.Bernoulli, 0, len(weights))
		for _, w := range weights {
			groups = append(groups, tail.Bernoulli{Weight: w, Count: int64(n), P: 0.5})
		}
		if tail.WeightedBernoulli(groups, sum) <= level {
			return n
		}
	}
	return 0
}

var fits = map[string][]int64{}

// fitted returns whole weights in proportion to the log odds of a bit, for marked text of a kind.
func fitted(k kind) []int64 {
	if w, ok := fits[k.name]; ok {
		return w
	}
	rng := rand.New(rand.NewPCG(99, 99))
	ones := make([]float64, layers.Depth)
	const n = 60000
	for range n {
		for l, bit := range draw(rng, k, true).tournament {
			if bit {
				ones[l]++
			}
		}
	}
	w := make([]int64, layers.Depth)
	top := 0.0
	for l := range w {
		ones[l] = max(math.Log(ones[l]/(n-ones[l])), 0)
		top = max(top, ones[l])
	}
	for l := range w {
		w[l] = int64(math.Round(60 * ones[l] / top))
	}
	fits[k.name] = w
	return w
}

var methods = []method{
	{"gumbel: plain sum", accumulated(watermark.Exponential{First: 1}, gumbelScores, nil)},
	{"gumbel: entropy weights (TextSeal)", accumulated(watermark.Exponential{First: 1}, gumbelScores, entropyWeight)},
	{"gumbel: informed", knows(watermark.Exponential{First: 1}, gumbelScores, truth)},
	{"gumbel: informed, odds off by e^N(0,1)", knows(watermark.Exponential{First: 1}, gumbelScores, noisy)},
	{"gumbel: informed, temperature 1.5", knows(watermark.Exponential{First: 1}, gumbelScores, warm)},
	{"gumbel: informed, a smaller model", knows(watermark.Exponential{First: 1}, gumbelScores, smaller)},
	{"gumbel: informed, coarse probabilities", knows(watermark.Exponential{First: 1}, gumbelScores, coarse)},
	{"green list: plain count", accumulated(bias, greenScores, nil)},
	{"green list: entropy weights", accumulated(bias, greenScores, spikeWeight)},
	{"green list: informed", knows(bias, greenScores, func(_ *rand.Rand, x position) float64 { return x.pGreen })},
	{"tournament 30: weighted mean (SynthID)", accumulated(layers, tournamentScores, nil)},
	{"tournament 30: Bayesian, fitted", bayes},
	{"tournament 30: informed", knows(layers, tournamentScores, truth)},
}

func main() {
	texts := flag.Int("texts", 100, "texts of each row")
	only := flag.String("kind", "", "the only kind of text; empty is all")
	named := flag.String("methods", "", "beginning of the names of the methods; empty is all")
	onlyEdited := flag.Bool("edited", false, "only compare tests of edited text, Tr-GoF among them")
	flag.Parse()
	if *onlyEdited {
		fmt.Printf("# go run ./informed -edited -texts %d\n", *texts)
		edited(os.Stdout, *texts)
		return
	}
	if *texts < 20 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "informed: want -texts >= 20 and no arguments")
		os.Exit(2)
	}
	methods = slices.DeleteFunc(methods, func(m method) bool { return !strings.HasPrefix(m.name, *named) })
	tournaments = slices.ContainsFunc(methods, func(m method) bool { return strings.HasPrefix(m.name, "tournament") })
	fmt.Printf("# go run ./informed -texts %d -kind %q -methods %q\n", *texts, *only, *named)
	fmt.Printf("# %s, %s %s/%s\n", host.CPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if err := table(os.Stdout, *texts, *only); err != nil {
		fmt.Fprintln(os.Stderr, "informed:", err)
		os.Exit(1)
	}
	costs(os.Stdout)
}

// table writes scored tokens to a p-value of 10^-6, for half and for nine tenths of the texts.
func table(w io.Writer, texts int, only string) error {
	fmt.Fprintln(w, "# Scored tokens to 1e-6: median [95 % interval], and 0.9 quantile. > is above the longest text.")
	fmt.Fprintln(w, "# kind\tshare\tmethod\tn50\tinterval\tn90")
	for _, k := range kinds {
		if only != "" && k.name != only {
			continue
		}
		for _, share := range []float64{1, 0.5, 0.3, 0.15} {
			longest := min(int(float64(k.longest)/share), 20000)
			var lengths []int
			for n := 8; n <= longest; n += n/6 + 1 {
				lengths = append(lengths, n)
			}
			found := make([][]int, len(methods))
			skip := func(m int) bool { // their tails take long
				return share < 1 && strings.HasPrefix(methods[m].name, "tournament")
			}
			for i := range uint64(texts) {
				rng := rand.New(rand.NewPCG(i, uint64(1000*share)))
				text := make([]position, longest)
				for at := range text {
					text[at] = draw(rng, k, rng.Float64() < share)
				}
				for m, x := range methods {
					if skip(m) {
						continue
					}
					n := x.find(rng, k, text, lengths)
					if n == 0 {
						n = math.MaxInt
					}
					found[m] = append(found[m], n)
				}
			}
			for m, x := range methods {
				if skip(m) {
					continue
				}
				slices.Sort(found[m])
				// Order statistics: the median is between them with probability 0.95 (normal).
				half := int(math.Ceil(0.98 * math.Sqrt(float64(texts))))
				at := func(i int) string {
					if n := found[m][min(max(i, 0), texts-1)]; n < math.MaxInt {
						return fmt.Sprint(n)
					}
					return ">"
				}
				if _, err := fmt.Fprintf(w, "%s\t%v\t%s\t%s\t%s-%s\t%s\n", k.name, share, x.name,
					at(texts/2), at(texts/2-half), at(texts/2+half), at(texts*9/10)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// costs writes what a test of 1000 tokens takes.
func costs(w io.Writer) {
	rng := rand.New(rand.NewPCG(1, 1))
	text := make([]position, 1000)
	for at := range text {
		text[at] = draw(rng, kinds[1], false)
	}
	fmt.Fprintln(w, "# Time of a whole test of 1000 unmarked chat tokens, best of 20, in microseconds")
	for _, m := range methods {
		best := time.Hour
		for range 20 {
			start := time.Now()
			m.find(rng, kinds[1], text, []int{1000})
			best = min(best, time.Since(start))
		}
		fmt.Fprintf(w, "%s\t%d\n", m.name, best.Microseconds())
	}
}
