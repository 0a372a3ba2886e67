package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/isotope-wm/isotope/internal/nocore"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
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

// protectKeys turns core dumps of this process off as soon as it has read a key. A system that does
// not allow it gets a core dump as before.
func protectKeys() { secret.OnUse(func() { _ = nocore.Disable() }) }

// keygenToPipe writes a key to standard output, which must not be a terminal: its screen and its
// scrollback would show the key.
func (c *cli) keygenToPipe(key watermark.Key, comment ...string) error {
	if o, ok := c.stdout.(*output); ok && o.terminal {
		return usagef("- writes a secret to standard output, which is a terminal; send it to a program, such as: isotope key new - | age -p > my.key.age")
	}
	c.exact()
	if err := watermark.WriteKey(c.stdout, secretaccess.Allow(), key, comment...); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.stderr, key.ID())
	return err
}
