package detect_test

import (
	"math"
	"slices"
	"strconv"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/internal/testmark/nullpanel"
	"github.com/isotope-wm/isotope/internal/testmark/nulltext"
	"github.com/isotope-wm/isotope/watermark"
)

// A keyedTest reads a text once, before any key, and returns its test under a key.
type keyedTest = func(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome

// A nullStatistic is a p-value that the library computes.
type nullStatistic struct {
	name string
	test keyedTest
	size int // tokens that it needs to show its mistakes; 0 for short texts
	// slow divides the number of keys, for tails that take long. 0 means 1.
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
		{name: "prompt excluded", test: accumulated(nil, nil, func(a *detect.Accumulator, x *nulltext.Text) {
			a.Exclude(x.IDs[:len(x.IDs)/4])
			a.Add(x.IDs)
		})},
		{name: "weights given", test: accumulated(given, nil, func(a *detect.Accumulator, x *nulltext.Text) {
			addSurprise(a, x)
		})},
		{name: "weights, residual", test: accumulated(given, nil, func(a *detect.Accumulator, x *nulltext.Text) {
			a.AddWeighted(x.IDs, detect.ResidualWeights([][]Token{x.IDs}, nil, x.Width, uniform{})[0])
		})},
		{name: "weights, counts", test: accumulated(&detect.Options{Weighting: detect.WeightCounts}, nil, add)},
		{name: "bottom-M sample", test: accumulated(sample, nil, add)},
		{name: "band", test: accumulated(nil, half, add)},
		{name: "several tests", test: severalTests},
		{name: "panel of keys", test: panelOf(func(x *nulltext.Text, k watermark.Key) []*watermark.Mark {
			return []*watermark.Mark{x.Mark(k), x.Mark(k.Derive("2")), x.Mark(k.Derive("3"))}
		})},
		{name: "panel of profiles", test: panelOf(profiles)},
		{name: "panel of bands", test: panelOf(func(x *nulltext.Text, k watermark.Key) []*watermark.Mark {
			selector := k.Derive("selector")
			return []*watermark.Mark{
				x.Mark(k.Derive("low"), watermark.Band{Selector: selector, Hi: watermark.BandSize / 4}),
				x.Mark(k.Derive("high"), watermark.Band{Selector: selector, Lo: watermark.BandSize / 4, Hi: watermark.BandSize}),
			}
		})},
		{name: "documents", test: documents},
		{name: "spans", size: 300, test: func(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
			return func(k watermark.Key) nullpanel.Outcome {
				return nullpanel.Outcome{Log10P: detect.SpansOf(x.Mark(k), x.IDs, noPower(nil)).Log10PAdjusted}
			}
		}},
		{name: "text and spans", test: func(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
			return func(k watermark.Key) nullpanel.Outcome {
				r, scan := located(detect.Text(x.Mark(k), x.IDs, &detect.TextOptions{Options: *noPower(nil), Spans: true}))
				return nullpanel.Outcome{Log10P: r.Log10PAdjusted, Best: min(r.Log10P, scan.Log10P), Tests: 2}
			}
		}},
		{name: "segments of a stream", test: segments},
		{name: "sequential", test: anytimeValid},
		{name: "e-value", test: eValue},
		{name: "payload", test: payload(6, decoded)},
		{name: "payload of a bit", test: payload(1, decoded)},
		{name: "message of a bit", test: payload(1, ofMessage)},
		{name: "label and payload", test: payload(1, labelAndMessage)},

		{name: "gumbel", slow: 2, test: drawn(one, nil, add)},
		{name: "gumbel, first occurrences", slow: 2, test: drawn(one, &detect.Options{Dedup: detect.DedupContext}, add)},
		{name: "gumbel, weights given", slow: 8, test: drawn(one, given, addSurprise)},
		{name: "gumbel, sum of two keys", slow: 2, test: drawn(sumOfTwo, nil, add)},
		{name: "gumbel, weighted sum of two", slow: 8, test: drawn(weightedSumOfTwo, nil, add)},
		{name: "gumbel, panel of keys", slow: 4, test: panelOf(func(x *nulltext.Text, k watermark.Key) []*watermark.Mark {
			return []*watermark.Mark{one(x, k), one(x, k.Derive("2")), one(x, k.Derive("3"))}
		})},
		{name: "gumbel, spans", slow: 4, size: 300, test: func(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
			return func(k watermark.Key) nullpanel.Outcome {
				return nullpanel.Outcome{Log10P: detect.SpansOf(one(x, k), x.IDs, noPower(nil)).Log10PAdjusted}
			}
		}},
		{name: "gumbel, segments", slow: 2, test: segmentsOf(one)},
		{name: "gumbel, sequential", slow: 2, test: sequentialOf(one, anytime)},
		{name: "gumbel, e-value", slow: 4, test: sequentialOf(one, markov)},
		{name: "gumbel, e-value of two", slow: 4, test: sequentialOf(weightedSumOfTwo, markov)},
		{name: "tournament, weighted", slow: 4, test: drawn(layers(2), nil, add)},
		{name: "tournament, plain mean", slow: 2, test: drawn(unweighted, nil, add)},
		{name: "tournament of three", slow: 16, test: drawn(layers(3), given, addSurprise)},
		{name: "tournament, spans", size: 200, slow: 8, test: func(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
			return func(k watermark.Key) nullpanel.Outcome {
				return nullpanel.Outcome{Log10P: detect.SpansOf(layers(2)(x, k), x.IDs, noPower(nil)).Log10PAdjusted}
			}
		}},
		{name: "tournament, sequential", slow: 2, test: sequentialOf(layers(2), anytime)},
		{name: "tournament, e-value", slow: 2, test: sequentialOf(layers(2), markov)},
		{name: "schemes together", slow: 8, test: panelOf(func(x *nulltext.Text, k watermark.Key) []*watermark.Mark {
			return []*watermark.Mark{x.Mark(k), one(x, k), layers(2)(x, k)}
		})},
	}
}

// A rekeyed mark changes its key between tests, so that a text is read once.
type rekeyed struct{ *watermark.Mark }

// noPower sets an Alpha that no short text reaches. A Result then skips the statement of its power,
// which would take most of the time.
func noPower(o *detect.Options) *detect.Options {
	var c detect.Options
	if o != nil {
		c = *o
	}
	c.Alpha = 1e-300
	return &c
}

func add(a *detect.Accumulator, x *nulltext.Text) { a.Add(x.IDs) }

// accumulated tests a text in an Accumulator that read fills. opts returns the options of the mark. It
// may be nil.
func accumulated(
	o *detect.Options, opts func(watermark.Key) []watermark.Option, read func(*detect.Accumulator, *nulltext.Text),
) keyedTest {
	if opts == nil {
		opts = func(watermark.Key) []watermark.Option { return nil }
	}
	return func(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
		s := &rekeyed{x.Mark(watermark.NewKey())}
		a := detect.NewAccumulator(s, noPower(o))
		read(a, x)
		// Weighted tails take long, and depend on the colours through the sum alone.
		type sum struct {
			units nullpanel.Units
			sum   int64
		}
		book, known := nullpanel.Book{}, make(map[sum]nullpanel.Outcome)
		return func(k watermark.Key) nullpanel.Outcome {
			s.Mark = x.Mark(k, opts(k)...)
			var now sum
			now.units, now.sum = a.Sums()
			o, ok := known[now]
			if !ok {
				r := a.Tested()
				o = nullpanel.Outcome{Log10P: r.Log10PAdjusted, Laws: []nullpanel.Law{book.Of(scoredBy(r), s.Law())}}
				known[now] = o
			}
			return o
		}
	}
}

// scoredBy returns the number of scored units of each weight.
func scoredBy(r detect.Result) (units nullpanel.Units) {
	for w, c := range r.Classes {
		units[w] = c.Scored
	}
	return units
}

// surprise weighs tokens by how rare they are in the text. The rule depends on the text alone.
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

// profiles returns the marks of one key under several profiles.
func profiles(x *nulltext.Text, k watermark.Key) []*watermark.Mark {
	var marks []*watermark.Mark
	for _, gamma := range []float64{0.5, 0.25} {
		for width := 1; width <= 2; width++ {
			marks = append(marks, markOf(x, k, watermark.GreenList{Gamma: gamma, Delta: 1, Width: width}))
		}
	}
	return marks
}

// panelOf takes the smallest p-value of a Panel. Its marks must be independent.
func panelOf(marks func(*nulltext.Text, watermark.Key) []*watermark.Mark) keyedTest {
	return func(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
		var scorers []detect.Scorer
		for _, m := range marks(x, watermark.NewKey()) {
			scorers = append(scorers, &rekeyed{m})
		}
		p := detect.NewPanel(scorers, noPower(nil))
		p.Add(x.IDs)
		books := make([]nullpanel.Book, len(scorers))
		for i := range books {
			books[i] = nullpanel.Book{}
		}
		return func(k watermark.Key) nullpanel.Outcome {
			for i, m := range marks(x, k) {
				scorers[i].(*rekeyed).Mark = m
			}
			var o nullpanel.Outcome
			for i, r := range p.Tested() {
				o.Log10P = min(o.Log10P, r.Log10PAdjusted)
				o.Laws = append(o.Laws, books[i].Of(scoredBy(r), scorers[i].Law()))
			}
			return o
		}
	}
}

// severalTests takes the smallest of several p-values, each adjusted for all by Tests.
func severalTests(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
	var tests []*detect.Accumulator
	var scorers []*rekeyed
	for _, m := range profiles(x, watermark.NewKey()) {
		s := &rekeyed{m}
		a := detect.NewAccumulator(s, noPower(&detect.Options{Tests: 4}))
		a.Add(x.IDs)
		scorers, tests = append(scorers, s), append(tests, a)
	}
	return func(k watermark.Key) nullpanel.Outcome {
		var o nullpanel.Outcome
		for i, m := range profiles(x, k) {
			scorers[i].Mark = m
			o.Log10P = min(o.Log10P, tests[i].Tested().Log10PAdjusted)
		}
		return o
	}
}

// documents selects among the parts of a text, which share pairs, as documents.
func documents(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
	s := &rekeyed{x.Mark(watermark.NewKey())}
	var tests []*detect.Accumulator
	for part := range slices.Chunk(x.IDs, len(x.IDs)/4) {
		a := detect.NewAccumulator(s, noPower(nil))
		a.Add(part)
		tests = append(tests, a)
	}
	p := make([]float64, len(tests))
	return func(k watermark.Key) nullpanel.Outcome {
		s.Mark = x.Mark(k)
		for i, a := range tests {
			p[i] = a.Tested().Log10P
		}
		return nullpanel.Outcome{Log10P: slices.Min(detect.BenjaminiHochberg(p, 0.1).Log10Adjusted)}
	}
}

// A recorder keeps the pairs that are scored.
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
func distinct(m *watermark.Mark, texts ...*nulltext.Text) []watermark.Pair {
	r := &recorder{Mark: m}
	a := detect.NewAccumulator(r, noPower(nil))
	for _, x := range texts {
		a.Add(x.IDs)
	}
	a.Result()
	return r.pairs
}

// segments takes the best segment of the text as a stream of unknown length.
func segments(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
	return segmentsOf(func(x *nulltext.Text, k watermark.Key) *watermark.Mark { return x.Mark(k) })(x)
}

func segmentsOf(mark nullMark) keyedTest {
	return func(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome { return segmentsBy(mark, x) }
}

func segmentsBy(mark nullMark, x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
	pairs := distinct(mark(x, watermark.NewKey()), x)
	var scores []int64
	return func(k watermark.Key) nullpanel.Outcome {
		m := mark(x, k)
		g := sequential.NewSegments(m.Law(), 0, &detect.Options{Alpha: nullpanel.Depths[0]})
		scores = m.Score(scores[:0], pairs)
		for _, s := range scores {
			g.Add(s)
		}
		var o nullpanel.Outcome
		for _, s := range g.Found() {
			if s.Log10PAdjusted < o.Log10P {
				o = nullpanel.Outcome{Log10P: s.Log10PAdjusted}
				if b, ok := m.Law().(watermark.Bernoulli); ok {
					o.Best, o.Tests = ofSegment(s, b.P), 6
				}
			}
		}
		return o
	}
}

// ofSegment returns log10 of the p-value of a segment if its alternative were the only one.
func ofSegment(s sequential.Segment, gamma float64) float64 {
	ratio := float64(s.Green)*math.Log(s.Rate/gamma) + float64(s.End-s.Start-s.Green)*math.Log((1-s.Rate)/(1-gamma))
	return (math.Log(float64(s.Start+1)) + math.Log(float64(s.Start+2)) - ratio) / math.Ln10
}

// anytimeValid looks after every unit.
func anytimeValid(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
	return sequentialOf(func(x *nulltext.Text, k watermark.Key) *watermark.Mark { return x.Mark(k) }, anytime)(x)
}

// eValue takes the p-value of Markov's inequality for an e-value.
func eValue(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
	s := &rekeyed{x.Mark(watermark.NewKey())}
	a := detect.NewAccumulator(s, noPower(nil))
	a.Add(x.IDs)
	return func(k watermark.Key) nullpanel.Outcome {
		s.Mark = x.Mark(k)
		r := a.Tested()
		return nullpanel.Outcome{Log10P: -sequential.Log10E(r.Green, r.Scored, x.Gamma)}
	}
}

// nullKeys calls f for n keys that belong to a statistic and a text.
func nullKeys(root watermark.Key, statistic, text string, n int, f func(watermark.Key)) {
	root = root.Derive(statistic, text)
	for i := range n {
		f(root.Derive(strconv.Itoa(i)))
	}
}
