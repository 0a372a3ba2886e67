package main

import (
	"bytes"
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
		return usagef("keygen - writes a secret, and standard output is a terminal; send it to a program, such as: isotope keygen - | age -p > my.key.age")
	}
	c.exact()
	if err := watermark.WriteKey(c.stdout, secretaccess.Allow(), key, comment...); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.stderr, key.ID())
	return err
}

// refuseKeys returns an error if the contents of a file, or of standard input, hold a secret key.
// A page would show it, and a message might quote it.
func refuseKeys(name string, contents []byte) error {
	if !secret.Holds(contents) {
		return nil
	}
	where := "it"
	for i, line := range bytes.Split(contents, []byte("\n")) {
		if secret.Holds(line) {
			where = fmt.Sprintf("line %d", i+1)
			break
		}
	}
	return usagef("%s is not read, because %s holds a secret key; give another file, and treat the key as leaked if it was meant as text", name, where)
}
