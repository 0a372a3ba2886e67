package detect_test

import (
	"math"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// payload reads a message of some bits; pick says which p-value is meant. The bound over
// all messages is tight for a single bit, where a missing factor shows.
func payload(bits int, pick func(*detect.Accumulator) nullOutcome) func(*nullText) func(watermark.Key) nullOutcome {
	return func(x *nullText) func(watermark.Key) nullOutcome {
		fair := *x
		fair.gamma = 0.5
		carries := watermark.Payload{Bits: bits}
		s := &rekeyed{fair.mark(watermark.NewKey(), carries)}
		a := detect.NewAccumulator(s, noPower(nil))
		a.Add(x.ids)
		return func(k watermark.Key) nullOutcome {
			s.Mark = fair.mark(k, carries)
			return pick(a)
		}
	}
}

func decoded(a *detect.Accumulator) nullOutcome {
	d := a.Decode()
	return nullOutcome{log10P: d.Log10PAdjusted, best: d.Log10P, tests: 1 << d.Bits}
}

func ofMessage(a *detect.Accumulator) nullOutcome {
	return nullOutcome{log10P: a.Decode().Log10PMessage}
}

func labelAndMessage(a *detect.Accumulator) nullOutcome {
	r, d := a.LabelAndMessage()
	decoded := min(d.Log10P+float64(d.Bits)*math.Log10(2), 0)
	return nullOutcome{log10P: r.Log10PAdjusted, best: min(r.Log10P, decoded), tests: 2}
}
