package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// level is log10 of the p-value at which a text counts as detected.
const level = -6

// A row is one measurement over the texts of a kind. Its JSON is a line of the committed results.
type row struct {
	Test     string      `json:"test"` // power, edits, copied, nulls or drift
	Texts    string      `json:"texts"`
	Scheme   string      `json:"scheme"`
	Width    int         `json:"width"`
	Kind     string      `json:"kind"`
	Length   int         `json:"length"`         // tokens
	Edit     string      `json:"edit,omitempty"` // what was done to the text
	N        int         `json:"n"`              // texts or tests
	Detected int         `json:"detected"`       // at p <= 10^-6
	Interval *[2]float64 `json:"interval,omitempty"`
	Median   float64     `json:"median_log10_p"`
	Scored   int64       `json:"scored,omitempty"`
	Green    int64       `json:"green,omitempty"`
	MeanP    float64     `json:"mean_p,omitempty"`
	Error    float64     `json:"standard_error,omitempty"` // of the mean, over keys: texts share contexts
	Tails    []float64   `json:"tails,omitempty"`          // shares of p <= 0.1, 0.01, 0.001 and 0.0001
	Lost     *float64    `json:"lost,omitempty"`           // share of ids that reading the text gives back no more
	Smallest float64     `json:"smallest_log10_p,omitempty"`
}

// measure prints a row for each kind of text and length of each file.
func measure(args []string) error {
	f := flag.NewFlagSet("measure", flag.ExitOnError)
	profile := f.String("profile", "", "profile `FILE` of the mark")
	key := f.String("key", "", "key `FILE`")
	lengths := f.String("lengths", "50,100,200,300", "tokens of a text, separated by commas")
	edits := f.Bool("edits", false, "test texts that were edited, and pieces of them in other texts")
	nulls := f.Int("nulls", 0, "test each text under so many other keys")
	tokenizer := f.String("tokenizer", "", "tokenizer `FILE`: test texts that were read again, too")
	other := f.String("unmarked", "", "`FILE` of unmarked texts, which edits take tokens from")
	_ = f.Parse(args) // ExitOnError
	if f.NArg() == 0 {
		return errors.New("give files of texts")
	}
	p, k, err := readProfile(*profile, *key)
	if err != nil {
		return err
	}
	mark, err := p.Mark(k)
	if err != nil {
		return err
	}
	m := &measurement{profile: p, key: k, mark: mark, out: json.NewEncoder(os.Stdout)}
	if *edits {
		if m.other, err = readLines(*other); err != nil {
			return fmt.Errorf("-edits takes tokens from the texts of -unmarked: %w", err)
		}
	}
	if *tokenizer != "" {
		if m.tokenizer, err = tokenize.Load(*tokenizer); err != nil {
			return err
		}
	}
	for _, file := range f.Args() {
		lines, err := readLines(file)
		if err != nil {
			return err
		}
		m.file = strings.TrimSuffix(filepath.Base(file), ".jsonl.gz")
		var of []string
		for _, l := range lines {
			if !slices.Contains(of, l.Kind) {
				of = append(of, l.Kind)
			}
		}
		for _, kind := range of {
			m.kind = kind
			m.texts = nil
			for _, l := range lines {
				if l.Kind == kind {
					m.texts = append(m.texts, l)
				}
			}
			for _, s := range strings.Split(*lengths, ",") {
				n, err := strconv.Atoi(s)
				if err != nil {
					return fmt.Errorf("-lengths: %w", err)
				}
				if err := m.power(n); err != nil {
					return err
				}
			}
			if err := m.more(*edits, *nulls); err != nil {
				return err
			}
		}
	}
	return nil
}

// A measurement holds the texts of one kind.
type measurement struct {
	profile    *watermark.Profile
	key        watermark.Key
	mark       *watermark.Mark
	tokenizer  tokenize.Tokenizer
	other      []line
	file, kind string
	texts      []line
	out        *json.Encoder
}

// test tests one text as the command does: the contexts of the prompt are not left out.
func test(m *watermark.Mark, tokens []watermark.Token) detect.Result {
	return detect.Text(m, tokens, nil).Result
}

// row fills what all rows have.
func (m *measurement) row(test string, length int, results []detect.Result) row {
	r := row{Test: test, Texts: m.file, Scheme: watermark.SchemeName(m.profile.Scheme), Width: m.mark.Width(), Kind: m.kind, Length: length, N: len(results)}
	p := make([]float64, len(results))
	for i, x := range results {
		p[i] = x.Log10P
		r.Scored += x.Scored
		r.Green += x.Green
		if x.Log10P <= level {
			r.Detected++
		}
	}
	slices.Sort(p)
	if len(p) > 0 {
		r.Median = round((p[(len(p)-1)/2] + p[len(p)/2]) / 2)
		lo, hi := interval(r.Detected, len(p))
		r.Interval = &[2]float64{round(lo), round(hi)}
	}
	return r
}

// power tests the first tokens of each text that has so many.
func (m *measurement) power(length int) error {
	var results []detect.Result
	for _, t := range m.texts {
		if len(t.Output) >= length {
			results = append(results, test(m.mark, t.Output[:length]))
		}
	}
	if len(results) == 0 {
		return nil
	}
	return m.out.Encode(m.row("power", length, results))
}

// more makes the measurements of whole texts.
func (m *measurement) more(edits bool, nulls int) error {
	if m.tokenizer != nil {
		if err := m.drift(); err != nil {
			return err
		}
	}
	if edits {
		if err := m.edits(); err != nil {
			return err
		}
	}
	if nulls > 0 {
		return m.nulls(nulls)
	}
	return nil
}

// drift tests the ids that reading the decoded texts gives.
func (m *measurement) drift() error {
	var results []detect.Result
	lost, total := 0, 0
	for _, t := range m.texts {
		text, err := m.tokenizer.Decode(nil, t.Output)
		if err != nil {
			return err
		}
		again := m.tokenizer.Append(nil, text)
		lost += len(t.Output) - common(t.Output, again)
		total += len(t.Output)
		results = append(results, test(m.mark, again))
	}
	r := m.row("drift", 0, results)
	share := round(float64(lost) / float64(total))
	r.Lost = &share
	return m.out.Encode(r)
}

// common returns the length of the longest common subsequence.
func common(a, b []watermark.Token) int {
	last := make([]int, len(b)+1)
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			above := last[j+1]
			if x == y {
				last[j+1] = diagonal + 1
			} else {
				last[j+1] = max(above, last[j])
			}
			diagonal = above
		}
	}
	return last[len(b)]
}

// edits tests texts of which a share of the tokens was replaced, deleted or inserted at random, and
// the first tokens of each text inside an unmarked one of 600 tokens.
func (m *measurement) edits() error {
	var pool []watermark.Token
	for _, t := range m.other {
		pool = append(pool, t.Output...)
	}
	for _, e := range []struct {
		name  string
		share float64
		edit  func(rng *rand.Rand, t watermark.Token) []watermark.Token
	}{
		{"replace", 0.1, replace(pool)}, {"replace", 0.3, replace(pool)}, {"replace", 0.5, replace(pool)},
		{"delete", 0.3, func(*rand.Rand, watermark.Token) []watermark.Token { return nil }},
		{"delete", 0.5, func(*rand.Rand, watermark.Token) []watermark.Token { return nil }},
		{"insert", 0.5, func(rng *rand.Rand, t watermark.Token) []watermark.Token {
			return []watermark.Token{t, pool[rng.IntN(len(pool))]}
		}},
	} {
		var results []detect.Result
		for i, t := range m.texts {
			rng := rand.New(rand.NewPCG(uint64(i), math.Float64bits(e.share)))
			var edited []watermark.Token
			for _, x := range t.Output {
				if rng.Float64() < e.share {
					edited = append(edited, e.edit(rng, x)...)
				} else {
					edited = append(edited, x)
				}
			}
			results = append(results, test(m.mark, edited))
		}
		r := m.row("edits", 0, results)
		r.Edit = fmt.Sprintf("%s %g %%", e.name, 100*e.share)
		if err := m.out.Encode(r); err != nil {
			return err
		}
	}
	for _, piece := range []int{50, 100, 200} {
		var whole, spans []detect.Result
		for i, t := range m.texts {
			if len(t.Output) < piece {
				continue
			}
			at := (i * 997) % max(1, len(pool)-600)
			text := slices.Concat(pool[at:at+300], t.Output[:piece], pool[at+300:at+600-piece])
			whole = append(whole, test(m.mark, text))
			o := &detect.TextOptions{Options: *detect.OptionsOf(m.mark), Spans: true}
			r := detect.Text(m.mark, text, o).Result
			r.Log10P = r.Log10PAdjusted // the smallest of the whole and the parts, adjusted for both
			spans = append(spans, r)
		}
		for _, x := range []struct {
			name    string
			results []detect.Result
		}{{"whole", whole}, {"spans", spans}} {
			r := m.row("copied", piece, x.results)
			r.Edit = "in 600 tokens, " + x.name
			if err := m.out.Encode(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func replace(pool []watermark.Token) func(*rand.Rand, watermark.Token) []watermark.Token {
	return func(rng *rand.Rand, _ watermark.Token) []watermark.Token {
		return []watermark.Token{pool[rng.IntN(len(pool))]}
	}
}

// nulls tests the texts under keys that marked nothing.
func (m *measurement) nulls(keys int) error {
	var results []detect.Result
	var sum, squares float64
	tails := make([]float64, 4)
	for i := range keys {
		mark, err := m.profile.Mark(m.key.Derive("null", strconv.Itoa(i)))
		if err != nil {
			return err
		}
		var mean float64
		for _, t := range m.texts {
			r := test(mark, t.Output)
			results = append(results, r)
			mean += math.Pow(10, r.Log10P) / float64(len(m.texts))
			for j := range tails {
				if r.Log10P <= -float64(j+1) {
					tails[j]++
				}
			}
		}
		sum, squares = sum+mean, squares+mean*mean
	}
	r := m.row("nulls", 0, results)
	r.Scored, r.Green = 0, 0
	n := float64(keys)
	r.MeanP, r.Error, r.Tails = round(sum/n), round(math.Sqrt(max(squares/n-sum*sum/n/n, 0)/n)), tails
	for i := range tails {
		tails[i] /= float64(len(results))
	}
	for _, x := range results {
		r.Smallest = min(r.Smallest, round(x.Log10P))
	}
	return m.out.Encode(r)
}

// round rounds to five decimals.
func round(x float64) float64 { return math.Round(1e5*x) / 1e5 }

// interval returns the Clopper-Pearson interval of 95 % for a share of which k of n were seen.
func interval(k, n int) (lo, hi float64) {
	// tail is the probability of at least k of n at a share.
	tail := func(k int, share float64) float64 {
		var sum float64
		for i := k; i <= n; i++ {
			a, _ := math.Lgamma(float64(n + 1))
			b, _ := math.Lgamma(float64(i + 1))
			c, _ := math.Lgamma(float64(n - i + 1))
			sum += math.Exp(a - b - c + float64(i)*math.Log(share) + float64(n-i)*math.Log1p(-share))
		}
		return sum
	}
	solve := func(k int, level float64) float64 {
		lo, hi := 0.0, 1.0
		for range 50 {
			mid := (lo + hi) / 2
			if tail(k, mid) < level {
				lo = mid
			} else {
				hi = mid
			}
		}
		return lo
	}
	hi = 1
	if k > 0 {
		lo = solve(k, 0.025)
	}
	if k < n {
		hi = solve(k+1, 0.975)
	}
	return lo, hi
}
