package detect_test

import (
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// nullPayload is the payload of the panel: a longer one pays more for its messages, and has
// less to find mistakes in.
var nullPayload = watermark.Payload{Bits: 4}

// payload reads the message of a text; pick says which p-value is meant.
func payload(pick func(*detect.Accumulator) float64) func(*nullText) func(watermark.Key) nullOutcome {
	return func(x *nullText) func(watermark.Key) nullOutcome {
		fair := *x
		fair.gamma = 0.5
		s := &rekeyed{fair.mark(watermark.NewKey(), nullPayload)}
		a := detect.New(s, noPower(nil))
		a.Add(x.ids)
		return func(k watermark.Key) nullOutcome {
			s.Mark = fair.mark(k, nullPayload)
			return nullOutcome{log10P: pick(a)}
		}
	}
}

func decoded(a *detect.Accumulator) float64   { return a.Decode().Log10PAdjusted }
func ofMessage(a *detect.Accumulator) float64 { return a.Decode().Log10PMessage }
func labelAndMessage(a *detect.Accumulator) float64 {
	r, _ := a.LabelAndMessage()
	return r.Log10PAdjusted
}
