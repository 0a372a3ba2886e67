package registry

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/internal/secret"
)

// isLabel reports whether s is an id or a label of a path: characters that need no quoting
// in JSON, logs and paths.
func isLabel(s string) bool {
	return len(s) > 0 && len(s) <= maxLabel && !strings.ContainsFunc(s, func(r rune) bool {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._@:+-", r):
			return false
		}
		return true
	})
}

func checkID(kind, id string) error {
	if !isLabel(id) || isSecret(id) {
		return fmt.Errorf("registry: %s id %s does not have the form of 1 to %d letters, digits or ._@:+- characters", kind, safeQuote(id), maxLabel)
	}
	return nil
}

func checkPath(who, path string) error {
	labels := strings.Split(path, "/")
	if len(labels) > maxLabels || isSecret(path) {
		return fmt.Errorf("registry: the path of %s does not have the form of up to %d labels separated by slashes", who, maxLabels)
	}
	for _, l := range labels {
		if !isLabel(l) {
			return fmt.Errorf("registry: the path of %s holds the label %s; want 1 to %d letters, digits or ._@:+- characters", who, safeQuote(l), maxLabel)
		}
	}
	return nil
}

// isSecret reports whether s may contain a secret key. It looks for the text of a key in any
// writing, and for as many hex digits in a row as a key has.
func isSecret[T ~string | ~[]byte](s T) bool {
	if secret.MayHold(s) {
		return true
	}
	const digits = 64
	run := 0
	for i := range len(s) {
		switch b := s[i]; {
		case b >= '0' && b <= '9', b >= 'a' && b <= 'f', b >= 'A' && b <= 'F':
			if run++; run == digits {
				return true
			}
		default:
			run = 0
		}
	}
	return false
}

// safeQuote quotes s for an error message: shortened, and not at all if s may be a key.
func safeQuote(s string) string {
	if isSecret(s) {
		return "(a secret key)"
	}
	return secret.Quote(s)
}

func isHex(s string, n int) bool {
	_, err := hex.DecodeString(s)
	return len(s) == n && s == strings.ToLower(s) && err == nil
}
