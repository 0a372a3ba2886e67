package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/forms"
)

// detectFlags are the flags of detect.
type detectFlags struct {
	read                                 readFlags
	keys, profiles, bandRoles, selectors []string
	keyring, ids, weights                string
	shared                               int
	any                                  switchOrFile
	prompts, tokenizers                  []string
	alpha, minShare, fdr                 float64
	rates                                []float64
	normalize                            string
	json, spans                          bool
	failOn, report                       string
	referenceEndpoint, referenceModel    string
	probs, referenceGGUF, llamaLib       string
	writeRows                            string
	referenceTemperature                 float64
	evidence                             declareFlags
	plan, question                       string
	controls                             int

	changed []string      // the flags of the call
	chains  []forms.Chain // of --normalize
	given   func(name string) bool
}

// bandRoles are the values of --band-role.
var bandRoles = []string{string(detect.RoleMaster), string(detect.RoleCohort), string(detect.RoleTenant), string(detect.RoleProvenance)}

// normalizeDefault is the value of --normalize without one.
const normalizeDefault = "default"

// register adds the flags to a command.
func (o *detectFlags) register(cmd *cobra.Command) {
	group(cmd, "Mark", func(f *pflag.FlagSet) {
		f.StringArrayVarP(&o.keys, "key", "k", nil, "key `FILE`, one for each --profile (default: $"+keyFileEnv+")")
		f.StringArrayVarP(&o.profiles, "profile", "p", nil, "profile `FILE`; repeat it to test for several marks (default: $"+profileFileEnv+")")
		f.StringArrayVar(&o.selectors, "selector", nil, "key `FILE` that selects the profile's band; repeat it if the profiles have several")
		f.StringArrayVar(&o.bandRoles, "band-role", nil, "`ROLE` of each of several marks, in the order of the profiles: "+strings.Join(bandRoles, ", ")+" (default: follows from the scheme)")
		f.Var(&o.any, "any", "test which one of several marks a text has: of the pairs of --key and --profile, or of the keyring in `FILE`")
		f.Lookup("any").NoOptDefVal = switchOn
		f.StringVar(&o.keyring, "keyring", "", "test which key of `FILE` marked a text: a JSON list of keys with their profiles, or one derivation path a line")
	})
	group(cmd, "Input", func(f *pflag.FlagSet) {
		o.read.register(f)
		f.StringVar(&o.ids, "ids", "", "read token ids from `FILE` instead of text (- is standard input), in any of the usual shapes")
		registerTokenizers(f, &o.tokenizers)
		f.StringArrayVar(&o.prompts, "prompt-file", nil, "`FILE` with a prompt, whose contexts are left out of the test; repeat it for more, and give token ids with --ids")
	})
	group(cmd, "Test", func(f *pflag.FlagSet) {
		f.Float64Var(&o.alpha, "alpha", 1e-6, "largest adjusted p-value that is called detected, in (0,1)")
		f.Float64Var(&o.minShare, "min-share", 0.5, "share of marked text that must have been detectable before silence is called not_detected, in (0,1]")
		f.Float64SliceVar(&o.rates, "rate", nil, "by how much the mark raises the mean score in text like this one, one number for each --profile; silence is inconclusive without it")
		f.StringVar(&o.weights, "weights", "", "weigh each position by the numbers in `FILE`: weights, or entropies of a model's rows")
		f.IntVar(&o.shared, "shared", 0, "leave out what at least so many of the texts share, such as templates; 0 leaves nothing out")
		f.BoolVar(&o.spans, "spans", false, "find marked parts of a text as well, as a second test")
		f.StringVar(&o.probs, "probs", "", "test with the probabilities of the tokens by a model as well, as a second test; `FILE` has the rows")
		f.StringVar(&o.referenceGGUF, "reference-gguf", "", "the same with the probabilities of the model in `FILE`, run by llama.cpp")
		f.StringVar(&o.referenceEndpoint, "reference-endpoint", "", "the same with the logprobs of an OpenAI-compatible server, which is sent the text; `URL` such as https://host/v1")
		f.StringVar(&o.referenceModel, "reference-model", "", "`NAME` of the model at --reference-endpoint")
		f.Float64Var(&o.referenceTemperature, "reference-temperature", 1, "temperature of --reference-gguf, which should be that at which the text was sampled")
		registerLlamaLib(f, &o.llamaLib)
		f.StringVar(&o.normalize, "normalize", "", "test more forms of a text, each as one more test; in `FORMS` commas separate the tests, and plus signs join forms")
		f.Lookup("normalize").NoOptDefVal = normalizeDefault
		f.StringVar(&o.question, "question", "", "with --declare, the question that the report answers, in your words")
		f.IntVar(&o.controls, "control-keys", 100, "with --declare, number of control keys that are tested on the same texts")
		f.StringArrayVar(&o.evidence.clean, "clean", nil, "with --declare and --plan-file, `PATH` of text that nobody marked and that is like the tested one; repeat it for more")
		f.Float64Var(&o.fdr, "fdr", 0, "also list texts for triage, at this false discovery rate in (0,1)")
	})
	group(cmd, "Declared test", func(f *pflag.FlagSet) {
		o.evidence.register(f)
		f.StringVar(&o.plan, "plan-file", "", "make the test that the signed plan in `FILE` declares, and no other")
	})
	group(cmd, "Output", func(f *pflag.FlagSet) {
		f.StringVarP(&o.report, "report", "o", "", "write an HTML page to `FILE` that shows the text as the test saw it. For several texts it is an index, and their pages are in a directory next to it")
		f.StringVar(&o.writeRows, "write-rows", "", "write the rows of --reference-gguf or --reference-endpoint to `FILE`, which --probs takes")
		f.BoolVar(&o.json, "json", false, "print one JSON object")
		f.StringVar(&o.failOn, "fail-on", "", `exit with status 3 if the verdict is "detected"`)
	})
	o.given = cmd.Flags().Changed
}

// settle completes the flags from the environment, and translates old spellings.
func (o *detectFlags) settle(c *cli) error {
	o.keys, o.profiles = filesFromEnv(o.keys, keyFileEnv), filesFromEnv(o.profiles, profileFileEnv)
	isBandRole := func(role string) bool { return slices.Contains(bandRoles, role) }
	if len(o.profiles) > 1 && len(o.read.roles) > 0 && len(o.bandRoles) == 0 && slices.ContainsFunc(o.read.roles, isBandRole) {
		o.bandRoles, o.read.roles = o.read.roles, nil
		c.renamed = append(c.renamed, [2]string{"--role", "--band-role"})
	}
	var err error
	if o.normalize != "" {
		o.chains, err = parseChains(o.normalize)
	}
	return err
}

// parseChains parses the value of --normalize.
func parseChains(text string) ([]forms.Chain, error) {
	if text == normalizeDefault {
		return forms.Default(), nil
	}
	var chains []forms.Chain
	for name := range strings.SplitSeq(text, ",") {
		chain, err := forms.NewChain(strings.Split(name, "+")...)
		if err != nil {
			return nil, usagef("--normalize: %w", err)
		}
		if slices.ContainsFunc(chains, func(c forms.Chain) bool { return c.Name() == chain.Name() }) {
			return nil, usagef("--normalize names %s twice; name it once", chain.Name())
		}
		chains = append(chains, chain)
	}
	return chains, nil
}

// keyringFile returns the file of --keyring or --any, or "".
func (o *detectFlags) keyringFile() string {
	if o.keyring != "" {
		return o.keyring
	}
	return o.any.file
}

// corpusOptions returns how the texts of a call are read.
func (o *detectFlags) corpusOptions() *corpus.Options {
	c := o.read.corpusOptions()
	if o.ids != "" {
		c.Format = corpus.FormatIDs
	}
	for _, chain := range o.chains {
		for _, f := range chain {
			c.Terminal = c.Terminal || f.Name == "terminal"
		}
	}
	return c
}

// names returns what a call names as its texts.
func (o *detectFlags) names(args []string) []string {
	switch {
	case o.ids != "":
		return []string{o.ids}
	case len(args) == 0:
		return []string{inputs.Stdin}
	}
	return args
}

// check returns a usage error for a call that cannot be right before any file is read.
func (o *detectFlags) check(args []string) error {
	if err := o.checkDeclared(args); err != nil || o.plan != "" {
		return err
	}
	marks := o.oneMark()
	if len(o.profiles) > 1 && !o.any.given {
		marks = o.severalMarks()
	}
	return check(o.files(), marks, o.rateRules(), o.weightRules(), o.probRules(), o.sharedRules(args), o.inputs(args), o.read.rules(), []rule{
		within("alpha", o.alpha, open(0, 1)),
		within("min-share", o.minShare, leftOpen(0, 1)),
		withinIf(o.given("fdr"), "fdr", o.fdr, open(0, 1)),
		failOn(o.failOn),
	})
}

func (o *detectFlags) files() []rule {
	names := slices.Concat(o.keys, o.profiles, o.selectors, o.bandRoles, o.prompts, o.tokenizers, []string{o.keyring, o.any.file, o.ids, o.report, o.read.skipped, o.normalize, o.weights, o.probs, o.referenceGGUF, o.llamaLib, o.writeRows, o.referenceEndpoint, o.referenceModel})
	ring := o.keyringFile() != ""
	return []rule{
		noSecrets(names...),
		{!ring && (len(o.keys) == 0 || slices.Contains(o.keys, "")), "--key FILE is missing: the file of the key that marked the text; 'isotope key new FILE' makes a key"},
		{!ring && (len(o.profiles) == 0 || slices.Contains(o.profiles, "")), "--profile FILE is missing; 'isotope profile new > FILE' writes the default one"},
		{!ring && len(o.keys) != len(o.profiles), keysAndProfiles(len(o.keys), len(o.profiles))},
		{ring && (len(o.keys) > 1 || len(o.profiles) > 1), "a keyring takes one --key, from which its paths derive, and one --profile, for keys without one"},
		{o.keyring != "" && o.any.file != "", "--keyring and --any name two keyrings; give one of them"},
	}
}

// keysAndProfiles says that the numbers of two flags differ.
func keysAndProfiles(keys, profiles int) string {
	return fmt.Sprintf("--key was given %s and --profile %s; give each profile its key", times(keys), times(profiles))
}

func (o *detectFlags) oneMark() []rule {
	ring := o.keyringFile() != "" || o.any.given
	return []rule{
		{len(o.bandRoles) > 0, "--band-role is for several marks of one text; leave it out"},
		{len(o.profiles) < 2 && slices.ContainsFunc(o.read.roles, func(r string) bool { return slices.Contains(bandRoles, r) }),
			"--role names whose turns of a conversation are tested; the role of one of several marks is --band-role"},
		{!ring && len(o.selectors) > 1, fmt.Sprintf("--selector was given %s for one --profile; give it once", times(len(o.selectors)))},
	}
}

func (o *detectFlags) severalMarks() []rule {
	rules := []rule{
		{o.keyringFile() != "" || o.normalize != "" || o.spans, "several marks exclude --keyring, --normalize and --spans; give one --profile, --any, or leave these out"},
		{len(o.bandRoles) > 0 && len(o.bandRoles) != len(o.profiles), fmt.Sprintf("--band-role was given %s and --profile %s; give each mark its role, or none", times(len(o.bandRoles)), times(len(o.profiles)))},
	}
	for _, role := range o.bandRoles {
		rules = append(rules, oneOf("band-role", role, bandRoles...))
	}
	return rules
}

// rateRules are the rules of --rate.
func (o *detectFlags) rateRules() []rule {
	rules := []rule{
		{len(o.rates) > 0 && o.keyringFile() != "", "--rate is for the mark of a --profile, and a keyring has several; leave it out"},
		{len(o.rates) > 0 && o.keyringFile() == "" && len(o.rates) != len(o.profiles), fmt.Sprintf("--rate has %s and --profile was given %s; give each profile its rate", numbers(len(o.rates)), times(len(o.profiles)))},
	}
	for _, rate := range o.rates {
		rules = append(rules, within("rate", rate, open(0, math.Inf(1))))
	}
	return rules
}

// numbers counts numbers in words.
func numbers(n int) string {
	if n == 1 {
		return "one number"
	}
	return fmt.Sprintf("%d numbers", n)
}

func (o *detectFlags) inputs(args []string) []rule {
	standard := o.standardInputs(args)
	return []rule{
		{o.ids != "" && len(args) > 0, "PATH and --ids are two inputs; give one of them"},
		{o.ids != "" && o.read.format != "", "--ids reads token ids, and --format names another format; leave one of them out"},
		{o.ids != "" && (len(o.read.fields) > 0 || o.read.promptField != "" || len(o.read.roles) > 0), "--field, --prompt-field and --role are for rows, and --ids has token ids alone; leave them out"},
		{standard > 1, fmt.Sprintf("standard input is named for %d inputs, and can be read once; put the others into files", standard)},
		{o.ids != "" && o.normalize != "", "--normalize is for text; leave it out with --ids"},
	}
}

// standardInputs counts the inputs that are standard input.
func (o *detectFlags) standardInputs(args []string) int {
	n := 0
	for _, name := range slices.Concat(o.names(args), o.prompts, []string{o.keyringFile(), o.weights}) {
		if name == inputs.Stdin {
			n++
		}
	}
	return n
}

// A switchOrFile is the value of a flag that is a switch and may name a file: --any, --any=FILE.
type switchOrFile struct {
	given bool
	file  string
}

// switchOn is the value of such a flag without a file.
const switchOn = "true"

func (s *switchOrFile) String() string { return s.file }
func (s *switchOrFile) Type() string   { return "string" }

func (s *switchOrFile) Set(text string) error {
	*s = switchOrFile{given: true, file: text}
	if text == switchOn {
		s.file = ""
	}
	return nil
}
