package main

import (
	"context"
	"fmt"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/watermark"
)

// studentReading tests a reading file: what a model with open weights would write next.
func (c *cli) studentReading(ctx context.Context, o *studentFlags) error {
	s, err := c.newSuspect(ctx, o)
	if err != nil {
		return err
	}
	statistic, h, err := audit.ReadingStatistic(o.reading)
	if err != nil {
		return err
	}
	tokenizer, digest := s.profile.Tokenizer()
	switch {
	case s.profile.Engine != nil && (h.Kind != "choices" || h.Marked):
		return usagef("the profile is of %s, and a reading is tested for its marks by choices alone; give a reading of kind choices without marked texts", s.profile.Engine.Engine())
	case h.Vocab > s.profile.Vocab():
		return fmt.Errorf("%s is for a vocabulary of %d ids, and the profile for %d", o.reading, h.Vocab, s.profile.Vocab())
	case h.Tokenizer != watermark.TokenizerNone && (h.Tokenizer != tokenizer || h.TokenizerDigest != digest):
		return fmt.Errorf("%s is for the tokenizer %s, and the profile for %s", o.reading,
			tokenizerWords(h.Tokenizer, h.TokenizerDigest), tokenizerWords(tokenizer, digest))
	}
	d := &audit.DeclaredPlan{}
	if err := c.plan(ctx, s, o, d, ""); err != nil {
		return err
	}
	d.Plan.Statistics = []string{statistic}
	if o.question == "" {
		d.Plan.Question = fmt.Sprintf("Does the model %s depend on the key %s?", h.Model, s.keyID)
	}
	if stop, err := c.declare(o, s, d); stop || err != nil {
		return err
	}
	config, err := s.config(d)
	if err != nil {
		return err
	}
	testing := c.busy("testing")
	r, err := audit.TestWeights(config, o.reading)
	testing()
	if err != nil {
		return err
	}
	return c.publish(o, r, collect.Asked, nil, report.AuditObserved{})
}

// tokenizerWords returns the name of a tokenizer with its digest, or says that it has none.
func tokenizerWords(name, digest string) string {
	switch {
	case name == watermark.TokenizerNone || name == "":
		return watermark.TokenizerNone
	case digest == "":
		return name + " without a digest"
	}
	return name + " " + digest
}
