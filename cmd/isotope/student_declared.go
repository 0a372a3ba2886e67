package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/provenance"
	"github.com/isotope-wm/isotope/watermark"
)

// auditOptions are what the plan of audit declares besides what every plan has.
type auditOptions struct {
	Declared audit.DeclaredPlan `json:"declared"`
	Read     readOptions        `json:"read"`
	Prompts  []string           `json:"prompts,omitempty"` // of the questions to an endpoint
}

// declarableAudit are the flags of audit that a signed plan can declare, and those that do not
// change a result.
var declarableAudit = []string{
	"key", "profile", "question", "reference", "alpha", "c1", "share", "tests", "decoys", "run-key", "prompts-unmarked",
	"format", "encoding", "field", "prompt-field", "role", "tokenizer", "declare", "log", "sign-key",
	"endpoint", "model", "api", "system", "extra", "prompts", "stream", "max-tokens", "temperature", "top-p", "asks", "batch",
	"budget-tokens", "budget-money", "price-in", "price-out", "fixed", "c1-pairs", "journal",
}

// plannedAudit are the flags of audit with a signed plan. The plan has all others.
var plannedAudit = []string{
	"key", "tokenizer", "plan-file", "log", "sign-key", "signed-report", "report", "json", "fail-on",
	"journal", "concurrency", "rate", "retries", "timeout", "api-key-env", "api-key-file",
}

// hasSignedPlan reports whether --plan-file has a signed plan.
func (o *studentFlags) hasSignedPlan() bool {
	if o.plan == "" {
		return false
	}
	text, err := textfile.Read(o.plan, maxEnvelope)
	return err == nil && isEnvelope(text)
}

// checkDeclared returns a usage error for a call that declares a test, or makes a declared one.
func (o *studentFlags) checkDeclared(args []string, planned bool) error {
	rules := o.evidence.rules(planned)
	switch {
	case planned:
		rules = append(rules, onlyThese(o.changed, plannedAudit, "is declared in the plan, or is not part of a declared test"),
			rule{o.key == "", "--key FILE is missing: the key that the plan tests"},
			rule{o.journal != "" && filepath.Clean(o.report) == filepath.Clean(o.journal), "--journal and --report name the same file; give the report another name"})
		rules = append(rules, o.collection()...)
	case o.evidence.declare != "":
		rules = append(rules, onlyThese(o.changed, declarableAudit, "cannot be declared and signed"),
			rule{o.endpoint != "" && o.journal != "", "--declare asks nothing, and makes no journal; leave out --journal, and give it with --plan-file"},
			rule{(o.endpoint != "" || o.journal == "") && o.reference != referenceNone, "--reference none is missing: the reference model is trained on this machine, and a stranger could not repeat the test with it"})
	}
	if planned || o.evidence.declare != "" {
		other := o.endpoint != "" || o.journal != ""
		rules = append(rules, rule{len(args) == 0 && !other, "PATH is missing: the files of the outputs"},
			rule{len(args) > 0 && other, "give one of PATH..., and --endpoint or --journal"})
	}
	return check(rules)
}

// declareAudit writes the plan of a call and scores nothing.
func (c *cli) declareAudit(ctx context.Context, o *studentFlags, args []string) error {
	if err := newFile("declare", o.evidence.declare); err != nil {
		return err
	}
	s, err := c.newSuspect(ctx, o)
	if err != nil {
		return err
	}
	native := s.profile.Native
	if native == nil {
		return usagef("%s is of %s, and a declared test takes a profile of isotope/1; give another --profile", o.profile, s.profile.Engine.Engine())
	}
	if native.Selector != "" {
		return usagef("%s has a part of the contexts, and a declared test takes a profile without; give another --profile", o.profile)
	}
	k, err := readNativeKey(o.key)
	if err != nil {
		return err
	}
	l, err := c.openLog(&o.evidence.logFlags)
	if err != nil {
		return err
	}
	defer l.close()
	key, err := l.committed(native, k)
	if err != nil {
		return err
	}
	x := auditOptions{Read: o.read.options()}
	files, journal, err := c.declaredOutputs(ctx, o, s, &x, args)
	if err != nil {
		return err
	}
	d := &x.Declared.Plan
	if err := onlyMark(d, s); err != nil {
		return err
	}
	if _, err := s.audit(&x.Declared); err != nil { // what the test would refuse
		return err
	}
	options, err := canonical.Encode(x)
	if err != nil {
		return err
	}
	return c.declarePlan(ctx, &o.evidence, l, &provenance.Plan{
		Version: 1, Test: "audit", Question: d.Question, Log: l.vkey, Keys: []provenance.PlanKey{key}, Corpus: files.Digest(), Files: files, Journal: journal,
		Unit: "corpus", Dedup: native.Dedup, Statistics: d.Statistics, Alpha: d.Alpha,
		Multiplicity: "Bonferroni for the statistics and for the tests that this one belongs to", Tests: d.Tests, Stopping: d.Stopping,
		Controls: provenance.Controls{Keys: d.Decoys, RunKey: d.RunKey}, Tool: toolVersion(), Options: options,
	})
}

// declaredOutputs returns the files of a plan, and sets the options that depend on where the outputs
// come from.
func (c *cli) declaredOutputs(ctx context.Context, o *studentFlags, s *suspect, x *auditOptions, args []string) (files provenance.Manifest, journal string, err error) {
	switch {
	case o.endpoint != "":
		collection, err := c.declaration(ctx, o)
		if err != nil {
			return nil, "", err
		}
		if s.tokenizer == nil {
			return nil, "", usagef("the profile has no tokenizer, and answers are text; make a profile with the tokenizer of your model")
		}
		x.Declared, x.Prompts = *audit.Declare(collection), collection.Prompts
		questions, err := canonical.Encode(x.Prompts)
		if err != nil {
			return nil, "", err
		}
		sum := sha256.Sum256(questions)
		files = provenance.Manifest{{Name: questionsName, Bytes: int64(len(questions)), SHA256: hex.EncodeToString(sum[:])}}
		return files, provenance.JournalMade, c.plan(ctx, s, o, &x.Declared, "")
	case o.journal != "":
		rec, err := collect.ReadJournal(o.journal)
		if err != nil {
			return nil, "", err
		}
		d, err := audit.FromDeclaration(&rec.Declaration)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", o.journal, err)
		}
		x.Declared, x.Prompts = *d, rec.Declaration.Prompts
		found, err := journalFiles(ctx, o.journal)
		return found.manifest, provenance.JournalGiven, err
	}
	found, err := c.readCorpus(ctx, "audit", args)
	if err != nil {
		return nil, "", err
	}
	return found.manifest, "", c.plan(ctx, s, o, &x.Declared, "")
}

// onlyMark returns an error unless a plan tests the mark of a suspect, and nothing that a stranger
// could not repeat.
func onlyMark(d *audit.Plan, s *suspect) error {
	switch {
	case d.Registry != nil || d.Provenance != nil || d.Reference != "":
		return errors.New("a declared test has neither accounts nor a provenance band nor a reference model; make a plan without them")
	case s.keyID != d.Key || s.scorer.ID() != d.Mark || s.profile.ID() != d.Profile:
		return errors.New("the plan names one mark and has the profile of another")
	}
	return nil
}

// auditPlanned makes a declared test.
func (c *cli) auditPlanned(ctx context.Context, o *studentFlags, args []string) error {
	t, err := c.openDeclared(ctx, &o.evidence, o.plan, "audit")
	if err != nil {
		return err
	}
	defer t.log.close()
	o.evidence.keys = []string{o.key}
	if err := check([]rule{
		{t.plan.Journal == "" && len(args) == 0, "PATH is missing: the files of the outputs"},
		{t.plan.Journal == "" && o.journal != "", "the plan is of outputs in files; give them in place of --journal"},
		{t.plan.Journal != "" && o.journal == "", "--journal FILE is missing: the journal of the answers"},
	}); err != nil {
		return err
	}
	if t.plan.Journal != "" {
		args = []string{o.journal}
	}
	run, outcome, err := c.runAudit(ctx, o, t, args)
	if err != nil {
		return err
	}
	digest, err := t.report(ctx, c, &o.evidence, outcome)
	if err != nil {
		return err
	}
	seen := report.AuditObserved{}
	if run.rows != nil {
		seen.Facts = run.rows.facts()
	} else {
		seen = observedOf(o.journal, run.journal)
	}
	seen.Facts = append(signedFacts(digest, o.evidence.signed), seen.Facts...)
	return c.publish(o, run.report, run.end, run.rows, seen)
}

// An auditRun is a declared test of outputs that was made.
type auditRun struct {
	report  *report.Audit
	end     collect.End
	rows    *outputRows        // nil: of a journal
	journal *collect.Recording // nil: of files
}

// runAudit tests the corpus of a plan and returns the outcome.
func (c *cli) runAudit(ctx context.Context, o *studentFlags, t *declaredTest, args []string) (*auditRun, *provenance.Outcome, error) {
	keys, err := t.keys(o.evidence.keys)
	if err != nil {
		return nil, nil, err
	}
	var x auditOptions
	if err := strictjson.Decode(t.plan.Options, &x); err != nil {
		return nil, nil, fmt.Errorf("the options of the plan: %w", err)
	}
	d := &x.Declared
	if err := sameTerms(t.plan, &d.Plan); err != nil {
		return nil, nil, err
	}
	s, err := c.declaredSuspect(t.plan, keys[0], o.tokenizers)
	if err != nil {
		return nil, nil, err
	}
	if err := onlyMark(&d.Plan, s); err != nil {
		return nil, nil, err
	}
	o.alpha = d.Plan.Alpha
	o.read.set(x.Read)
	if t.plan.Journal != "" {
		return c.runJournal(ctx, o, t, s, &x, args)
	}
	if err := t.open(ctx, c, args, nil); err != nil {
		return nil, nil, err
	}
	a, err := s.audit(d)
	if err != nil {
		return nil, nil, err
	}
	if err := t.begin(c); err != nil {
		return nil, nil, err
	}
	t.pause()
	run := &auditRun{rows: &outputRows{}, end: collect.Asked}
	reading := c.busy("reading")
	err = c.readOutputs(ctx, &o.read, t.files.paths, run.rows, a.AddDocument)
	reading()
	if err != nil {
		return nil, nil, err
	}
	if err := t.files.read(&run.rows.Ledger); err != nil {
		return nil, nil, err
	}
	if run.rows.Tested() == 0 {
		return nil, nil, nothingTested(&run.rows.Ledger)
	}
	for _, r := range run.rows.Reasons() {
		for range r.Count {
			a.Skip(r.Name)
		}
	}
	testing := c.busy("testing")
	run.report, err = a.Report(collect.Asked, run.rows.sources())
	testing()
	if err != nil {
		return nil, nil, err
	}
	outcome, err := run.outcome(t)
	if err != nil {
		return nil, nil, err
	}
	outcome.Counts = countsOf(&run.rows.Ledger)
	return run, outcome, nil
}

// sameTerms returns an error unless the parts of a plan agree.
func sameTerms(p *provenance.Plan, d *audit.Plan) error {
	if d.Alpha != p.Alpha || d.Tests != p.Tests || d.Decoys != p.Controls.Keys || d.RunKey != p.Controls.RunKey || d.Stopping != p.Stopping ||
		!slices.Equal(d.Statistics, p.Statistics) || len(p.Keys) != 1 || d.Key != p.Keys[0].ID || d.Question != p.Question {
		return errors.New("the plan declares one test and has the options of another")
	}
	return nil
}

// declaredSuspect binds the profile of a plan to its key.
func (c *cli) declaredSuspect(p *provenance.Plan, k watermark.Key, tokenizers []string) (*suspect, error) {
	if err := c.loadTokenizers(tokenizers); err != nil {
		return nil, err
	}
	s := new(suspect)
	native, err := watermark.ParseProfile(p.Keys[0].Profile)
	if err != nil {
		return nil, err
	}
	s.profile = described(native)
	if s.tokenizer, err = c.tokenizerOf(s.profile); err != nil {
		return nil, err
	}
	return s, s.bindMark(k, "")
}

// outcome returns the canonical part of a report.
func (r *auditRun) outcome(t *declaredTest) (*provenance.Outcome, error) {
	c := &r.report.Canonical
	result, err := canonical.Encode(c)
	if err != nil {
		return nil, err
	}
	out := &provenance.Outcome{
		Verdict: string(c.Verdict), Alpha: t.plan.Alpha, Files: t.files.manifest, Result: result,
		Controls: []provenance.ControlResult{},
	}
	for _, s := range c.Statistics {
		if s.Decoys == nil {
			continue
		}
		x := provenance.ControlResult{Key: t.plan.Keys[0].ID, Log10P: float64(s.Log10P), Keys: list(s.Decoys.Log10P), Rank: 1}
		slices.Sort(x.Keys)
		for _, p := range x.Keys {
			if p <= x.Log10P {
				x.Rank++
			}
		}
		out.Controls = append(out.Controls, x)
		break // the first statistic, of distinct pairs
	}
	if len(out.Controls) == 0 {
		if c.Verdict == detect.Detected {
			return nil, errors.New("the test detected without a comparison with control keys; this is a fault of the program")
		}
		out.NoControls = "the test was not made: " + c.Claim
	}
	return out, nil
}
