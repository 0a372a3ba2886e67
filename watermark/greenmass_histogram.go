package watermark

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"

	"github.com/isotope-wm/isotope/internal/strictjson"
)

// The bins of a GreenMassHistogram begin at the logit -massLimit and are massStep wide. The first
// and the last bin also hold what lies outside.
const (
	massBins  = 64
	massLimit = 8.0
	massStep  = 2 * massLimit / massBins
)

// A GreenMassHistogram counts the steps of a model by their green mass P before the bias
// ([Mark.GreenMass]). It has 64 bins of the logit ln(P/(1-P)). From it package detect computes
// the green rate, the distortion and the number of tokens that a test needs, for any bias.
//
// It holds no text and no key. Its distribution depends on the model, the kind of text, the
// temperature and gamma, but not on the key. It stores the temperature and gamma. One goroutine at
// a time may use it: give each goroutine its own and Merge them.
type GreenMassHistogram struct {
	gamma, temperature float64
	counts             [massBins]int64
}

// NewGreenMassHistogram returns an empty histogram for marks of one gamma, in (0,1), and draws at
// one temperature, above 0. An error is a [*ParamError].
func NewGreenMassHistogram(gamma, temperature float64) (*GreenMassHistogram, error) {
	if !(gamma > 0 && gamma < 1) {
		return nil, paramError("gamma", "%v is outside (0,1)", gamma)
	}
	if !(temperature > 0) || math.IsInf(temperature, 0) {
		return nil, paramError("temperature", "%v is not a positive number", temperature)
	}
	return &GreenMassHistogram{gamma: gamma, temperature: temperature}, nil
}

// Gamma returns the gamma of the marks.
func (h *GreenMassHistogram) Gamma() float64 { return h.gamma }

// Temperature returns the temperature of the draws.
func (h *GreenMassHistogram) Temperature() float64 { return h.temperature }

// Add counts a step with this green mass. It ignores NaN.
func (h *GreenMassHistogram) Add(mass float64) {
	if math.IsNaN(mass) {
		return
	}
	// The logit is -Inf or NaN for a mass of 0 and less, and +Inf or NaN for 1 and more.
	switch logit := math.Log(mass / (1 - mass)); {
	case mass >= 1 || logit >= massLimit:
		h.counts[massBins-1]++
	case mass <= 0 || logit < -massLimit:
		h.counts[0]++
	default:
		h.counts[int((logit+massLimit)/massStep)]++
	}
}

// Merge adds the counts of other. It returns an error unless both have the same gamma and
// temperature.
func (h *GreenMassHistogram) Merge(other *GreenMassHistogram) error {
	if h.gamma != other.gamma || h.temperature != other.temperature {
		return fmt.Errorf("watermark: green mass histograms differ: gamma %v at temperature %v, and gamma %v at temperature %v",
			h.gamma, h.temperature, other.gamma, other.temperature)
	}
	for i, n := range other.counts {
		h.counts[i] += n
	}
	return nil
}

// Steps returns the number of counted steps.
func (h *GreenMassHistogram) Steps() int64 {
	var sum int64
	for _, n := range h.counts {
		sum += n
	}
	return sum
}

// Bins yields a mass and a number of steps for each bin that is not empty, in ascending order.
// The mass is that of the middle of the bin's logits. For the first and the last bin it is 0 and
// 1: there the model leaves no choice, and a bias changes nothing.
func (h *GreenMassHistogram) Bins() iter.Seq2[float64, int64] {
	return func(yield func(float64, int64) bool) {
		for i, n := range h.counts {
			if n == 0 {
				continue
			}
			mass := 1 / (1 + math.Exp(massLimit-(float64(i)+0.5)*massStep))
			switch i {
			case 0:
				mass = 0
			case massBins - 1:
				mass = 1
			}
			if !yield(mass, n) {
				return
			}
		}
	}
}

// greenMassJSON is version 1 of the JSON form of a GreenMassHistogram.
type greenMassJSON struct {
	Version     int     `json:"version"`
	Gamma       float64 `json:"gamma"`
	Temperature float64 `json:"temperature"`
	LogitFrom   float64 `json:"logit_from"`
	LogitTo     float64 `json:"logit_to"`
	Counts      []int64 `json:"counts"`
}

// MarshalJSON returns {"version":1,"gamma":..,"temperature":..,"logit_from":-8,"logit_to":8,
// "counts":[64 numbers]}.
func (h *GreenMassHistogram) MarshalJSON() ([]byte, error) {
	return json.Marshal(greenMassJSON{1, h.gamma, h.temperature, -massLimit, massLimit, h.counts[:]})
}

// UnmarshalJSON reads the form that MarshalJSON returns. It returns an error for unknown fields,
// other bins and negative counts, and then leaves the histogram unchanged.
func (h *GreenMassHistogram) UnmarshalJSON(data []byte) error {
	var j greenMassJSON
	if err := strictjson.Decode(data, &j); err != nil {
		return fmt.Errorf("watermark: green mass histogram: %w", err)
	}
	if j.Version != 1 {
		return fmt.Errorf("watermark: green mass histogram: version %d is not supported; this program reads version 1", j.Version)
	}
	if j.LogitFrom != -massLimit || j.LogitTo != massLimit || len(j.Counts) != massBins {
		return fmt.Errorf("watermark: green mass histogram: %d bins from %v to %v are not supported; this program reads %d bins from %v to %v",
			len(j.Counts), j.LogitFrom, j.LogitTo, massBins, -massLimit, massLimit)
	}
	read, err := NewGreenMassHistogram(j.Gamma, j.Temperature)
	if err != nil {
		return fmt.Errorf("watermark: green mass histogram: %w", err)
	}
	for i, n := range j.Counts {
		if n < 0 || n > 1<<56 {
			return fmt.Errorf("watermark: green mass histogram: the count %d of bin %d is outside 0 to 2^56", n, i)
		}
		read.counts[i] = n
	}
	*h = *read
	return nil
}
