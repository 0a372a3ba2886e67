package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/watermark"
)

// drawFlags are the flags of plan that belong to green lists alone.
var drawFlags = []string{"gamma", "delta", "kl", "temperature", "entropy", "probabilities", "c", "histogram", "kind", "excess", "c1", "student-share"}

// draw returns the keyed draw of a call, or nil for a green list.
func (o *planFlags) draw() watermark.Scheme {
	if o.drawn != nil {
		return o.drawn
	}
	switch o.scheme {
	case schemeGumbelMax:
		return watermark.GumbelMax{Width: defaultDrawWidth, Dual: o.dual}
	case schemeTournament:
		return watermark.Tournament{Depth: o.depth, Width: defaultDrawWidth}
	}
	return nil
}

// drawRules are the rules of a keyed draw.
func (o *planFlags) drawRules() []rule {
	rules := []rule{oneOf("scheme", o.scheme, schemes...), {o.given("profile") && o.given("scheme"), "--profile has a scheme; leave out --scheme"}}
	if o.scheme != schemeGumbelMax {
		rules = append(rules, rule{o.given("dual"), "--dual is for --scheme " + schemeGumbelMax})
	}
	if o.scheme != schemeTournament {
		rules = append(rules, rule{o.given("depth"), "--depth is for --scheme " + schemeTournament})
	}
	if o.scheme != schemeGreenList {
		if wrong := given(o.given, drawFlags); len(wrong) > 0 {
			rules = append(rules, rule{true, "a keyed draw is planned for the kinds of --text; leave out " + dashed(wrong)})
		}
		rules = append(rules, rule{o.text == textBest, "a keyed draw has no best kind of text; give --text " + plan.TextKinds()[0]})
	}
	return append(rules, within("depth", o.depth, fromTo(1, watermark.MaxDepth)))
}

// addDraws adds a row for each kind of text.
func (o *planFlags) addDraws(p *planJSON, s watermark.Scheme) error {
	if o.given("profile") {
		if wrong := given(o.given, drawFlags); len(wrong) > 0 {
			return usagef("a keyed draw is planned for the kinds of --text; leave out %s", dashed(wrong))
		}
		if o.text == textBest {
			return usagef("a keyed draw has no best kind of text; give --text %s", plan.TextKinds()[0])
		}
	}
	if t, ok := s.(watermark.Tournament); ok && t.Candidates > 2 {
		return errors.New("plan knows tournaments of two candidates; measure others with 'isotope eval'")
	}
	p.Scheme = watermark.SchemeName(s)
	kinds := slices.Collect(reversed(plan.TextKinds()))
	if o.given("text") {
		kinds = []string{o.text}
	}
	for _, kind := range kinds {
		e, ok := plan.TextDraw(s, kind)
		if !ok {
			return usagef("--text %q is not a kind of text that plan knows for a keyed draw", kind)
		}
		e = diluted(e, o.share)
		// Each variant is one test more.
		alpha := o.alpha / float64(o.tests) / float64(max(o.variants, 1))
		row := planRow{Text: kind, KL: number(0), Tokens: o.tokens, Power: o.power}
		if o.given("length") {
			row.Power = powerOf(e, alpha, o.tokens)
		} else {
			n, err := e.Tokens(alpha, o.power)
			switch {
			case errors.Is(err, plan.ErrNoEffect), errors.Is(err, plan.ErrOutOfReach):
				return fmt.Errorf("%s leaves the mark too little choice: %w", kind, err)
			case err != nil:
				return err
			}
			row.Tokens = n
		}
		p.Rows = append(p.Rows, row)
	}
	return nil
}

// reversed yields a list from its end.
func reversed(list []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, x := range slices.Backward(list) {
			if !yield(x) {
				return
			}
		}
	}
}

// diluted returns the effect on a text of which a share is marked: the mean and the variance of a
// mixture of marked scores and of scores by chance.
func diluted(e plan.DrawEffect, share float64) plan.DrawEffect {
	var mean, variance float64 // by chance
	switch law := e.Law.(type) {
	case watermark.Exponential:
		mean, variance = law.First+law.Second, law.First*law.First+law.Second*law.Second
	case watermark.Layers:
		weights := slices.Repeat([]int64{1}, law.Depth)
		if law.Weighted {
			weights = law.Weights()
		}
		for _, w := range weights {
			mean, variance = mean+float64(w)/2, variance+float64(w*w)/4
		}
	}
	m := share*e.Mean + (1-share)*mean
	squares := share*(e.Variance+e.Mean*e.Mean) + (1-share)*(variance+mean*mean)
	return plan.DrawEffect{Law: e.Law, Mean: m, Variance: squares - m*m}
}

// powerOf returns about the power of n tokens: the largest at which no more are planned.
func powerOf(e plan.DrawEffect, alpha float64, n int64) float64 {
	lo, hi := 0.0, 1.0
	for range 24 {
		mid := (lo + hi) / 2
		if need, err := e.Tokens(alpha, mid); err == nil && need <= n {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// writeCSV writes the rows of a plan.
func (p *planJSON) writeCSV(path string) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	of := func(x *float64) string {
		if x == nil {
			return ""
		}
		return strconv.FormatFloat(*x, 'g', 6, 64)
	}
	_ = w.Write([]string{"text", "delta", "green", "nats", "tokens", "power", "until_detected"}) // Flush has the error
	for _, r := range p.Rows {
		_ = w.Write([]string{r.Text, of(r.Delta), of(r.Green), of(r.KL), fmt.Sprint(r.Tokens), of(&r.Power), of(r.Sequential)})
	}
	if w.Flush(); w.Error() != nil {
		return w.Error()
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}
