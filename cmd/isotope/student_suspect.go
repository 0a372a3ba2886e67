package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/reading"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
	"github.com/isotope-wm/isotope/watermark/registry"
)

// A suspect holds the marks, keys and models that the test of a suspect needs.
type suspect struct {
	profile          *interop.Description
	tokenizer        tokenize.Tokenizer // nil: outputs are token ids
	keyID            string
	scorer           detect.Scorer
	limits           interop.Limits                             // of a mark of another engine
	bind             func(watermark.Key) (detect.Scorer, error) // binds the decoys
	registry         *audit.Registry
	cohorts, tenants []student.Account
	provenance       *audit.Band         // nil: none
	provenancePlan   *audit.Provenance   // of the same band, without its live strength
	reference        detect.Reference    // nil: none, or rows
	rows             *reading.References // nil: none, or reference
	gguf             *ggufReference      // writes the rows; nil: they come from a file, or there are none
	referenceName    string
}

// newSuspect reads the profile, the keys and the registry.
func (c *cli) newSuspect(ctx context.Context, o *studentFlags) (*suspect, error) {
	s := new(suspect)
	err := c.loadTokenizers(o.tokenizers)
	if err != nil {
		return nil, err
	}
	c.model = o.referenceGGUF
	if s.profile, err = readProfile(o.profile); err != nil {
		return nil, err
	}
	if name, _ := s.profile.Tokenizer(); name != watermark.TokenizerNone {
		if s.tokenizer, err = c.tokenizerOf(s.profile); err != nil {
			return nil, err
		}
	}
	switch {
	case s.profile.Engine != nil:
		err = s.readEngine(o)
	case o.registry != "":
		err = s.readRegistry(o)
	default:
		err = s.readMark(o)
	}
	if err != nil {
		return nil, err
	}
	if o.provenanceProfile != "" {
		if err := s.readProvenance(o); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// readEngine binds the profile of another engine to its key.
func (s *suspect) readEngine(o *studentFlags) error {
	p := s.profile.Engine
	switch {
	case !s.profile.IsColours():
		return usagef("the profile's scheme is %s, a keyed draw of %s, and students are tested for green lists, which training carries over; give the profile of a green list", p.Scheme, p.Engine())
	case p.Dedup == interop.DedupNone:
		return usagef("the profile has dedup none, which is for comparing numbers with %s; leave dedup out", p.Engine())
	case o.registry != "" || o.selector != "" || o.provenanceProfile != "":
		return usagef("--registry, --selector and --provenance-profile are for marks of isotope/1, and the profile is of %s; leave them out", p.Engine())
	}
	key, err := readKey(o.key)
	if err != nil {
		return err
	}
	bound, err := s.profile.Bind(key)
	if err != nil {
		return err
	}
	s.scorer, s.keyID, s.limits = bound[0].Scorer, key.ID(), bound[0].Limits()
	switch floor := s.limits.Floor; {
	case math.IsInf(floor, -1):
		s.limits.Floor = 0
	case floor > tail.Log10(o.alpha):
		return usagef("nothing below 10^%.1f is claimed for %s, whose keys are not independent, and --alpha is %g; no suspect could be detected, so give an --alpha of at least %.3g, or test for another mark", floor, p.Scheme, o.alpha, tail.Exp(floor*math.Ln10))
	}
	s.bind = func(k watermark.Key) (detect.Scorer, error) {
		key, err := interop.DeriveKey(p, k)
		if err != nil {
			return nil, err
		}
		return p.Bind(key)
	}
	return nil
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
	case !sameTokenizer(described(p), s.profile) || p.Vocab != s.profile.Vocab():
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

// setMark takes the mark that is tested, which must be a green list.
func (s *suspect) setMark(mark *watermark.Mark) error {
	if _, ok := mark.Law().(watermark.Bernoulli); !ok {
		return usagef("the profile's scheme is %v, and students are tested for green lists, which training carries over; give the profile of a green list", s.profile.Native.Scheme)
	}
	s.scorer, s.keyID = mark, mark.KeyID()
	return nil
}

// readMark binds the profile to the key of a call.
func (s *suspect) readMark(o *studentFlags) error {
	key, err := readNativeKey(o.key)
	if err != nil {
		return err
	}
	return s.bindMark(key, o.selector)
}

// bindMark binds the profile to a key.
func (s *suspect) bindMark(key watermark.Key, selector string) error {
	p := s.profile.Native
	selectors, err := readSelector(p, selector)
	if err != nil {
		return err
	}
	mark, err := p.Mark(key, selectors...)
	if err != nil {
		return err
	}
	s.bind = func(k watermark.Key) (detect.Scorer, error) { return p.Mark(k, selectors...) }
	return s.setMark(mark)
}

// readRegistry binds the keys of a registry of accounts.
func (s *suspect) readRegistry(o *studentFlags) error {
	root, err := readNativeKey(o.key)
	if err != nil {
		return err
	}
	p := s.profile.Native
	if p.Selector != "" {
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
	master, cohorts, tenants, err := r.Accounts(root, o.epoch, p.Scheme, p.Vocab)
	if err != nil {
		return err
	}
	s.cohorts, s.tenants = student.Accounts(cohorts), student.Accounts(tenants)
	bind, err := r.MasterBinder(root, o.epoch, p.Scheme, p.Vocab)
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
	return s.setMark(master)
}

// loadReference loads the embedded model as the reference model.
func (c *cli) loadReference(ctx context.Context, s *suspect, corpus string) error {
	if s.tokenizer == nil {
		return usagef("the profile has no tokenizer, and the embedded reference model needs one; --reference FILE takes the rows of another model, --reference-gguf runs one, and --reference none leaves the residual out")
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
	l := audit.NewLive(s.scorer, s.profile.Exempt(), s.provenance, s.tokenizer)
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
	tokenizer, _ := s.profile.Tokenizer()
	// The words of a plan are declared and hashed, and old journals hold them: they never change.
	d.Plan = audit.Plan{
		Version: 1, Question: o.question, Key: s.keyID, Mark: s.scorer.ID(), Profile: s.profile.ID(), Tokenizer: tokenizer, Registry: s.registry,
		Statistics: []string{"distinct pairs"}, Reference: s.referenceName, Stopping: audit.Fixed,
		Alpha: o.alpha, Tests: o.tests, C1: o.c1, C1Pairs: o.c1Pairs, Share: o.share, Decoys: o.decoys, RunKey: runKey, PromptsUnmarked: o.promptsUnmarked,
	}
	p := &d.Plan
	p.Input = o.read.declared(d.Collection == nil)
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
	if s.reference != nil || s.rows != nil {
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
		Declared: d, Scorer: s.scorer, Decoys: decoys, Reference: s.reference, Rows: s.outputRows(), Tokenizer: s.tokenizer, Exempt: s.profile.Exempt(), Floor: s.limits.Floor, Warnings: s.limits.Warnings,
		Cohorts: s.cohorts, Tenants: s.tenants, Provenance: s.provenance,
	}, err
}

// outputRows returns the rows of the reference model, or nil.
func (s *suspect) outputRows() student.OutputRows {
	if s.rows == nil {
		return nil // and not an interface that holds nil
	}
	return s.rows
}

// audit returns the test of a plan, which has no outputs yet.
func (s *suspect) audit(d *audit.DeclaredPlan) (*audit.Audit, error) {
	config, err := s.config(d)
	if err != nil {
		return nil, err
	}
	return audit.New(config)
}
