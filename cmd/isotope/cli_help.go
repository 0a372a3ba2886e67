package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/internal/corpus/forms"
	"github.com/isotope-wm/isotope/watermark"
)

// groupKey is the annotation of a flag that names its group in help.
const groupKey = "isotope_group"

// group adds flags to a command, under a title in its help.
func group(cmd *cobra.Command, title string, add func(f *pflag.FlagSet)) {
	cmd.Flags().SortFlags = false
	before := map[string]bool{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) { before[f.Name] = true })
	add(cmd.Flags())
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !before[f.Name] {
			cmd.Flags().SetAnnotation(f.Name, groupKey, []string{title}) // the flag exists
		}
	})
}

// complete offers values for flags of a command. Flags that it does not have are passed over.
func complete(cmd *cobra.Command, values map[string][]string) {
	for flag, list := range values {
		if cmd.Flags().Lookup(flag) != nil {
			mustRegister(cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)))
		}
	}
}

// mustRegister panics on an error that only a wrong program has.
func mustRegister(err error) {
	if err != nil {
		panic(err)
	}
}

// completeAll offers the values of all flags that have a list of them, and files by their kind.
func completeAll(root *cobra.Command) {
	values := map[string][]string{
		"format": formatNames(), "band-role": bandRoles, "fail-on": {string(detect.Detected)},
		"scheme": schemes, "mask": {watermark.MaskNone, watermark.MaskContext}, "dedup": {watermark.DedupPair, watermark.DedupContext},
		"reference": {referenceEmbedded, referenceNone}, "api": {collect.Chat, collect.Completions},
		"role": {"assistant", "model", "user", "system", "tool"}, "encoding": {"windows-1252", "utf-16le", "utf-16be", "shift_jis", "gb18030", "iso-8859-1"},
	}
	files := map[string][]string{
		"profile": {"json"}, "report": {"html"}, "registry": {"json"}, "journal": {"jsonl"}, "plan-file": {"json"}, "histogram": {"json"},
	}
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		complete(cmd, values)
		switch {
		case cmd.Name() == "tokenize" || cmd.Name() == "new" || cmd.Name() == "profile":
			if cmd.Flags().Lookup("tokenizer") != nil {
				mustRegister(cmd.RegisterFlagCompletionFunc("tokenizer", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
					return tokenizerNames(), cobra.ShellCompDirectiveDefault // or a file
				}))
			}
		}
		switch cmd.Name() {
		case "plan":
			complete(cmd, map[string][]string{"text": append(plan.TextKinds(), textBest), "kind": plan.MeasuredKinds()})
		case "new", "profile":
			complete(cmd, map[string][]string{"text": plan.TextKinds()})
		}
		if cmd.Flags().Lookup("normalize") != nil {
			complete(cmd, map[string][]string{"normalize": append([]string{normalizeDefault}, forms.Names()...)})
		}
		for flag, ext := range files {
			if cmd.Flags().Lookup(flag) != nil {
				mustRegister(cmd.MarkFlagFilename(flag, ext...))
			}
		}
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	each(root)
}

// helpCommand prints the help of a verb.
func (c *cli) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: "Say more about a verb",
		RunE: func(cmd *cobra.Command, args []string) error {
			verb, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("there is no verb %s; 'isotope help' lists the verbs", quoted(strings.Join(args, " ")))
			}
			verb.InitDefaultHelpFlag()
			return verb.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) (names []string, d cobra.ShellCompDirective) {
			if verb, _, err := cmd.Root().Find(args); err == nil {
				for _, sub := range verb.Commands() {
					if sub.IsAvailableCommand() {
						names = append(names, sub.Name())
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// usage writes the usage of a verb, with its flags in groups.
func usage(cmd *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if cmd.Runnable() && !cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s VERB\n", cmd.CommandPath())
	}
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAlso known as:\n  %s\n", strings.Join(cmd.Aliases, ", "))
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nVerbs:\n")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "  %-12s %s\n", sub.Name(), sub.Short)
			}
		}
	}
	for _, g := range flagGroups(cmd) {
		fmt.Fprintf(&b, "\n%s:\n%s", g.title, g.flags.FlagUsagesWrapped(terminalColumns(cmd.OutOrStdout())))
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n'%s VERB --help' says more about a verb.\n", cmd.CommandPath())
	}
	_, err := fmt.Fprint(cmd.OutOrStderr(), b.String())
	return err
}

// terminalColumns returns the width of a terminal, or 0 for anything else, which is not wrapped.
func terminalColumns(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			return max(width, 40)
		}
	}
	return 0
}

// A flagGroup is the flags of a verb under one title.
type flagGroup struct {
	title string
	flags *pflag.FlagSet
}

// flagGroups returns the flags of a verb in their groups: those of the verb in the order in which
// they were added, then the general ones.
func flagGroups(cmd *cobra.Command) []flagGroup {
	var list []flagGroup
	add := func(title string, f *pflag.Flag) {
		for i := range list {
			if list[i].title == title {
				list[i].flags.AddFlag(f)
				return
			}
		}
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		set.SortFlags = false
		set.AddFlag(f)
		list = append(list, flagGroup{title, set})
	}
	const general = "General"
	var rest []*pflag.Flag
	each := func(f *pflag.Flag) {
		switch titles := f.Annotations[groupKey]; {
		case f.Hidden:
		case len(titles) == 1:
			add(titles[0], f)
		case f.Name == "help" || f.Name == "quiet" || f.Name == "version":
			rest = append(rest, f)
		default:
			add("Flags", f)
		}
	}
	cmd.NonInheritedFlags().VisitAll(each)
	cmd.InheritedFlags().VisitAll(each)
	for _, f := range rest {
		add(general, f)
	}
	return list
}
