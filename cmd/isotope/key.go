package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/provenance"
	"github.com/isotope-wm/isotope/watermark"
)

const keyHelp = `Key makes secret keys, and prints the public ids of keys that exist.`

const keyNewHelp = `New writes a new random key to FILE and prints the key's public id. Only the owner of the
file can read it. A file that exists is never overwritten. With - in place of FILE it writes
the key to standard output, for a program that encrypts it, and the id to standard error. A
key file that 'age -p' encrypted is read as any other: the program asks for the passphrase.`

const keyDeriveHelp = `Derive writes the key that follows from the one in PARENT, along a path of labels. The same
labels always give the same key. A derived key reveals nothing about its siblings or its
parent. Do not mark text with a key that you also derive from.

The parent may stay in a key service or a hardware module, with --helper in place of --from.
The helper is a program that keeps it. docs/formats/provenance.md has its lines.`

const keyIDHelp = `ID prints the public ids of keys, a line for each FILE. The id is what results, profiles and
reports name. It reveals nothing about the key. A key of another engine has an id as well.`

// derivation is how a key follows from another.
type derivation struct {
	from, helper, path string
	labels             []string
}

func (d *derivation) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&d.from, "from", "", "derive the key from the one in file `PARENT`")
	f.StringArrayVar(&d.labels, "label", nil, "next `LABEL` of the derivation path; repeat it for more")
}

// steps returns the labels of the path.
func (d *derivation) steps() []string {
	if d.path != "" {
		return strings.Split(d.path, "/")
	}
	return d.labels
}

// oneFile is the cobra.Command.Args of a verb that writes one file.
func oneFile(cmd *cobra.Command, args []string) error {
	return check([]rule{
		{len(args) == 0, fmt.Sprintf("FILE is missing: the name of the file that %s writes", cmd.Name())},
		{len(args) > 1, fmt.Sprintf("%s writes one FILE, and %d names were given", cmd.Name(), len(args))},
	})
}

func (c *cli) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Make secret keys, and print their public ids",
		Long:  keyHelp,
		Args:  needsVerb,
		RunE:  func(*cobra.Command, []string) error { return nil }, // Args has refused the call
	}
	cmd.AddCommand(c.keyNewCommand(), c.keyDeriveCommand(), c.keyIDCommand())
	return cmd
}

// needsVerb is the cobra.Command.Args of a verb that is only a group of others.
func needsVerb(cmd *cobra.Command, args []string) error {
	var verbs []string
	for _, sub := range cmd.Commands() {
		verbs = append(verbs, sub.Name())
	}
	if len(args) > 0 {
		return usagef("%s has no verb %s; it has %s", cmd.Name(), quoted(args[0]), joinWords(verbs))
	}
	return usagef("%s needs a verb: %s", cmd.Name(), joinWords(verbs))
}

func (c *cli) keyNewCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new FILE",
		Short: "Make a random key",
		Long:  keyNewHelp,
		Example: `  isotope key new root.key
  isotope key new - | age -p > root.key.age`,
		Args: oneFile,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := check([]rule{noSecrets(args[0])}); err != nil {
				return err
			}
			return c.writeKey(args[0], watermark.NewKey())
		},
	}
}

func (c *cli) keyDeriveCommand() *cobra.Command {
	var d derivation
	cmd := &cobra.Command{
		Use:   "derive {--from PARENT | --helper PROGRAM} --path LABEL/LABEL FILE",
		Short: "Derive a key from another",
		Long:  keyDeriveHelp,
		Example: `  isotope key derive --from root.key --path tenant/acme acme.key
  isotope key derive --from root.key --label tenant --label 'a/b' ab.key
  isotope key derive --helper 'sh helper.sh' --path tenant/acme acme.key`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := check([]rule{
				noSecrets(args[0], d.from, d.helper, d.path),
				{d.from == "" && d.helper == "", "--from PARENT is missing: the key to derive from, or --helper"},
				{d.from != "" && d.helper != "", "--from and --helper are two parents; give one of them"},
				{d.path == "" && len(d.labels) == 0, "--path is missing: labels with slashes between them, such as tenant/acme"},
				{d.path != "" && len(d.labels) > 0, "--path and --label name two paths; give one of them"},
			}); err != nil {
				return err
			}
			return c.deriveKey(cmd.Context(), &d, args[0])
		},
	}
	d.register(cmd)
	cmd.Flags().StringVar(&d.helper, "helper", "", "`PROGRAM` with its arguments that keeps the parent, in place of --from")
	cmd.Flags().StringVar(&d.path, "path", "", "derivation `PATH`: labels with slashes between them")
	return cmd
}

func (c *cli) keyIDCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "id FILE...",
		Short:   "Print the public ids of keys",
		Long:    keyIDHelp,
		Example: `  isotope key id my.key`,
		Args:    someFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			return c.printIDsOf(args, func(path string) (string, error) {
				key, err := readKey(path)
				return key.ID(), err
			})
		},
	}
}

// someFiles is the cobra.Command.Args of a verb that reads files.
func someFiles(_ *cobra.Command, args []string) error {
	return check([]rule{{len(args) == 0, "FILE is missing; name one or more"}, noSecrets(args...)})
}

// printIDsOf prints the id of each file, with its name if there are several.
func (c *cli) printIDsOf(files []string, id func(path string) (string, error)) error {
	for _, path := range files {
		x, err := id(path)
		if err != nil {
			return err
		}
		if len(files) > 1 {
			x += "  " + path
		}
		if _, err := fmt.Fprintln(c.stdout, x); err != nil {
			return err
		}
	}
	return nil
}

// keygenCommand is the old spelling of key new and key derive.
func (c *cli) keygenCommand() *cobra.Command {
	var d derivation
	cmd := &cobra.Command{
		Use:    "keygen FILE",
		Short:  "Make a secret key (old spelling of key new and key derive)",
		Hidden: true,
		Args:   oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := check([]rule{
				noSecrets(args[0], d.from),
				{d.from != "" && len(d.labels) == 0, "--from needs --label: the path of the new key"},
				{d.from == "" && len(d.labels) > 0, "--label needs --from: the key to derive from"},
			}); err != nil {
				return err
			}
			now := "key new"
			if d.from != "" {
				now = "key derive"
			}
			c.hint("note: keygen is now %s; the old spelling still works", now)
			if d.from == "" {
				return c.writeKey(args[0], watermark.NewKey())
			}
			return c.deriveKey(cmd.Context(), &d, args[0])
		},
	}
	d.register(cmd)
	return cmd
}

// keyExists is the error of a verb that would write a key to a file that exists.
func keyExists(path string, err error) error {
	return wordedError{path + " exists, and a key is never overwritten; choose another name", err}
}

// deriveKey writes a key that derives from a root, and prints its id.
func (c *cli) deriveKey(ctx context.Context, d *derivation, path string) (err error) {
	root, done, err := c.rootOf(ctx, d.from, d.helper)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	labels := d.steps()
	key, err := provenance.Derive(ctx, root, labels...)
	if err != nil {
		return err
	}
	id, err := provenance.RootID(ctx, root)
	if err != nil {
		return err
	}
	return c.writeKey(path, key, fmt.Sprintf("derived from key %s by %q", id, labels))
}

// writeKey writes a key and prints its id.
func (c *cli) writeKey(path string, key watermark.Key, comments ...string) error {
	comment := append([]string{"secret key of isotope, for marking text and for finding the mark; keep it secret"}, comments...)
	if path == "-" {
		return c.keygenToPipe(key, append(comment, "id "+key.ID())...)
	}
	err := watermark.WriteKeyFile(path, key, append(comment, "id "+key.ID())...)
	switch {
	case errors.Is(err, fs.ErrExist):
		return keyExists(path, err)
	case err != nil:
		return openError(err)
	}
	_, err = fmt.Fprintln(c.stdout, key.ID())
	return err
}
