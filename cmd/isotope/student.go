package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
)

const studentHelp = `Student tests the hypothesis that a model's outputs do not depend on a key. The outputs come
from one of four places:

  PATH...                files, directories with all files below them, or - for standard
                         input: JSON, CSV, parquet, archives and text. What a file is
                         follows from its content. Each row is one response. Its answer and
                         its reasoning are tested, and its prompt is left out. A row that
                         cannot be tested is counted and listed with its reason.
  --endpoint --journal   answers of an OpenAI-compatible endpoint, collected into a journal.
                         It keeps every raw response, and each line has the hash of the line
                         before. The same call resumes where the last one ended, and asks
                         nothing twice.
  --journal              a journal, tested again as it was declared. Nothing is asked.
  --reading              rows or choices of a model whose weights you have.

The plan is declared first: key, statistics, decoys, alpha, prompts, budget and stopping
rule. --dry-run prints it and asks nothing. --plan-file FILE refuses a plan that differs from the
one in FILE. The first line of a journal holds the plan, and no other plan can use it.

The plan has two statistics: distinct pairs of context and token, and the residual against
a reference model that knows nothing of the key. By default it is the embedded one.
--reference-gguf has llama.cpp run another, and --reference FILE takes the rows of any.
Take the model from which the suspect was tuned, if you can: the residual is then by far the
stronger test. The reference model is tested for the mark as well. --reference none leaves
the residual out.
A context that occurs in a prompt is not tested. While answers come in, a sequential test
looks after every --batch of them. It ends the collection when it detects, or with --c1
when a share of --share would have been detected. --fixed collects everything first. The
p-value is adjusted for all of these tests. Decoys are control keys: nobody marked text with them.
They are tested on the same outputs, and show what chance does.

--declare FILE writes the plan, signs and logs it, and asks and scores nothing. --plan-file with
a signed plan makes the test that it declares, and no other. For an endpoint the plan fixes the
questions, the budget and the stopping rule. The signed report names the end of the journal.

With --registry the key is the root key of a registry of accounts. The test then also asks
through which accounts the marked text went.

--provenance-profile and --provenance-key test the band of a keyed draw as well, which
training is not known to carry over. --live compares the suspect with outputs that your own
marked model wrote to similar prompts. A suspect that shows both marks at half that
strength or more is reported as resembling one that forwards requests or replays text.

An answer can have nothing to test: the model refused, called a tool or said nothing, or
the endpoint failed. Each such answer is counted with its reason.

Exit status 1 means that nothing could be tested. Exit status 4 means that the collection is
not complete: it was interrupted, the endpoint failed, or the budget is spent. It also means
that a file could not be read, or that more rows were skipped than --max-skipped allows. The
first interrupt waits for the answers that are on their way. The second one ends at once.

The suspect's API key comes from the environment variable ` + defaultKeyEnv + `, or from
--api-key-env or --api-key-file. It is not recorded. OPENAI_API_KEY is sent only if you
name it.`

func (c *cli) studentCommand() *cobra.Command {
	var o studentFlags
	cmd := &cobra.Command{
		Use:     "audit --key FILE --profile FILE {PATH... | --endpoint URL --model NAME --journal FILE | --journal FILE | --reading FILE}",
		Aliases: []string{"student"},
		Short:   "Test a suspect model: was it trained on marked text?",
		Long:    studentHelp,
		Example: `  isotope student --key my.key --profile my.json outputs.jsonl
  isotope student --key my.key --profile my.json --endpoint https://host/v1 --model suspect \
      --journal suspect.jsonl --budget-tokens 2000000 --report suspect.html
  isotope audit --key my.key --profile my.json --reference rows.jsonl outputs.jsonl
  isotope student --key my.key --profile my.json --journal suspect.jsonl --json
  isotope student --key root.key --profile my.json --registry tenants.json --epoch 2026-11 outputs.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.given = cmd.Flags().Changed
			o.key, o.profile = fileFromEnv(o.key, keyFileEnv), fileFromEnv(o.profile, profileFileEnv)
			o.changed = changedFlags(cmd.Flags())
			planned := o.hasSignedPlan()
			if err := o.checkDeclared(args, planned); err != nil {
				return err
			}
			if !planned {
				if err := o.check(args); err != nil {
					return err
				}
			}
			if err := checkReport(o.report); err != nil {
				return err
			}
			switch {
			case planned:
				return c.auditPlanned(cmd.Context(), &o, args)
			case o.evidence.declare != "":
				return c.declareAudit(cmd.Context(), &o, args)
			}
			return c.student(cmd.Context(), &o, args)
		},
	}
	o.register(cmd)
	c.oldFlags(cmd, map[string]string{"plan": "plan-file"})
	return cmd
}

// student tests the outputs of a call.
func (c *cli) student(ctx context.Context, o *studentFlags, files []string) error {
	if o.reading != "" {
		return c.studentReading(ctx, o)
	}
	s, err := c.newSuspect(ctx, o)
	if err != nil {
		return err
	}
	switch {
	case o.endpoint != "":
		return c.studentEndpoint(ctx, o, s)
	case o.journal != "":
		return c.studentReplay(ctx, o, s)
	}
	return c.studentFiles(ctx, o, s, files)
}

// studentFiles tests outputs in files.
func (c *cli) studentFiles(ctx context.Context, o *studentFlags, s *suspect, files []string) (err error) {
	if err := c.setReference(ctx, s, o, ""); err != nil {
		return err
	}
	defer s.close()
	d := &audit.DeclaredPlan{}
	if err := c.plan(ctx, s, o, d, ""); err != nil {
		return err
	}
	if stop, err := c.declare(o, s, d); stop || err != nil {
		return err
	}
	a, err := s.audit(d)
	if err != nil {
		return err
	}
	rows := &outputRows{}
	closeSidecar, err := o.read.openSidecar(&rows.Ledger)
	if err != nil {
		return err
	}
	reading := c.busy("reading")
	var failed error
	err = c.readOutputs(ctx, &o.read, files, rows, func(d *corpus.Document) string {
		refused, err := s.addDocument(a, d)
		failed = cmp.Or(failed, err)
		return refused
	})
	reading()
	err = errors.Join(failed, err)
	if err := errors.Join(err, closeSidecar()); err != nil {
		return err
	}
	if rows.Tested() == 0 {
		if o.json {
			if err := writeJSON(c.stdout, emptyAudit(o, rows)); err != nil {
				return err
			}
		}
		return nothingTested(&rows.Ledger)
	}
	if err := c.readReferenceOutputs(ctx, s, o); err != nil {
		return err
	}
	for _, r := range rows.Reasons() {
		for range r.Count {
			a.Skip(r.Name)
		}
	}
	return c.conclude(o, a, collect.Asked, rows, report.AuditObserved{})
}

// outputRows accounts for the outputs of files.
type outputRows struct {
	inputs.Ledger
	left []string // what directories hold and was not read
}

// readOutputs reads files of outputs. add takes each row, or says why it cannot.
func (c *cli) readOutputs(ctx context.Context, o *readFlags, files []string, rows *outputRows, add func(*corpus.Document) (refused string)) error {
	reader, err := c.reader(o.corpusOptions())
	if err != nil {
		return err
	}
	c.terminalInput(files)
	list := inputs.Find(files)
	rows.left = list.Notes
	for _, name := range list.Files {
		for doc := range rows.Documents(ctx, reader, name) {
			if refused := add(doc); refused != "" {
				rows.Refuse(doc, corpus.Unsupported, refused)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return rows.Check()
}

// sources names the files for a report, with what identifies them.
func (r *outputRows) sources() []report.Fact {
	var facts []report.Fact
	for _, f := range r.Files {
		value := fmt.Sprintf("%d bytes, sha256:%s", f.Bytes, f.SHA256)
		if f.SHA256 == "" {
			value = fmt.Sprintf("%d bytes were read, and not all of it", f.Bytes)
		}
		facts = append(facts, report.Fact{Name: filepath.Base(f.Name), Value: value})
	}
	return facts
}

// facts says how the files were read, and which rows were not tested.
func (r *outputRows) facts() []report.Fact {
	var facts []report.Fact
	for i := range r.Files {
		f := &r.Files[i]
		facts = append(facts, report.Fact{Name: f.Name, Value: fmt.Sprintf("%s; %d rows, of which %d were tested", f.Taken(), f.Rows, f.Tested)})
	}
	for _, words := range r.SkipWords() {
		facts = append(facts, report.Fact{Name: "skipped", Value: words})
	}
	for _, words := range append(slices.Clone(r.left), r.NoteWords()...) {
		facts = append(facts, report.Fact{Name: "note", Value: words})
	}
	return facts
}

// maxPlan is the longest declared plan, in bytes.
const maxPlan = 16 << 20

// declare compares the plan with the one of --plan-file. With --dry-run it prints the plan, and stop
// is true.
func (c *cli) declare(o *studentFlags, s *suspect, d *audit.DeclaredPlan) (stop bool, err error) {
	if o.plan != "" {
		text, err := textfile.Read(o.plan, maxPlan)
		if err != nil {
			return false, err
		}
		declared, err := audit.ParseDeclared(text)
		if err != nil {
			return false, fmt.Errorf("%s: %w", o.plan, err)
		}
		if !o.given("run-key") {
			d.Plan.RunKey = declared.Plan.RunKey // a random one, which no flag repeats
		}
		if err := declared.Same(d); err != nil {
			return false, usagef("%s: %w", o.plan, err)
		}
	}
	if !o.dryRun {
		return false, nil
	}
	need := d.Need(s.scorer.Width())
	if need != nil {
		c.hint("a share of %.3g needs about %.3g scored tokens (c1 %.3g, %s)", need.Share, need.Scored, need.C1, need.Source)
	} else {
		c.hint("the number of scored tokens depends on c1, which is not known for a context width of %d; measure it and give --c1", s.scorer.Width())
	}
	c.hint("digest of the plan: %s", d.Digest())
	_, err = c.stdout.Write(append(d.JSON(), '\n'))
	return true, err
}

// conclude makes the tests and publishes the report.
// rows accounts for outputs in files, and is nil for those of an endpoint.
func (c *cli) conclude(o *studentFlags, a *audit.Audit, end collect.End, rows *outputRows, seen report.AuditObserved) error {
	var sources []report.Fact
	if rows != nil {
		sources = rows.sources()
		seen.Facts = append(seen.Facts, rows.facts()...)
	}
	testing := c.busy("testing")
	r, err := a.Report(end, sources)
	testing()
	if err != nil {
		return err
	}
	return c.publish(o, r, end, rows, seen)
}

// publish writes a report to stdout and to --report. Its error gives the call its exit status.
func (c *cli) publish(o *studentFlags, r *report.Audit, end collect.End, rows *outputRows, seen report.AuditObserved) error {
	if n := &r.Canonical.Outputs; rows == nil && n.In > 0 && n.Tested == 0 && end.Complete() {
		return fmt.Errorf("nothing was tested: all %d answers were skipped (%s); ask with other prompts, under a new plan", n.In, skipCounts(n.Skipped))
	}
	r.Observed = seen
	r.Observed.Tool = toolVersion()
	r.Observed.Facts = append([]report.Fact{{Name: "reported", Value: time.Now().UTC().Format(time.RFC3339)}, {Name: "command", Value: c.command()}}, r.Observed.Facts...)
	if o.report != "" {
		if err := writePage(r, o.report); err != nil {
			return err
		}
	}
	var err error
	if o.json {
		err = c.writeAudit(o, r, rows)
	} else {
		err = printAudit(c.stdout, r, rows)
	}
	switch {
	case err != nil:
		return err
	case !end.Complete():
		c.hint("the collection is not complete: %s", r.Canonical.Ending)
		return errIncomplete
	case o.failOn != "" && r.Canonical.Verdict == detect.Verdict(o.failOn):
		return errVerdict
	case rows != nil:
		return c.complete(&o.read, &rows.Ledger)
	}
	return nil
}

// An auditJSON is the JSON object of audit: what every verb has, and the report.
type auditJSON struct {
	envelope
	tested
	Canonical json.RawMessage       `json:"canonical,omitempty"`
	Digest    string                `json:"canonical_digest,omitempty"` // of Canonical, as it stands there
	Observed  *report.AuditObserved `json:"observed,omitempty"`
}

// writeAudit writes a report as one JSON object.
func (c *cli) writeAudit(o *studentFlags, r *report.Audit, rows *outputRows) error {
	text, err := canonical.Encode(r.Canonical)
	if err != nil {
		return err
	}
	j := auditJSON{envelope: newEnvelope("audit"), Canonical: text, Digest: r.Digest, Observed: &r.Observed}
	if rows != nil {
		j.tested = newTested(&rows.Ledger, o.alpha, r.Canonical.Verdict, nil)
	} else {
		n := &r.Canonical.Outputs
		j.tested = newTested(&inputs.Ledger{}, o.alpha, r.Canonical.Verdict, nil)
		j.Rows.Found, j.Rows.Tested, j.Rows.Skipped = n.In, n.Tested, n.In-n.Tested
		for _, s := range n.Skipped {
			j.Rows.Reasons = append(j.Rows.Reasons, inputs.Count{Name: s.Name, Count: s.Count})
		}
	}
	j.Complete = r.Canonical.Complete && (rows == nil || o.read.isComplete(&rows.Ledger))
	return writeJSON(c.stdout, j)
}

// emptyAudit is the JSON object of an audit that tested nothing.
func emptyAudit(o *studentFlags, rows *outputRows) auditJSON {
	j := auditJSON{envelope: newEnvelope("audit"), tested: newTested(&rows.Ledger, o.alpha, "", nil)}
	j.Complete = o.read.isComplete(&rows.Ledger)
	return j
}

// skipCounts words how many answers were skipped, by their reasons.
func skipCounts(list []report.AuditCount) string {
	var words []string
	for _, s := range list {
		words = append(words, fmt.Sprintf("%d %s", s.Count, s.Name))
	}
	return strings.Join(words, ", ")
}
