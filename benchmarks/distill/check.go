package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
)

// check returns an error for each result that contradicts the science: a student of marked text without
// the mark, a student of unmarked text with it, or a trap that catches nobody. Bounds on nulls have an
// error rate of at most 1e-6, so that a failure is a mistake and not chance. It ignores arms that have
// not finished.
func (r *reporter) check() error {
	var errs []error
	say := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	marked := func(name, statistic string, t test, limit float64) {
		say(t.Log10P <= limit, "%s: %s has log10 p %.1f, want at most %g", name, statistic, t.Log10P, limit)
	}
	null := func(name, statistic string, t test) {
		say(t.Log10P > -6, "%s: %s has log10 p %.1f, but does not depend on the key",
			name, statistic, t.Log10P)
	}
	nulls := func(name string, s studentResult) {
		null(name, "pairs", s.Pairs)
		null(name, "residual", s.Residual)
		null(name, "score", s.Score)
		if s.BaseScore != nil {
			null(name, "score against the base", *s.BaseScore)
		}
		if s.Open != nil {
			null(name, "open, arg-max", s.Open.ArgMax)
			null(name, "open, mass", s.Open.Mass)
			null(name, "open, difference", s.Open.Difference)
		}
	}

	for _, name := range []string{
		studentName("ngram", 2, 0), studentName("neural", 1, 0), "ngram-k2-other-key", "neural-k1-other-key",
	} {
		if s, ok := get[studentResult](r, name); ok {
			nulls(name, s)
		}
	}
	name := studentName("ngram", 2, 1)
	whole, ok := get[studentResult](r, name)
	if ok {
		marked(name, "pairs", whole.Pairs, -100)
		marked(name, "residual", whole.Residual, -100)
		if d := whole.Decoys; d != nil {
			say(d.Pairs.Rank == 1 && d.Residual.Rank == 1,
				"%s: the key has rank %d and %d among the control keys, want 1",
				name, d.Pairs.Rank, d.Residual.Rank)
			for _, c := range []struct {
				statistic string
				decoyTests
			}{{"pairs", d.Pairs}, {"residual", d.Residual}} {
				say(c.Correct, "%s: package detect computes another p-value of %s", name, c.statistic)
				// The standard deviation of n normal values has itself a standard deviation of
				// 1/sqrt(2n).
				say(math.Abs(c.SD-1) < 5/math.Sqrt(2*float64(d.Keys)),
					"%s: z of %s under control keys has standard deviation %.2f, want 1",
					name, c.statistic, c.SD)
			}
		}
	}
	name = studentName("ngram", 2, 0.25)
	if s, has := get[studentResult](r, name); has {
		marked(name, "pairs", s.Pairs, -6)
		marked(name, "residual", s.Residual, -8)
		if ok {
			ratio := s.Pairs.Z / whole.Pairs.Z
			say(ratio > 0.1 && ratio < 0.45,
				"%s: z is %.2f of that of a share of 1, want about 0.25 by z = c1 share sqrt(n)", name, ratio)
		}
	}
	name = studentName("neural", 1, 1)
	if s, ok := get[studentResult](r, name); ok {
		marked(name, "score against the base", *s.BaseScore, -8)
		marked(name, "open, difference", s.Open.Difference, -15)
		say(s.Open.Difference.Z > s.Open.ArgMax.Z,
			"%s: z of the difference against the base is not above that of the arg-max", name)
		say(s.Nats < 6, "%s: %.2f nats per token, so the student has not learned the language", name, s.Nats)
	}
	if t, ok := get[naiveResult](r, "trap-naive-ngram-k1"); ok {
		say(t.NaiveSD > 1.8 && float64(t.NaiveBelow) > 0.02*float64(t.Keys),
			"a test without dedup looks valid: sd of z %.2f, %d of %d p-values are at most 0.001",
			t.NaiveSD, t.NaiveBelow, t.Keys)
		say(math.Abs(t.PairsSD-1) < 5/math.Sqrt(2*float64(t.Keys)),
			"distinct pairs of a clean student: z has standard deviation %.2f, want 1", t.PairsSD)
		say(tail.Binomial(int64(t.PairsBelow), int64(t.Keys), 1e-3) > -6,
			"distinct pairs of a clean student: too many p-values are at most 0.001: %d of %d",
			t.PairsBelow, t.Keys)
	}
	if f, ok := get[filterResult](r, "trap-filter-k2"); ok {
		for i := range f.Pairs {
			marked("trap-filter-k2", "the filter on pairs", f.Pairs[i], -20)
			null("trap-filter-k2", "the filter on contexts of unmarked text", f.Neutral[i])
		}
	}
	if d, ok := get[decay](r, "substitution-k2"); ok {
		for _, s := range d.Teacher {
			say(math.Abs(s.Kept-s.Law) < 0.06,
				"a substitution rate of %.2f leaves %.3f of the excess, want about (1-rate)^3 = %.3f",
				s.Rate, s.Kept, s.Law)
		}
	}
	if rows, students := r.nullSummaries(1e-6); students > 0 {
		for _, s := range rows {
			say(!s.Exact || s.Below >= s.Lo && s.Below <= s.Hi,
				"clean students, %s, k = %d: %d of %d p-values are at most 0.001, want %d to %d",
				s.Name, s.Width, s.Below, s.Tests, s.Lo, s.Hi)
		}
	}
	config, t, ok, err := loadWith[tenantConfig, tenantResult](r.dir, "tenants-half")
	errs = append(errs, err)
	if ok {
		marked("tenants-half", "the master", t.Pairs.Master, -6)
		for i, tenant := range t.Residual.Tenants {
			switch share := config.Planted[i]; {
			case share == 0:
				say(tenant.Log10P > -6-math.Log10(float64(len(t.Residual.Tenants))),
					"tenant %d fed nothing, but has log10 p %.1f", i, tenant.Log10P)
			case share >= 0.2:
				marked("tenants-half", fmt.Sprint("tenant ", i), tenant, -4)
			}
		}
	}
	return errors.Join(append(errs, r.err)...)
}
