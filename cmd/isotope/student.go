package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/strictjson"
)

// studentFlags are the flags of student.
type studentFlags struct {
	key, profile, selector, registry, epoch string
	provenanceKey, provenanceProfile        string
	live                                    []string
	// The plan.
	question, reference, corpus string
	alpha, c1, share            float64
	tests                       int64
	decoys                      int
	runKey                      string
	promptsUnmarked, fixed      bool
	// The collection.
	endpoint, model, api, system, extra, prompts string
	stream                                       bool
	maxTokens                                    int64
	temperature, topP                            float64
	asks, batch                                  int
	budget                                       collect.Budget
	pace                                         collect.Pace
	keyEnv, keyFile                              string
	// What comes in and goes out.
	journal, reading, plan, report, failOn string
	dryRun, json                           bool

	given map[string]bool // flags of the call
}

// planned are the flags that are part of the plan: a journal that is tested without an
// endpoint says them.
var planned = []string{
	"question", "alpha", "c1", "share", "tests", "decoys", "run-key", "prompts-unmarked", "fixed", "reference", "plan", "live",
}

// asked are the flags that go with an endpoint alone.
var asked = []string{
	"model", "api", "system", "extra", "prompts", "stream", "max-tokens", "temperature", "top-p", "asks", "batch",
	"budget-tokens", "budget-money", "price-in", "price-out", "concurrency", "rate", "retries", "timeout", "api-key-env", "api-key-file", "fixed",
}

const defaultKeyEnv = "ISOTOPE_API_KEY"

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

// check finds calls that cannot be right before any file is read.
func (o *studentFlags) check(args []string) error {
	sources := 0
	for _, given := range []bool{len(args) > 0, o.endpoint != "" || o.journal != "", o.reading != ""} {
		if given {
			sources++
		}
	}
	replay := o.journal != "" && o.endpoint == ""
	switch {
	case o.key == "":
		return usagef("student: --key FILE is missing")
	case o.profile == "":
		return usagef("student: --profile FILE is missing")
	case strings.Contains(o.key+" "+o.selector+" "+o.provenanceKey, "isotope-secret-key"):
		return usagef("student: a key was given where the name of a key file belongs")
	case sources == 0 && !o.dryRun:
		return usagef("student: nothing to test: files of outputs, --endpoint, --journal or --reading")
	case sources > 1:
		return usagef("student: files, an endpoint and a reading are tests of their own")
	case o.endpoint != "" && o.model == "":
		return usagef("student: --model NAME is missing")
	case o.endpoint != "" && o.journal == "" && !o.dryRun:
		return usagef("student: --journal FILE is missing: answers that are not kept are no evidence")
	case o.journal != "" && o.report != "" && filepath.Clean(o.report) == filepath.Clean(o.journal):
		return usagef("student: --journal and --report name the same file")
	case (o.registry == "") != (o.epoch == ""):
		return usagef("student: --registry and --epoch go together")
	case o.registry != "" && o.selector != "":
		return usagef("student: the registry has its own selector")
	case (o.provenanceProfile == "") != (o.provenanceKey == ""):
		return usagef("student: --provenance-profile and --provenance-key go together")
	case len(o.live) > 0 && o.provenanceKey == "":
		return usagef("student: --live is about a provenance band; see --provenance-profile")
	case o.provenanceKey != "" && o.reading != "":
		return usagef("student: a provenance band is tested on outputs and not on a reading")
	case o.registry != "" && o.reading != "":
		return usagef("student: accounts are told apart by outputs and not by a reading")
	case !(o.alpha > 0 && o.alpha <= 0.5):
		return usagef("student: --alpha %v is outside (0,0.5]", o.alpha)
	case !(o.c1 >= 0) || math.IsInf(o.c1, 1):
		return usagef("student: --c1 %v is no number of at least 0", o.c1)
	case !(o.share > 0 && o.share <= 1):
		return usagef("student: --share %v is outside (0,1]", o.share)
	case o.tests < 1 || o.tests > 1e12:
		return usagef("student: --tests %d is outside 1 to 10^12", o.tests)
	case o.decoys < detect.MinDecoys || o.decoys > 1_000_000:
		return usagef("student: --decoys %d is outside %d to 1000000", o.decoys, detect.MinDecoys)
	case o.reference != "embedded" && o.reference != "none":
		return usagef("student: --reference %q is neither embedded nor none", o.reference)
	case o.reference == "none" && o.corpus != "":
		return usagef("student: --corpus is of the reference model, and --reference none has none")
	case o.given["temperature"] && (!(o.temperature >= 0) || math.IsInf(o.temperature, 1)):
		return usagef("student: --temperature %v is no temperature", o.temperature)
	case o.given["top-p"] && !(o.topP > 0 && o.topP <= 1):
		return usagef("student: --top-p %v is outside (0,1]", o.topP)
	case o.asks < 0 || o.batch < 1:
		return usagef("student: --asks and --batch are positive numbers")
	case o.pace.Concurrency < 1 || o.pace.Concurrency > 1000:
		return usagef("student: --concurrency %d is outside 1 to 1000", o.pace.Concurrency)
	case !(o.pace.PerMinute >= 0) || o.pace.Timeout <= 0:
		return usagef("student: --rate is at least 0, and --timeout is positive")
	case o.pace.Retries < 0 || o.pace.Retries > 1000:
		return usagef("student: --retries %d is outside 0 to 1000", o.pace.Retries)
	case o.budget.Tokens < 0 || !(o.budget.Money >= 0) || !(o.budget.PriceIn >= 0) || !(o.budget.PriceOut >= 0):
		return usagef("student: budget and prices are at least 0")
	case o.budget.Money > 0 && o.budget.PriceIn == 0 && o.budget.PriceOut == 0:
		return usagef("student: --budget-money needs --price-in and --price-out")
	case o.failOn != "" && o.failOn != string(detect.Detected):
		return usagef("student: --fail-on %q: only %q can be failed on", o.failOn, detect.Detected)
	}
	if o.endpoint == "" {
		for _, name := range asked {
			if o.given[name] {
				return usagef("student: --%s goes with --endpoint", name)
			}
		}
	}
	if replay {
		for _, name := range planned {
			if o.given[name] {
				return usagef("student: --%s was declared when the journal was made, which says it", name)
			}
		}
		if o.dryRun {
			return usagef("student: a journal has its plan; --dry-run is for new ones")
		}
	}
	return nil
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

// apiKey returns the suspect's API key, or nothing when there is none.
func (o *studentFlags) apiKey() (string, error) {
	key, from := os.Getenv(o.keyEnv), "$"+o.keyEnv
	if o.keyFile != "" {
		text, err := os.ReadFile(o.keyFile)
		if err != nil {
			return "", fmt.Errorf("the API key: %w", err)
		}
		key, from = string(text), o.keyFile
	}
	key = strings.TrimSpace(key)
	switch {
	case strings.ContainsAny(key, "\r\n\x00"):
		return "", fmt.Errorf("%s holds more than one line, and no API key has that", from)
	case strings.Contains(key, "isotope-secret-key"):
		return "", errors.New("a secret key of a mark stands where the suspect's API key belongs")
	case key == "" && (o.given["api-key-env"] || o.keyFile != ""):
		return "", fmt.Errorf("%s holds no API key", from)
	}
	return key, nil
}

func compactJSON(text string) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	var v map[string]any
	if err := strictjson.Decode([]byte(text), &v); err != nil {
		return nil, usagef("student: --extra is no JSON object: %w", err)
	}
	if v == nil {
		return nil, usagef("student: --extra is null and not a JSON object")
	}
	return json.Marshal(v) // as it always was: journals hold these bytes
}
