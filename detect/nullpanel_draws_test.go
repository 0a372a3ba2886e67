package detect_test

import (
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/nullpanel"
	"github.com/isotope-wm/isotope/internal/testmark/nulltext"
	"github.com/isotope-wm/isotope/watermark"
)

// A nullMark is a mark for a text under a key.
type nullMark func(x *nulltext.Text, k watermark.Key) *watermark.Mark

func markOf(x *nulltext.Text, k watermark.Key, s watermark.Scheme) *watermark.Mark {
	return testmark.Must(watermark.New(k, s, x.Vocab))
}

// one is a Gumbel mark of one key.
func one(x *nulltext.Text, k watermark.Key) *watermark.Mark {
	return markOf(x, k, watermark.GumbelMax{Width: x.Width})
}

// weightedSumOfTwo weighs the scores of two keys 3 to 1, and sumOfTwo equally.
func weightedSumOfTwo(x *nulltext.Text, k watermark.Key) *watermark.Mark {
	return markOf(x, k, watermark.GumbelMax{Width: x.Width, Dual: 0.75})
}

func sumOfTwo(x *nulltext.Text, k watermark.Key) *watermark.Mark {
	return weightedSumOfTwo(x, k).Unweighted()
}

// layers is a tournament of few layers, so that a test can convolve its laws.
func layers(candidates int) nullMark {
	return func(x *nulltext.Text, k watermark.Key) *watermark.Mark {
		return markOf(x, k, watermark.Tournament{Depth: 4, Width: x.Width, Candidates: candidates})
	}
}

func unweighted(x *nulltext.Text, k watermark.Key) *watermark.Mark {
	return layers(2)(x, k).Unweighted()
}

func addSurprise(a *detect.Accumulator, x *nulltext.Text) { a.AddWeighted(x.IDs, surprise(x.IDs)) }

// drawn tests a text for a mark in an Accumulator that read fills.
func drawn(mark nullMark, o *detect.Options, read func(*detect.Accumulator, *nulltext.Text)) keyedTest {
	return func(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
		s := &rekeyed{mark(x, watermark.NewKey())}
		a := detect.NewAccumulator(s, noPower(o))
		read(a, x)
		book := nullpanel.Book{}
		return func(k watermark.Key) nullpanel.Outcome {
			s.Mark = mark(x, k)
			r := a.Tested()
			return nullpanel.Outcome{Log10P: r.Log10PAdjusted, Laws: []nullpanel.Law{book.Of(scoredBy(r), s.Law())}}
		}
	}
}

// sequentialOf looks after every unit. pick returns the p-value.
func sequentialOf(mark nullMark, pick func(sequential.Result) float64) keyedTest {
	return func(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
		s := &rekeyed{mark(x, watermark.NewKey())}
		q := sequential.New(s, nil)
		return func(k watermark.Key) nullpanel.Outcome {
			s.Mark = mark(x, k)
			q.Reset()
			q.Add(x.IDs)
			return nullpanel.Outcome{Log10P: pick(q.Result())}
		}
	}
}

func anytime(r sequential.Result) float64 { return r.Log10PAdjusted }

// markov returns the p-value of Markov's inequality for an e-value.
func markov(r sequential.Result) float64 { return min(-r.Log10E, 0) }
