package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/strictjson"
)

// studentFlags are the flags of student.
type studentFlags struct {
	key, profile, selector, registry, epoch string
	provenanceKey, provenanceProfile        string
	live, tokenizers                        []string
	read                                    readFlags
	// The plan.
	question, reference, corpus string
	referenceGGUF, llamaLib     string
	referenceTemperature        float64
	alpha, c1, share            float64
	tests, c1Pairs              int64
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
	// Input and output.
	journal, reading, plan, report, failOn, writeRows string
	dryRun, json                                      bool
	evidence                                          declareFlags

	changed []string               // the flags of the call
	given   func(name string) bool // flags of the call
}

// declaredFlags are part of the plan. A journal that is tested without an endpoint has them.
var declaredFlags = []string{
	"question", "alpha", "c1", "c1-pairs", "share", "tests", "decoys", "run-key", "prompts-unmarked", "fixed", "reference", "plan-file", "live",
}

// endpointFlags need --endpoint.
var endpointFlags = []string{
	"model", "api", "system", "extra", "prompts", "stream", "max-tokens", "temperature", "top-p", "asks", "batch",
	"budget-tokens", "budget-money", "price-in", "price-out", "concurrency", "rate", "retries", "timeout", "api-key-env", "api-key-file", "fixed",
}

// Values of --reference.
const (
	referenceEmbedded = "embedded"
	referenceNone     = "none"
)

// promptsBuiltin is the value of --prompts for the prompts of this program.
const promptsBuiltin = "builtin"

const defaultKeyEnv = "ISOTOPE_API_KEY"

// register adds the flags to a command.
func (o *studentFlags) register(cmd *cobra.Command) {
	group(cmd, "Mark", o.registerMark)
	group(cmd, "Input", o.registerInput)
	group(cmd, "Test", o.registerPlan)
	group(cmd, "Endpoint", o.registerCollection)
	group(cmd, "Declared test", o.evidence.register)
	group(cmd, "Output", func(f *pflag.FlagSet) {
		f.BoolVar(&o.dryRun, "dry-run", false, "print the plan and the tokens that it needs, and ask nothing")
		f.StringVarP(&o.report, "report", "o", "", "write the report as an HTML page to `FILE`")
		f.StringVar(&o.writeRows, "write-rows", "", "write the rows of --reference-gguf to `FILE`, which --reference takes")
		f.BoolVar(&o.json, "json", false, "print the report as one JSON object")
		f.StringVar(&o.failOn, "fail-on", "", `exit with status 3 if the verdict is "detected"`)
	})
}

// registerMark adds the flags that say which mark is tested.
func (o *studentFlags) registerMark(f *pflag.FlagSet) {
	f.StringVarP(&o.key, "key", "k", "", "key `FILE`; with --registry, the root key's")
	f.StringVarP(&o.profile, "profile", "p", "", "profile `FILE`")
	f.StringVar(&o.selector, "selector", "", "key `FILE` that selects the profile's band")
	f.StringVar(&o.registry, "registry", "", "`FILE` of accounts: test the master key of --epoch, then cohorts and tenants")
	f.StringVar(&o.epoch, "epoch", "", "`ID` of the registry's epoch")
	f.StringVar(&o.provenanceProfile, "provenance-profile", "", "profile `FILE` of a provenance band to test as well")
	f.StringVar(&o.provenanceKey, "provenance-key", "", "key `FILE` of the provenance band")
}

// registerInput adds the flags that say what is read, and how.
func (o *studentFlags) registerInput(f *pflag.FlagSet) {
	f.StringVar(&o.journal, "journal", "", "`FILE` that keeps the answers; it is made if it does not exist")
	f.StringVar(&o.reading, "reading", "", "`FILE` with what a model with open weights would write next")
	f.StringVar(&o.plan, "plan-file", "", "refuse a plan that differs from the one in `FILE`. If the plan is signed, make the test that it declares, and no other")
	f.StringArrayVar(&o.live, "live", nil, "`FILE` of outputs of your own marked model, to compare the suspect with; repeat it for more")
	o.read.register(f)
	registerTokenizers(f, &o.tokenizers)
}

// registerPlan adds the flags that the plan declares.
func (o *studentFlags) registerPlan(f *pflag.FlagSet) {
	f.StringVar(&o.question, "question", "", "the question that the report answers, in your words")
	f.StringVar(&o.reference, "reference", referenceEmbedded, "reference model of the residual: "+referenceEmbedded+", "+referenceNone+", or a `FILE` with the rows of another model over these outputs")
	f.StringVar(&o.referenceGGUF, "reference-gguf", "", "take the model in `FILE` as the reference model, run by llama.cpp")
	f.Float64Var(&o.referenceTemperature, "reference-temperature", 1, "temperature of --reference-gguf, which should be the suspect's (default: that of --temperature, or 1)")
	f.Lookup("reference-temperature").DefValue = "0" // which help does not print
	registerLlamaLib(f, &o.llamaLib)
	f.StringVar(&o.corpus, "corpus", "", "train the reference model on the text files below `DIR`, which no marked model wrote")
	f.Float64Var(&o.alpha, "alpha", 1e-6, "largest adjusted p-value that is called detected, in (0,0.5]")
	f.Float64Var(&o.c1, "c1", 0, "z-score of one scored token if all training text were marked, measured on a student of your own; 0 is unknown")
	f.Int64Var(&o.c1Pairs, "c1-pairs", 0, "number of scored pairs at which --c1 was measured; silence of more pairs is inconclusive, and so is all silence without it")
	f.Float64Var(&o.share, "share", 0.1, "share of marked training text that you want to find, in (0,1]")
	f.Int64Var(&o.tests, "tests", 1, "number of tests that this one belongs to: other keys, other sets of prompts")
	f.IntVar(&o.decoys, "decoys", student.DefaultDecoys, "number of control keys, which are tested on the same outputs, at least 100")
	f.StringVar(&o.runKey, "run-key", "", "32 hex `DIGITS` that determine the control keys (default: random)")
	f.BoolVar(&o.promptsUnmarked, "prompts-unmarked", false, "declare that no marked model wrote a prompt, and keep the contexts of prompts in the test")
	f.BoolVar(&o.fixed, "fixed", false, "collect everything before the first test")
}

// registerCollection adds the flags that need --endpoint.
func (o *studentFlags) registerCollection(f *pflag.FlagSet) {
	f.StringVar(&o.endpoint, "endpoint", "", "base `URL` of the suspect's API, such as https://host/v1")
	f.StringVar(&o.model, "model", "", "`NAME` of the suspect model")
	f.StringVar(&o.api, "api", collect.Chat, "chat or completions")
	f.StringVar(&o.system, "system", "", "system prompt, for chat")
	f.StringVar(&o.extra, "extra", "", "`JSON` object with more fields of the request, such as {\"top_k\":50}")
	f.StringVar(&o.prompts, "prompts", promptsBuiltin, "`FILE` of prompts, with rows of any format or one prompt a line; or "+promptsBuiltin)
	f.BoolVar(&o.stream, "stream", false, "ask for streamed answers")
	f.Int64Var(&o.maxTokens, "max-tokens", 400, "longest answer, in tokens")
	f.Float64Var(&o.temperature, "temperature", 0, "sampling temperature (default: the endpoint's)")
	f.Float64Var(&o.topP, "top-p", 0, "nucleus sampling, in (0,1] (default: the endpoint's)")
	f.IntVar(&o.asks, "asks", 0, "number of questions; prompts are reused if there are fewer (default: one for each prompt, 400 for the built-in ones)")
	f.IntVar(&o.batch, "batch", 50, "number of answers between two looks at the sequential test")
	f.Int64Var(&o.budget.Tokens, "budget-tokens", 0, "most tokens in and out; 0 means no limit")
	f.Float64Var(&o.budget.Money, "budget-money", 0, "most money, in the currency of the prices; 0 means no limit")
	f.Float64Var(&o.budget.PriceIn, "price-in", 0, "price of a million tokens in")
	f.Float64Var(&o.budget.PriceOut, "price-out", 0, "price of a million tokens out")
	f.IntVar(&o.pace.Concurrency, "concurrency", 4, "number of requests at a time, 1 to 1000")
	f.Float64Var(&o.pace.PerMinute, "rate", 0, "most requests per minute; 0 means no limit")
	f.IntVar(&o.pace.Retries, "retries", 6, "retries of a request that failed for the moment, 0 to 1000")
	f.DurationVar(&o.pace.Timeout, "timeout", 5*time.Minute, "longest wait for an answer")
	f.StringVar(&o.keyEnv, "api-key-env", defaultKeyEnv, "environment `VARIABLE` with the suspect's API key")
	f.StringVar(&o.keyFile, "api-key-file", "", "`FILE` with the suspect's API key")
}

// check returns a usage error for a call that cannot be right before any file is read.
func (o *studentFlags) check(args []string) error {
	return check(o.keys(), o.sources(args), o.accounts(), o.test(), o.collection(), o.unwanted(), o.read.rules(), o.rowFiles(args), []rule{failOn(o.failOn)})
}

func (o *studentFlags) keys() []rule {
	return []rule{
		{o.key == "", "--key FILE is missing: the file of the key that marks your model's text"},
		{o.profile == "", "--profile FILE is missing; 'isotope profile new > FILE' writes the default one"},
		noSecrets(o.key, o.selector, o.provenanceKey),
	}
}

// sources are the rules of where the outputs come from, and where they go.
func (o *studentFlags) sources(args []string) []rule {
	sources := 0
	for _, given := range []bool{len(args) > 0, o.endpoint != "" || o.journal != "", o.reading != ""} {
		if given {
			sources++
		}
	}
	same := o.journal != "" && o.report != "" && filepath.Clean(o.report) == filepath.Clean(o.journal)
	return []rule{
		{sources == 0 && !o.dryRun, "there is nothing to test; give files of outputs, --endpoint, --journal or --reading"},
		{sources > 1, "give one of PATH..., --endpoint with --journal, and --reading"},
		{o.endpoint != "" && o.model == "", "--model NAME is missing: the suspect's name at the endpoint"},
		{o.endpoint != "" && o.journal == "" && !o.dryRun && o.evidence.declare == "", "--journal FILE is missing: answers that are not kept are not evidence"},
		{same, "--journal and --report name the same file; give the report another name"},
	}
}

// readingFlags say how files are read.
var readingFlags = []string{"format", "encoding", "field", "prompt-field", "role", "max-skipped", "skipped"}

// rowFiles are the rules of how files are read.
func (o *studentFlags) rowFiles(args []string) []rule {
	var rules []rule
	if len(args) == 0 && len(o.live) == 0 && (o.endpoint == "" || o.prompts == promptsBuiltin) {
		for _, name := range given(o.given, readingFlags) {
			rules = append(rules, rule{!o.dryRun, fmt.Sprintf("--%s says how files are read, and the call names no file; leave it out", name)})
		}
	}
	standard := 0
	for _, name := range slices.Concat(args, o.live, []string{o.prompts}) {
		if name == inputs.Stdin {
			standard++
		}
	}
	return append(rules, rule{standard > 1, fmt.Sprintf("standard input is named for %d inputs, and can be read once; put the others into files", standard)})
}

// accounts are the rules of the registry and of the provenance band.
func (o *studentFlags) accounts() []rule {
	return []rule{
		{(o.registry == "") != (o.epoch == ""), "--registry and --epoch need each other"},
		{o.registry != "" && o.selector != "", "a registry has its own selector; leave out --selector"},
		{(o.provenanceProfile == "") != (o.provenanceKey == ""), "--provenance-profile and --provenance-key need each other"},
		{len(o.live) > 0 && o.provenanceKey == "", "--live is for a provenance band; give --provenance-profile and --provenance-key"},
		{o.provenanceKey != "" && o.reading != "", "a provenance band is tested on outputs; leave it out with --reading"},
		{o.registry != "" && o.reading != "", "accounts are told apart by outputs; leave out --registry with --reading"},
	}
}

// test are the rules of what the plan declares.
func (o *studentFlags) test() []rule {
	return []rule{
		within("alpha", o.alpha, leftOpen(0, 0.5)),
		within("c1", o.c1, notNegative()),
		within("c1-pairs", o.c1Pairs, fromTo(0, 1_000_000_000_000)),
		{o.c1Pairs > 0 && o.c1 == 0, "--c1-pairs says where --c1 was measured, and --c1 is missing; give both"},
		within("share", o.share, leftOpen(0, 1)),
		within("tests", o.tests, fromTo(1, 1_000_000_000_000)),
		within("decoys", o.decoys, fromTo(student.MinDecoys, 1_000_000)),
		within("reference-temperature", o.referenceTemperature, notNegative()),
		{o.reference == referenceNone && o.corpus != "", "--corpus trains the reference model, and --reference none has none; leave one of them out"},
		{o.readsRows() && o.corpus != "", "--corpus trains the embedded reference model, and --reference names another one; leave one of them out"},
		{o.referenceGGUF != "" && (o.given("reference") || o.corpus != ""), "--reference-gguf is a reference model, and so is that of --reference and --corpus; give one"},
		{o.readsRows() && !exists(o.reference), fmt.Sprintf("--reference %s is not one of %s, %s, and there is no such file of rows", quoted(o.reference), referenceEmbedded, referenceNone)},
		{o.readsRows() && (o.endpoint != "" || o.journal != ""), "--reference FILE has rows for outputs that are there, and an endpoint has yet to answer; give the model with --reference-gguf FILE"},
		{(o.reading != "") && (o.referenceGGUF != "" || o.readsRows()), "--reading tests what a model would write next, and has no residual; leave out --reference and --reference-gguf"},
		{o.given("reference-temperature") && o.referenceGGUF == "" && !o.readsRows(), "--reference-temperature is for --reference-gguf; leave it out"},
		{o.writeRows != "" && o.referenceGGUF == "", "--write-rows writes what --reference-gguf gives; give the model"},
		{o.llamaLib != "" && o.referenceGGUF == "", "--llama-lib is for --reference-gguf; leave it out"},
	}
}

// exists reports whether there is a file of a name.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readsRows reports whether the reference model is in a file of rows.
func (o *studentFlags) readsRows() bool {
	return o.referenceGGUF == "" && o.reference != referenceEmbedded && o.reference != referenceNone
}

// collection are the rules of how an endpoint is asked.
func (o *studentFlags) collection() []rule {
	b := &o.budget
	return []rule{
		withinIf(o.given("temperature"), "temperature", o.temperature, notNegative()),
		withinIf(o.given("top-p"), "top-p", o.topP, leftOpen(0, 1)),
		withinIf(o.given("asks"), "asks", o.asks, atLeast(0)),
		within("batch", o.batch, atLeast(1)),
		within("concurrency", o.pace.Concurrency, fromTo(1, 1000)),
		within("rate", o.pace.PerMinute, notNegative()),
		{o.pace.Timeout <= 0, fmt.Sprintf("--timeout %v is not a positive time", o.pace.Timeout)},
		within("retries", o.pace.Retries, fromTo(0, 1000)),
		within("budget-tokens", b.Tokens, atLeast(0)),
		within("budget-money", b.Money, notNegative()),
		within("price-in", b.PriceIn, notNegative()),
		within("price-out", b.PriceOut, notNegative()),
		{b.Money > 0 && b.PriceIn == 0 && b.PriceOut == 0, "--budget-money needs --price-in and --price-out"},
	}
}

// unwanted are flags that this kind of call does not take.
func (o *studentFlags) unwanted() []rule {
	if o.endpoint != "" {
		return nil
	}
	var rules []rule
	for _, name := range given(o.given, endpointFlags) {
		rules = append(rules, rule{true, fmt.Sprintf("--%s needs --endpoint", name)})
	}
	if o.journal == "" {
		return rules
	}
	for _, name := range given(o.given, declaredFlags) {
		rules = append(rules, rule{true, fmt.Sprintf("--%s was declared when the journal was made, and cannot change; leave it out", name)})
	}
	return append(rules, rule{o.dryRun, "a journal has its plan, and --dry-run is for new ones; leave it out"})
}

// apiKey returns the suspect's API key, or "" if there is none.
func (o *studentFlags) apiKey() (string, error) {
	key, from := os.Getenv(o.keyEnv), "$"+o.keyEnv
	if o.keyFile != "" {
		text, err := textfile.Read(o.keyFile, 1<<16)
		if err != nil {
			return "", fmt.Errorf("the API key cannot be read: %w", err)
		}
		key, from = string(text), o.keyFile
	}
	key = strings.TrimSpace(key)
	switch {
	case strings.ContainsAny(key, "\r\n\x00"):
		return "", fmt.Errorf("%s has more than one line, and an API key has one", from)
	case holdsKey(key):
		return "", errors.New("the suspect's API key is a secret key of a mark; give the key of the suspect's API")
	case key == "" && (o.given("api-key-env") || o.keyFile != ""):
		return "", fmt.Errorf("%s has no API key", from)
	}
	return key, nil
}

// extraFields returns --extra without white space, or nil if it was not given.
func (o *studentFlags) extraFields() (json.RawMessage, error) {
	if o.extra == "" {
		return nil, nil
	}
	var v map[string]any
	if err := strictjson.Decode([]byte(o.extra), &v); err != nil {
		return nil, usagef("--extra is not a JSON object: %w", err)
	}
	if v == nil {
		return nil, usagef("--extra is null; give a JSON object, or leave it out")
	}
	return json.Marshal(v) // and not canonical.Encode: journals hold these bytes
}
