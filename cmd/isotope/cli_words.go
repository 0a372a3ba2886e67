package main

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// columns is how wide the demo prints.
const columns = 78

// wrap breaks a text into indented lines.
func wrap(text, indent string) string {
	var b strings.Builder
	line := indent
	for _, word := range strings.Fields(text) {
		if line != indent && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	b.WriteString(line)
	return b.String()
}

const (
	noteDetected = "Detected means: this text depends on the key. It does not say who wrote it or how it got there."
	noteSilent   = "Not detected and inconclusive are no proof of innocence: editing, paraphrase and translation remove marks."
)

func decimal(verb string, x float64) string {
	if math.IsNaN(x) {
		return "none"
	}
	s := fmt.Sprintf(verb, x)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-") // what rounds to zero has no sign
	}
	return s
}

// logP writes log10 of a p-value for people.
func logP(x float64) string { return decimal("%.3f", x) }

func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// times says how often a flag was given.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
