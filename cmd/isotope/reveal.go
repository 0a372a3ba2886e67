package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/provenance"
	"github.com/isotope-wm/isotope/watermark"
)

const revealHelp = `Reveal discloses one key to those who check a report. It writes the key to FILE, and records
in the log that it did.

Anybody who has the key can mark text and forge marks with it. So a key that was revealed never
marks again: isotope generate --committed refuses it. Only text that was acquired before the
entry counts as evidence. Reveal the key of one tenant and one epoch, and never the root: a
key reveals nothing about its siblings and its parent.

Reveal asks for the id of the key on the terminal, or takes it from --confirm. The entry is in
the log before the key is in FILE.`

func (c *cli) revealCommand() *cobra.Command {
	var o logFlags
	var key, reason, confirm string
	cmd := &cobra.Command{
		Use:     "reveal --log DIR --sign-key FILE --key FILE --reason TEXT FILE",
		Short:   "Disclose a key to those who check a report",
		Long:    revealHelp,
		Example: `  isotope reveal --log log --sign-key sign.key --key my.key --reason 'case 17' disclosed.key`,
		Args:    oneFile,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := check(o.rules(), []rule{
				noSecrets(args[0], key, reason, confirm),
				{key == "", "--key FILE is missing: the key to disclose"},
				{reason == "", "--reason TEXT is missing: why the key is disclosed, for those who read the log"},
			}); err != nil {
				return err
			}
			return c.reveal(&o, key, reason, confirm, args[0])
		},
	}
	f := cmd.Flags()
	o.register(f)
	f.StringVarP(&key, "key", "k", "", "key `FILE` to disclose")
	f.StringVar(&reason, "reason", "", "why, in at most 200 bytes of `TEXT`")
	f.StringVar(&confirm, "confirm", "", "`ID` of the key, in place of the question on the terminal")
	return cmd
}

func (c *cli) reveal(o *logFlags, file, reason, confirm, out string) error {
	k, err := readNativeKey(file)
	if err != nil {
		return err
	}
	if err := newFile("key", out); err != nil {
		return fmt.Errorf("%s exists, and a key is never overwritten; choose another name", out)
	}
	l, err := c.openLog(o)
	if err != nil {
		return err
	}
	defer l.close()
	if l.Find(func(e provenance.Entry) bool { return e.Opens(k) }) < 0 {
		return fmt.Errorf("the log has no commitment to the key %s, so there is nothing that its disclosure would open", k.ID())
	}
	if confirm == "" {
		if confirm, err = ask(fmt.Sprintf("The key %s never marks again after this. Type its id to disclose it: ", k.ID())); err != nil {
			return err
		}
	}
	if confirm != k.ID() {
		return usagef("the key is %s, and the id that was given is another; nothing was disclosed", k.ID())
	}
	// The entry comes first, so that no key is out that the log does not say is out.
	e := c.entry(provenance.KindReveal)
	e.Key, e.Reason = k.ID(), reason
	at, err := l.append(e)
	if err != nil {
		return err
	}
	if err := watermark.WriteKeyFile(out, k, "disclosed key "+k.ID(), fmt.Sprintf("entry %d of the log %s", at, l.Origin())); err != nil {
		return openError(err)
	}
	_, err = fmt.Fprintf(c.stdout, "entry %d of the log %s: %s was revealed and does not mark any more\n", at, l.Origin(), k.ID())
	return err
}

// ask asks a question on the terminal.
func ask(question string) (string, error) {
	terminal, err := openTerminal()
	if err != nil {
		return "", errors.New("there is no terminal to ask for the id of the key; give --confirm")
	}
	defer terminal.Close()
	fmt.Fprint(terminal, question)
	line := make([]byte, 0, 64)
	var b [1]byte
	for len(line) < cap(line) {
		if n, err := terminal.Read(b[:]); n == 0 || err != nil || b[0] == '\n' {
			break
		}
		line = append(line, b[0])
	}
	return strings.TrimSpace(string(line)), nil
}
