package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/watermark"
)

func (c *cli) keygenCommand() *cobra.Command {
	var (
		from   string
		labels []string
	)
	cmd := &cobra.Command{
		Use:   "keygen FILE",
		Short: "Make a secret key",
		Long: `Keygen writes a new random key to FILE, which only its owner can read, and prints
the key's public id. It never overwrites a file.

With --from the key is derived from the one in PARENT, along a path of labels:
the same labels always give the same key, and no key tells anything about another
of the family. A key that marks text should not be a parent as well.`,
		Example: `  isotope keygen root.key
  isotope keygen acme.key --from root.key --label tenant --label acme`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if (from == "") != (len(labels) == 0) {
				return usagef("keygen: --from and --label belong together")
			}
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
			if err := watermark.WriteKeyFile(args[0], key, append(comment, "id "+key.ID())...); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.stdout, key.ID())
			return err
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "derive from the key in file `PARENT`")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "next `LABEL` of the derivation path; repeat for more")
	return cmd
}
