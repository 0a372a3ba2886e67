package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/provenance"
)

// Names of files in plans and reports of tests of a journal.
const (
	questionsName = "questions.json" // the questions as a JSON list, which is part of the plan
	journalName   = "journal.jsonl"
)

// journalFiles returns the manifest of a journal. Others have other names for its file.
func journalFiles(ctx context.Context, file string) (*corpusFiles, error) {
	f, err := hashFile(ctx, file)
	f.Name = journalName
	return &corpusFiles{provenance.Manifest{f}, []string{file}}, err
}

// runJournal tests the journal of a plan and returns the outcome. In a test of the owner it asks what
// the journal does not have yet.
func (c *cli) runJournal(ctx context.Context, o *studentFlags, t *declaredTest, s *suspect, x *auditOptions, args []string) (*auditRun, *provenance.Outcome, error) {
	if len(args) != 1 {
		return nil, nil, usagef("the test is of one journal, and %d files were named", len(args))
	}
	file, d := args[0], &x.Declared
	if d.Collection == nil || d.Collection.Prompts != collect.DigestPrompts(x.Prompts) {
		return nil, nil, errors.New("the plan does not have the questions that it names")
	}
	var err error
	switch {
	case t.plan.Journal == provenance.JournalGiven:
		if t.files, err = journalFiles(ctx, file); err != nil {
			return nil, nil, err
		}
		if err := t.files.same(t.plan.Files); err != nil {
			return nil, nil, err
		}
		if err := t.begin(c); err != nil {
			return nil, nil, err
		}
		t.pause()
	case t.log != nil:
		if err := c.collectDeclared(ctx, o, t, s, x, file); err != nil {
			return nil, nil, err
		}
	}
	if t.files, err = journalFiles(ctx, file); err != nil {
		return nil, nil, err
	}
	rec, err := readDeclaredJournal(file, d)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.audit(d)
	if err != nil {
		return nil, nil, err
	}
	run := &auditRun{journal: rec}
	if run.end, err = collect.Replay(rec, s.look(a, d)); err != nil {
		return nil, nil, err
	}
	if run.end == collect.Interrupted || run.end == collect.Failing {
		return nil, nil, fmt.Errorf("%s is not finished: it has %d of %d answers and no end by the stopping rule; collect the others first", file, len(rec.Answers), rec.Declaration.Asks)
	}
	if run.report, err = a.Report(run.end, nil); err != nil {
		return nil, nil, err
	}
	n := &run.report.Canonical.Outputs
	if n.Tested == 0 {
		return nil, nil, fmt.Errorf("nothing was tested: all %d answers were skipped (%s); ask with other prompts, under a new plan", n.In, skipCounts(n.Skipped))
	}
	outcome, err := run.outcome(t)
	if err != nil {
		return nil, nil, err
	}
	outcome.Journal = &provenance.JournalHead{Records: rec.Records, Head: "sha256:" + rec.Head}
	outcome.Counts = provenance.Counts{Found: n.In, Tested: n.Tested, Skipped: n.In - n.Tested, Reasons: []provenance.Count{}}
	for _, r := range n.Skipped {
		outcome.Counts.Reasons = append(outcome.Counts.Reasons, provenance.Count{Name: r.Name, Count: r.Count})
	}
	return run, outcome, nil
}

// collectDeclared asks the questions of a plan that the journal has no answer to.
func (c *cli) collectDeclared(ctx context.Context, o *studentFlags, t *declaredTest, s *suspect, x *auditOptions, file string) error {
	declared := x.Declared.Collection
	collection := collect.Declaration{Request: declared.Request, Asks: declared.Asks, Batch: declared.Batch, Budget: declared.Budget, Prompts: x.Prompts}
	var err error
	// Not canonical.Encode: journals hold the bytes of json.Marshal.
	if collection.Plan, err = json.Marshal(x.Declared.Plan); err != nil {
		return err
	}
	apiKey, err := o.apiKey()
	if err != nil {
		return err
	}
	a, err := s.audit(&x.Declared)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err := t.resume(c, err == nil && info.Size() > 0); err != nil {
		return err
	}
	t.pause()
	journal, err := c.openJournal(file, collection)
	if err != nil {
		return err
	}
	defer journal.Close()
	o.endpoint = collection.Request.Endpoint
	end, err := c.collect(ctx, o, journal, apiKey, s.look(a, &x.Declared))
	if err != nil {
		return err
	}
	if !end.Complete() && end != collect.Exhausted {
		c.hint("%d of %d questions have answers, and there is no report yet; the same call resumes", len(journal.Recording().Answers), collection.Asks)
		return errIncomplete
	}
	return nil
}

// readDeclaredJournal reads a journal and checks that it has a declaration.
func readDeclaredJournal(file string, d *audit.DeclaredPlan) (*collect.Recording, error) {
	rec, err := collect.ReadJournal(file)
	if err != nil {
		return nil, err
	}
	has, err := audit.FromDeclaration(&rec.Declaration)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := d.Same(has); err != nil {
		return nil, fmt.Errorf("the journal is of another test: %w", err)
	}
	return rec, nil
}

// checkJournal checks a journal against a report, without a key and without a network: its chain, its
// end, its declaration, and that its first answer is not older than the beginning of the test.
func checkJournal(ctx context.Context, file string, r *provenance.Report, p *provenance.Plan) (says string, err error) {
	if r.Outcome.Journal == nil {
		return "", errors.New("the report is of files and not of a journal; leave out --journal")
	}
	var x auditOptions
	if err := strictjson.Decode(p.Options, &x); err != nil {
		return "", fmt.Errorf("the options of the plan: %w", err)
	}
	rec, err := readDeclaredJournal(file, &x.Declared)
	if err != nil {
		return "", err
	}
	want := r.Outcome.Journal
	if "sha256:"+rec.Head != want.Head || rec.Records != want.Records {
		return "", fmt.Errorf("the journal has %d records and ends with sha256:%s, and that of the report has %d and ends with %s: records were removed, added or changed", rec.Records, rec.Head, want.Records, want.Head)
	}
	found, err := journalFiles(ctx, file)
	if err != nil {
		return "", err
	}
	if !slices.Equal(found.manifest, r.Outcome.Files) {
		return "", errors.New("the journal has the records of the report, and other bytes after them")
	}
	says = fmt.Sprintf("the journal has the %d records of the report, under the plan's questions, budget and stopping rule", rec.Records)
	if p.Journal != provenance.JournalMade {
		return says, nil
	}
	begun, err := provenance.ParseEntry([]byte(r.Begun.Entry))
	if err != nil {
		return "", err
	}
	when, err := time.Parse(time.RFC3339, begun.Time)
	if err != nil {
		return "", err
	}
	if rec.First.Before(when) {
		return "", fmt.Errorf("the first answer is of %s, and the test began at %s: the answers are older than the test", rec.First.Format(time.RFC3339), begun.Time)
	}
	return says + ", and no answer is older than the test", nil
}
