package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/detect"
)

// detectFlags are the flags of detect.
type detectFlags struct {
	keys, profiles, roles, selectors []string
	keyring, tokens                  string
	prompts                          []string
	alpha, minShare                  float64
	normalize, json, spans           bool
	failOn, report                   string
}

// roles are the values of --role.
var roles = []string{string(detect.RoleMaster), string(detect.RoleCohort), string(detect.RoleTenant), string(detect.RoleProvenance)}

// register adds the flags to a command.
func (o *detectFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&o.keys, "key", nil, "key `FILE`, one for each --profile")
	f.StringArrayVar(&o.profiles, "profile", nil, "profile `FILE`; repeat it to test for several marks")
	f.StringArrayVar(&o.roles, "role", nil, "`ROLE` of each mark, in the order of the profiles: "+strings.Join(roles, ", ")+" (default: follows from the scheme)")
	f.StringVar(&o.keyring, "keyring", "", "test every key of `FILE`: one derivation path a line, such as tenant/acme, from the key of --key")
	f.StringArrayVar(&o.selectors, "selector", nil, "key `FILE` that selects the profile's band; repeat it if the profiles have several")
	f.StringVar(&o.tokens, "tokens", "", "read token ids from `FILE` instead of text (- is standard input): a JSON array, or ids separated by white space")
	f.StringArrayVar(&o.prompts, "prompt", nil, "`FILE` with a prompt, whose contexts are left out of the test; repeat it for more, and give token ids with --tokens")
	f.Float64Var(&o.alpha, "alpha", 1e-6, "largest adjusted p-value that is called detected, in (0,1)")
	f.Float64Var(&o.minShare, "min-share", 0.5, "share of marked text that must have been detectable before silence is called not_detected, in (0,1]")
	f.BoolVar(&o.normalize, "normalize", false, "test a second form of the text as well: line ends, no-break spaces and quotes as they were before pasting")
	f.BoolVar(&o.spans, "spans", false, "find marked parts of the text as well, as a second test")
	f.StringVar(&o.report, "report", "", "write an HTML page to `FILE` that shows the text as the test saw it")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	f.StringVar(&o.failOn, "fail-on", "", `exit with status 3 if the verdict is "detected"`)
}

// check returns a usage error for a call that cannot be right before any file is read.
func (o *detectFlags) check(args []string) error {
	marks := o.oneMark()
	if len(o.profiles) > 1 {
		marks = o.severalMarks()
	}
	return check(o.files(), marks, o.inputs(args), []rule{
		within("alpha", o.alpha, open(0, 1)),
		within("min-share", o.minShare, leftOpen(0, 1)),
		failOn(o.failOn),
	})
}

func (o *detectFlags) files() []rule {
	return []rule{
		{len(o.keys) == 0 || slices.Contains(o.keys, ""), "--key FILE is missing: the file of the key that marked the text"},
		{len(o.profiles) == 0 || slices.Contains(o.profiles, ""), "--profile FILE is missing; 'isotope profile > FILE' writes the default one"},
		noSecrets(slices.Concat(o.keys, o.selectors, o.roles)...),
		{len(o.keys) != len(o.profiles), keysAndProfiles(len(o.keys), len(o.profiles))},
	}
}

// keysAndProfiles says that the numbers of two flags differ.
func keysAndProfiles(keys, profiles int) string {
	return fmt.Sprintf("--key was given %s and --profile %s; give each profile its key", times(keys), times(profiles))
}

func (o *detectFlags) oneMark() []rule {
	return []rule{
		{len(o.roles) > 0, "--role is for several marks, and one --profile was given"},
		{len(o.selectors) > 1, fmt.Sprintf("--selector was given %s for one --profile; give it once", times(len(o.selectors)))},
	}
}

func (o *detectFlags) severalMarks() []rule {
	rules := []rule{
		{o.keyring != "" || o.normalize || o.spans, "several marks exclude --keyring, --normalize and --spans; give one --profile, or leave these out"},
		{len(o.roles) > 0 && len(o.roles) != len(o.profiles), fmt.Sprintf("--role was given %s and --profile %s; give each mark its role, or none", times(len(o.roles)), times(len(o.profiles)))},
	}
	for _, role := range o.roles {
		rules = append(rules, oneOf("role", role, roles...))
	}
	return rules
}

func (o *detectFlags) inputs(args []string) []rule {
	standard := o.standardInputs(args)
	return []rule{
		{o.tokens != "" && len(args) > 0, "FILE and --tokens are two inputs; give one of them"},
		{o.keyring != "" && (o.normalize || o.spans || o.report != ""), "--keyring excludes --normalize, --spans and --report; leave them out"},
		{standard > 1, fmt.Sprintf("standard input is named for %d inputs, and can be read once; put the others into files", standard)},
		{o.tokens != "" && o.normalize, "--normalize is for text; leave it out with --tokens"},
	}
}

// standardInputs counts the inputs that are standard input.
func (o *detectFlags) standardInputs(args []string) int {
	n := 0
	for _, name := range append([]string{o.keyring, o.tokens}, o.prompts...) {
		if name == "-" {
			n++
		}
	}
	if o.tokens == "" && (len(args) == 0 || args[0] == "-") {
		n++
	}
	return n
}
