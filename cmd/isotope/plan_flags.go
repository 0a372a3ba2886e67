package main

import (
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/watermark"
)

// planFlags are the flags of plan.
type planFlags struct {
	profile, histogram, text  string
	kind                      string
	gamma, delta, temperature float64
	kl                        float64
	entropy, c, excess, share float64
	probabilities             []float64
	alpha, power              float64
	tests, tokens             int64
	c1, studentShare          float64
	json                      bool
	given                     func(name string) bool // flags of the call
	histogramLaw              *watermark.GreenMassHistogram

	scheme, csv     string
	dual            float64
	depth, variants int
	drawn           watermark.Scheme // the keyed draw of --profile, or nil
}

// planSources are the flags that describe the text, of which a call has one at most.
var planSources = []string{"text", "kind", "entropy", "probabilities", "c", "histogram", "excess"}

// textBest is the kind of text in which every token is as good as any other.
const textBest = "best"

// maxPlanTokens is the largest --length: the tails are not tested for more.
const maxPlanTokens = 1_000_000_000_000_000

// register adds the flags to a command.
func (o *planFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.profile, "profile", "", "take the scheme from a profile `FILE`")
	f.StringVar(&o.scheme, "scheme", schemeGreenList, "`SCHEME` of the mark: "+strings.Join(schemes, ", "))
	f.Float64Var(&o.dual, "dual", 0, "gumbelmax: probability of the first of two keys, m/256, where 0 means one key")
	f.IntVar(&o.depth, "depth", defaultDepth, "tournament: number of layers, 1 to 32")
	f.StringVar(&o.csv, "csv", "", "write the rows to `FILE`, too")
	f.Float64Var(&o.gamma, "gamma", defaultGamma, "green share of the vocabulary, in (0,1)")
	f.Float64Var(&o.delta, "delta", defaultDelta, "bias of green logits, in nats")
	f.Float64Var(&o.kl, "kl", 0, "pick the delta that costs `NATS` per token on average")
	f.Float64Var(&o.temperature, "temperature", 1, "sampling temperature, by which the bias is divided")
	f.StringVar(&o.text, "text", "", "`KIND` of text: "+strings.Join(plan.TextKinds(), ", ")+", or "+textBest)
	f.StringVar(&o.kind, "kind", "", "`KIND` of real text, measured on "+plan.MeasuredModel+": "+strings.Join(plan.MeasuredKinds(), ", "))
	f.Float64Var(&o.entropy, "entropy", 0, "a model with an entropy of `NATS` at each token, 0 to 7.5")
	f.Float64SliceVar(&o.probabilities, "probabilities", nil, "next-token probabilities `P,P,...`, the same at each token")
	f.Float64Var(&o.c, "c", 0, "mean of 1 - sum p^2 over the steps, in (0,1]; it holds for small deltas, and overstates the effect of one above 1/2")
	f.StringVar(&o.histogram, "histogram", "", "JSON `FILE` with a histogram of green masses")
	f.Float64Var(&o.excess, "excess", 0, "green rate of marked tokens above gamma")
	f.Float64Var(&o.share, "share", 1, "share of the text that is marked, in (0,1]")
	f.Float64Var(&o.alpha, "alpha", 1e-6, "largest adjusted p-value that is called detected, in (0,0.5]")
	f.Int64Var(&o.tests, "tests", 1, "number of tests that the p-value is adjusted for: keys, forms of a text")
	f.Float64Var(&o.power, "power", 0.9, "probability of detection, in (0,1)")
	f.Int64Var(&o.tokens, "length", 0, "print what `N` scored tokens can show")
	f.Float64Var(&o.c1, "c1", 0, "plan for a student: z-score of one scored token if all training text were marked")
	f.Float64Var(&o.studentShare, "student-share", 0, "share of marked text in the student's training text, in (0,1]")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
}

// check returns a usage error for a call that cannot be right before any file is read.
func (o *planFlags) check() error {
	return check(o.drawRules(), o.together(), o.student(), o.numbers(), o.textNumbers())
}

// together are the flags that exclude each other.
func (o *planFlags) together() []rule {
	sources := given(o.given, planSources)
	bias := given(o.given, []string{"delta", "kl", "temperature"})
	return []rule{
		{len(sources) > 1, dashed(sources) + " describe the same text twice; give one of them"},
		{o.given("kl") && o.given("delta"), "--kl picks delta; leave out --delta or --kl"},
		{o.given("profile") && (o.given("gamma") || o.given("delta")), "--profile has gamma and delta; leave out --gamma and --delta"},
		{o.given("excess") && len(bias) > 0, "--excess is the effect of a bias; leave out " + dashed(bias)},
		{o.given("histogram") && o.given("temperature"), "the histogram has its temperature; leave out --temperature"},
		{o.given("kind") && o.given("temperature"), "--kind was measured at temperature 0.7; leave out --temperature, or log a histogram at yours"},
	}
}

// student are the rules of a plan for a student, which --c1 asks for.
func (o *planFlags) student() []rule {
	if !o.given("c1") && !o.given("student-share") {
		return []rule{{o.given("length") && o.given("power"), "--length asks for the power; leave out --power or --length"}}
	}
	text := given(o.given, append([]string{"kl", "delta", "gamma", "profile", "share", "temperature"}, planSources...))
	return []rule{
		{len(text) > 0, "--c1 stands for the mark and the training; leave out " + dashed(text)},
		{!o.given("c1"), "--student-share needs --c1"},
		{o.given("student-share") == o.given("length"), "--c1 needs either --student-share or --length"},
		within("c1", o.c1, positive()),
		withinIf(o.given("student-share"), "student-share", o.studentShare, leftOpen(0, 1)),
	}
}

// numbers are the ranges of the mark and of the test.
func (o *planFlags) numbers() []rule {
	return []rule{
		within("gamma", o.gamma, open(0, 1)),
		within("delta", o.delta, positive()),
		withinIf(o.given("kl"), "kl", o.kl, positive()),
		within("temperature", o.temperature, positive()),
		within("share", o.share, leftOpen(0, 1)),
		within("alpha", o.alpha, leftOpen(0, 0.5)),
		within("tests", o.tests, atLeast(1)),
		within("power", o.power, open(0, 1)),
		withinIf(o.given("length"), "length", o.tokens, fromTo(1, maxPlanTokens)),
	}
}

// textNumbers are the ranges of the flags that describe the text.
func (o *planFlags) textNumbers() []rule {
	kind := oneOf("text", o.text, append(plan.TextKinds(), textBest)...)
	kind.when = kind.when && o.given("text")
	measured := oneOf("kind", o.kind, plan.MeasuredKinds()...)
	measured.when = measured.when && o.given("kind")
	return []rule{
		kind, measured,
		within("entropy", o.entropy, closed(0, 7.5)),
		{o.given("probabilities") && !areProbabilities(o.probabilities), "--probabilities are not numbers of at least 0 with a positive sum"},
		withinIf(o.given("c"), "c", o.c, leftOpen(0, 1)),
		withinIf(o.given("excess"), "excess", o.excess, leftOpen(0, 1-o.gamma)),
	}
}

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
