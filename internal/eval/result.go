package eval

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
)

// Alphas are the levels at which texts are detected.
var Alphas = []float64{1e-2, 1e-4, 1e-6}

// A Result sums up the outcomes of a Design. It does not depend on the order in which they came.
type Result struct {
	Version int       `json:"version"` // 1
	Design  string    `json:"design"`  // digest
	Seed    uint64    `json:"seed"`
	Texts   int       `json:"texts"`
	Level   float64   `json:"level"` // of every interval
	Alphas  []float64 `json:"alphas"`
	Sources []About   `json:"sources"`
	Clean   []Clean   `json:"clean"`
	Edited  []Edited  `json:"edited"`
	Stolen  []Stolen  `json:"stolen"`
}

// About describes a source.
type About struct {
	Name  string `json:"name"`
	About string `json:"about"`
	// Given says that the texts were marked elsewhere. False alarms are then those of the same texts
	// under unrelated keys.
	Given bool `json:"given,omitempty"`
}

// Clean is what a scheme does on a source without edits.
type Clean struct {
	Source string `json:"source"`
	Scheme string `json:"scheme"`
	Tokens int    `json:"tokens"` // of each text

	Entropy    Interval `json:"entropy"`          // nats a token
	KL         Interval `json:"kl"`               // nats a token; NaN is null: the draw changes the distribution
	Surprise   Interval `json:"surprise"`         // of the marked text under the model, nats a token; e to it is the perplexity
	Unmarked   Interval `json:"surprise_plain"`   // that of the unmarked texts
	Distinct   Interval `json:"distinct"`         // pairs of neighbours
	PlainPairs Interval `json:"distinct_plain"`   // that of the unmarked texts
	Repeated   Interval `json:"repeated"`         // runs of four
	PlainRuns  Interval `json:"repeated_plain"`   // that of the unmarked texts
	Marked     Interval `json:"marked"`           // share of positions
	Greedy     Interval `json:"greedy_identical"` // share of greedy texts of up to 200 tokens that the mark leaves as they are

	// Answers are those to questions with known answers, with the mark and without. They are null for a
	// source that cannot answer.
	Answers      *Answers `json:"answers,omitempty"`
	PlainAnswers *Answers `json:"answers_plain,omitempty"`

	Lengths []int       `json:"lengths"`
	Power   [][]Counted `json:"power"` // for each of Alphas, for each of Lengths
	Null    [][]Counted `json:"null"`  // false alarms, likewise
	// NullMin is log10 of the smallest p-value of an unmarked text, of NullTests.
	NullMin   float64     `json:"null_least"`
	NullTests int         `json:"null_tests"`
	Needed    []NeededAt  `json:"needed"`
	Log10P    [][]float64 `json:"log10_p"` // for each of Lengths, one number for each text
	Grid      []int       `json:"grid"`
	Detected  [][]int     `json:"detected"` // for each of Alphas, texts detected at each length of Grid
	KLs       []Real      `json:"kl_texts"` // one number for each text
	Surprises []Real      `json:"surprise_texts"`
}

// Counted is a share of texts with its interval.
type Counted struct {
	Of    int      `json:"of"`
	Found int      `json:"found"`
	Share Interval `json:"share"`
}

func counted(found, of int) Counted { return Counted{of, found, Share(found, of)} }

// NeededAt is how many tokens half and nine tenths of the texts need at a level.
type NeededAt struct {
	Alpha float64 `json:"alpha"`
	Half  Needed  `json:"n50"`
	Most  Needed  `json:"n90"`
}

// Edited is what an attack leaves of a mark.
type Edited struct {
	Source string    `json:"source"`
	Scheme string    `json:"scheme"`
	Attack string    `json:"attack"`
	Unit   string    `json:"unit"`
	Rate   float64   `json:"rate"`
	Tokens int       `json:"tokens"` // marked tokens before the attack
	Texts  int       `json:"texts"`  // that were measured; 0 is none
	Power  []Counted `json:"power"`  // for each of Alphas
	Median float64   `json:"median_log10_p"`
	Log10P []float64 `json:"log10_p"` // one number for each measured text
}

// Stolen is how often forged texts pass.
type Stolen struct {
	Source string  `json:"source"`
	Scheme string  `json:"scheme"`
	Seen   int     `json:"tokens_seen"`
	Tokens int     `json:"tokens_forged"`
	Keys   int     `json:"keys"`
	Passed Counted `json:"passed"` // at the last of Alphas
	Median float64 `json:"median_log10_p"`
}

// median returns the lower median of log10 p-values, which says no more than the middle one.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(list))
	return s[len(s)/2]
}

// detected counts log10 p-values of at most alpha.
func detected(list []float64, alpha float64) (n int) {
	for _, p := range list {
		if p <= math.Log10(alpha) {
			n++
		}
	}
	return n
}

// Result sums up outcomes. It returns an error unless there is exactly one for each item.
func (d *Design) Result(outcomes map[Item]*Outcome) (*Result, error) {
	items := d.Items()
	if len(outcomes) != len(items) {
		return nil, fmt.Errorf("%d of %d texts were measured; run the same call again to measure the rest", len(outcomes), len(items))
	}
	r := &Result{Version: 1, Design: d.Digest(), Seed: d.Seed, Texts: d.Texts, Level: Level, Alphas: Alphas, Edited: []Edited{}, Stolen: []Stolen{}}
	for i, src := range d.Sources {
		_, given := src.(*Given)
		r.Sources = append(r.Sources, About{src.Name(), src.About(), given})
		for j, s := range d.Schemes {
			var list, thefts []*Outcome
			for k := range d.Texts + d.thefts(src) {
				o := outcomes[Item{i, j, k}]
				switch {
				case o == nil || o.Source != src.Name() || o.Scheme != s.Name():
					return nil, fmt.Errorf("text %d of %s, %s was not measured", k, src.Name(), s.Name())
				case k < d.Texts:
					list = append(list, o)
				default:
					thefts = append(thefts, o)
				}
			}
			r.Clean = append(r.Clean, d.clean(src, list))
			r.Edited = append(r.Edited, d.editedOf(src, list)...)
			for at, seen := range d.Steal {
				var found []float64
				for _, o := range thefts {
					found = append(found, o.Stolen[at]...)
				}
				if len(thefts) > 0 {
					r.Stolen = append(r.Stolen, Stolen{src.Name(), s.Name(), seen, forgedTokens, len(thefts), counted(detected(found, Alphas[len(Alphas)-1]), len(found)), median(found)})
				}
			}
		}
	}
	return r, nil
}

func (d *Design) clean(src Source, list []*Outcome) Clean {
	grid, lengths := lengthGrid(d.length(src), d.Lengths), d.lengths(src)
	c := Clean{Source: list[0].Source, Scheme: list[0].Scheme, Tokens: d.length(src), Lengths: lengths, Grid: grid}
	of := func(f func(o *Outcome) Real) Interval {
		var v []float64
		for _, o := range list {
			v = append(v, float64(f(o)))
		}
		return mean(v)
	}
	c.Entropy = of(func(o *Outcome) Real { return o.Cost.Entropy })
	c.KL = of(func(o *Outcome) Real { return o.Cost.KL })
	c.Surprise = of(func(o *Outcome) Real { return o.Cost.Surprise })
	c.Unmarked = of(func(o *Outcome) Real { return o.Plain.Surprise })
	c.Distinct = of(func(o *Outcome) Real { return o.Cost.Distinct })
	c.PlainPairs = of(func(o *Outcome) Real { return o.Plain.Distinct })
	c.Repeated = of(func(o *Outcome) Real { return o.Cost.Repeated })
	c.PlainRuns = of(func(o *Outcome) Real { return o.Plain.Repeated })
	c.Marked = of(func(o *Outcome) Real { return o.Cost.Marked })
	identical, greedy := 0, 0
	for _, o := range list {
		if o.Cost.Greedy >= 0 {
			greedy++
		}
		if o.Cost.Greedy == min(d.length(src), 200) {
			identical++
		}
		c.KLs, c.Surprises = append(c.KLs, o.Cost.KL), append(c.Surprises, o.Cost.Surprise)
	}
	c.Greedy = Share(identical, greedy)
	var answers, plain []Answered
	for _, o := range list {
		answers, plain = append(answers, o.Answers...), append(plain, o.PlainAnswers...)
	}
	c.Answers, c.PlainAnswers = answersOf(answers), answersOf(plain)
	for i, n := range lengths {
		var p, null []float64
		for _, o := range list {
			p = append(p, o.Clean[slices.Index(grid, n)])
			null = append(null, o.Null[i*d.NullKeys:(i+1)*d.NullKeys]...)
		}
		c.Log10P = append(c.Log10P, p)
		for a, alpha := range Alphas {
			if i == 0 {
				c.Power, c.Null = append(c.Power, nil), append(c.Null, nil)
			}
			c.Power[a] = append(c.Power[a], counted(detected(p, alpha), len(p)))
			c.Null[a] = append(c.Null[a], counted(detected(null, alpha), len(null)))
		}
		for _, p := range null {
			c.NullMin = min(c.NullMin, p)
		}
		c.NullTests += len(null)
	}
	for _, alpha := range Alphas {
		counts := make([]int, len(grid))
		for i := range grid {
			for _, o := range list {
				if o.Clean[i] <= math.Log10(alpha) {
					counts[i]++
				}
			}
		}
		c.Detected = append(c.Detected, counts)
		c.Needed = append(c.Needed, NeededAt{alpha, neededTokens(grid, counts, len(list), 0.5), neededTokens(grid, counts, len(list), 0.9)})
	}
	return c
}

func (d *Design) editedOf(src Source, list []*Outcome) (out []Edited) {
	for a, attack := range d.Attacks {
		at := 0
		for _, rate := range attack.Rates {
			for _, n := range d.edited(src) {
				e := Edited{Source: list[0].Source, Scheme: list[0].Scheme, Attack: attack.Name, Unit: attack.Unit, Rate: rate, Tokens: n, Log10P: []float64{}}
				for _, o := range list {
					if p := o.Edited[a][at]; p != nil {
						e.Log10P = append(e.Log10P, *p)
					}
				}
				at++
				e.Texts, e.Median = len(e.Log10P), median(e.Log10P)
				for _, alpha := range Alphas {
					e.Power = append(e.Power, counted(detected(e.Log10P, alpha), e.Texts))
				}
				out = append(out, e)
			}
		}
	}
	return out
}

// ROC returns the power at each false alarm rate: the share of texts whose p-value is at most the rate.
// p-values are exact, so the rates are true ones. Points are (log10 rate, share), in ascending order.
func ROC(log10P []float64) [][2]float64 {
	s := slices.Sorted(slices.Values(log10P))
	var points [][2]float64
	for i, p := range s {
		if i+1 == len(s) || s[i+1] > p {
			points = append(points, [2]float64{p, float64(i+1) / float64(len(s))})
		}
	}
	return points
}

// WriteCSV writes one line for each number with an interval.
func (r *Result) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	write := func(source, scheme, what, unit, at, alpha string, texts int, v Interval) {
		_ = out.Write([]string{source, scheme, what, unit, at, alpha, strconv.Itoa(texts), decimal(v.Value), decimal(v.Low), decimal(v.High)}) // Flush has the error
	}
	_ = out.Write([]string{"source", "scheme", "measure", "unit", "at", "alpha", "texts", "value", "low", "high"})
	for _, c := range r.Clean {
		for _, q := range []struct {
			name, unit string
			v          Interval
		}{
			{"entropy", "nats a token", c.Entropy}, {"kl", "nats a token", c.KL}, {"surprise", "nats a token", c.Surprise}, {"surprise of unmarked text", "nats a token", c.Unmarked},
			{"distinct pairs", "share", c.Distinct}, {"distinct pairs of unmarked text", "share", c.PlainPairs}, {"repeated runs of four", "share", c.Repeated},
			{"repeated runs of four of unmarked text", "share", c.PlainRuns}, {"marked positions", "share", c.Marked}, {"identical greedy texts", "share", c.Greedy},
		} {
			write(c.Source, c.Scheme, q.name, q.unit, "", "", r.Texts, q.v)
		}
		for _, a := range []struct {
			of string
			*Answers
		}{{"", c.Answers}, {" of unmarked text", c.PlainAnswers}} {
			if a.Answers != nil {
				write(c.Source, c.Scheme, "right answers"+a.of, "share of answers", "", "", a.Right.Of, a.Right.Share)
				write(c.Source, c.Scheme, "answers that the model ended"+a.of, "share of answers", "", "", a.Ended.Of, a.Ended.Share)
				write(c.Source, c.Scheme, "length of an answer"+a.of, "tokens", "", "", a.Right.Of, a.Tokens)
			}
		}
		for a, alpha := range r.Alphas {
			for i, n := range c.Lengths {
				write(c.Source, c.Scheme, "power", "share of texts", fmt.Sprintf("%d tokens", n), decimal(alpha), c.Power[a][i].Of, c.Power[a][i].Share)
				write(c.Source, c.Scheme, "false alarms", "share of texts", fmt.Sprintf("%d tokens", n), decimal(alpha), c.Null[a][i].Of, c.Null[a][i].Share)
			}
			for _, x := range []struct {
				name string
				n    Needed
			}{{"n50", c.Needed[a].Half}, {"n90", c.Needed[a].Most}} {
				write(c.Source, c.Scheme, x.name, "tokens", "", decimal(alpha), r.Texts, Interval{zeroNaN(x.n.Tokens), zeroNaN(x.n.Low), zeroNaN(x.n.High)})
			}
		}
	}
	for _, e := range r.Edited {
		for a, alpha := range r.Alphas {
			if e.Texts > 0 {
				write(e.Source, e.Scheme, e.Attack, e.Unit, fmt.Sprintf("%v of %d tokens", e.Rate, e.Tokens), decimal(alpha), e.Texts, e.Power[a].Share)
			}
		}
	}
	for _, s := range r.Stolen {
		write(s.Source, s.Scheme, "forged texts that pass", "share of texts", fmt.Sprintf("%d tokens seen", s.Seen), decimal(r.Alphas[len(r.Alphas)-1]), s.Passed.Of, s.Passed.Share)
	}
	out.Flush()
	return out.Error()
}

func zeroNaN(n int) float64 {
	if n == 0 {
		return math.NaN()
	}
	return float64(n)
}

// decimal writes a number in up to six digits, and nothing for one that does not exist.
func decimal(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return ""
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}
