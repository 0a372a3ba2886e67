package main

import "github.com/isotope-wm/isotope/watermark"

// The aims of --for. docs/which-mark.md has the measurements behind each choice.
const (
	aimCompliance = "compliance" // text of a service, recognised after edits
	aimForensics  = "forensics"  // evidence at 1e-6 that a forger cannot easily make
	aimStudents   = "students"   // models that were trained on the text
)

var aims = []string{aimCompliance, aimForensics, aimStudents}

// schemeOfAim returns the recommended scheme of an aim.
func schemeOfAim(aim string) watermark.Scheme {
	switch aim {
	case aimCompliance:
		return watermark.GumbelMax{Width: 2}
	case aimForensics:
		return watermark.GumbelMax{Width: 4}
	}
	return watermark.GreenList{Gamma: defaultGamma, Delta: defaultDelta, Width: defaultWidth}
}

// applyAim sets the flags that --for stands for.
func (o *profileFlags) applyAim() error {
	if !o.given("for") {
		return nil
	}
	// --variants stays: it makes answers differ, and changes no score.
	fixed := given(o.given, []string{"scheme", "width", "gamma", "delta", "kl", "text", "dual", "depth", "candidates", "payload", "mask", "dedup", "gate"})
	if err := check([]rule{
		oneOf("for", o.aim, aims...),
		{len(fixed) > 0, "--for picks the scheme; leave out " + dashed(fixed)},
	}); err != nil {
		return err
	}
	s := schemeOfAim(o.aim)
	o.scheme = watermark.SchemeName(s)
	given := o.given
	o.given = func(name string) bool { return given(name) || name == "width" }
	switch s := s.(type) {
	case watermark.GumbelMax:
		o.gumbel, o.width = s, s.Width
	case watermark.GreenList:
		o.green, o.width = s, s.Width
	}
	return nil
}
