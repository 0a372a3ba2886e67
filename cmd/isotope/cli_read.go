package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/strictjson"
)

// readFlags are the flags that say how files are read. Every verb that reads texts has them.
type readFlags struct {
	format, encoding, promptField string
	fields, roles                 []string
	maxSkipped                    skipLimit
	skipped                       string
}

// formatNames are the values of --format.
func formatNames() []string {
	names := make([]string, 0, 12)
	for _, f := range corpus.Formats() {
		names = append(names, string(f))
	}
	return names
}

func (o *readFlags) register(f *pflag.FlagSet) {
	f.StringVar(&o.format, "format", "", "read files as `FORMAT`, and do not look at their content: "+strings.Join(formatNames(), ", "))
	f.StringVar(&o.encoding, "encoding", "", "`NAME` of the encoding of files that do not say theirs, such as windows-1252 or utf-16le (default: UTF-8)")
	f.StringArrayVar(&o.fields, "field", nil, "`PATH` of the field that holds the text, such as output or response.text; repeat it for more (default: the usual names)")
	f.StringVar(&o.promptField, "prompt-field", "", "`PATH` of the field that holds the prompt (default: the usual names)")
	f.StringArrayVar(&o.roles, "role", nil, "`ROLE` whose turns of a conversation are tested; repeat it for more (default: assistant and its synonyms)")
	f.Var(&o.maxSkipped, "max-skipped", "end with status 4 if more than `N` rows are skipped; N is a number, or a share such as 5%")
	f.StringVar(&o.skipped, "skipped", "", "write a line of JSON for each skipped row to `FILE`")
}

func (o *readFlags) rules() []rule {
	kind := oneOf("format", o.format, formatNames()...)
	kind.when = kind.when && o.format != ""
	rules := []rule{noSecrets(append(slices.Clone(o.fields), o.format, o.encoding, o.promptField)...), kind}
	if _, err := corpus.New(o.corpusOptions()); err != nil {
		rules = append(rules, rule{true, err.Error()})
	}
	return rules
}

// corpusOptions returns how package corpus reads the files.
func (o *readFlags) corpusOptions() *corpus.Options {
	return &corpus.Options{Format: corpus.Format(o.format), Encoding: o.encoding, Fields: o.fields, PromptField: o.promptField, Roles: o.roles}
}

// declared returns what a plan says about the reading of files, or nil. outputs says that the files have
// the outputs. A limit of skipped rows is about those alone.
func (o *readFlags) declared(outputs bool) *audit.Input {
	in := audit.Input{Format: o.format, Encoding: o.encoding, Fields: o.fields, PromptField: o.promptField, Roles: o.roles}
	if outputs {
		in.MaxSkipped = o.maxSkipped.text
	}
	if in.Format == "" && in.Encoding == "" && len(in.Fields) == 0 && in.PromptField == "" && len(in.Roles) == 0 && in.MaxSkipped == "" {
		return nil
	}
	return &in
}

// reader returns the reader of the files of a call.
func (c *cli) reader(o *corpus.Options) (*inputs.Reader, error) {
	read, err := corpus.New(o)
	if err != nil {
		return nil, usageError{err}
	}
	return &inputs.Reader{Corpus: read, Stdin: c.stdin}, nil
}

// openSidecar opens the file of --skipped for a ledger. The function that it returns closes it.
func (o *readFlags) openSidecar(l *inputs.Ledger) (done func() error, err error) {
	if o.skipped == "" {
		return func() error { return nil }, nil
	}
	if err := checkReplaces(o.skipped, "the list of skipped rows", `{"file":`, "such a list"); err != nil {
		return nil, err
	}
	f, err := os.Create(o.skipped)
	if err != nil {
		return nil, fmt.Errorf("the list of skipped rows cannot be written: %w", err)
	}
	l.Sidecar = f
	return func() error {
		if err := f.Close(); err != nil {
			return fmt.Errorf("the list of skipped rows cannot be written: %w", err)
		}
		return nil
	}, nil
}

// checkReplaces returns an error if path is there and is not a regular file that is empty or begins
// so. Nothing else is overwritten.
func checkReplaces(path, what, begin, kind string) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() && !info.IsDir() {
		return nil
	}
	if info.IsDir() {
		return fmt.Errorf("%s cannot be written: %s is a directory; name a file in it", what, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", what, err)
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, int64(len(begin))))
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", what, err)
	}
	if len(head) > 0 && !strings.EqualFold(string(head), begin) {
		return fmt.Errorf("%s cannot be written: %s exists and is not %s; choose another name", what, path, kind)
	}
	return nil
}

// complete returns errIncomplete if more rows were skipped than --max-skipped allows, or a file
// could not be read, and says so.
func (c *cli) complete(o *readFlags, l *inputs.Ledger) error {
	switch n := l.Unreadable(); {
	case n == 1:
		c.hint("not complete: 1 file could not be read")
		return errIncomplete
	case n > 1:
		c.hint("not complete: %d files could not be read", n)
		return errIncomplete
	case o.maxSkipped.exceeded(l.Skipped(), l.Skipped()+l.Tested()):
		c.hint("not complete: %s, and --max-skipped is %s", l.Rows(), o.maxSkipped.String())
		return errIncomplete
	}
	return nil
}

// isComplete reports whether all files could be read, and no more rows were skipped than
// --max-skipped allows.
func (o *readFlags) isComplete(l *inputs.Ledger) bool {
	return l.Unreadable() == 0 && !o.maxSkipped.exceeded(l.Skipped(), l.Skipped()+l.Tested())
}

// nothingTested is the error of a call that read no text that could be tested.
func nothingTested(l *inputs.Ledger) error {
	words := l.SkipWords()
	switch {
	case len(words) == 0 && len(l.Files) == 0:
		return errors.New("nothing was tested: no file was found")
	case len(words) == 0:
		return errors.New("nothing was tested: the files have no row")
	case l.Skipped() == 1:
		return errors.New("nothing was tested: " + words[1])
	}
	return fmt.Errorf("nothing was tested: all %d rows were skipped (%s)\n  %s", l.Skipped(), words[0], strings.Join(words[1:], "\n  "))
}

// A skipLimit is the value of --max-skipped: a number of rows, or a share of them.
type skipLimit struct {
	text  string
	rows  int64
	share float64 // in place of rows, if text ends with %
}

func (s *skipLimit) String() string { return s.text }
func (s *skipLimit) Type() string   { return "rows" }

func (s *skipLimit) Set(text string) error {
	*s = skipLimit{text: text}
	if number, ok := strings.CutSuffix(text, "%"); ok {
		share, err := strconv.ParseFloat(number, 64)
		if err != nil || !(share >= 0 && share <= 100) {
			return errors.New("not a share")
		}
		s.share = share / 100
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return errors.New("not a number of rows")
	}
	s.rows = n
	return nil
}

// exceeded reports whether so many of the rows may not be skipped.
func (s *skipLimit) exceeded(skipped, rows int64) bool {
	switch {
	case s.text == "":
		return false
	case strings.HasSuffix(s.text, "%"):
		return float64(skipped) > s.share*float64(rows)
	}
	return skipped > s.rows
}

// terminalInput says that standard input is read, if somebody may be waiting at a terminal.
func (c *cli) terminalInput(names []string) {
	if file, ok := c.stdin.(*os.File); ok && slices.Contains(names, inputs.Stdin) && term.IsTerminal(int(file.Fd())) {
		c.hint("reading standard input")
	}
}

// readSmallFile reads a file that a person wrote, such as a keyring: at most limit bytes, from
// standard input for "-".
func (c *cli) readSmallFile(name string, limit int) ([]byte, error) {
	r := c.stdin
	if name != inputs.Stdin {
		f, err := os.Open(name)
		if err != nil {
			return nil, openError(err)
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, fmt.Errorf("%s is a directory; name a file", name)
		}
		r = f
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	if len(text) > limit {
		return nil, fmt.Errorf("%s is longer than %d MiB; name another file, or split it", name, limit>>20)
	}
	return text, nil
}

// quoted shortens and quotes what somebody typed.
func quoted(s string) string { return strictjson.Quote(s) }
