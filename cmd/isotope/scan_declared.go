package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/scan"
	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/provenance"
)

// scanOptions are what the plan of scan declares besides what every plan has.
type scanOptions struct {
	FDR      float64     `json:"fdr"`
	MinShare float64     `json:"min_share"`
	Rates    []float64   `json:"rates"`
	Spans    bool        `json:"spans"`
	Sample   int         `json:"sample"`
	Read     readOptions `json:"read"`
}

// declarableScan are the flags of scan that a plan can declare, and those that do not change a
// result.
var declarableScan = []string{
	"key", "profile", "alpha", "fdr", "min-share", "rate", "spans", "sample", "run-key", "decoys", "format", "encoding", "field", "prompt-field", "role",
	"tokenizer", "declare", "log", "sign-key", "question", "clean",
}

// plannedScan are the flags of scan with a signed plan. The plan has all others.
var plannedScan = []string{
	"key", "tokenizer", "plan-file", "log", "sign-key", "signed-report", "clean", "journal", "workers", "max-disk", "skipped", "report", "parquet", "json", "fail-on",
}

// checkDeclared returns a usage error for a call that declares a scan, or makes a declared one.
func (o *scanFlags) checkDeclared(args []string) error {
	d := &o.mark
	d.keys, d.profiles = filesFromEnv(d.keys, keyFileEnv), filesFromEnv(d.profiles, profileFileEnv)
	planned := o.plan != ""
	rules := append(d.evidence.rules(planned), noSecrets(o.plan, d.question))
	switch {
	case planned:
		rules = append(rules, onlyThese(o.changed, plannedScan, "is declared in the plan, or is not part of a declared test"),
			rule{len(d.keys) == 0, "--key FILE is missing: the key that the plan tests"},
			noSecrets(append([]string{o.journal, o.report, o.parquet, d.read.skipped}, args...)...),
			within("workers", o.workers, fromTo(0, 4096)), failOn(o.failOn))
	case d.evidence.declare != "":
		rules = append(rules, onlyThese(o.changed, declarableScan, "cannot be declared beforehand"))
	default:
		rules = append(rules, rule{len(d.evidence.clean) > 0, "--clean is for a declared test; give --declare or --plan-file"},
			rule{d.question != "", "--question is for a declared test; give --declare"})
	}
	if planned || d.evidence.declare != "" {
		rules = append(rules, rule{len(args) == 0, "PATH is missing: the files of the corpus"})
	}
	if err := check(rules); err != nil {
		return err
	}
	if d.evidence.declare != "" {
		return o.check(args, scanAll)
	}
	return nil
}

// declareScan writes the plan of a call and scores nothing.
func (c *cli) declareScan(ctx context.Context, o *scanFlags, args []string) error {
	d := &o.mark
	if err := newFile("declare", d.evidence.declare); err != nil {
		return err
	}
	if err := c.loadTokenizers(d.tokenizers); err != nil {
		return err
	}
	l, err := c.openLog(&d.evidence.logFlags)
	if err != nil {
		return err
	}
	defer l.close()
	keys, dedup, err := l.committedPairs(d.keys, d.profiles)
	if err != nil {
		return err
	}
	files, err := c.readCorpus(ctx, "scan", args)
	if err != nil {
		return err
	}
	options, err := canonical.Encode(scanOptions{FDR: o.fdr, MinShare: d.minShare, Rates: list(d.rates), Spans: d.spans, Sample: o.sample, Read: d.read.options()})
	if err != nil {
		return err
	}
	if o.runKey == "" {
		o.runKey = audit.RunKeyText(detect.NewRunKey())
	}
	p := &provenance.Plan{
		Version: 1, Test: "scan", Question: d.question, Log: l.vkey, Keys: keys, Corpus: files.manifest.Digest(), Files: files.manifest,
		Unit: "text", Dedup: dedup, Statistics: []string{"score of the mark of each distinct document", "score of the mark of all distinct pairs: the pile"}, Alpha: d.alpha,
		Multiplicity: "half of alpha for all documents, each tested once for each key and once more for spans, by Bonferroni; half for the piles, by Bonferroni for their samples and Sidak or Bonferroni for the keys of each",
		Tests:        1, Stopping: audit.Fixed,
		Controls: provenance.Controls{Keys: o.decoys, RunKey: strings.ToLower(o.runKey)}, Tool: toolVersion(), Options: options,
	}
	if p.Question == "" {
		p.Question = "Does text of this corpus depend on a key of this plan?"
	}
	if len(d.evidence.clean) > 0 {
		clean, err := c.readCorpus(ctx, "scan", d.evidence.clean)
		if err != nil {
			return err
		}
		p.Clean = clean.manifest
	}
	// What the test would refuse is refused before it is declared.
	s := &scanning{cli: c, flags: o}
	if s.set, err = c.declaredCandidates(d, p, nil); err != nil {
		return err
	}
	if err := s.bind(); err != nil {
		return err
	}
	return c.declarePlan(ctx, &d.evidence, l, p)
}

// fromPlan sets the flags that a plan declares.
func (o *scanFlags) fromPlan(p *provenance.Plan) error {
	var x scanOptions
	if err := strictjson.Decode(p.Options, &x); err != nil {
		return fmt.Errorf("the options of the plan: %w", err)
	}
	d := &o.mark
	d.alpha, d.minShare, d.rates, d.spans = p.Alpha, x.MinShare, x.Rates, x.Spans
	d.any = switchOrFile{given: true} // several pairs are candidates and not bands
	d.read.set(x.Read)
	d.given = func(string) bool { return false }
	o.given = d.given
	o.fdr, o.sample, o.runKey, o.decoys = x.FDR, x.Sample, p.Controls.RunKey, p.Controls.Keys
	_, err := o.parseRunKey()
	if err != nil {
		return fmt.Errorf("the run key of the plan: %w", err)
	}
	if len(d.rates) > 0 && len(d.rates) != len(p.Keys) {
		return fmt.Errorf("the plan has %d rates and %d keys", len(d.rates), len(p.Keys))
	}
	return check([]rule{within("fdr", o.fdr, open(0, 1)), within("min-share", d.minShare, leftOpen(0, 1)), within("sample", o.sample, fromTo(1, maxSample))})
}

// scanPlanned makes a declared scan.
func (c *cli) scanPlanned(ctx context.Context, o *scanFlags, args []string) error {
	if err := errors.Join(checkReport(o.report), checkTable(o.parquet)); err != nil {
		return err
	}
	d := &o.mark
	t, err := c.openDeclared(ctx, &d.evidence, o.plan, "scan")
	if err != nil {
		return err
	}
	defer t.log.close()
	out, totals, outcome, err := c.runScan(ctx, o, t, args)
	if err != nil {
		return err
	}
	defer out.close()
	if out.signed, err = t.report(ctx, c, &d.evidence, outcome); err != nil {
		return err
	}
	return out.finish(ctx, totals)
}

// runScan tests the corpus of a plan and returns the outcome. The caller closes the output.
func (c *cli) runScan(ctx context.Context, o *scanFlags, t *declaredTest, args []string) (out *scanOutput, totals *scan.Totals, outcome *provenance.Outcome, err error) {
	d := &o.mark
	keys, err := t.keys(d.keys)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := o.fromPlan(t.plan); err != nil {
		return nil, nil, nil, err
	}
	if err := c.loadTokenizers(d.tokenizers); err != nil {
		return nil, nil, nil, err
	}
	if err := t.open(ctx, c, args, d.evidence.clean); err != nil {
		return nil, nil, nil, err
	}
	s := &scanning{cli: c, flags: o, declared: true}
	if s.set, err = c.declaredCandidates(d, t.plan, keys); err != nil {
		return nil, nil, nil, err
	}
	if err := s.bind(); err != nil {
		return nil, nil, nil, err
	}
	if s.options, err = o.options(scanAll, nil); err != nil {
		return nil, nil, nil, err
	}
	// A journal that has begun belongs to the entry of its own beginning.
	_, begun := scan.RunKey(o.journal)
	if err := t.resume(c, o.journal != "" && begun); err != nil {
		return nil, nil, nil, err
	}
	t.pause()
	dir, done, err := s.journalDir()
	if err != nil {
		return nil, nil, nil, err
	}
	defer done()
	if out, totals, err = s.scanFiles(ctx, t, t.files, dir); err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil {
			out.close()
		}
	}()
	if totals.Verdict == nil {
		return nil, nil, nil, nothingScanned(totals)
	}
	clean, err := s.scanClean(ctx, t)
	if err != nil {
		return nil, nil, nil, err
	}
	outcome, err = out.outcome(t, totals, clean)
	return out, totals, outcome, err
}

// scanFiles scans files of a plan.
func (s *scanning) scanFiles(ctx context.Context, t *declaredTest, files *corpusFiles, dir string) (*scanOutput, *scan.Totals, error) {
	reader, err := corpus.New(s.flags.corpusOptions())
	if err != nil {
		return nil, nil, err
	}
	s.input = &scan.Input{Corpus: reader, Args: []string{"the plan " + t.digest}, Paths: map[string]string{}}
	for i, f := range files.manifest {
		s.input.Files = append(s.input.Files, f.Name)
		s.input.Paths[f.Name] = files.paths[i]
	}
	if err := s.mapTo(ctx, dir); err != nil {
		return nil, nil, err
	}
	out, totals, err := s.merge(ctx, []string{dir})
	if err != nil {
		return nil, nil, err
	}
	if want := scanManifest(files.manifest); totals.Manifest != want {
		out.close()
		return nil, nil, errors.New("a file could not be read as a whole, or changed while it was tested; test the corpus again, and leave out what cannot be read")
	}
	return out, totals, nil
}

// scanManifest returns the digest that a scan makes of the names and hashes of files.
func scanManifest(m provenance.Manifest) string {
	h := sha256.New()
	for _, f := range m {
		fmt.Fprintf(h, "%q %s\n", f.Name, f.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// scanClean scans the clean corpus of a plan, without control keys, and prints nothing. It returns
// nil if there is none.
func (s *scanning) scanClean(ctx context.Context, t *declaredTest) (*scan.Totals, error) {
	if t.clean == nil {
		return nil, nil
	}
	flags := &scanFlags{mark: detectFlags{read: readFlags{}}, workers: s.flags.workers, maxDisk: s.flags.maxDisk}
	flags.mark.read.set(s.flags.mark.read.options())
	flags.given = func(string) bool { return false }
	clean := &scanning{cli: s.cli, flags: flags, set: s.set, marks: s.marks, sources: s.sources, options: s.options}
	dir, done, err := clean.journalDir()
	if err != nil {
		return nil, err
	}
	defer done()
	out, totals, err := clean.scanFiles(ctx, t, t.clean, dir)
	if err != nil {
		return nil, fmt.Errorf("--clean: %w", err)
	}
	out.close()
	if totals.Verdict == nil {
		return nil, fmt.Errorf("--clean: %w", nothingScanned(totals))
	}
	return totals, nil
}

// topDocuments is the number of documents that a signed report has in full.
const topDocuments = 100

// scanDigests gather what a signed report says of the documents. Their size is fixed.
type scanDigests struct {
	documents, skips hash.Hash
	top              []*scan.Document
}

func newScanDigests() *scanDigests { return &scanDigests{documents: sha256.New(), skips: sha256.New()} }

func (g *scanDigests) document(d *scan.Document) error {
	if d.Listed {
		g.top = insertDocument(g.top, d, topDocuments)
	}
	return writeJSON(g.documents, d)
}

func (g *scanDigests) skip(line []byte) {
	g.skips.Write(line)
	g.skips.Write([]byte{'\n'})
}

// canonicalScan is the result of a scan without what differs from run to run.
type canonicalScan struct {
	*scan.Totals
	Top []*scan.Document `json:"top"` // of the listed ones, those with the smallest p-values
	// Documents and Skips are digests of the lines that --json prints for documents, and of those of
	// --skipped.
	Documents string `json:"documents_digest"`
	Skips     string `json:"skips_digest"`
}

// outcome returns the canonical part of a report.
func (o *scanOutput) outcome(t *declaredTest, totals, clean *scan.Totals) (*provenance.Outcome, error) {
	sum := func(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }
	result, err := canonical.Encode(canonicalScan{totals, list(o.digests.top), sum(o.digests.documents), sum(o.digests.skips)})
	if err != nil {
		return nil, err
	}
	rows := &totals.Rows
	out := &provenance.Outcome{
		Verdict: string(*totals.Verdict), Alpha: t.plan.Alpha, Files: t.files.manifest, Result: result, Controls: []provenance.ControlResult{},
		Counts: provenance.Counts{Found: rows.Found, Tested: rows.Tested, Skipped: rows.Skipped, Reasons: []provenance.Count{}},
	}
	for _, r := range rows.Reasons {
		out.Counts.Reasons = append(out.Counts.Reasons, provenance.Count{Name: r.Name, Count: r.Count})
	}
	for i, x := range totals.Pile {
		switch {
		case x.Log10P == nil:
			out.NoControls = fmt.Sprintf("the pile of the key %s has no test: %s", x.KeyID, strings.Join(x.Warnings, "; "))
		case clean != nil && clean.Pile[i].Log10P == nil:
			out.NoControls = fmt.Sprintf("the pile of the clean corpus has no test for the key %s: %s", x.KeyID, strings.Join(clean.Pile[i].Warnings, "; "))
		}
		if out.NoControls != "" {
			out.Controls = []provenance.ControlResult{}
			return out, nil
		}
		c := provenance.ControlResult{Key: x.KeyID, Log10P: *x.Log10P, Keys: list(totals.ControlsOf[i]), Rank: rankOf(*x.Log10P, totals.ControlsOf[i])}
		if clean != nil {
			c.Clean = clean.Pile[i].Log10P
		}
		out.Controls = append(out.Controls, c)
	}
	return out, nil
}
