package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/watermark"
)

// Names of the schemes, as in a profile.
var (
	schemeGreenList  = watermark.SchemeName(watermark.GreenList{})
	schemeGumbelMax  = watermark.SchemeName(watermark.GumbelMax{})
	schemeTournament = watermark.SchemeName(watermark.Tournament{})

	schemes = []string{schemeGreenList, schemeGumbelMax, schemeTournament}
)

// schemeFlags are the flags that only some schemes have.
var schemeFlags = map[string][]string{
	schemeGreenList:  {"gamma", "delta", "kl", "text", "payload"},
	schemeGumbelMax:  {"dual", "variants"},
	schemeTournament: {"depth", "candidates", "variants"},
}

// schemeOf returns the scheme that the flags describe.
func (o *profileFlags) schemeOf() (watermark.Scheme, error) {
	if err := o.checkScheme(); err != nil {
		return nil, err
	}
	width := o.width
	if !o.given("width") {
		width = defaultDrawWidth
		if o.scheme == schemeGreenList {
			width = defaultWidth
		}
	}
	switch o.scheme {
	case schemeGumbelMax:
		o.gumbel.Width = width
		return o.gumbel, nil
	case schemeTournament:
		o.tournament.Width = width
		return o.tournament, nil
	}
	o.green.Width = width
	return o.green, o.budget()
}

// otherNames are what others call the schemes. A profile has one spelling, so that profiles that
// mean the same have the same identity.
var otherNames = map[string]string{
	"kgw": schemeGreenList, "kirchenbauer": schemeGreenList, "green-list": schemeGreenList, "red-green": schemeGreenList, "greenred": schemeGreenList,
	"aaronson": schemeGumbelMax, "exp": schemeGumbelMax, "gumbel": schemeGumbelMax, "gumbel-max": schemeGumbelMax,
	"synthid": schemeTournament, "synthid-text": schemeTournament, "synthidtext": schemeTournament,
}

// checkScheme returns a usage error for a scheme that does not exist, and for a flag that
// belongs to other schemes.
func (o *profileFlags) checkScheme() error {
	known := oneOf("scheme", o.scheme, schemes...)
	if here := otherNames[strings.ToLower(o.scheme)]; here != "" {
		known.says += fmt.Sprintf("; this program calls it %s", here)
	}
	rules := []rule{known}
	for _, s := range schemes {
		for _, name := range schemeFlags[s] {
			rules = append(rules, rule{
				o.given(name) && !slices.Contains(schemeFlags[o.scheme], name),
				fmt.Sprintf("--%s does not belong to the scheme %s; leave it out", name, o.scheme),
			})
		}
	}
	return check(rules)
}

// budget picks delta by --kl.
func (o *profileFlags) budget() error {
	kl, text := o.given("kl"), o.given("text")
	if err := check([]rule{
		{text && !kl, "--text says in which kind of text --kl is measured; give --kl, or leave out --text"},
		{kl && o.given("delta"), "--kl picks delta; leave out --delta or --kl"},
		{kl && !text && o.green.Gamma != defaultGamma, fmt.Sprintf("--kl without --text is for gamma %v; give --text KIND", defaultGamma)},
	}); err != nil || !kl {
		return err
	}
	if text {
		return o.averageBudget()
	}
	p, err := watermark.TraceProfile(1, watermark.TokenizerNone, "", o.kl)
	if err != nil {
		return usagef("--kl %v is outside (0,0.25]", o.kl)
	}
	o.green.Delta = p.Scheme.(watermark.GreenList).Delta
	return nil
}

// averageBudget picks the delta whose mean cost in a kind of text is --kl.
func (o *profileFlags) averageBudget() error {
	if err := check([]rule{
		within("gamma", o.green.Gamma, open(0, 1)),
		within("kl", o.kl, positive()),
		oneOf("text", o.text, plan.TextKinds()...),
	}); err != nil {
		return err
	}
	law, _ := plan.Text(o.green.Gamma, o.text)
	delta := law.Delta(o.kl)
	if math.IsInf(delta, 1) {
		return usagef("no bias costs %v nats per token in %s text; choose a smaller --kl", o.kl, o.text)
	}
	if delta >= 0.01 {
		delta = math.Floor(delta*1000) / 1000 // a number to read
	}
	o.green.Delta = delta
	return nil
}
