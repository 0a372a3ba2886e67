package watermark

import (
	"fmt"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/internal/secret"
)

// The names of the schemes in JSON.
const (
	schemeGreenList  = "greenlist"
	schemeGumbelMax  = "gumbelmax"
	schemeTournament = "tournament"
)

// schemeFields lists the fields of a profile that apply to one scheme or two.
var schemeFields = map[string][]string{
	schemeGreenList:  {"gamma", "delta"},
	schemeGumbelMax:  {"dual", "variants"},
	schemeTournament: {"depth", "candidates", "variants"},
}

// readScheme reads the fields of the scheme called name. It leaves an error in r.
func readScheme(r *fieldReader, name string, width int) (s Scheme, variants int) {
	variants = 1
	own, known := schemeFields[name]
	if !known && r.err == nil {
		r.err = fmt.Errorf("unknown scheme %s (want %s, %s or %s)", secret.Quote(name), schemeGreenList, schemeGumbelMax, schemeTournament)
	}
	for _, fields := range schemeFields {
		for _, f := range fields {
			if _, given := r.fields[f]; given && !slices.Contains(own, f) && r.err == nil {
				r.err = fmt.Errorf("field %q does not apply to the scheme %s; leave it out", f, name)
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

// writeScheme adds the fields of a scheme to those of a profile.
func writeScheme(values map[string]any, s Scheme, variants int) {
	values["width"] = s.contextWidth()
	switch s := s.(type) {
	case GreenList:
		values["scheme"], values["gamma"], values["delta"] = schemeGreenList, s.Gamma, s.Delta
	case GumbelMax:
		values["scheme"], values["dual"], values["variants"] = schemeGumbelMax, s.Dual, variants
	case Tournament:
		values["scheme"], values["depth"] = schemeTournament, s.Depth
		values["candidates"], values["variants"] = s.Candidates, variants
	}
}

// withDefaults returns s with its defaults filled in, so that equal schemes compare equal.
func withDefaults(s Scheme) Scheme {
	switch s := s.(type) {
	case Tournament:
		if s.Candidates == 0 {
			s.Candidates = defaultCandidates
		}
		return s
	case GumbelMax:
		s.Dual += 0 // turns -0 into 0
		return s
	}
	return s
}

// checkScheme returns an error for a Scheme that is nil or a pointer, which satisfies the
// interface too.
func checkScheme(s Scheme) error {
	switch s.(type) {
	case nil:
		return paramError("scheme", "is nil")
	case GreenList, GumbelMax, Tournament:
		return nil
	}
	return paramError("scheme", "is a %T; pass the struct itself, not a pointer", s)
}

// SchemeName returns the name that a profile's JSON gives to a scheme: "greenlist",
// "gumbelmax" or "tournament".
func SchemeName(s Scheme) string { return strings.Fields(s.String())[0] }
