package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/watermark"
)

const planHelp = `Plan prints how many scored tokens a test needs to detect a mark with probability --power.
With --length it prints how likely a test of that many tokens is to detect it. Scored
tokens are distinct pairs of context and token outside the prompts, so a text has more
tokens than that.

The effect of a mark depends on how much choice the model leaves it. By default the table
has a row for each of four cases. In the first the model gives every token the same score,
which shows a mark best. The others are mixtures that resemble the web, chat and code.
These are illustrations. --kind plans for real text instead: answers of a model of 135M
parameters. Larger models have less choice and need more tokens. The best answer is a
histogram of green masses, logged where your model runs. --entropy, --probabilities, --c
and --excess describe a text in other ways.

The columns give the green rate of marked tokens, and the cost of the mark in nats per token
and as a factor on perplexity. Then come the scored tokens and the power of a fixed test.
The last column is the mean number of tokens of a test that stops as soon as it detects.

--scheme gumbelmax and --scheme tournament plan for keyed draws, in three kinds of text. Their
numbers of tokens are good to a tenth. A keyed draw costs no nats.

--c1 plans for a student, a model trained on marked text, by the law
z = c1 * share * sqrt(tokens). You have to measure c1 on a student of your own. The law
holds only as long as most scored pairs are new.`

func (c *cli) planCommand() *cobra.Command {
	var o planFlags
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "How much text a test needs, or how likely a given amount is to be detected",
		Long:  planHelp,
		Example: `  isotope plan
  isotope plan --profile my.json --text chat --share 0.5 --length 800
  isotope plan --kind code --delta 1
  isotope plan --histogram masses.json --kl 0.05 --json
  isotope plan --scheme gumbelmax --share 0.5 --csv plan.csv
  isotope plan --c1 0.13 --student-share 0.05`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.given = cmd.Flags().Changed
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
			if o.csv != "" {
				if err := p.writeCSV(o.csv); err != nil {
					return err
				}
			}
			if o.json {
				return json.NewEncoder(c.stdout).Encode(p)
			}
			return p.print(c.stdout)
		},
	}
	o.register(cmd)
	c.oldFlags(cmd, map[string]string{"tokens": "length"})
	return cmd
}

// read reads the profile and the histogram.
func (o *planFlags) read() error {
	if o.profile != "" {
		p, err := readNativeProfile(o.profile)
		if err != nil {
			return err
		}
		if g, ok := p.Scheme.(watermark.GreenList); ok {
			o.gamma, o.delta = g.Gamma, g.Delta
		} else {
			o.drawn, o.variants = p.Scheme, p.Variants
		}
	}
	if o.histogram != "" {
		text, err := textfile.Read(o.histogram, 1<<16)
		if err != nil {
			return err
		}
		h := new(watermark.GreenMassHistogram)
		if err := json.Unmarshal(text, h); err != nil {
			return fmt.Errorf("%s: %w", o.histogram, err)
		}
		if (o.given("gamma") || o.given("profile")) && h.Gamma() != o.gamma {
			return fmt.Errorf("%s: the histogram is for gamma %v, and the call is for %v", o.histogram, h.Gamma(), o.gamma)
		}
		o.histogramLaw, o.gamma, o.temperature = h, h.Gamma(), h.Temperature()
	}
	if o.kind != "" {
		h, _ := plan.Measured(o.kind) // check has looked
		if h.Gamma() != o.gamma {
			return usagef("--kind was measured for gamma %v, and the call is for %v; log a histogram of your own model and give it with --histogram", h.Gamma(), o.gamma)
		}
		o.histogramLaw, o.temperature = h, h.Temperature()
	}
	return nil
}

// plan computes the rows, or the plan for a student.
func (o *planFlags) plan() (*planJSON, error) {
	p := &planJSON{Version: 1, Alpha: o.alpha, Tests: o.tests}
	if o.given("c1") {
		var err error
		p.Student, err = o.studentPlan()
		return p, err
	}
	p.Share, p.Rows = &o.share, []planRow{}
	if s := o.draw(); s != nil {
		return p, o.addDraws(p, s)
	}
	p.Gamma = &o.gamma
	if !o.given("excess") {
		p.Temperature = &o.temperature
	}
	switch {
	case o.given("excess"):
		return p, o.add(p, "excess", nil, plan.Effect{Gamma: o.gamma, Green: o.gamma + o.excess, KL: math.NaN()})
	case o.given("c"):
		delta := o.delta
		if o.given("kl") {
			delta = o.temperature * math.Sqrt(2*o.kl/(o.gamma*(1-o.gamma)*o.c))
		}
		return p, o.addSmall(p, delta)
	case o.given("entropy"):
		return p, o.addLaw(p, fmt.Sprintf("entropy %v", o.entropy), plan.Entropy(o.gamma, o.entropy))
	case o.given("probabilities"):
		law, err := plan.Row(o.gamma, o.probabilities)
		if err != nil {
			return nil, err
		}
		return p, o.addLaw(p, "probabilities", law)
	case o.given("histogram"):
		law, err := plan.Histogram(o.histogramLaw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.histogram, err)
		}
		return p, o.addLaw(p, "histogram", law)
	case o.given("kind"):
		law, err := plan.Histogram(o.histogramLaw)
		if err != nil {
			return nil, err
		}
		p.Measured = &planMeasured{Model: plan.MeasuredModel, Temperature: o.temperature, Steps: o.histogramLaw.Steps()}
		return p, o.addLaw(p, o.kind, law)
	case o.given("text") && o.text == textBest:
		return p, o.addLaw(p, textBest, plan.Indifferent(o.gamma))
	case o.given("text"):
		law, _ := plan.Text(o.gamma, o.text)
		return p, o.addLaw(p, o.text, law)
	}
	if err := o.addLaw(p, textBest, plan.Indifferent(o.gamma)); err != nil {
		return nil, err
	}
	for _, text := range slices.Backward(plan.TextKinds()) {
		law, _ := plan.Text(o.gamma, text)
		if err := o.addLaw(p, text, law); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// addLaw adds a row for a law of green masses.
func (o *planFlags) addLaw(p *planJSON, name string, law *plan.Mass) error {
	delta := o.delta
	if o.given("kl") {
		delta = o.temperature * law.Delta(o.kl)
		if math.IsInf(delta, 1) {
			return fmt.Errorf("no bias costs %v nats per token (%s); choose a smaller --kl", o.kl, name)
		}
	}
	return o.add(p, name, &delta, law.Effect(delta/o.temperature))
}

// add adds a row for an effect.
func (o *planFlags) add(p *planJSON, name string, delta *float64, e plan.Effect) error {
	test := e.Plan(o.share)
	test.Alpha, test.Tests = o.alpha, o.tests
	row := planRow{
		Text: name, Delta: delta, Green: &e.Green, Rate: &test.Green,
		KL: number(e.KL), Tokens: o.tokens, Sequential: number(test.Sequential()),
	}
	if !o.given("length") {
		n, err := test.Tokens(o.power)
		switch {
		case errors.Is(err, plan.ErrNoEffect), errors.Is(err, plan.ErrOutOfReach):
			return fmt.Errorf("%s leaves the mark too little choice: %w", name, err)
		case err != nil:
			return err
		}
		row.Tokens = n
	}
	row.Power = test.Power(row.Tokens)
	p.Rows = append(p.Rows, row)
	return nil
}

// addSmall adds a row for a small bias. The law is of first order. It does not hold where it
// promises more than a model shows that gives every token the same score.
func (o *planFlags) addSmall(p *planJSON, delta float64) error {
	e := plan.SmallDelta(o.gamma, delta/o.temperature, o.c)
	const tolerance = 1.05 // above what such a model shows
	if most := plan.Indifferent(o.gamma).Effect(delta / o.temperature).Green; e.Green-o.gamma > tolerance*(most-o.gamma) || e.Green == 1 {
		return usagef("--c is for a small delta: at %.3g its law passes %.3g, the green rate of a model that gives every token the same score; choose a smaller --delta, or give --text", delta, most)
	}
	return o.add(p, fmt.Sprintf("c %v", o.c), &delta, e)
}

func (o *planFlags) studentPlan() (*planStudent, error) {
	test := plan.Student{C1: o.c1, Alpha: o.alpha, Tests: o.tests}
	s := &planStudent{C1: o.c1, Share: o.studentShare, Tokens: float64(o.tokens), Power: o.power}
	if o.given("length") {
		s.Share = test.Share(o.tokens, o.power)
	} else {
		s.Tokens = math.Ceil(test.Tokens(o.studentShare, o.power))
	}
	if s.Tokens > maxPlanTokens {
		return nil, fmt.Errorf("a c1 of %v and a share of %v have too small an effect: no number of tokens that could be counted is enough", o.c1, o.studentShare)
	}
	return s, nil
}
