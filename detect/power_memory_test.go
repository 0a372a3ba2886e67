package detect

import (
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/watermark"
)

// lawOnly is a Scorer of which only the law matters.
type lawOnly struct {
	Scorer
	law watermark.Law
}

func (s lawOnly) Law() watermark.Law { return s.law }

// TestRememberedPower asks for more statements than are remembered, from several goroutines, and in two
// rounds. Each must be the one that powerOf makes. Every field of the key differs between some of them.
func TestRememberedPower(t *testing.T) {
	type question struct {
		law   watermark.Law
		units null.Units
		o     Options
		tests int64
	}
	var questions []question
	for _, law := range []watermark.Law{
		watermark.Bernoulli{P: 0.5, Marked: 0.88}, watermark.Bernoulli{P: 0.5, Marked: 0.8}, watermark.Bernoulli{P: 0.25, Marked: 0.7},
	} {
		for n := range int64(150) {
			for _, o := range []Options{{Alpha: 1e-3}, {Alpha: 1e-6}, {Alpha: 1e-3, Rate: 0.1}} {
				questions = append(questions, question{law, null.Units{1: n}, o, 1}, question{law, null.Units{1: n}, o, 7},
					question{law, null.Units{2: n}, o, 1})
			}
		}
	}
	assert.Greater(t, len(questions), 2*len(powers))
	want := make([]Power, len(questions))
	for i, q := range questions {
		want[i] = powerOf(null.Of(q.law), &q.units, q.o, q.tests)
	}
	var wait sync.WaitGroup
	for worker := range 3 {
		wait.Go(func() {
			for round := range 2 {
				for i := range questions {
					at := (i*(worker+1) + round) % len(questions)
					q := questions[at]
					got := rememberedPower(lawOnly{law: q.law}, null.Of(q.law), &q.units, q.o, q.tests)
					if !samePower(want[at], got) {
						assert.Equal(t, want[at], got, "%+v", q)
						return
					}
				}
			}
		})
	}
	wait.Wait()
}

func samePower(a, b Power) bool {
	return a == b && !math.IsNaN(a.MinShare) && !math.IsNaN(a.RateShare) && !math.IsNaN(a.MinExcess)
}
