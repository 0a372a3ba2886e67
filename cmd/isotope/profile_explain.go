package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/watermark"
)

// The test that explain plans.
const (
	explainAlpha = 1e-6
	explainPower = 0.9
)

// explain writes what a mark costs in each kind of text, and how many scored tokens a test
// needs.
func explain(w io.Writer, p *watermark.Profile) error {
	var b strings.Builder
	keys := max(p.Variants, 1)
	tests := keys
	if p.Payload > 0 {
		tests *= 2 // one for the mark, one for the best of all messages
	}
	tournament, _ := p.Scheme.(watermark.Tournament)
	distorts := tournament.Candidates > 2
	b.WriteString(p.Scheme.String())
	if g, ok := p.Scheme.(watermark.GreenList); ok {
		fmt.Fprintf(&b, " delta=%v", g.Delta)
	}
	fmt.Fprintf(&b, ": detected at p <= %g with probability %g", explainAlpha, explainPower)
	if keys > 1 {
		fmt.Fprintf(&b, ", under one of %d keys", keys)
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "text\tnats per token\tperplexity\tscored tokens\t")
	for _, text := range plan.TextKinds() {
		kl, n, err := effectOf(p.Scheme, text, explainAlpha/float64(tests))
		tokens := fmt.Sprint(n)
		switch {
		case errors.Is(err, plan.ErrNoEffect), errors.Is(err, plan.ErrOutOfReach):
			tokens = "out of reach"
		case err != nil:
			return err
		}
		nats, ppl := fmt.Sprintf("%.4f", kl), fmt.Sprintf("x%.3f", math.Exp(kl))
		if distorts {
			nats, ppl = "-", "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t\n", text, nats, ppl, tokens)
	}
	measured, err := explainMeasured(t, p.Scheme, explainAlpha/float64(tests))
	if err != nil {
		return err
	}
	if err := t.Flush(); err != nil {
		return err
	}
	b.WriteString("These figures assume temperature 1, and mixtures of Zipf-shaped steps with 0.16 (code), 0.52 (chat)\n" +
		"and 1.45 (web) nats of entropy per token. They are illustrations. For measured figures, log a\n" +
		"histogram of your own model and give it to 'isotope plan --histogram'.\n")
	if measured {
		b.WriteString("The measured rows are of " + plan.MeasuredModel + " at temperature 0.7, by which the bias is divided. A larger\n" +
			"model has less choice, and needs more tokens.\n")
	}
	if p.Payload > 0 {
		b.WriteString("Half of the contexts carry the message. The scored tokens are those of the other half, and the second\n" +
			"test is counted. A text needs twice as many tokens.\n")
	}
	if part := float64(p.BandHi-p.BandLo) / watermark.BandSize; p.Selector != "" {
		fmt.Fprintf(&b, "The band has %.3g %% of the contexts. The scored tokens and the nats are those of the band: a text needs %.3g times as many tokens.\n",
			100*part, 1/part)
	}
	if _, biased := p.Scheme.(watermark.GreenList); !biased {
		if distorts {
			b.WriteString("More than 2 candidates make the distribution flatter. What that costs is not computed here.\n")
		} else {
			b.WriteString("A keyed draw costs no nats because each token has the model's distribution.\n")
		}
		b.WriteString("Texts under one key get the same random numbers where they share contexts. Greedy decoding shows no mark.\n")
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// explainMeasured adds the rows of the kinds of real text. It reports whether there are any: none were
// measured for keyed draws, or for another gamma.
func explainMeasured(w io.Writer, s watermark.Scheme, alpha float64) (bool, error) {
	g, ok := s.(watermark.GreenList)
	if !ok {
		return false, nil
	}
	for _, kind := range plan.MeasuredKinds() {
		h, _ := plan.Measured(kind)
		if h.Gamma() != g.Gamma {
			return false, nil
		}
		law, err := plan.Histogram(h)
		if err != nil {
			return false, err
		}
		e := law.Effect(g.Delta / h.Temperature())
		test := e.Plan(1)
		test.Alpha = alpha
		n, err := test.Tokens(explainPower)
		tokens := fmt.Sprint(n)
		switch {
		case errors.Is(err, plan.ErrNoEffect), errors.Is(err, plan.ErrOutOfReach):
			tokens = "out of reach"
		case err != nil:
			return false, err
		}
		fmt.Fprintf(w, "%s, measured\t%.4f\tx%.3f\t%s\t\n", kind, e.KL, math.Exp(e.KL), tokens)
	}
	return true, nil
}

// effectOf returns the cost of a scheme in a kind of text, in nats per token. tokens is the number
// of scored tokens that a test at level alpha needs.
func effectOf(s watermark.Scheme, text string, alpha float64) (kl float64, tokens int64, err error) {
	if g, ok := s.(watermark.GreenList); ok {
		law, _ := plan.Text(g.Gamma, text)
		e := law.Effect(g.Delta)
		plan := e.Plan(1)
		plan.Alpha = alpha
		tokens, err = plan.Tokens(explainPower)
		return e.KL, tokens, err
	}
	e, _ := plan.TextDraw(s, text)
	tokens, err = e.Tokens(alpha, explainPower)
	return 0, tokens, err
}
