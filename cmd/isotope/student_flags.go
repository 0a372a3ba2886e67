package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
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
