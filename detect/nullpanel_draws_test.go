package detect_test

import (
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/watermark"
)

// A nullMark is a mark for a text under a key.
type nullMark func(x *nullText, k watermark.Key) *watermark.Mark

func markOf(x *nullText, k watermark.Key, s watermark.Scheme) *watermark.Mark {
	m, err := watermark.New(k, s, x.vocab)
	if err != nil {
		panic(err)
	}
	return m
}

// one is a Gumbel mark of one key.
func one(x *nullText, k watermark.Key) *watermark.Mark {
	return markOf(x, k, watermark.GumbelMax{Width: x.width})
}

// mixtureOfTwo weighs the scores of two keys 3 to 1, and sumOfTwo alike.
func mixtureOfTwo(x *nullText, k watermark.Key) *watermark.Mark {
	return markOf(x, k, watermark.GumbelMax{Width: x.width, Dual: 0.75})
}

func sumOfTwo(x *nullText, k watermark.Key) *watermark.Mark { return mixtureOfTwo(x, k).Unweighted() }

// layers is a tournament of few layers, whose laws are small enough to be convolved.
func layers(candidates int) nullMark {
	return func(x *nullText, k watermark.Key) *watermark.Mark {
		return markOf(x, k, watermark.Tournament{Depth: 4, Width: x.width, Candidates: candidates})
	}
}

func unweighted(x *nullText, k watermark.Key) *watermark.Mark { return layers(2)(x, k).Unweighted() }

func addSurprise(a *detect.Accumulator, x *nullText) { a.AddWeighted(x.ids, surprise(x.ids)) }

// drawn tests a text for a mark in an Accumulator that read fills.
func drawn(mark nullMark, o *detect.Options, read func(*detect.Accumulator, *nullText)) func(*nullText) func(watermark.Key) nullOutcome {
	return func(x *nullText) func(watermark.Key) nullOutcome {
		s := &rekeyed{mark(x, watermark.NewKey())}
		a := detect.NewAccumulator(s, noPower(o))
		read(a, x)
		book := nullBook{}
		return func(k watermark.Key) nullOutcome {
			s.Mark = mark(x, k)
			r := a.Result()
			return nullOutcome{log10P: r.Log10PAdjusted, laws: []nullLaw{book.of(r.Classes, s.Law())}}
		}
	}
}

// sequentialOf looks after every unit, and pick says at what.
func sequentialOf(mark nullMark, pick func(sequential.Result) float64) func(*nullText) func(watermark.Key) nullOutcome {
	return func(x *nullText) func(watermark.Key) nullOutcome {
		s := &rekeyed{mark(x, watermark.NewKey())}
		q := sequential.New(s, nil)
		return func(k watermark.Key) nullOutcome {
			s.Mark = mark(x, k)
			q.Reset()
			q.Add(x.ids)
			return nullOutcome{log10P: pick(q.Result())}
		}
	}
}

func anytime(r sequential.Result) float64 { return r.Log10PAdjusted }

// markov is Markov's inequality for an e-value.
func markov(r sequential.Result) float64 { return min(-r.Log10E, 0) }
