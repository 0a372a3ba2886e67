package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Exit statuses. A program that calls isotope may rely on them.
const (
	exitOK         = 0
	exitError      = 1
	exitUsage      = 2
	exitVerdict    = 3
	exitIncomplete = 4
)

// A usageError is a call that cannot be right, whatever the files hold.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errVerdict is how a verb says that --fail-on applies. It has been reported already.
var errVerdict = errors.New("the verdict is the one of --fail-on")

// errIncomplete is how a verb says that it did less than was asked, and may be called
// again. It has been reported already.
var errIncomplete = errors.New("not complete")

// A cli is one call of the program.
type cli struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	quiet          bool
	started        time.Time
}

// run is the program: main without the process around it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &cli{stdin: stdin, stdout: stdout, stderr: stderr, started: time.Now()}
	root, started := c.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "isotope: interrupted")
		return exitError
	case errors.Is(err, errIncomplete):
		return exitIncomplete
	case errors.Is(err, errVerdict):
		return exitVerdict
	case errors.As(err, &usage) || !*started:
		// What fails before a verb starts is about flags, arguments or its name.
		fmt.Fprintf(stderr, "isotope: %v\nRun 'isotope --help' or 'isotope VERB --help'.\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "isotope: %v\n", err)
		return exitError
	}
}

func (c *cli) root() (*cobra.Command, *bool) {
	started := new(bool)
	root := &cobra.Command{
		Use:   "isotope",
		Short: "Mark what a language model writes, and find the mark again",
		Long: strings.TrimSpace(`
Isotope marks text while a language model writes it, with a secret key, and finds
the mark again: in a text, and in the outputs of another model trained on it.

Start with 'isotope demo'. To mark and test on your own:

  isotope keygen my.key
  isotope profile > my.json
  isotope generate --key my.key --profile my.json > text.txt
  isotope detect --key my.key --profile my.json text.txt`),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		PersistentPreRun:  func(*cobra.Command, []string) { *started = true },
	}
	root.PersistentFlags().BoolVarP(&c.quiet, "quiet", "q", false, "no progress and no hints on stderr")
	root.AddCommand(c.demoCommand(), c.keygenCommand(), c.profileCommand(), c.generateCommand(), c.detectCommand(), c.studentCommand(), c.planCommand(), c.versionCommand())
	return root, started
}

// hint tells the user something that is no data and no error.
func (c *cli) hint(format string, args ...any) {
	if !c.quiet {
		fmt.Fprintf(c.stderr, format+"\n", args...)
	}
}
