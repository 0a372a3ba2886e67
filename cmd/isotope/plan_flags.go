package main

import (
	"math"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// planFlags are the flags of plan.
type planFlags struct {
	profile, histogram, text  string
	gamma, delta, temperature float64
	kl                        float64
	entropy, c, excess, share float64
	probabilities             []float64
	alpha, power              float64
	tests, tokens             int64
	c1, studentShare          float64
	json                      bool
	given                     map[string]bool // flags of the call
	histogramLaw              *watermark.GreenMassHistogram
}

// planSources are the flags that say what a mark finds to work with; at most one.
var planSources = []string{"text", "entropy", "probabilities", "c", "histogram", "excess"}

// check finds calls that cannot be right before any file is read.
func (o *planFlags) check() error {
	var sources []string
	for _, name := range planSources {
		if o.given[name] {
			sources = append(sources, "--"+name)
		}
	}
	student := o.given["c1"] || o.given["student-share"]
	switch {
	case len(sources) > 1:
		return usagef("plan: %s say the same thing twice", strings.Join(sources, " and "))
	case o.given["kl"] && o.given["delta"]:
		return usagef("plan: --kl chooses delta, so --delta cannot be given")
	case o.given["profile"] && (o.given["gamma"] || o.given["delta"]):
		return usagef("plan: --profile says gamma and delta")
	case o.given["excess"] && (o.given["delta"] || o.given["kl"] || o.given["temperature"]):
		return usagef("plan: --excess is what a bias does, so no bias can be given")
	case o.given["histogram"] && o.given["temperature"]:
		return usagef("plan: the histogram says the temperature")
	case student && (len(sources) > 0 || o.given["kl"] || o.given["delta"] || o.given["gamma"] || o.given["profile"] || o.given["share"] || o.given["temperature"]):
		return usagef("plan: --c1 stands for the mark and the training; it goes with --student-share or --tokens alone")
	case student && !o.given["c1"]:
		return usagef("plan: --student-share needs --c1")
	case student && o.given["student-share"] == o.given["tokens"]:
		return usagef("plan: --c1 needs either --student-share or --tokens")
	case student && (!(o.c1 > 0) || math.IsInf(o.c1, 1)):
		return usagef("plan: --c1 %v is not a positive number", o.c1)
	case o.given["student-share"] && !(o.studentShare > 0 && o.studentShare <= 1):
		return usagef("plan: --student-share %v is outside (0,1]", o.studentShare)
	case !(o.gamma > 0 && o.gamma < 1):
		return usagef("plan: --gamma %v is outside (0,1)", o.gamma)
	case !(o.delta > 0) || math.IsInf(o.delta, 1):
		return usagef("plan: --delta %v is not a positive number", o.delta)
	case o.given["kl"] && (!(o.kl > 0) || math.IsInf(o.kl, 1)):
		return usagef("plan: --kl %v is not a positive number", o.kl)
	case !(o.temperature > 0) || math.IsInf(o.temperature, 1):
		return usagef("plan: --temperature %v is not a positive number", o.temperature)
	case o.given["text"] && o.text != textBest && !slices.Contains(detect.Texts(), o.text):
		return usagef("plan: --text %q is none of %s and %s", o.text, strings.Join(detect.Texts(), ", "), textBest)
	case !(o.entropy >= 0 && o.entropy <= 7.5):
		return usagef("plan: --entropy %v is outside [0,7.5]", o.entropy)
	case o.given["probabilities"] && !areProbabilities(o.probabilities):
		return usagef("plan: --probabilities are not numbers from 0 on with a positive sum")
	case o.given["c"] && !(o.c > 0 && o.c <= 1):
		return usagef("plan: --c %v is outside (0,1]", o.c)
	case o.given["excess"] && !(o.excess > 0 && o.gamma+o.excess <= 1):
		return usagef("plan: --excess %v is outside (0,%v]", o.excess, 1-o.gamma)
	case !(o.share > 0 && o.share <= 1):
		return usagef("plan: --share %v is outside (0,1]", o.share)
	case !(o.alpha > 0 && o.alpha <= 0.5):
		return usagef("plan: --alpha %v is outside (0,0.5]", o.alpha)
	case o.tests < 1:
		return usagef("plan: --tests %d is below 1", o.tests)
	case !(o.power > 0 && o.power < 1):
		return usagef("plan: --power %v is outside (0,1)", o.power)
	case o.given["tokens"] && o.tokens < 1:
		return usagef("plan: --tokens %d is below 1", o.tokens)
	case o.tokens > maxPlanTokens:
		return usagef("plan: --tokens %d is above 10^15", o.tokens)
	case !student && o.given["tokens"] && o.given["power"]:
		return usagef("plan: --tokens asks for the power, so --power cannot be given")
	}
	return nil
}

// textBest is the kind of text for which no token matters.
const textBest = "best"

// maxPlanTokens bounds --tokens: an exact power of more is beyond what the tails are
// tested for.
const maxPlanTokens = 1e15

func areProbabilities(row []float64) bool {
	var sum float64
	for _, p := range row {
		if !(p >= 0) {
			return false
		}
		sum += p
	}
	return sum > 0 && !math.IsInf(sum, 1)
}
