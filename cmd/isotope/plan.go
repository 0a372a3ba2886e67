package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

func (c *cli) planCommand() *cobra.Command {
	var o planFlags
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Tokens needed for a power, power of a number of tokens",
		Long: `Plan says how many scored tokens a test needs to detect a mark with a probability of
--power, or with --tokens how likely it is to detect with so many. Scored tokens are
distinct pairs outside the prompts; a text has more tokens than that.

How much a mark does depends on how much choice the model leaves it. Without a flag
that says so there is a row for each of four cases: a model that does not care, which
shows a mark best, and mixtures that resemble the web, chat and code. These are
illustrations. A histogram of green masses, logged where the model runs, is the
measured answer; --entropy, --probabilities, --c and --excess are others.

The table's columns: the green rate of marked tokens; what the mark costs in nats a
token, and as a factor on perplexity; the tokens of a fixed test; and the mean tokens
of a test that stops when it has seen enough.

With --c1 the plan is about a student, a model trained on marked text, by the law
z = c1 * share * sqrt(tokens). c1 has to be measured, and the law holds only while the
scored pairs are fresh.`,
		Example: `  isotope plan
  isotope plan --profile my.json --text chat --share 0.5 --tokens 800
  isotope plan --histogram masses.json --kl 0.05 --json
  isotope plan --c1 0.13 --student-share 0.05`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.given = make(map[string]bool)
			for _, name := range append([]string{"gamma", "delta", "kl", "temperature", "tokens", "c1", "student-share", "profile", "share", "power"}, planSources...) {
				o.given[name] = cmd.Flags().Changed(name)
			}
			if err := o.check(); err != nil {
				return err
			}
			if err := o.read(); err != nil {
				return err
			}
			p, err := o.plan()
			if err != nil {
				return err
			}
			if o.json {
				return json.NewEncoder(c.stdout).Encode(p)
			}
			return p.print(c.stdout)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.profile, "profile", "", "take gamma and delta from a profile `FILE`")
	f.Float64Var(&o.gamma, "gamma", defaultGamma, "green share of the vocabulary")
	f.Float64Var(&o.delta, "delta", defaultDelta, "bias of green logits, in nats")
	f.Float64Var(&o.kl, "kl", 0, "choose delta so that the mark costs so many `NATS` a token")
	f.Float64Var(&o.temperature, "temperature", 1, "sampling temperature: the bias counts divided by it")
	f.StringVar(&o.text, "text", "", "`KIND` of text: "+strings.Join(detect.Texts(), ", ")+", or best")
	f.Float64Var(&o.entropy, "entropy", 0, "a model that hesitates by so many `NATS` at each token, 0 to 7.5")
	f.Float64SliceVar(&o.probabilities, "probabilities", nil, "next-token probabilities, the same at each token: `P,P,...`")
	f.Float64Var(&o.c, "c", 0, "mean of 1 - sum p^2 over steps, in (0,1]; a law for small deltas, which overstates what one above 1/2 does")
	f.StringVar(&o.histogram, "histogram", "", "a histogram of green masses, as JSON in `FILE`")
	f.Float64Var(&o.excess, "excess", 0, "excess of the green rate over gamma")
	f.Float64Var(&o.share, "share", 1, "share of the text that is marked, in (0,1]")
	f.Float64Var(&o.alpha, "alpha", 1e-6, "the largest adjusted p-value that is called detected, in (0,0.5]")
	f.Int64Var(&o.tests, "tests", 1, "number of tests that are counted: keys, forms of a text")
	f.Float64Var(&o.power, "power", 0.9, "probability of detection, in (0,1)")
	f.Int64Var(&o.tokens, "tokens", 0, "say what `N` scored tokens can show")
	f.Float64Var(&o.c1, "c1", 0, "plan for a student: z-score of one token if all of its training text were marked")
	f.Float64Var(&o.studentShare, "student-share", 0, "share of marked text in the student's training text, in (0,1]")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	return cmd
}

// read reads the files.
func (o *planFlags) read() error {
	if o.profile != "" {
		p, err := watermark.ReadProfile(o.profile)
		if err != nil {
			return err
		}
		g, ok := p.Scheme.(watermark.GreenList)
		if !ok {
			return fmt.Errorf("%s: plan is for green lists, and this is a %v; 'isotope profile --explain' has the tokens it needs", o.profile, p.Scheme)
		}
		o.gamma, o.delta = g.Gamma, g.Delta
	}
	if o.histogram != "" {
		text, err := os.ReadFile(o.histogram)
		if err != nil {
			return err
		}
		h := new(watermark.GreenMassHistogram)
		if err := json.Unmarshal(text, h); err != nil {
			return fmt.Errorf("%s: %w", o.histogram, err)
		}
		if h.Steps() == 0 {
			return fmt.Errorf("%s: the histogram is empty", o.histogram)
		}
		if (o.given["gamma"] || o.given["profile"]) && h.Gamma() != o.gamma {
			return fmt.Errorf("%s: the histogram is of gamma %v and not %v", o.histogram, h.Gamma(), o.gamma)
		}
		o.histogramLaw, o.gamma, o.temperature = h, h.Gamma(), h.Temperature()
	}
	return nil
}

// plan computes what was asked for.
func (o *planFlags) plan() (*planJSON, error) {
	p := &planJSON{Version: 1, Alpha: o.alpha, Tests: o.tests}
	if o.given["c1"] {
		var err error
		p.Student, err = o.student()
		return p, err
	}
	p.Gamma, p.Share, p.Rows = &o.gamma, &o.share, []planRow{}
	if !o.given["excess"] {
		p.Temperature = &o.temperature
	}
	switch {
	case o.given["excess"]:
		return p, o.add(p, "excess", nil, detect.Effect{Gamma: o.gamma, Green: o.gamma + o.excess, KL: math.NaN()})
	case o.given["c"]:
		delta := o.delta
		if o.given["kl"] {
			delta = o.temperature * math.Sqrt(2*o.kl/(o.gamma*(1-o.gamma)*o.c))
		}
		return p, o.addSmall(p, delta)
	case o.given["entropy"]:
		return p, o.addLaw(p, fmt.Sprintf("entropy %v", o.entropy), detect.EntropyLaw(o.gamma, o.entropy))
	case o.given["probabilities"]:
		return p, o.addLaw(p, "probabilities", detect.RowLaw(o.gamma, o.probabilities))
	case o.given["histogram"]:
		return p, o.addLaw(p, "histogram", detect.HistogramLaw(o.histogramLaw))
	case o.given["text"] && o.text == textBest:
		return p, o.addLaw(p, textBest, detect.Indifferent(o.gamma))
	case o.given["text"]:
		law, _ := detect.TextLaw(o.gamma, o.text)
		return p, o.addLaw(p, o.text, law)
	}
	if err := o.addLaw(p, textBest, detect.Indifferent(o.gamma)); err != nil {
		return nil, err
	}
	for _, text := range slices.Backward(detect.Texts()) {
		law, _ := detect.TextLaw(o.gamma, text)
		if err := o.addLaw(p, text, law); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// addLaw adds the row of a law of green masses.
func (o *planFlags) addLaw(p *planJSON, name string, law *detect.MassLaw) error {
	delta := o.delta
	if o.given["kl"] {
		delta = o.temperature * law.Delta(o.kl)
		if math.IsInf(delta, 1) {
			return fmt.Errorf("plan: no bias costs %v nats a token (%s)", o.kl, name)
		}
	}
	return o.add(p, name, &delta, law.Effect(delta/o.temperature))
}

// add adds the row of an effect.
func (o *planFlags) add(p *planJSON, name string, delta *float64, e detect.Effect) error {
	plan := e.Plan(o.share)
	plan.Alpha, plan.Tests = o.alpha, o.tests
	row := planRow{
		Text: name, Delta: delta, Green: e.Green, Rate: plan.Green,
		KL: number(e.KL), Tokens: o.tokens, Sequential: number(plan.Sequential()),
	}
	if !o.given["tokens"] {
		n, err := plan.Tokens(o.power)
		switch {
		case errors.Is(err, detect.ErrNoEffect), errors.Is(err, detect.ErrOutOfReach):
			return fmt.Errorf("%s leaves the mark too little to work with: %w", name, err)
		case err != nil:
			return err
		}
		row.Tokens = n
	}
	row.Power = plan.Power(row.Tokens)
	p.Rows = append(p.Rows, row)
	return nil
}

// addSmall adds the row of a small bias. The law is of first order: where it promises more
// than a model shows that likes all tokens alike, it does not hold.
func (o *planFlags) addSmall(p *planJSON, delta float64) error {
	e := detect.SmallDelta(o.gamma, delta/o.temperature, o.c)
	const tolerance = 1.05 // of what such a model shows
	if most := detect.Indifferent(o.gamma).Effect(delta / o.temperature).Green; e.Green-o.gamma > tolerance*(most-o.gamma) || e.Green == 1 {
		return usagef("plan: --c is for a small delta: at %.3g its law passes %.3g, the green rate of a model that likes all tokens alike; choose a smaller --delta, or --text", delta, most)
	}
	return o.add(p, fmt.Sprintf("c %v", o.c), &delta, e)
}

func (o *planFlags) student() (*planStudent, error) {
	plan := detect.StudentPlan{C1: o.c1, Alpha: o.alpha, Tests: o.tests}
	s := &planStudent{C1: o.c1, Share: o.studentShare, Tokens: float64(o.tokens), Power: o.power}
	if o.given["tokens"] {
		s.Share = plan.Share(o.tokens, o.power)
	} else {
		s.Tokens = math.Ceil(plan.Tokens(o.studentShare, o.power))
	}
	if s.Tokens > maxPlanTokens {
		return nil, fmt.Errorf("plan: a c1 of %v and a share of %v leave too little to work with: no number of tokens that could be counted is enough", o.c1, o.studentShare)
	}
	return s, nil
}
