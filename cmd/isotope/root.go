package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/visible"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/internal/strictjson"
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
	keyAccess
	noColours bool // leave the colours of tokens out of pages
}

// run is the program: main without the process around it. It returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	screen, out, messages := stderr, newOutput(stdout), visible.NewWriter(stderr)
	stdout, stderr = out, messages
	defer out.shown.Close()
	defer messages.Close()
	c := &cli{stdin: stdin, stdout: stdout, stderr: stderr, screen: screen, started: time.Now(), keyAccess: keyAccess{passphraseFD: -1}}
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

var packagePrefix = regexp.MustCompile(`(^|\n|: )(?:watermark|tokenize|detect|registry|reading|lm): `)

// plainMessage words an error for people: without names of packages, and without a secret
// key that somebody typed in a wrong place.
func plainMessage(err error) string {
	text := err.Error()
	for packagePrefix.MatchString(text) {
		text = packagePrefix.ReplaceAllString(text, "$1")
	}
	return secret.Hide(text)
}

// flagError words what pflag says about a flag that it could not read.
func flagError(_ *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return usagef("unknown flag -%s; flags have two dashes, but for -q and -h", unknown.GetSpecifiedShortnames())
	case errors.As(err, &unknown):
		return usagef("unknown flag --%s", unknown.GetSpecifiedName())
	case errors.As(err, &bare):
		return usagef("--%s needs a value", bare.GetFlag().Name)
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		return usagef("--%s %s is not %s", f.Name, strictjson.Quote(invalid.GetValue()), valueNoun(f.Value.Type()))
	}
	return usageError{err}
}

// valueNoun names what a flag of a type takes.
func valueNoun(flagType string) string {
	switch flagType {
	case "int", "int64", "int32":
		return "a whole number"
	case "uint32", "uint64":
		return "a whole number of at least 0"
	case "float32", "float64":
		return "a number, such as 0.9 or 1e-6"
	case "float64Slice":
		return "a list of numbers, such as 0.9,0.1"
	case "int32Slice":
		return "a list of whole numbers, such as 3,4"
	case "duration":
		return "a time, such as 30s or 5m"
	case "bool":
		return "true or false"
	}
	return "a value of the kind " + flagType
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

  isotope keygen my.key
  isotope profile > my.json
  isotope generate --key my.key --profile my.json > text.txt
  isotope detect --key my.key --profile my.json text.txt`),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		PersistentPreRun:  func(*cobra.Command, []string) { *started = true },
	}
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().BoolVarP(&c.quiet, "quiet", "q", false, "print neither progress nor hints on stderr")
	root.PersistentFlags().IntVar(&c.passphraseFD, "passphrase-fd", -1, "read the passphrase of encrypted key files from file descriptor `N` (default: ask on the terminal)")
	root.PersistentFlags().BoolVar(&c.noColours, "no-colours", false, "leave the colours of tokens out of reports: they show a part of the green list")
	root.AddCommand(c.demoCommand(), c.keygenCommand(), c.profileCommand(), c.generateCommand(), c.detectCommand(), c.studentCommand(), c.planCommand(), c.versionCommand())
	return root, started
}

// hint prints a line on stderr that is neither data nor an error.
func (c *cli) hint(format string, args ...any) {
	if !c.quiet {
		fmt.Fprintln(c.stderr, secret.Hide(fmt.Sprintf(format, args...)))
	}
}
