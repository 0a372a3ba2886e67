package evidence

import (
	"strconv"
	"strings"
)

// Rounded formats x with so many digits after the point. A number that rounds to zero has no
// sign.
func Rounded(x float64, digits int) string {
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}
