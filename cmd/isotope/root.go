package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/visible"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/tokenize"
)

// Exit statuses. A program that calls isotope may rely on them.
const (
	exitOK         = 0
	exitError      = 1
	exitUsage      = 2
	exitVerdict    = 3
	exitIncomplete = 4
)

// errVerdict ends a verb whose verdict is the one of --fail-on. The verb has printed it.
var errVerdict = errors.New("the verdict is the one of --fail-on")

// errIncomplete ends a verb that did less than it was asked. The verb has said so, and the
// same call resumes.
var errIncomplete = errors.New("not complete")

// A cli is one call of the program.
type cli struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	screen         io.Writer // stderr, for progress bars
	quiet          bool
	started        time.Time
	args           []string             // of the call
	renamed        [][2]string          // old spellings of this call, and the new ones
	tokenizers     []tokenize.Tokenizer // of --tokenizer
	model          string               // of --reference-gguf: its tokenizer serves profiles as well
	keyAccess
	noColours bool // leave the colours of tokens out of pages
}

// run is the program: main without the process around it. It returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	screen, out, messages := stderr, newOutput(stdout), visible.NewWriter(stderr)
	stdout, stderr = out, messages
	defer out.shown.Close()
	defer messages.Close()
	c := &cli{stdin: stdin, stdout: stdout, stderr: stderr, screen: screen, started: time.Now(), args: args, keyAccess: keyAccess{passphraseFD: -1}}
	secret.SetDecrypter(c.decryptKeyFile)
	if err := checkArguments(args); err != nil {
		fmt.Fprintf(stderr, "isotope: %v\nRun 'isotope --help' for usage.\n", err)
		return exitUsage
	}
	root, started := c.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
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
		// An error before a verb starts is about flags, arguments or the verb's name.
		fmt.Fprintf(stderr, "isotope: %s\nRun '%s --help' for usage.\n", plainMessage(err), cmd.CommandPath())
		return exitUsage
	default:
		fmt.Fprintf(stderr, "isotope: %s\n", plainMessage(err))
		return exitError
	}
}

func (c *cli) root() (*cobra.Command, *bool) {
	started := new(bool)
	root := &cobra.Command{
		Use:   "isotope",
		Short: "Mark text while a language model writes it, and detect the mark",
		Long: strings.TrimSpace(`
Isotope marks text while a language model writes it, with a secret key. It detects
the mark in a text, and in the outputs of another model that was trained on it.

Start with 'isotope demo'. To mark and test a text of your own:

  isotope key new my.key
  isotope profile new > my.json
  isotope generate --key my.key --profile my.json > text.txt
  isotope detect --key my.key --profile my.json text.txt`),
		Version:           toolVersion(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		PersistentPreRun: func(*cobra.Command, []string) {
			*started = true
			c.noteOld()
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(usage)
	root.SetHelpCommand(c.helpCommand())
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetHelpTemplate("{{with or .Long .Short}}{{. | trimTrailingWhitespaces}}\n\n{{end}}{{.UsageString}}")
	root.PersistentFlags().BoolVarP(&c.quiet, "quiet", "q", false, "print neither progress nor hints on stderr")
	root.PersistentFlags().IntVar(&c.passphraseFD, "passphrase-fd", -1, "read the passphrase of encrypted key files from file descriptor `N` (default: ask on the terminal)")
	root.PersistentFlags().Lookup("passphrase-fd").DefValue = "0" // which help does not print
	root.PersistentFlags().BoolVar(&c.noColours, "no-colours", false, "leave the colours of tokens out of reports: they show a part of the green list")
	root.AddCommand(c.demoCommand(), c.keyCommand(), c.keygenCommand(), c.profileCommand(), c.generateCommand(), c.detectCommand(), c.scanCommand(), c.mapCommand(), c.reduceCommand(), c.studentCommand(), c.planCommand(), c.evalCommand(), c.importCommand(), c.exportCommand(), c.tokenizeCommand(), c.commitCommand(), c.logCommand(), c.verifyCommand(), c.revealCommand(), c.versionCommand(), c.manCommand())
	completeAll(root)
	return root, started
}

// hint prints a line on stderr that is neither data nor an error.
func (c *cli) hint(format string, args ...any) {
	if !c.quiet {
		fmt.Fprintln(c.stderr, secret.Hide(fmt.Sprintf(format, args...)))
	}
}
