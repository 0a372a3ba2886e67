package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/internal/strictjson"
)

// A rule describes a call that cannot be right, whatever the files hold.
type rule struct {
	when bool
	says string // what is wrong, then what to do
}

// check returns a usage error for the first rule that applies, or nil.
func check(tables ...[]rule) error {
	for _, table := range tables {
		for _, r := range table {
			if r.when {
				return usagef("%s", r.says)
			}
		}
	}
	return nil
}

// An interval is the range of a number. NaN is in none.
type interval struct {
	holds func(x float64) bool
	says  string // of a number outside: "is outside (0,1)"
}

func open(lo, hi float64) interval {
	return interval{func(x float64) bool { return x > lo && x < hi }, fmt.Sprintf("is outside (%v,%v)", lo, hi)}
}

func leftOpen(lo, hi float64) interval {
	return interval{func(x float64) bool { return x > lo && x <= hi }, fmt.Sprintf("is outside (%v,%v]", lo, hi)}
}

func closed(lo, hi float64) interval {
	return interval{func(x float64) bool { return x >= lo && x <= hi }, fmt.Sprintf("is outside [%v,%v]", lo, hi)}
}

// fromTo is closed, for whole numbers.
func fromTo(lo, hi int64) interval {
	return interval{closed(float64(lo), float64(hi)).holds, fmt.Sprintf("is outside %s to %s", digits(lo), digits(hi))}
}

// digits writes a whole number, large powers of ten as such.
func digits(n int64) string {
	if s := fmt.Sprint(n); len(s) <= 7 || strings.Trim(s[1:], "0") != "" || s[0] != '1' {
		return s
	} else {
		return fmt.Sprintf("10^%d", len(s)-1)
	}
}

func atLeast(lo int64) interval {
	return interval{func(x float64) bool { return x >= float64(lo) }, "is below " + digits(lo)}
}

func positive() interval {
	return interval{func(x float64) bool { return x > 0 && !math.IsInf(x, 1) }, "is not a positive number"}
}

func notNegative() interval {
	return interval{func(x float64) bool { return x >= 0 && !math.IsInf(x, 1) }, "is not a number of at least 0"}
}

// within is the rule that a flag's value lies in an interval.
func within[T int | int64 | float32 | float64](flag string, value T, in interval) rule {
	r := rule{!in.holds(float64(value)), fmt.Sprintf("--%s %v %s", flag, value, in.says)}
	if x := float64(value); in.holds(x/100) && !in.holds(2) && x > 1 {
		r.says += fmt.Sprintf("; write %v for %v %%", x/100, x)
	}
	return r
}

// withinIf is within for a flag that has no value until it is given.
func withinIf[T int | int64 | float32 | float64](given bool, flag string, value T, in interval) rule {
	r := within(flag, value, in)
	r.when = r.when && given
	return r
}

// oneOf is the rule that a flag has one of some values.
func oneOf(flag, value string, values ...string) rule {
	return rule{!slices.Contains(values, value), fmt.Sprintf("--%s %s is not one of %s", flag, strictjson.Quote(value), strings.Join(values, ", "))}
}

// failOn is the rule of --fail-on.
func failOn(value string) rule {
	return rule{value != "" && value != "detected", fmt.Sprintf(`--fail-on %s is not possible; the one verdict that it takes is "detected"`, strictjson.Quote(value))}
}

// noSecrets is the rule that no key stands where the name of something belongs.
func noSecrets(names ...string) rule {
	return rule{slices.ContainsFunc(names, holdsKey), "a secret key was given in place of a name; give the name of the key's file, and treat the key as leaked"}
}

// holdsKey reports whether a text may hold a secret key.
func holdsKey(text string) bool { return secret.MayHold(text) }

// given returns the flags of a list that a call has.
func given(has func(string) bool, flags []string) []string {
	return slices.DeleteFunc(slices.Clone(flags), func(name string) bool { return !has(name) })
}

// dashed writes flags as they are given: "--text and --entropy".
func dashed(flags []string) string { return "--" + strings.Join(flags, " and --") }

// noArguments is the cobra.Command.Args of a verb without arguments.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no argument, and %s was given", cmd.Name(), strictjson.Quote(args[0]))
	}
	return nil
}
