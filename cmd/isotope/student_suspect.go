package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/registry"
)

// A suspect holds the marks, keys and models that the test of a suspect needs.
type suspect struct {
	profile          *watermark.Profile
	tokenizer        tokenize.Tokenizer // nil: outputs are token ids
	keyID            string
	scorer           *watermark.Mark
	bind             func(watermark.Key) (detect.Scorer, error) // binds the decoys
	registry         *audit.Registry
	cohorts, tenants []student.Account
	provenance       *audit.Band       // nil: none
	provenancePlan   *audit.Provenance // of the same band, without its live strength
	reference        detect.Reference  // nil: none
	referenceName    string
}

// newSuspect reads the profile, the keys and the registry.
func (c *cli) newSuspect(ctx context.Context, o *studentFlags) (*suspect, error) {
	s := new(suspect)
	err := c.loadTokenizers(o.tokenizers)
	if err != nil {
		return nil, err
	}
	if s.profile, err = readNativeProfile(o.profile); err != nil {
		return nil, err
	}
	key, err := readNativeKey(o.key)
	if err != nil {
		return nil, err
	}
	if s.profile.Tokenizer != watermark.TokenizerNone {
		if s.tokenizer, err = c.tokenizerOf(described(s.profile)); err != nil {
			return nil, err
		}
	}
	if o.registry != "" {
		err = s.readRegistry(o, key)
	} else {
		err = s.readMark(o, key)
	}
	if err != nil {
		return nil, err
	}
	if _, ok := s.scorer.Law().(watermark.Bernoulli); !ok {
		return nil, usagef("the profile's scheme is %v, and students are tested for green lists, which training carries over; give the profile of a green list", s.profile.Scheme)
	}
	s.keyID = s.scorer.KeyID()
	if o.provenanceProfile != "" {
		if err := s.readProvenance(o); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// readProvenance reads the band that is tested besides the mark.
func (s *suspect) readProvenance(o *studentFlags) error {
	p, err := readNativeProfile(o.provenanceProfile)
	if err != nil {
		return err
	}
	key, err := readNativeKey(o.provenanceKey)
	if err != nil {
		return err
	}
	switch {
	case p.Selector != "":
		return usagef("%s has a part of the contexts, and a provenance band has all of them; give another --provenance-profile", o.provenanceProfile)
	case p.Variants > 1:
		return usagef("%s has %d variants, and a provenance band has one; give another --provenance-profile", o.provenanceProfile, p.Variants)
	case !sameTokenizer(described(p), described(s.profile)) || p.Vocab != s.profile.Vocab:
		return usagef("%s and %s are for different tokenizers", o.profile, o.provenanceProfile)
	}
	mark, err := p.Mark(key)
	if err != nil {
		return err
	}
	if _, ok := mark.Law().(watermark.Bernoulli); ok {
		return usagef("the scheme of %s is %v, and a provenance band is a keyed draw; give the profile of a gumbelmax or a tournament", o.provenanceProfile, p.Scheme)
	}
	s.provenance = &audit.Band{
		Scorer: mark, Dedup: dedupOf(described(p)), Exempt: p.Exempt,
		Bind: func(k watermark.Key) (detect.Scorer, error) { return p.Mark(k) },
	}
	if err := s.provenance.Check(s.scorer); err != nil {
		return usagef("%s: %w", o.provenanceProfile, err)
	}
	s.provenancePlan = &audit.Provenance{Key: mark.KeyID(), Mark: mark.ID(), Profile: p.ID()}
	return nil
}

// readMark binds the profile to the key.
func (s *suspect) readMark(o *studentFlags, key watermark.Key) error {
	selectors, err := readSelector(s.profile, o.selector)
	if err != nil {
		return err
	}
	if s.scorer, err = s.profile.Mark(key, selectors...); err != nil {
		return err
	}
	s.bind = func(k watermark.Key) (detect.Scorer, error) { return s.profile.Mark(k, selectors...) }
	return nil
}

// readRegistry binds the keys of a registry of accounts.
func (s *suspect) readRegistry(o *studentFlags, root watermark.Key) error {
	if s.profile.Selector != "" {
		return usagef("the profile has a band, and with --registry the registry makes the bands; give a profile without one")
	}
	f, err := os.Open(o.registry)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := registry.Parse(f)
	if err != nil {
		return fmt.Errorf("%s: %w", o.registry, err)
	}
	master, cohorts, tenants, err := r.Accounts(root, o.epoch, s.profile.Scheme, s.profile.Vocab)
	if err != nil {
		return err
	}
	s.scorer, s.cohorts, s.tenants = master, student.Accounts(cohorts), student.Accounts(tenants)
	bind, err := r.MasterBinder(root, o.epoch, s.profile.Scheme, s.profile.Vocab)
	if err != nil {
		return err
	}
	s.bind = func(k watermark.Key) (detect.Scorer, error) { return bind(k) }
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	s.registry = &audit.Registry{
		Digest: canonical.Digest(text), Root: r.Root(), Epoch: o.epoch, Cohorts: len(s.cohorts), Tenants: len(s.tenants),
	}
	return nil
}

// loadReference loads the embedded model as the reference model.
func (c *cli) loadReference(ctx context.Context, s *suspect, corpus string) error {
	if s.tokenizer == nil {
		return usagef("the profile has no tokenizer, and the embedded reference model needs one; --reference none leaves the residual out")
	}
	b, err := c.loadModel(ctx, s.tokenizer, corpus)
	if err != nil {
		return fmt.Errorf("the reference model cannot be loaded: %w (--reference none leaves the residual out)", err)
	}
	s.reference = b.Model
	s.referenceName = fmt.Sprintf("%v, %s", b.Model, b.Model.Digest())
	return nil
}

// measureLive measures how strongly both marks show in outputs of the marked model itself.
func (c *cli) measureLive(ctx context.Context, s *suspect, o *studentFlags) (*audit.LiveStrength, error) {
	l := audit.NewLive(s.scorer, s.profile.Exempt, s.provenance, s.tokenizer)
	rows := &outputRows{}
	if err := c.readOutputs(ctx, &o.read, o.live, rows, l.AddDocument); err != nil {
		return nil, err
	}
	if rows.Tested() == 0 {
		return nil, nothingTested(&rows.Ledger)
	}
	for _, words := range rows.SkipWords() {
		c.hint("--live: skipped: %s", words)
	}
	return l.Strength(rows.sources())
}

// plan completes the plan of a call. runKey is the run key to keep, or "" for a random one.
func (c *cli) plan(ctx context.Context, s *suspect, o *studentFlags, d *audit.DeclaredPlan, runKey string) error {
	switch {
	case o.given("run-key"):
		runKey = o.runKey
	case runKey == "":
		runKey = audit.RunKeyText(detect.NewRunKey())
	}
	// The words of a plan are declared and hashed, and old journals hold them: they never change.
	d.Plan = audit.Plan{
		Version: 1, Question: o.question, Key: s.keyID, Mark: s.scorer.ID(), Profile: s.profile.ID(), Tokenizer: s.profile.Tokenizer, Registry: s.registry,
		Statistics: []string{"distinct pairs"}, Reference: s.referenceName, Stopping: audit.Fixed,
		Alpha: o.alpha, Tests: o.tests, C1: o.c1, Share: o.share, Decoys: o.decoys, RunKey: runKey, PromptsUnmarked: o.promptsUnmarked,
	}
	p := &d.Plan
	p.Input = o.read.declared()
	if s.provenance != nil {
		band := *s.provenancePlan
		if len(o.live) > 0 {
			var err error
			if band.Live, err = c.measureLive(ctx, s, o); err != nil {
				return fmt.Errorf("--live: %w", err)
			}
		}
		p.Provenance = &band
	}
	if s.reference != nil {
		p.Statistics = append(p.Statistics, "residual")
	}
	if d.Collection != nil && !o.fixed {
		p.Stopping = audit.Sequential
	}
	if p.Question == "" {
		outputs, keys := "these outputs", "the key "+s.keyID
		if d.Collection != nil {
			outputs = "the outputs of " + d.Collection.Request.Model
		}
		if p.Provenance != nil {
			keys += ", or on that of the provenance band, " + p.Provenance.Key
		}
		p.Question = fmt.Sprintf("Do %s depend on %s?", outputs, keys)
	}
	if _, err := p.RunKeyBytes(); err != nil {
		return usagef("--run-key: %w", err)
	}
	return nil
}

// config returns the configuration of a test, with the decoys of its plan.
func (s *suspect) config(d *audit.DeclaredPlan) (audit.Config, error) {
	run, err := d.Plan.RunKeyBytes()
	if err != nil {
		return audit.Config{}, err
	}
	decoys, err := student.NewDecoys(run, d.Plan.Decoys, s.bind)
	return audit.Config{
		Declared: d, Scorer: s.scorer, Decoys: decoys, Reference: s.reference, Tokenizer: s.tokenizer, Exempt: s.profile.Exempt,
		Cohorts: s.cohorts, Tenants: s.tenants, Provenance: s.provenance,
	}, err
}

// audit returns the test of a plan, which has no outputs yet.
func (s *suspect) audit(d *audit.DeclaredPlan) (*audit.Audit, error) {
	config, err := s.config(d)
	if err != nil {
		return nil, err
	}
	return audit.New(config)
}
