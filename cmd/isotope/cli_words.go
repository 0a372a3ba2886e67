package main

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
)

// columns is the width of wrapped text, in characters.
const columns = 78

// wrap breaks a text into lines of at most columns characters, each after an indent.
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

// What every page and terminal says of verdicts.
const (
	noteDetected = "Detected means that the text depends on the key. It does not say who wrote the text, or how the mark came into it."
	noteSilent   = "Not detected and inconclusive do not prove that a text is unmarked: editing, paraphrase and translation remove marks."
)

// logP returns log10 of a p-value with three decimals, or "none".
func logP(x float64) string { return report.Decimal("%.3f", x) }

// number returns x for JSON, or nil for NaN and infinities, which JSON does not have.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// times says how often something was given: "once", "2 times".
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// joinWords writes a list: "a", "a and b", "a, b and c".
func joinWords(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " and " + list[last]
}
