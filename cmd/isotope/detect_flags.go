package main

import (
	"fmt"
	"slices"
	"strings"

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

// check finds calls that cannot be right before any file is read.
func (o *detectFlags) check(args []string) error {
	switch {
	case len(o.keys) == 0 || slices.Contains(o.keys, ""):
		return usagef("detect: --key FILE is missing")
	case len(o.profiles) == 0 || slices.Contains(o.profiles, ""):
		return usagef("detect: --profile FILE is missing; 'isotope profile' prints the default one")
	case strings.Contains(fmt.Sprint(o.keys, o.selectors, o.roles), "isotope-secret-key"):
		return usagef("detect: a key was given where a name belongs, of a key file or a role")
	case len(o.keys) != len(o.profiles):
		return usagef("detect: --key is given %s and --profile %s; each profile has its key", times(len(o.keys)), times(len(o.profiles)))
	case len(o.profiles) > 1:
		if err := o.checkBands(); err != nil {
			return err
		}
	case len(o.roles) > 0:
		return usagef("detect: --role is for several marks, and there is one --profile")
	case len(o.selectors) > 1:
		return usagef("detect: --selector is given %d times, and there is one --profile", len(o.selectors))
	}
	switch {
	case o.tokens != "" && len(args) > 0:
		return usagef("detect: a text and --tokens are two inputs")
	case o.keyring != "" && (o.normalize || o.spans || o.report != ""):
		return usagef("detect: --keyring goes with neither --normalize nor --spans nor --report")
	case o.standardInputs(args) > 1:
		return usagef("detect: standard input can be read once, and is named for %d inputs", o.standardInputs(args))
	case o.tokens != "" && o.normalize:
		return usagef("detect: --normalize is for text, not for --tokens")
	case !(o.alpha > 0 && o.alpha < 1):
		return usagef("detect: --alpha %v is outside (0,1)", o.alpha)
	case !(o.minShare > 0 && o.minShare <= 1):
		return usagef("detect: --min-share %v is outside (0,1]", o.minShare)
	case o.failOn != "" && o.failOn != string(detect.Detected):
		return usagef("detect: --fail-on %q: only %q can be failed on", o.failOn, detect.Detected)
	}
	return nil
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
