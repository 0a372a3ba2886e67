package report

import (
	"fmt"
	"math"
	"strings"
)

// Decimal returns x formatted by a verb such as "%.3f", or "none" if x is NaN or infinite.
// A number that rounds to zero has no sign.
func Decimal(verb string, x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "none"
	}
	s := fmt.Sprintf(verb, x)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}
