package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// What explain plans for.
const (
	explainAlpha = 1e-6
	explainPower = 0.9
)

// explain says for kinds of text what a mark costs and how many scored tokens find it.
func explain(w io.Writer, p *watermark.Profile) error {
	var b strings.Builder
	keys := max(p.Variants, 1)
	tests := keys
	if p.Payload > 0 {
		tests *= 2 // for the mark, and for the best of all messages
	}
	tournament, _ := p.Scheme.(watermark.Tournament)
	distorts := tournament.Candidates > 2
	b.WriteString(p.Scheme.String())
	if g, ok := p.Scheme.(watermark.GreenList); ok {
		fmt.Fprintf(&b, " delta=%v", g.Delta)
	}
	fmt.Fprintf(&b, ": found at p <= %g with power %g", explainAlpha, explainPower)
	if keys > 1 {
		fmt.Fprintf(&b, ", one of %d keys", keys)
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "text\tnats a token\tperplexity\tscored tokens\t")
	for _, text := range detect.Texts() {
		kl, n, err := effectOf(p.Scheme, text, explainAlpha/float64(tests))
		tokens := fmt.Sprint(n)
		switch {
		case errors.Is(err, detect.ErrNoEffect), errors.Is(err, detect.ErrOutOfReach):
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
	if err := t.Flush(); err != nil {
		return err
	}
	b.WriteString("Assumed: temperature 1, and mixtures of Zipf-shaped steps with 0.16 (code), 0.52 (chat) and 1.45 (web)\n" +
		"nats of choice a token. These are illustrations; a model's own histogram is the measured answer.\n")
	if p.Payload > 0 {
		b.WriteString("Half of the contexts carry the message. The tokens are those of the other half, with the second test counted:\n" +
			"a text has twice as many.\n")
	}
	if part := float64(p.BandHi-p.BandLo) / watermark.BandSize; p.Selector != "" {
		fmt.Fprintf(&b, "The band has %.3g %% of the contexts. The tokens and the nats are of those: a text has %.3g times as many tokens.\n",
			100*part, 1/part)
	}
	if _, biased := p.Scheme.(watermark.GreenList); !biased {
		if distorts {
			b.WriteString("With more than 2 candidates the distribution becomes flatter; the cost is not known here.\n")
		} else {
			b.WriteString("A keyed draw costs no nats because each token has the model's distribution.\n")
		}
		b.WriteString("Texts of one key share their chance where they share contexts, and greedy decoding shows no mark.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// effectOf returns what a scheme costs in a kind of text, in nats a token, and the tokens
// that find it.
func effectOf(s watermark.Scheme, text string, alpha float64) (kl float64, tokens int64, err error) {
	if g, ok := s.(watermark.GreenList); ok {
		law, _ := detect.TextLaw(g.Gamma, text)
		e := law.Effect(g.Delta)
		plan := e.Plan(1)
		plan.Alpha = alpha
		tokens, err = plan.Tokens(explainPower)
		return e.KL, tokens, err
	}
	e, _ := detect.TextDrawEffect(s, text)
	tokens, err = e.Tokens(alpha, explainPower)
	return 0, tokens, err
}
