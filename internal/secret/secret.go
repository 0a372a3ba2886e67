package secret

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// The texts that begin secrets, in lower case.
const (
	keyPrefix    = "isotope-secret-key"
	enginePrefix = "integer-key-" // of keys of other engines
	agePrefix    = "age-secret-key-1"
)

const (
	// keyDigits is the number of hex digits of a key.
	keyDigits = 2 * sha256.Size
	// leastDigits is how many digits after a prefix make a key of it. With fewer it is the
	// description of a key.
	leastDigits = 8
)

// shown stands in the place of a secret.
const shown = "(a secret key)"

var remembered struct {
	sync.RWMutex
	leaves map[[sha256.Size]byte]struct{} // SHA-256 of the bytes of keys
}

// Remember makes [Holds] find a key without its prefix: its hex digits, and its bytes in base64. text
// is the text form of the key. Remember keeps a hash and not the key.
func Remember(text string) {
	raw, err := hex.DecodeString(strings.TrimSpace(text[strings.LastIndexByte(text, ':')+1:]))
	if err != nil || len(raw) != sha256.Size {
		return
	}
	remembered.Lock()
	defer remembered.Unlock()
	if remembered.leaves == nil {
		remembered.leaves = make(map[[sha256.Size]byte]struct{})
	}
	remembered.leaves[sha256.Sum256(raw)] = struct{}{}
}

func isRemembered(leaf []byte) bool {
	remembered.RLock()
	defer remembered.RUnlock()
	_, ok := remembered.leaves[sha256.Sum256(leaf)]
	return ok
}

func anyRemembered() bool {
	remembered.RLock()
	defer remembered.RUnlock()
	return len(remembered.leaves) > 0
}

// Holds reports whether a text holds a marking key of this project or of another engine, or a
// secret key of age.
func Holds[T ~string | ~[]byte](text T) bool {
	b := []byte(text)
	known := anyRemembered()
	if known && holdsLeaf(b) {
		return true
	}
	look := glance{digits: known}
	return views(b, func(view []byte) bool { return look.may(view) && holdsView(view, known) })
}

// holdsView reports whether a view holds a key. known says that there are remembered ones.
func holdsView(view []byte, known bool) bool {
	return holdsText(view) || known && holdsDigits(view) ||
		decoded(view, len(keyPrefix), func(inner []byte) bool { return holdsText(inner) || known && holdsDigits(inner) })
}

// MayHold reports whether a text holds a key, the beginning of one, or as many hex digits in a row
// as a key has and not more. Digits after "sha256:" or "0x" are a hash. It finds private keys in PEM
// and of OpenSSH too, which have nothing to do with marks. It suits what is about to
// leave the machine, and what stands where an id or a name belongs.
func MayHold[T ~string | ~[]byte](text T) bool {
	b := []byte(text)
	return hasBareDigits(b) || views(b, func(view []byte) bool {
		return index(view, keyPrefix) >= 0 || index(view, enginePrefix) >= 0 || hasBareDigits(view) ||
			holdsPEM(view) || decoded(view, len(pemBegin)+len(pemKind)+leastBody, codeOfPEM)
	}) || Holds(b)
}

// Refuse returns an error if one of the texts may hold a key. what names them. The error does not
// quote them.
func Refuse(what string, texts ...string) error {
	for _, t := range texts {
		if MayHold(t) {
			return fmt.Errorf("%s holds a secret key, or 64 hex digits that may be one; leave it out, and treat the key as leaked if anybody else has seen it", what)
		}
	}
	return nil
}

// index returns the index of a lower-case ASCII text in a view, in any case, or -1.
func index(view []byte, text string) int {
	for i := 0; i+len(text) <= len(view); i++ {
		if lowerByte(view[i]) == text[0] {
			if _, ok := cutFold(view[i:], text); ok {
				return i
			}
		}
	}
	return -1
}

// holdsText reports whether a view has a prefix with digits after it.
func holdsText(view []byte) bool {
	for i := 0; i < len(view); i++ {
		switch view[i] {
		case 'i', 'I':
			if rest, ok := cutFold(view[i:], keyPrefix); ok && digitsFollow(rest) {
				return true
			}
			if rest, ok := cutFold(view[i:], enginePrefix); ok && numberFollows(rest) {
				return true
			}
		case 'a', 'A':
			if rest, ok := cutFold(view[i:], agePrefix); ok && len(rest) >= leastDigits {
				return true
			}
		}
	}
	return false
}

// cutFold returns a view without a lower-case ASCII text, in any case, at its beginning.
func cutFold(view []byte, text string) (rest []byte, ok bool) {
	if len(view) < len(text) {
		return nil, false
	}
	for j := 1; j < len(text); j++ {
		if lowerByte(view[j]) != text[j] {
			return nil, false
		}
	}
	return view[len(text):], lowerByte(view[0]) == text[0]
}

// numberFollows reports whether a version, a colon and a digit follow.
func numberFollows(rest []byte) bool {
	colon := bytes.IndexByte(rest[:min(len(rest), 4)], ':')
	return colon > 0 && colon+1 < len(rest) && rest[colon+1] >= '0' && rest[colon+1] <= '9'
}

// digitsFollow reports whether leastDigits hex digits follow a prefix. Its version and a colon may
// stand between, and separators between the digits.
func digitsFollow(rest []byte) bool {
	rest = rest[:min(len(rest), 4*keyDigits)]
	if i := bytes.IndexByte(rest[:min(len(rest), 8)], ':'); i >= 0 {
		rest = rest[i+1:]
	}
	n := 0
	for _, b := range rest {
		switch {
		case hexDigit(b) >= 0:
			if n++; n == leastDigits {
				return true
			}
		case !bytes.ContainsRune([]byte(`-_:.,;"'+|/\`), rune(b)):
			return false
		}
	}
	return false
}

// holdsDigits reports whether a view has the digits of a remembered key in a row.
func holdsDigits(view []byte) bool {
	return runs(view, &hexDigits, keyDigits, func(run []byte) bool {
		// A run of this text may have other digits around those of a key.
		raw := make([]byte, sha256.Size)
		for i := 0; i+keyDigits <= len(run) && i < 4*keyDigits; i++ {
			if _, err := hex.Decode(raw, run[i:i+keyDigits]); err == nil && isRemembered(raw) {
				return true
			}
		}
		return false
	})
}

// holdsLeaf reports whether a text has the bytes of a remembered key in base64.
func holdsLeaf(text []byte) bool {
	const digits = (8*sha256.Size + 5) / 6
	return runs(text, &base64Digits, digits, func(run []byte) bool {
		if len(run) > digits+4 {
			return false
		}
		for i := 0; i+digits <= len(run); i++ {
			if raw := packAll(run[i : i+digits]); len(raw) == sha256.Size && isRemembered(raw) {
				return true
			}
		}
		return false
	})
}

// packAll joins digits of base64 to bytes.
func packAll(run []byte) []byte {
	out := make([]byte, 0, len(run)*6/8)
	var v, have uint
	for _, b := range run {
		v, have = v<<6|uint(base64Digits[b]), have+6
		if have >= 8 {
			have -= 8
			out = append(out, byte(v>>have))
			v &= 1<<have - 1
		}
	}
	return out
}

// hasBareDigits reports whether a text has exactly as many hex digits in a row as a key, which do
// not say that they are a hash.
func hasBareDigits(text []byte) bool {
	for i := 0; i < len(text); {
		begin := i
		for i < len(text) && hexDigit(text[i]) >= 0 {
			i++
		}
		if i-begin == keyDigits && !isHash(text[:begin]) {
			return true
		}
		i = max(i, begin+1)
	}
	return false
}

func isHash(before []byte) bool {
	for _, name := range []string{"sha256:", "sha256-", "0x"} {
		if n := len(before) - len(name); n >= 0 && lower(before[n:]) == name {
			return true
		}
	}
	return false
}

var (
	keyText    = regexp.MustCompile(`(?i)isotope-secret-key\S*`)
	engineText = regexp.MustCompile(`(?i)integer-key-\d+:[\d,]*`)
	ageText    = regexp.MustCompile(`(?i)age-secret-key-1\w*`)
)

// Hide returns a text for people, with "(a secret key)" in place of every key. If a key is written
// so that its place cannot be told, Hide leaves out the line that it stands in, or the whole text.
func Hide(text string) string {
	if !MayHold(text) {
		return text
	}
	for _, r := range []*regexp.Regexp{keyText, engineText, ageText} {
		text = r.ReplaceAllLiteralString(text, shown)
	}
	if !Holds(text) {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if Holds(line) {
			lines[i] = shown + line[len(strings.TrimRight(line, "\r\n")):]
		}
	}
	if text = strings.Join(lines, ""); Holds(text) {
		return shown
	}
	return text
}

// Quote returns a text in quotes, for messages. It cuts a long one, and hides one that may hold a
// key.
func Quote(s string) string {
	if MayHold(s) {
		return shown
	}
	const most = 80
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}
