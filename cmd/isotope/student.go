package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
)

func (c *cli) studentCommand() *cobra.Command {
	var o studentFlags
	cmd := &cobra.Command{
		Use:   "student --key FILE --profile FILE {FILE... | --endpoint URL --model NAME --journal FILE | --journal FILE | --reading FILE}",
		Short: "Test a suspect model: was it trained on marked text?",
		Long: `Student tests the hypothesis that what a model says does not depend on a key. What is
tested comes from one of four places:

  FILE...                a .jsonl file with an output on each line, {"prompt":"..","output":".."};
                         any other file is one output. Prompts and outputs may be arrays
                         of token ids.
  --endpoint --journal   answers of an OpenAI-compatible endpoint, collected into a journal:
                         every raw response, each line with the hash of the one before.
                         The same call goes on where the last one ended, and asks nothing
                         twice.
  --journal              a journal, tested again as it was declared. Nothing is asked.
  --reading              rows or choices of a model whose weights one holds.

What is tested is declared first: key, statistics, decoys, alpha, prompts, budget, stopping
rule. --dry-run prints this plan and asks nothing; --plan FILE goes on only if the plan is
the one in FILE. A journal's first line holds it, and cannot be used under another one.

Two statistics are declared: distinct pairs of context and token, and the residual against
a reference model that knows nothing of the key (--reference none leaves it out). Every
context that occurs in a prompt is out of the test. While answers come in, a sequential test
looks after every --batch of them and ends the collection when the evidence suffices, or,
with --c1, when the share of interest would have shown. --fixed collects all of them
first. All tests are counted. Decoy keys run beside the real one.

With --registry the key is the root of a registry of accounts, and the test goes on to the
question through whom.

With --provenance-profile and --provenance-key the band of a keyed draw is tested as well,
which training is not known to carry over. With --live, outputs that the marked model itself
wrote to such prompts, a suspect that shows both bands at least half as strongly as these is
said to look like one that forwards requests or replays text.

An answer can have nothing to test: the model refused, called a tool, said nothing, or the
endpoint failed. Each is counted with its reason.

Exit status 4 says that the collection is not complete: it was interrupted, the endpoint
failed, or the budget is spent. The first interrupt ends it once the answers on their
way have arrived, the second one at once.

The API key of the suspect comes from the environment variable ` + defaultKeyEnv + `, or what
--api-key-env or --api-key-file names. It is not recorded. OPENAI_API_KEY is not sent to
anybody unless it is named.`,
		Example: `  isotope student --key my.key --profile my.json outputs.jsonl
  isotope student --key my.key --profile my.json --endpoint https://host/v1 --model suspect \
      --journal suspect.jsonl --budget-tokens 2000000 --report suspect.html
  isotope student --key my.key --profile my.json --journal suspect.jsonl --json
  isotope student --key root.key --profile my.json --registry tenants.json --epoch 2026-11 outputs.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.given = make(map[string]bool)
			for _, name := range append(slices.Clone(planned), append(asked, "corpus")...) {
				o.given[name] = cmd.Flags().Changed(name)
			}
			if err := o.check(args); err != nil {
				return err
			}
			return c.student(cmd.Context(), &o, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.key, "key", "", "key `FILE`; the root's with --registry")
	f.StringVar(&o.profile, "profile", "", "profile `FILE`")
	f.StringVar(&o.selector, "selector", "", "key `FILE` of the profile's band")
	f.StringVar(&o.registry, "registry", "", "`FILE` of accounts: tests the master key of --epoch, then cohorts and tenants")
	f.StringVar(&o.epoch, "epoch", "", "`ID` of the registry's epoch")
	f.StringVar(&o.provenanceProfile, "provenance-profile", "", "profile `FILE` of a provenance band that is tested as well")
	f.StringVar(&o.provenanceKey, "provenance-key", "", "key `FILE` of the provenance band")
	f.StringArrayVar(&o.live, "live", nil, "`FILE` of outputs of the marked model itself, to compare with (repeatable)")

	f.StringVar(&o.question, "question", "", "the question, as it stands in the report")
	f.StringVar(&o.reference, "reference", "embedded", "reference model of the residual: embedded, or none")
	f.StringVar(&o.corpus, "corpus", "", "train the reference on the text files below `DIR`, which no marked model wrote")
	f.Float64Var(&o.alpha, "alpha", 1e-6, "the largest p-value that is called detected")
	f.Float64Var(&o.c1, "c1", 0, "z-score of one scored token if all training text were marked, measured on a student of your own; 0 is unknown")
	f.Float64Var(&o.share, "share", 0.1, "share of marked training text of interest, in (0,1]")
	f.Int64Var(&o.tests, "tests", 1, "number of tests that this one belongs to: other keys, other sets of prompts")
	f.IntVar(&o.decoys, "decoys", detect.DefaultDecoys, "keys that marked nothing, run beside the real one, at least 100")
	f.StringVar(&o.runKey, "run-key", "", "32 hex `DIGITS` from which the decoys follow (default: drawn)")
	f.BoolVar(&o.promptsUnmarked, "prompts-unmarked", false, "declare that no marked model wrote a prompt, and keep contexts of prompts in the test")
	f.BoolVar(&o.fixed, "fixed", false, "collect everything before looking")

	f.StringVar(&o.endpoint, "endpoint", "", "base `URL` of the suspect's API, such as https://host/v1")
	f.StringVar(&o.model, "model", "", "`NAME` of the suspect model")
	f.StringVar(&o.api, "api", collect.Chat, "chat or completions")
	f.StringVar(&o.system, "system", "", "system prompt, for chat")
	f.StringVar(&o.extra, "extra", "", "`JSON` object of further fields of a request, such as {\"top_k\":50}")
	f.StringVar(&o.prompts, "prompts", "builtin", "`FILE` of prompts, one a line, or .jsonl; or builtin")
	f.BoolVar(&o.stream, "stream", false, "ask for streams")
	f.Int64Var(&o.maxTokens, "max-tokens", 400, "longest answer")
	f.Float64Var(&o.temperature, "temperature", 0, "sampling temperature (default: the endpoint's)")
	f.Float64Var(&o.topP, "top-p", 0, "nucleus sampling (default: the endpoint's)")
	f.IntVar(&o.asks, "asks", 0, "questions; more than there are prompts go through them again (default: as many as prompts, 400 of the built-in ones)")
	f.IntVar(&o.batch, "batch", 50, "answers from one look to the next")
	f.Int64Var(&o.budget.Tokens, "budget-tokens", 0, "most tokens in and out, 0: no bound")
	f.Float64Var(&o.budget.Money, "budget-money", 0, "most money, in the unit of the prices, 0: no bound")
	f.Float64Var(&o.budget.PriceIn, "price-in", 0, "price of a million tokens in")
	f.Float64Var(&o.budget.PriceOut, "price-out", 0, "price of a million tokens out")
	f.IntVar(&o.pace.Concurrency, "concurrency", 4, "requests at a time")
	f.Float64Var(&o.pace.PerMinute, "rate", 0, "most requests a minute, 0: no bound")
	f.IntVar(&o.pace.Retries, "retries", 6, "retries of a request that failed for the moment")
	f.DurationVar(&o.pace.Timeout, "timeout", 5*time.Minute, "longest wait for an answer")
	f.StringVar(&o.keyEnv, "api-key-env", defaultKeyEnv, "environment `VARIABLE` with the suspect's API key")
	f.StringVar(&o.keyFile, "api-key-file", "", "`FILE` with the suspect's API key")

	f.StringVar(&o.journal, "journal", "", "`FILE` that keeps the answers; made when it is not there")
	f.StringVar(&o.reading, "reading", "", "`FILE` of what a model with open weights would write next")
	f.StringVar(&o.plan, "plan", "", "go on only if the plan is the one in `FILE`")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the plan, and what it needs, and ask nothing")
	f.StringVar(&o.report, "report", "", "write the report as an HTML page to `FILE`")
	f.BoolVar(&o.json, "json", false, "print the report as one JSON object")
	f.StringVar(&o.failOn, "fail-on", "", `exit with status 3 when the verdict is "detected"`)
	return cmd
}

func (c *cli) student(ctx context.Context, o *studentFlags, files []string) error {
	if o.report != "" {
		if err := checkPage(o.report); err != nil {
			return err
		}
	}
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
	if o.reference == "embedded" {
		if err := c.loadReference(ctx, s, o.corpus); err != nil {
			return err
		}
	}
	d := &audit.Declared{}
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

// declare checks the plan against --plan, and prints it with --dry-run, which ends the call.
func (c *cli) declare(o *studentFlags, s *suspect, d *audit.Declared) (stop bool, err error) {
	if o.plan != "" {
		text, err := os.ReadFile(o.plan)
		if err != nil {
			return false, err
		}
		declared, err := audit.ParseDeclared(text)
		if err != nil {
			return false, fmt.Errorf("%s: %w", o.plan, err)
		}
		if !o.given["run-key"] {
			d.Plan.RunKey = declared.Plan.RunKey // which nobody chooses
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
		c.hint("a share of %.3g needs some %.3g scored tokens (c1 %.3g, %s)", need.Share, need.Scored, need.C1, need.Source)
	} else {
		c.hint("how many tokens a share needs depends on c1, which is not known for a width of %d; see --c1", s.scorer.Width())
	}
	c.hint("digest of the plan: %s", d.Digest())
	_, err = c.stdout.Write(append(d.JSON(), '\n'))
	return true, err
}

// conclude tests, reports and says how the call ends.
func (c *cli) conclude(o *studentFlags, a *audit.Audit, end collect.End, sources []report.Fact, seen report.AuditObserved) error {
	testing := c.busy("testing")
	r, err := a.Report(end, sources)
	testing()
	if err != nil {
		return err
	}
	return c.publish(o, r, end, seen)
}

// publish writes a report.
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
		c.hint("not complete: %s", r.Canonical.Ending)
		return errIncomplete
	case o.failOn != "" && r.Canonical.Verdict == detect.Verdict(o.failOn):
		return errVerdict
	}
	return nil
}
