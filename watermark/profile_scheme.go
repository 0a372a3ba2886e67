package watermark

import (
	"fmt"
	"slices"
	"strings"
)

// Names of the schemes, spelt as in JSON.
const (
	schemeGreenList  = "greenlist"
	schemeGumbelMax  = "gumbelmax"
	schemeTournament = "tournament"
)

// schemeFields are the fields of a profile that apply to some schemes alone.
var schemeFields = map[string][]string{
	schemeGreenList:  {"gamma", "delta"},
	schemeGumbelMax:  {"dual", "variants"},
	schemeTournament: {"depth", "candidates", "variants"},
}

// readScheme reads the fields of the scheme called name. The error of the reader says what is
// wrong.
func readScheme(r *fieldReader, name string, width int) (s Scheme, variants int) {
	variants = 1
	own, known := schemeFields[name]
	if !known && r.err == nil {
		r.err = fmt.Errorf("scheme %s is not one this program knows: %s, %s, %s", quote(name), schemeGreenList, schemeGumbelMax, schemeTournament)
	}
	for _, fields := range schemeFields {
		for _, f := range fields {
			if _, given := r.fields[f]; given && !slices.Contains(own, f) && r.err == nil {
				r.err = fmt.Errorf("field %q does not apply to the scheme %s", f, name)
			}
		}
	}
	switch name {
	case schemeGreenList:
		g := GreenList{Width: width}
		r.need("gamma", &g.Gamma)
		r.need("delta", &g.Delta)
		s = g
	case schemeGumbelMax:
		g := GumbelMax{Width: width}
		r.may("dual", &g.Dual)
		s = g
	case schemeTournament:
		t := Tournament{Width: width, Candidates: defaultCandidates}
		r.need("depth", &t.Depth)
		r.may("candidates", &t.Candidates)
		if t.Candidates == 0 && r.err == nil {
			r.err = paramError("candidates", "is 0; leave it out for its default")
		}
		s = t
	}
	if slices.Contains(own, "variants") {
		r.may("variants", &variants)
		if variants == 0 && r.err == nil {
			r.err = paramError("variants", "is 0; leave it out for its default")
		}
	}
	return s, variants
}

// writeScheme adds the scheme's fields to those of a profile.
func writeScheme(values map[string]any, s Scheme, variants int) {
	values["width"] = s.contextWidth()
	switch s := s.(type) {
	case GreenList:
		values["scheme"], values["gamma"], values["delta"] = schemeGreenList, s.Gamma, s.Delta
	case GumbelMax:
		values["scheme"], values["dual"], values["variants"] = schemeGumbelMax, s.Dual, variants
	case Tournament:
		values["scheme"], values["depth"], values["candidates"], values["variants"] = schemeTournament, s.Depth, s.Candidates, variants
	}
}

// withDefaults returns a scheme with one spelling.
func withDefaults(s Scheme) Scheme {
	switch s := s.(type) {
	case Tournament:
		if s.Candidates == 0 {
			s.Candidates = defaultCandidates
		}
		return s
	case GumbelMax:
		s.Dual += 0 // of -0
		return s
	}
	return s
}

// checkScheme refuses what satisfies the interface and is no scheme, a pointer to one.
func checkScheme(s Scheme) error {
	switch s.(type) {
	case nil:
		return paramError("scheme", "is nil")
	case GreenList, GumbelMax, Tournament:
		return nil
	}
	return paramError("scheme", "is a %T: schemes are values", s)
}

// SchemeName returns the name that a profile's JSON gives to a scheme: "greenlist",
// "gumbelmax" or "tournament".
func SchemeName(s Scheme) string { return strings.Fields(s.String())[0] }
