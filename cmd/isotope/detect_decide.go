package main

import (
	"slices"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
)

// decide adjusts the results of all subjects for their number, and draws the verdicts. Until then
// each is adjusted for the tests of its own text.
func (d *scorer) decide(findings []*finding) {
	n := int64(len(findings))
	p := make([]float64, len(findings)) // adjusted for the tests of one text
	for i, f := range findings {
		p[i] = slices.MinFunc(f.outcomes, byP).result.Log10PAdjusted
	}
	if n > 1 {
		for _, f := range findings {
			for _, o := range f.outcomes {
				o.among(n)
			}
		}
	}
	if n == 1 {
		for _, o := range findings[0].outcomes {
			o.settle()
		}
	}
	holm := detect.Holm(p, d.flags.alpha)
	for i, f := range findings {
		switch {
		case d.set.bands:
			d.decideBands(f)
		case n > 1:
			d.name(f, holm.Log10Adjusted[i])
			fallthrough
		default:
			f.adjusted = f.best().result.Log10PAdjusted
			// Silence needs that every candidate would have shown.
			f.verdict = verdictOf(f.outcomes, (*outcome).verdict)
			if f.verdict == detect.NotDetected && f.untested > 0 {
				f.verdict = detect.Inconclusive
			}
		}
	}
	if d.flags.fdr > 0 {
		bh := detect.BenjaminiHochberg(p, d.flags.fdr)
		for i, f := range findings {
			f.q, f.triage = bh.Log10Adjusted[i], bh.Rejected[i]
		}
	}
}

// among makes an outcome one of n tests of texts.
func (o *outcome) among(n int64) {
	before := o.result.Verdict
	o.result = o.result.OneOf(n, o.scorer, &o.candidate.options)
	o.withhold(n)
	// The verdict that limit gave stays.
	if !o.candidate.tests() || before == detect.Inconclusive && o.result.Verdict == detect.NotDetected {
		o.result.Verdict = before
	}
	factor := tail.Log10(float64(n))
	limit := tail.Log10(o.candidate.options.Alpha)
	o.scan.Log10PAdjusted = tail.Bonferroni(o.scan.Log10PAdjusted, n)
	if x := o.informed; x != nil {
		x.result.Log10PAdjusted = tail.Bonferroni(x.result.Log10PAdjusted, n)
		x.result.Tests *= n
	}
	kept := o.scan.Spans[:0]
	spans := o.spans[:0]
	for i, s := range o.scan.Spans {
		if s.Log10PAdjusted+factor <= limit {
			s.Log10PAdjusted += factor
			kept = append(kept, s)
			x := o.spans[i]
			x.Log10PAdjusted = number(s.Log10PAdjusted)
			spans = append(spans, x)
		}
	}
	o.scan.Spans, o.spans = kept, spans
	if o.shown != nil {
		o.shown.spans = kept
	}
	if m := o.message; m != nil {
		m.Log10PAdjusted = tail.Bonferroni(m.Log10PAdjusted, n)
		m.Log10PMessage = tail.Bonferroni(m.Log10PMessage, n)
		m.Tests *= n
		m.Clear = m.Clear && m.Log10PMessage <= limit && o.result.Verdict == detect.Detected
	}
}

// name takes the p-value of Holm's rule, which is at most that of Bonferroni's.
func (d *scorer) name(f *finding, holm float64) {
	best := f.best()
	r := &best.result
	r.Log10PAdjusted = max(holm, best.candidate.bound[0].Limits().Floor)
	if r.Log10PAdjusted <= tail.Log10(d.flags.alpha) && best.candidate.tests() {
		r.Verdict = detect.Detected
	}
}

func (o *outcome) verdict() detect.Verdict { return o.result.Verdict }

// decideBands says what the verdicts of several bands mean together.
func (d *scorer) decideBands(f *finding) {
	var results []detect.BandResult
	for _, o := range f.outcomes {
		results = append(results, detect.BandResult{Role: o.candidate.role, Width: o.candidate.width(), Result: o.result, Share: o.share})
		f.adjusted = min(f.adjusted, o.result.Log10PAdjusted)
	}
	f.pattern = detect.Conclude(results)
	f.verdict = verdictOf(f.outcomes, (*outcome).verdict)
}

// verdictOf returns the verdict of several tests together: detected if one of them is, and not
// detected if all of them are.
func verdictOf[T any](list []T, of func(T) detect.Verdict) detect.Verdict {
	all := detect.NotDetected
	for _, x := range list {
		switch of(x) {
		case detect.Detected:
			return detect.Detected
		case detect.Inconclusive:
			all = detect.Inconclusive
		}
	}
	return all
}

// fileVerdicts returns the verdict of each file of a ledger: that of its rows together, or "" if
// none of them was tested. A file with skipped rows is not silent.
func fileVerdicts(l *inputs.Ledger, findings []*finding) []detect.Verdict {
	out := make([]detect.Verdict, len(l.Files))
	for i := range l.Files {
		var rows []*finding
		for _, f := range findings {
			if f.file == i {
				rows = append(rows, f)
			}
		}
		if len(rows) == 0 {
			continue
		}
		out[i] = verdictOf(rows, func(f *finding) detect.Verdict { return f.verdict })
		if out[i] == detect.NotDetected && l.Files[i].Skipped > 0 {
			out[i] = detect.Inconclusive
		}
	}
	return out
}

// ranked returns findings by their p-values, the smallest first, and equal ones in their order.
func ranked(findings []*finding) []*finding {
	out := slices.Clone(findings)
	slices.SortStableFunc(out, func(a, b *finding) int {
		switch {
		case a.adjusted < b.adjusted:
			return -1
		case a.adjusted > b.adjusted:
			return 1
		case a.best().result.Log10P < b.best().result.Log10P:
			return -1
		case a.best().result.Log10P > b.best().result.Log10P:
			return 1
		}
		return 0
	})
	return out
}
