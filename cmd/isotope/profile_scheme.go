package main

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// schemeFlags are the flags that belong to some schemes alone.
var schemeFlags = map[string][]string{
	schemeGreenList:  {"gamma", "delta", "kl", "text", "payload"},
	schemeGumbelMax:  {"dual", "variants"},
	schemeTournament: {"depth", "candidates", "variants"},
}

// Names of the schemes, spelt as in a profile.
const (
	schemeGreenList  = "greenlist"
	schemeGumbelMax  = "gumbelmax"
	schemeTournament = "tournament"
)

var schemes = []string{schemeGreenList, schemeGumbelMax, schemeTournament}

// schemeOf returns the scheme that the flags describe.
func (o *profileFlags) schemeOf() (watermark.Scheme, error) {
	own, known := schemeFlags[o.scheme]
	if !known {
		return nil, usagef("profile: --scheme %q is none of %s", o.scheme, strings.Join(schemes, ", "))
	}
	for _, s := range schemes {
		for _, name := range schemeFlags[s] {
			if o.given(name) && !slices.Contains(own, name) {
				return nil, usagef("profile: --%s is not for the scheme %s", name, o.scheme)
			}
		}
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

// budget chooses delta by --kl.
func (o *profileFlags) budget() error {
	switch {
	case o.given("text") && !o.given("kl"):
		return usagef("profile: --text says what --kl is about")
	case !o.given("kl"):
		return nil
	case o.given("delta"):
		return usagef("profile: --kl chooses delta, so --delta cannot be given")
	case !o.given("text") && o.green.Gamma != defaultGamma:
		return usagef("profile: --kl for any model is for gamma %v; --text says which kind of text", defaultGamma)
	case !o.given("text"):
		p, err := watermark.TraceProfile(1, watermark.TokenizerNone, "", o.kl)
		if err != nil {
			return usagef("profile: --kl %v is outside (0,0.25]", o.kl)
		}
		o.green.Delta = p.Scheme.(watermark.GreenList).Delta
		return nil
	case !(o.green.Gamma > 0 && o.green.Gamma < 1):
		return usagef("profile: --gamma %v is outside (0,1)", o.green.Gamma)
	case !(o.kl > 0) || math.IsInf(o.kl, 1):
		return usagef("profile: --kl %v is not a positive number", o.kl)
	}
	law, ok := detect.TextLaw(o.green.Gamma, o.text)
	if !ok {
		return usagef("profile: --text %q is none of %s", o.text, strings.Join(detect.Texts(), ", "))
	}
	delta := law.Delta(o.kl)
	if math.IsInf(delta, 1) {
		return usagef("profile: no bias costs %v nats a token (%s)", o.kl, o.text)
	}
	if delta >= 0.01 {
		delta = math.Floor(delta*1000) / 1000 // a number to read
	}
	o.green.Delta = delta
	return nil
}

func parseBand(s string) (lo, hi int, err error) {
	a, b, ok := strings.Cut(s, ",")
	lo, errLo := strconv.Atoi(strings.TrimSpace(a))
	hi, errHi := strconv.Atoi(strings.TrimSpace(b))
	if !ok || errLo != nil || errHi != nil {
		return 0, 0, usagef("profile: --band %q is not LO,HI", s)
	}
	if lo == 0 && hi == 0 {
		return 0, 0, usagef("profile: --band 0,0 is empty")
	}
	return lo, hi, nil
}
