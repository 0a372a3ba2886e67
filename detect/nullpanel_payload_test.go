package detect_test

import (
	"math"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark/nullpanel"
	"github.com/isotope-wm/isotope/internal/testmark/nulltext"
	"github.com/isotope-wm/isotope/watermark"
)

// payload reads a message of some bits. pick returns the p-value. The bound over all messages is
// tight for a single bit, so a missing factor would show there.
func payload(bits int, pick func(*detect.Accumulator) nullpanel.Outcome) keyedTest {
	return func(x *nulltext.Text) func(watermark.Key) nullpanel.Outcome {
		fair := *x
		fair.Gamma = 0.5
		carries := watermark.Payload{Bits: bits}
		s := &rekeyed{fair.Mark(watermark.NewKey(), carries)}
		a := detect.NewAccumulator(s, noPower(nil))
		a.Add(x.IDs)
		return func(k watermark.Key) nullpanel.Outcome {
			s.Mark = fair.Mark(k, carries)
			return pick(a)
		}
	}
}

func decoded(a *detect.Accumulator) nullpanel.Outcome {
	d := a.Decode()
	return nullpanel.Outcome{Log10P: d.Log10PAdjusted, Best: d.Log10P, Tests: 1 << d.Bits}
}

func ofMessage(a *detect.Accumulator) nullpanel.Outcome {
	return nullpanel.Outcome{Log10P: a.Decode().Log10PMessage}
}

func labelAndMessage(a *detect.Accumulator) nullpanel.Outcome {
	r, d := a.LabelAndMessage()
	decoded := min(d.Log10P+float64(d.Bits)*math.Log10(2), 0)
	return nullpanel.Outcome{Log10P: r.Log10PAdjusted, Best: min(r.Log10P, decoded), Tests: 2}
}
