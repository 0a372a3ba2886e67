package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/internal/strictjson"
)

// A usageError is a call that cannot be right, whatever the files hold.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

var packagePrefix = regexp.MustCompile(`(^|\n|: )(?:watermark|tokenize|detect|registry|reading|lm|interop|corpus|student|provenance): `)

// plainMessage words an error for people: without names of packages, and without a secret
// key that somebody typed in a wrong place.
func plainMessage(err error) string {
	text := err.Error()
	for packagePrefix.MatchString(text) {
		text = packagePrefix.ReplaceAllString(text, "$1")
	}
	return secret.Hide(text)
}

// openError words what the system says about a file that it could not open.
func openError(err error) error {
	var path *fs.PathError
	if !errors.As(err, &path) {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wordedError{fmt.Sprintf("there is no file %s; check the name", path.Path), err}
	case errors.Is(err, fs.ErrPermission):
		return wordedError{fmt.Sprintf("%s may not be read by this user; change its permissions, or name another file", path.Path), err}
	case errors.Is(err, syscall.EISDIR):
		return wordedError{fmt.Sprintf("%s is a directory; name a file", path.Path), err}
	}
	return err
}

// A wordedError has words of its own for another error.
type wordedError struct {
	words string
	error
}

func (e wordedError) Error() string { return e.words }
func (e wordedError) Unwrap() error { return e.error }

// flagError words what pflag says about a flag that it could not read.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		letter := unknown.GetSpecifiedShortnames()
		return usagef("unknown flag -%s%s; the flags with one letter are %s", letter, nearestFlag(cmd, letter), strings.Join(letters(cmd), ", "))
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		return usagef("unknown flag --%s%s", secret.Hide(name), nearestFlag(cmd, name))
	case errors.As(err, &bare):
		f := bare.GetFlag()
		noun, _ := pflag.UnquoteUsage(f)
		return usagef("--%s needs a value: --%s %s", f.Name, f.Name, noun)
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		text := fmt.Sprintf("--%s %s is not %s", f.Name, strictjson.Quote(invalid.GetValue()), valueNoun(f.Value.Type()))
		number, percent := strings.CutSuffix(invalid.GetValue(), "%")
		if x, err := strconv.ParseFloat(number, 64); err == nil && percent {
			text += fmt.Sprintf("; write %v for %s", x/100, invalid.GetValue())
		} else if err == nil && x == math.Trunc(x) && math.Abs(x) < 1e15 {
			text += fmt.Sprintf("; write %.0f", x)
		}
		return usagef("%s", text)
	}
	return usageError{err}
}

// letters lists the flags of a verb that have one letter.
func letters(cmd *cobra.Command) []string {
	var out []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Shorthand != "" && !f.Hidden {
			out = append(out, "-"+f.Shorthand)
		}
	})
	return out
}

// nearestFlag names the flag that somebody may have meant, or returns "".
func nearestFlag(cmd *cobra.Command, name string) string {
	best, distance := "", 3
	if len(name) < 4 {
		distance = 2
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		if d := editDistance(name, f.Name); d < distance || d == distance && best != "" && f.Name < best {
			best, distance = f.Name, d
		}
	})
	if best == "" {
		return ""
	}
	return "; did you mean --" + best + "?"
}

// editDistance returns the number of letters to insert, delete or replace between two words.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
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
	case "IDS":
		return "a list of whole numbers, such as 3,4"
	case "duration":
		return "a time, such as 30s or 5m"
	case "bool":
		return "true or false"
	case "size":
		return "a size, such as 500M or 20G"
	case "rows":
		return "a number of rows, such as 10, or a share, such as 5%"
	}
	return "a value of the kind " + flagType
}

// oldFlags gives flags of a verb that were renamed their new names, and notes each that is used.
func (c *cli) oldFlags(cmd *cobra.Command, renamed map[string]string) {
	cmd.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if now, ok := renamed[name]; ok {
			c.renamed = append(c.renamed, [2]string{"--" + name, "--" + now})
			return pflag.NormalizedName(now)
		}
		return pflag.NormalizedName(name)
	})
}

// noteOld says which old spellings a call has, each once.
func (c *cli) noteOld() {
	said := map[[2]string]bool{}
	for _, r := range c.renamed {
		if !said[r] {
			said[r] = true
			c.hint("note: %s is now %s; the old spelling still works", r[0], r[1])
		}
	}
}

// fileFromEnv returns the value of a flag that names a file, or else that of an environment
// variable.
func fileFromEnv(flag, variable string) string {
	if flag != "" {
		return flag
	}
	return os.Getenv(variable)
}

// filesFromEnv is fileFromEnv for a flag that can be repeated.
func filesFromEnv(flag []string, variable string) []string {
	if name := os.Getenv(variable); len(flag) == 0 && name != "" {
		return []string{name}
	}
	return flag
}

// Environment variables that name files.
const (
	keyFileEnv     = "ISOTOPE_KEY_FILE"
	profileFileEnv = "ISOTOPE_PROFILE_FILE"
)
