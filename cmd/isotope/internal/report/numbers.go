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
