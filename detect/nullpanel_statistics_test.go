package detect_test

import (
	"math"
	"slices"
	"strconv"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/watermark"
)

// A nullStatistic is a p-value that the library gives.
type nullStatistic struct {
	name string
	// test reads a text, once and before any key, and returns its test under a key.
	test func(x *nullText) func(watermark.Key) nullOutcome
	size int // tokens it needs to show its mistakes; 0 for short texts
	// slow divides the number of keys, for tails that take long; 0 is 1.
	slow int
}

// nullStatistics returns the statistics of the panel. A new one is one more row.
func nullStatistics() []nullStatistic {
	given := &detect.Options{Weighting: detect.WeightGiven}
	sample := &detect.Options{Sample: detect.Sample{Size: 50, RunKey: [16]byte{1}}}
	half := func(k watermark.Key) []watermark.Option {
		return []watermark.Option{watermark.Band{Selector: k.Derive("selector"), Hi: watermark.BandSize / 2}}
	}
	return []nullStatistic{
		{name: "pairs", test: accumulated(nil, nil, add)},
		{name: "first occurrences", test: accumulated(&detect.Options{Dedup: detect.DedupContext}, nil, add)},
		{name: "prompt excluded", test: accumulated(nil, nil, func(a *detect.Accumulator, x *nullText) {
			a.Exclude(x.ids[:len(x.ids)/4])
			a.Add(x.ids)
		})},
		{name: "weights given", test: accumulated(given, nil, func(a *detect.Accumulator, x *nullText) {
			addSurprise(a, x)
		})},
		{name: "weights, residual", test: accumulated(given, nil, func(a *detect.Accumulator, x *nullText) {
			a.AddWeighted(x.ids, detect.ResidualWeights([][]Token{x.ids}, nil, x.width, uniform{})[0])
		})},
		{name: "weights, counts", test: accumulated(&detect.Options{Weighting: detect.WeightCounts}, nil, add)},
		{name: "bottom-M sample", test: accumulated(sample, nil, add)},
		{name: "band", test: accumulated(nil, half, add)},
		{name: "several tests", test: severalTests},
		{name: "panel of keys", test: panelOf(func(x *nullText, k watermark.Key) []*watermark.Mark {
			return []*watermark.Mark{x.mark(k), x.mark(k.Derive("2")), x.mark(k.Derive("3"))}
		})},
		{name: "panel of profiles", test: panelOf(profiles)},
		{name: "panel of bands", test: panelOf(func(x *nullText, k watermark.Key) []*watermark.Mark {
			selector := k.Derive("selector")
			return []*watermark.Mark{
				x.mark(k.Derive("low"), watermark.Band{Selector: selector, Hi: watermark.BandSize / 4}),
				x.mark(k.Derive("high"), watermark.Band{Selector: selector, Lo: watermark.BandSize / 4, Hi: watermark.BandSize}),
			}
		})},
		{name: "documents", test: documents},
		{name: "spans", size: 300, test: func(x *nullText) func(watermark.Key) nullOutcome {
			return func(k watermark.Key) nullOutcome {
				return nullOutcome{log10P: detect.Spans(x.mark(k), x.ids, noPower(nil)).Log10PAdjusted}
			}
		}},
		{name: "text and spans", test: func(x *nullText) func(watermark.Key) nullOutcome {
			return func(k watermark.Key) nullOutcome {
				r, scan := detect.Locate(x.mark(k), x.ids, noPower(nil))
				return nullOutcome{log10P: r.Log10PAdjusted, best: min(r.Log10P, scan.Log10P), tests: 2}
			}
		}},
		{name: "segments of a stream", test: segments},
		{name: "sequential", test: sequential},
		{name: "e-value", test: eValue},
		{name: "payload", test: payload(6, decoded)},
		{name: "payload of a bit", test: payload(1, decoded)},
		{name: "message of a bit", test: payload(1, ofMessage)},
		{name: "label and payload", test: payload(1, labelAndMessage)},

		{name: "gumbel", slow: 2, test: drawn(one, nil, add)},
		{name: "gumbel, first occurrences", slow: 2, test: drawn(one, &detect.Options{Dedup: detect.DedupContext}, add)},
		{name: "gumbel, weights given", slow: 8, test: drawn(one, given, addSurprise)},
		{name: "gumbel, sum of two keys", slow: 2, test: drawn(sumOfTwo, nil, add)},
		{name: "gumbel, mixture of two", slow: 8, test: drawn(mixtureOfTwo, nil, add)},
		{name: "gumbel, panel of keys", slow: 4, test: panelOf(func(x *nullText, k watermark.Key) []*watermark.Mark {
			return []*watermark.Mark{one(x, k), one(x, k.Derive("2")), one(x, k.Derive("3"))}
		})},
		{name: "gumbel, spans", slow: 4, size: 300, test: func(x *nullText) func(watermark.Key) nullOutcome {
			return func(k watermark.Key) nullOutcome {
				return nullOutcome{log10P: detect.Spans(one(x, k), x.ids, noPower(nil)).Log10PAdjusted}
			}
		}},
		{name: "gumbel, segments", slow: 2, test: segmentsOf(one)},
		{name: "gumbel, sequential", slow: 2, test: sequentialOf(one, anytime)},
		{name: "gumbel, e-value", slow: 4, test: sequentialOf(one, markov)},
		{name: "gumbel, e-value of two", slow: 4, test: sequentialOf(mixtureOfTwo, markov)},
		{name: "tournament, weighted", slow: 4, test: drawn(layers(2), nil, add)},
		{name: "tournament, plain mean", slow: 2, test: drawn(unweighted, nil, add)},
		{name: "tournament of three", slow: 16, test: drawn(layers(3), given, addSurprise)},
		{name: "tournament, spans", size: 200, slow: 8, test: func(x *nullText) func(watermark.Key) nullOutcome {
			return func(k watermark.Key) nullOutcome {
				return nullOutcome{log10P: detect.Spans(layers(2)(x, k), x.ids, noPower(nil)).Log10PAdjusted}
			}
		}},
		{name: "tournament, sequential", slow: 2, test: sequentialOf(layers(2), anytime)},
		{name: "tournament, e-value", slow: 2, test: sequentialOf(layers(2), markov)},
		{name: "schemes together", slow: 8, test: panelOf(func(x *nullText, k watermark.Key) []*watermark.Mark {
			return []*watermark.Mark{x.mark(k), one(x, k), layers(2)(x, k)}
		})},
	}
}

// rekeyed is a mark whose key changes between tests, so that a text is read once.
type rekeyed struct{ *watermark.Mark }

// noPower puts Alpha where no short text gets to: a Result then has nothing to say about
// its power, which would take most of the time.
func noPower(o *detect.Options) *detect.Options {
	var c detect.Options
	if o != nil {
		c = *o
	}
	c.Alpha = 1e-300
	return &c
}

func add(a *detect.Accumulator, x *nullText) { a.Add(x.ids) }

// accumulated tests a text in an Accumulator that read fills. opts, which may be nil, are
// the options of the mark.
func accumulated(o *detect.Options, opts func(watermark.Key) []watermark.Option, read func(*detect.Accumulator, *nullText)) func(*nullText) func(watermark.Key) nullOutcome {
	if opts == nil {
		opts = func(watermark.Key) []watermark.Option { return nil }
	}
	return func(x *nullText) func(watermark.Key) nullOutcome {
		s := &rekeyed{x.mark(watermark.NewKey())}
		a := detect.NewAccumulator(s, noPower(o))
		read(a, x)
		// Weighted tails take long, and the colours enter them through the sum alone.
		type sum struct {
			units nullClasses
			sum   int64
		}
		book, known := nullBook{}, make(map[sum]nullOutcome)
		return func(k watermark.Key) nullOutcome {
			s.Mark = x.mark(k, opts(k)...)
			var now sum
			now.units, now.sum = a.Sums()
			o, ok := known[now]
			if !ok {
				r := a.Result()
				o = nullOutcome{log10P: r.Log10PAdjusted, laws: []nullLaw{book.of(r.Classes, s.Law())}}
				known[now] = o
			}
			return o
		}
	}
}

// surprise weighs tokens by how rare they are in the text: a rule of the text alone.
func surprise(ids []Token) []uint8 {
	counts := make(map[Token]int)
	for _, id := range ids {
		counts[id]++
	}
	weights := make([]uint8, len(ids))
	for i, id := range ids {
		weights[i] = uint8(math.Round(1.5 * math.Log2(float64(len(ids))/float64(counts[id]))))
		weights[i] = min(weights[i], detect.MaxWeight)
	}
	return weights
}

// profiles is one key under several profiles.
func profiles(x *nullText, k watermark.Key) []*watermark.Mark {
	var marks []*watermark.Mark
	for _, gamma := range []float64{0.5, 0.25} {
		for width := 1; width <= 2; width++ {
			marks = append(marks, mustMark(k, watermark.GreenList{Gamma: gamma, Delta: 1, Width: width}, x.vocab))
		}
	}
	return marks
}

// panelOf takes the smallest p-value of a Panel. Its marks must be independent.
func panelOf(marks func(*nullText, watermark.Key) []*watermark.Mark) func(*nullText) func(watermark.Key) nullOutcome {
	return func(x *nullText) func(watermark.Key) nullOutcome {
		var scorers []detect.Scorer
		for _, m := range marks(x, watermark.NewKey()) {
			scorers = append(scorers, &rekeyed{m})
		}
		p := detect.NewPanel(scorers, noPower(nil))
		p.Add(x.ids)
		books := make([]nullBook, len(scorers))
		for i := range books {
			books[i] = nullBook{}
		}
		return func(k watermark.Key) nullOutcome {
			for i, m := range marks(x, k) {
				scorers[i].(*rekeyed).Mark = m
			}
			var o nullOutcome
			for i, r := range p.Results() {
				o.log10P = min(o.log10P, r.Log10PAdjusted)
				o.laws = append(o.laws, books[i].of(r.Classes, scorers[i].Law()))
			}
			return o
		}
	}
}

// severalTests takes the smallest of p-values that count each other as Tests.
func severalTests(x *nullText) func(watermark.Key) nullOutcome {
	var tests []*detect.Accumulator
	var scorers []*rekeyed
	for _, m := range profiles(x, watermark.NewKey()) {
		s := &rekeyed{m}
		a := detect.NewAccumulator(s, noPower(&detect.Options{Tests: 4}))
		a.Add(x.ids)
		scorers, tests = append(scorers, s), append(tests, a)
	}
	return func(k watermark.Key) nullOutcome {
		var o nullOutcome
		for i, m := range profiles(x, k) {
			scorers[i].Mark = m
			o.log10P = min(o.log10P, tests[i].Result().Log10PAdjusted)
		}
		return o
	}
}

// documents selects among the parts of a text, which share pairs, as documents.
func documents(x *nullText) func(watermark.Key) nullOutcome {
	s := &rekeyed{x.mark(watermark.NewKey())}
	var tests []*detect.Accumulator
	for part := range slices.Chunk(x.ids, len(x.ids)/4) {
		a := detect.NewAccumulator(s, noPower(nil))
		a.Add(part)
		tests = append(tests, a)
	}
	p := make([]float64, len(tests))
	return func(k watermark.Key) nullOutcome {
		s.Mark = x.mark(k)
		for i, a := range tests {
			p[i] = a.Result().Log10P
		}
		return nullOutcome{log10P: slices.Min(detect.BenjaminiHochberg(p, 0.1).Log10Adjusted)}
	}
}

// recorder keeps the pairs that are scored.
type recorder struct {
	*watermark.Mark
	pairs []watermark.Pair
}

func (r *recorder) Score(dst []int64, pairs []watermark.Pair) []int64 {
	for _, p := range pairs {
		r.pairs = append(r.pairs, watermark.Pair{Context: slices.Clone(p.Context), Token: p.Token})
	}
	return r.Mark.Score(dst, pairs)
}

// distinct returns the pairs that a test of the texts scores, each once.
func distinct(m *watermark.Mark, texts ...*nullText) []watermark.Pair {
	r := &recorder{Mark: m}
	a := detect.NewAccumulator(r, noPower(nil))
	for _, x := range texts {
		a.Add(x.ids)
	}
	a.Result()
	return r.pairs
}

// segments takes the best segment of the text as a stream of unknown length.
func segments(x *nullText) func(watermark.Key) nullOutcome {
	return segmentsOf(func(x *nullText, k watermark.Key) *watermark.Mark { return x.mark(k) })(x)
}

func segmentsOf(mark nullMark) func(*nullText) func(watermark.Key) nullOutcome {
	return func(x *nullText) func(watermark.Key) nullOutcome { return segmentsBy(mark, x) }
}

func segmentsBy(mark nullMark, x *nullText) func(watermark.Key) nullOutcome {
	pairs := distinct(mark(x, watermark.NewKey()), x)
	var scores []int64
	return func(k watermark.Key) nullOutcome {
		m := mark(x, k)
		g := sequential.NewSegments(m.Law(), 0, &detect.Options{Alpha: nullDepths[0]})
		scores = m.Score(scores[:0], pairs)
		for _, s := range scores {
			g.Add(s)
		}
		var o nullOutcome
		for _, s := range g.Found() {
			if s.Log10PAdjusted < o.log10P {
				o = nullOutcome{log10P: s.Log10PAdjusted}
				if b, ok := m.Law().(watermark.Bernoulli); ok {
					o.best, o.tests = ofSegment(s, b.P), 6
				}
			}
		}
		return o
	}
}

// ofSegment is log10 of what a segment shows when its alternative is the only one.
func ofSegment(s sequential.Segment, gamma float64) float64 {
	ratio := float64(s.Green)*math.Log(s.Rate/gamma) + float64(s.End-s.Start-s.Green)*math.Log((1-s.Rate)/(1-gamma))
	return (math.Log(float64(s.Start+1)) + math.Log(float64(s.Start+2)) - ratio) / math.Ln10
}

// sequential looks after every unit.
func sequential(x *nullText) func(watermark.Key) nullOutcome {
	return sequentialOf(func(x *nullText, k watermark.Key) *watermark.Mark { return x.mark(k) }, anytime)(x)
}

// eValue is Markov's inequality for an e-value.
func eValue(x *nullText) func(watermark.Key) nullOutcome {
	s := &rekeyed{x.mark(watermark.NewKey())}
	a := detect.NewAccumulator(s, noPower(nil))
	a.Add(x.ids)
	return func(k watermark.Key) nullOutcome {
		s.Mark = x.mark(k)
		r := a.Result()
		return nullOutcome{log10P: -sequential.Log10E(r.Green, r.Scored, x.gamma)}
	}
}

// nullKeys calls f for n keys that belong to a statistic and a text.
func nullKeys(root watermark.Key, statistic, text string, n int, f func(watermark.Key)) {
	root = root.Derive(statistic, text)
	for i := range n {
		f(root.Derive(strconv.Itoa(i)))
	}
}
