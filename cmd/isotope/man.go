package main

import (
	"fmt"
	"os"
	"regexp"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand writes man pages. It is hidden: `make man` calls it.
func (c *cli) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write a man page for each verb to DIR",
		Hidden: true,
		Args: func(_ *cobra.Command, args []string) error {
			return check([]rule{{len(args) != 1, "man takes one DIR: where the pages go"}, noSecrets(args...)})
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // the same program writes the same pages
			keepLists(root)
			if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "isotope", Manual: "Isotope"}, args[0]); err != nil {
				return fmt.Errorf("the pages cannot be written: %w", err)
			}
			return nil
		},
	}
}

var indented = regexp.MustCompile(`(?m)^  `)

// keepLists indents the lists of help texts as Markdown wants it for lines that stay as they are.
func keepLists(cmd *cobra.Command) {
	cmd.Long = indented.ReplaceAllString(cmd.Long, "    ")
	for _, sub := range cmd.Commands() {
		keepLists(sub)
	}
}
