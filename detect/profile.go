package detect

import "github.com/isotope-wm/isotope/watermark"

// OptionsOf returns the Options of a mark's profile: what is scored once, and the ids that are never
// scored. Change the other fields as you like. A nil *Options means the same, so a test follows the
// profile of its mark by itself. For a Scorer that is not a [*watermark.Mark], and for a mark without
// a profile, OptionsOf returns the zero Options.
func OptionsOf(s Scorer) *Options {
	o := new(Options)
	if m, ok := s.(*watermark.Mark); ok && m != nil {
		o.Exempt = m.Exempt()
		if m.Dedup() == watermark.DedupContext {
			o.Dedup = DedupContext
		}
	}
	return o
}

// of returns o, or what nil means for the scorers of a test. Scorers of several profiles that differ
// have no common rules, and then nil is the zero Options.
func (o *Options) of(scorers ...Scorer) *Options {
	if o != nil || len(scorers) == 0 {
		return o
	}
	first := OptionsOf(scorers[0])
	for _, s := range scorers[1:] {
		if !OptionsOf(s).sameUnits(first) {
			return nil
		}
	}
	return first
}
