package informed

import "math/rand/v2"

const (
	// simulations is the number of texts that a statement of silence rests on.
	simulations = 300
	// log10Doubt is log10 of the chance that a statement of silence is made though it is false.
	log10Doubt = -2
)

// simulate draws texts with the probabilities of the units, in which each unit is marked with the
// probability MinShare. It counts those whose e-value reaches 10^-level. It always draws the same
// texts, so results repeat.
func (t *scored) simulate(level float64) (texts, found int64) {
	if _, ok := t.model.draw(0.5, true, 0.5); !ok || len(t.p) == 0 {
		return 0, 0
	}
	rng := rand.New(rand.NewPCG(14, 2))
	for range simulations {
		p := newProcess()
		for _, x := range t.p {
			gain, _ := t.model.draw(float64(x), rng.Float64() < t.options.MinShare, 1-float64(rng.Float64()))
			p.add(gain)
		}
		if -p.sup <= level {
			found++
		}
	}
	return simulations, found
}
