package main

import (
	"os"
	"strings"

	"github.com/isotope-wm/isotope/internal/secret"
)

// checkArguments returns a usage error if an argument holds a secret key. It does so before
// anything reads, prints or sends the arguments.
func checkArguments(args []string) error {
	for _, arg := range args {
		if secret.Holds(arg) || isBareKey(arg) {
			return usagef("a secret key was given as an argument; name the file that holds it, and treat the key as leaked: the history of your shell may have it")
		}
	}
	return nil
}

// isBareKey reports whether an argument, or the value of its flag, has the digits of a key and
// nothing else. Some programs name files so: such a file may exist.
func isBareKey(arg string) bool {
	if name, value, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(name, "-") {
		arg = value
	}
	arg = strings.TrimLeft(arg, "-")
	if len(arg) != 64 || !secret.MayHold(arg) {
		return false
	}
	_, err := os.Stat(arg)
	return err != nil
}
