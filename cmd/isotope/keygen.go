package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/watermark"
)

const keygenHelp = `Keygen writes a new random key to FILE and prints the key's public id. Only the owner of the
file can read it. Keygen never overwrites a file. With - in place of FILE it writes the key to
standard output, for a program that encrypts it, and the id to standard error. A key file
that 'age -p' encrypted is read as any other: the program asks for the passphrase.

--from derives the key from the one in PARENT, along a path of labels. The same labels
always give the same key. A derived key reveals nothing about its siblings or its parent.
Do not mark text with a key that you also derive from.`

func (c *cli) keygenCommand() *cobra.Command {
	var (
		from   string
		labels []string
	)
	cmd := &cobra.Command{
		Use:   "keygen FILE",
		Short: "Make a secret key",
		Long:  keygenHelp,
		Example: `  isotope keygen root.key
  isotope keygen acme.key --from root.key --label tenant --label acme
  isotope keygen - | age -p > root.key.age`,
		Args: func(_ *cobra.Command, args []string) error {
			return check([]rule{
				{len(args) == 0, "FILE is missing: the name of the file that keygen writes"},
				{len(args) > 1, fmt.Sprintf("keygen writes one FILE, and %d names were given", len(args))},
			})
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if err := check([]rule{
				noSecrets(args[0], from),
				{from != "" && len(labels) == 0, "--from needs --label: the path of the new key"},
				{from == "" && len(labels) > 0, "--label needs --from: the key to derive from"},
			}); err != nil {
				return err
			}
			return c.keygen(args[0], from, labels)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "derive the key from the one in file `PARENT`")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "next `LABEL` of the derivation path; repeat it for more")
	return cmd
}

// keygen writes a key, random or derived, and prints its id.
func (c *cli) keygen(path, from string, labels []string) error {
	key := watermark.NewKey()
	comment := []string{"secret key of isotope, for marking text and for finding the mark; keep it secret"}
	if from != "" {
		parent, err := watermark.ReadKeyFile(from)
		if err != nil {
			return err
		}
		key = parent.Derive(labels...)
		comment = append(comment, fmt.Sprintf("derived from key %s by %q", parent.ID(), labels))
	}
	if path == "-" {
		return c.keygenToPipe(key, append(comment, "id "+key.ID())...)
	}
	if err := watermark.WriteKeyFile(path, key, append(comment, "id "+key.ID())...); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.stdout, key.ID())
	return err
}
