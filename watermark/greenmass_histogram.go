package watermark

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"math"
)

// The bins of a GreenMassHistogram: logits from -massLimit on, massStep wide. What is
// outside is in the first and the last.
const (
	massBins  = 64
	massLimit = 8.0
	massStep  = 2 * massLimit / massBins
)

// A GreenMassHistogram counts the steps of a model by their green mass before the bias
// ([Mark.GreenMass]), in 64 bins of its logit ln(P/(1-P)). From it follow the green
// rate, the distortion and the tokens needed at any bias (package detect, MassLaw).
// It holds no text and no key, and its law does not depend on the key: the colours are
// random. What it does depend on is the model, the kind of text, the
// temperature and gamma; the last two it knows. One goroutine at a time; have one for
// each and Merge them.
type GreenMassHistogram struct {
	gamma, temperature float64
	counts             [massBins]int64
}

// NewGreenMassHistogram returns an empty histogram for marks of one gamma, in (0,1),
// and draws at one temperature, above 0. What is wrong with a parameter is a
// [*ParamError].
func NewGreenMassHistogram(gamma, temperature float64) (*GreenMassHistogram, error) {
	if !(gamma > 0 && gamma < 1) {
		return nil, paramError("gamma", "%v is outside (0,1)", gamma)
	}
	if !(temperature > 0) || math.IsInf(temperature, 0) {
		return nil, paramError("temperature", "%v is not a positive number", temperature)
	}
	return &GreenMassHistogram{gamma: gamma, temperature: temperature}, nil
}

// Gamma returns the green share of the marks whose steps are counted.
func (h *GreenMassHistogram) Gamma() float64 { return h.gamma }

// Temperature returns the temperature of the draws.
func (h *GreenMassHistogram) Temperature() float64 { return h.temperature }

// Add counts a step by its green mass. NaN is ignored.
func (h *GreenMassHistogram) Add(mass float64) {
	if math.IsNaN(mass) {
		return
	}
	// The logit of 0 and less is -Inf or NaN, that of 1 and more +Inf or NaN.
	switch logit := math.Log(mass / (1 - mass)); {
	case mass >= 1 || logit >= massLimit:
		h.counts[massBins-1]++
	case mass <= 0 || logit < -massLimit:
		h.counts[0]++
	default:
		h.counts[int((logit+massLimit)/massStep)]++
	}
}

// Merge adds the counts of other. Both must be of one gamma and one temperature.
func (h *GreenMassHistogram) Merge(other *GreenMassHistogram) error {
	if h.gamma != other.gamma || h.temperature != other.temperature {
		return fmt.Errorf("watermark: cannot merge green masses of gamma %v at temperature %v with gamma %v at temperature %v",
			h.gamma, h.temperature, other.gamma, other.temperature)
	}
	for i, n := range other.counts {
		h.counts[i] += n
	}
	return nil
}

// Steps returns the number of steps counted.
func (h *GreenMassHistogram) Steps() int64 {
	var sum int64
	for _, n := range h.counts {
		sum += n
	}
	return sum
}

// Bins yields the bins that are not empty, from the smallest mass on: the mass in the
// middle of the bin's logits and the number of steps. The first and the last bin,
// where the model leaves no choice, stand for the masses 0 and 1: a bias does nothing
// there.
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

// greenMassJSON is the JSON of a GreenMassHistogram, version 1.
type greenMassJSON struct {
	Version     int     `json:"version"`
	Gamma       float64 `json:"gamma"`
	Temperature float64 `json:"temperature"`
	LogitFrom   float64 `json:"logit_from"`
	LogitTo     float64 `json:"logit_to"`
	Counts      []int64 `json:"counts"`
}

// MarshalJSON writes {"version":1,"gamma":..,"temperature":..,"logit_from":-8,
// "logit_to":8,"counts":[64 numbers]}.
func (h *GreenMassHistogram) MarshalJSON() ([]byte, error) {
	return json.Marshal(greenMassJSON{1, h.gamma, h.temperature, -massLimit, massLimit, h.counts[:]})
}

// UnmarshalJSON reads what MarshalJSON wrote. Unknown fields, other bins and negative
// counts are errors; after one the histogram is what it was.
func (h *GreenMassHistogram) UnmarshalJSON(data []byte) error {
	var j greenMassJSON
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return fmt.Errorf("watermark: green mass histogram: %w", err)
	}
	if j.Version != 1 {
		return fmt.Errorf("watermark: green mass histogram of version %d; this program knows 1", j.Version)
	}
	if j.LogitFrom != -massLimit || j.LogitTo != massLimit || len(j.Counts) != massBins {
		return fmt.Errorf("watermark: green mass histogram: %d bins from %v to %v; this program knows %d from %v to %v",
			len(j.Counts), j.LogitFrom, j.LogitTo, massBins, -massLimit, massLimit)
	}
	read, err := NewGreenMassHistogram(j.Gamma, j.Temperature)
	if err != nil {
		return fmt.Errorf("watermark: green mass histogram: %w", err)
	}
	for i, n := range j.Counts {
		if n < 0 || n > 1<<56 {
			return fmt.Errorf("watermark: green mass histogram: the count %d of bin %d is out of range", n, i)
		}
		read.counts[i] = n
	}
	*h = *read
	return nil
}
