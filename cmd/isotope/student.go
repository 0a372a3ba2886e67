package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/detect"
)

const studentHelp = `Student tests the hypothesis that a model's outputs do not depend on a key. The outputs come
from one of four places:

  FILE...                a .jsonl file has one output a line, {"prompt":"..","output":".."}.
                         Any other file is one output. Prompts and outputs may be arrays of
                         token ids.
  --endpoint --journal   answers of an OpenAI-compatible endpoint, collected into a journal.
                         It keeps every raw response, and each line has the hash of the line
                         before. The same call resumes where the last one ended, and asks
                         nothing twice.
  --journal              a journal, tested again as it was declared. Nothing is asked.
  --reading              rows or choices of a model whose weights you have.

The plan is declared first: key, statistics, decoys, alpha, prompts, budget and stopping
rule. --dry-run prints it and asks nothing. --plan FILE refuses a plan that differs from the
one in FILE. The first line of a journal holds the plan, and no other plan can use it.

The plan has two statistics: distinct pairs of context and token, and the residual against
a reference model that knows nothing of the key. --reference none leaves the residual out.
A context that occurs in a prompt is not tested. While answers come in, a sequential test
looks after every --batch of them. It ends the collection when it detects, or with --c1
when a share of --share would have been detected. --fixed collects everything first. The
p-value is adjusted for all of these tests. Decoys are control keys: nobody marked text with them.
They are tested on the same outputs, and show what chance does.

With --registry the key is the root key of a registry of accounts. The test then also asks
through which accounts the marked text went.

--provenance-profile and --provenance-key test the band of a keyed draw as well, which
training is not known to carry over. --live compares the suspect with outputs that your own
marked model wrote to similar prompts. A suspect that shows both marks at half that
strength or more is reported as resembling one that forwards requests or replays text.

An answer can have nothing to test: the model refused, called a tool or said nothing, or
the endpoint failed. Each such answer is counted with its reason.

Exit status 4 means that the collection is not complete: it was interrupted, the endpoint
failed, or the budget is spent. The first interrupt waits for the answers that are on their
way. The second one ends at once.

The suspect's API key comes from the environment variable ` + defaultKeyEnv + `, or from
--api-key-env or --api-key-file. It is not recorded. OPENAI_API_KEY is sent only if you
name it.`

func (c *cli) studentCommand() *cobra.Command {
	var o studentFlags
	cmd := &cobra.Command{
		Use:   "student --key FILE --profile FILE {FILE... | --endpoint URL --model NAME --journal FILE | --journal FILE | --reading FILE}",
		Short: "Test a suspect model: was it trained on marked text?",
		Long:  studentHelp,
		Example: `  isotope student --key my.key --profile my.json outputs.jsonl
  isotope student --key my.key --profile my.json --endpoint https://host/v1 --model suspect \
      --journal suspect.jsonl --budget-tokens 2000000 --report suspect.html
  isotope student --key my.key --profile my.json --journal suspect.jsonl --json
  isotope student --key root.key --profile my.json --registry tenants.json --epoch 2026-11 outputs.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.given = cmd.Flags().Changed
			if err := o.check(args); err != nil {
				return err
			}
			if err := checkReport(o.report); err != nil {
				return err
			}
			return c.student(cmd.Context(), &o, args)
		},
	}
	o.register(cmd)
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
func (c *cli) studentFiles(ctx context.Context, o *studentFlags, s *suspect, files []string) error {
	if o.reference == referenceEmbedded {
		if err := c.loadReference(ctx, s, o.corpus); err != nil {
			return err
		}
	}
	d := &audit.DeclaredPlan{}
	if err := s.plan(o, d, ""); err != nil {
		return err
	}
	if stop, err := c.declare(o, s, d); stop || err != nil {
		return err
	}
	a, err := s.audit(d)
	if err != nil {
		return err
	}
	var sources []report.Fact
	reading := c.busy("tokenizing")
	for _, name := range files {
		fact, err := a.AddFile(name)
		if err != nil {
			reading()
			return err
		}
		sources = append(sources, fact)
	}
	reading()
	return c.conclude(o, a, collect.Asked, sources, report.AuditObserved{})
}

// maxPlan is the longest declared plan, in bytes.
const maxPlan = 16 << 20

// declare compares the plan with the one of --plan. With --dry-run it prints the plan, and stop
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
func (c *cli) conclude(o *studentFlags, a *audit.Audit, end collect.End, sources []report.Fact, seen report.AuditObserved) error {
	testing := c.busy("testing")
	r, err := a.Report(end, sources)
	testing()
	if err != nil {
		return err
	}
	return c.publish(o, r, end, seen)
}

// publish writes a report to stdout and to --report. Its error gives the call its exit status.
func (c *cli) publish(o *studentFlags, r *report.Audit, end collect.End, seen report.AuditObserved) error {
	r.Observed = seen
	r.Observed.Tool = toolVersion()
	r.Observed.Facts = append([]report.Fact{{Name: "reported", Value: time.Now().UTC().Format(time.RFC3339)}}, r.Observed.Facts...)
	if o.report != "" {
		if err := writePage(r, o.report); err != nil {
			return err
		}
	}
	var err error
	if o.json {
		err = r.WriteJSON(c.stdout)
	} else {
		err = printAudit(c.stdout, r)
	}
	switch {
	case err != nil:
		return err
	case !end.Complete():
		c.hint("the collection is not complete: %s", r.Canonical.Ending)
		return errIncomplete
	case o.failOn != "" && r.Canonical.Verdict == detect.Verdict(o.failOn):
		return errVerdict
	}
	return nil
}
