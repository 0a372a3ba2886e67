package report

import (
	"fmt"
	"math"
	"strings"
)

// Decimal returns x formatted by a verb such as "%.3f", or "none" if x is NaN or infinite.
// A number that rounds to zero has no sign.
func Decimal(verb string, x float64) string {
	if !finite(x) {
		return "none"
	}
	s := fmt.Sprintf(verb, x)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

// formatP returns a p-value for people: "0.38", "10^-95.2", or "none" if it does not exist.
func formatP(log10P float64) string {
	switch {
	case !finite(log10P):
		return "none"
	case log10P == 0: // not -0
		return "1"
	case log10P > -4:
		return fmt.Sprintf("%.2g", pow10(log10P))
	}
	return fmt.Sprintf("10^%.1f", log10P)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func pow10(x float64) float64 { return math.Pow(10, x) }

// Quote returns a p-value as it can be quoted: "10^-12.4", or "less than 10^-38". floor is log10 of
// the smallest error rate that is claimed.
func Quote(log10P, floor float64) string {
	switch {
	case !finite(log10P):
		return ""
	case log10P < floor:
		return fmt.Sprintf("less than 10^-%d", int(-floor))
	}
	return formatP(log10P)
}

// Odds puts a p-value into a sentence about chance. floor is log10 of the smallest error rate that
// is claimed.
func Odds(log10P, floor float64) string { return OddsIn(log10P, floor, "texts") }

// OddsIn is Odds about others than texts, such as "corpora".
func OddsIn(log10P, floor float64, of string) string {
	switch n := math.Floor(-max(log10P, floor)); {
	case !finite(log10P):
		return ""
	case n >= 4:
		return fmt.Sprintf("Chance alone would give such a result less than once in %s unrelated %s.", power(int(n)), of)
	case log10P >= 0:
		return "Chance alone would give such a result always."
	}
	return fmt.Sprintf("Chance alone would give such a result with probability %s.", formatP(log10P))
}

// floorOfAudit is log10 of the smallest error rate that an audit claims, whatever its context width:
// the chance that two of the contexts of so many units collide. docs/statistics.md, section 3, has
// the proof.
func floorOfAudit(units int64) float64 {
	return max(-38.53, 2*math.Log10(float64(max(units, 1)))-97*math.Log10(2))
}

// power writes a power of ten: "1,000,000", or "10^12" from 10^10 on.
func power(n int) string {
	if n >= 10 {
		return fmt.Sprintf("10^%d", n)
	}
	s := "1" + strings.Repeat("0", n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
