package secret

import (
	"bytes"
	"strings"
	"unicode"
)

// A Finder finds given secrets, such as an API key, in what somebody else sent. The zero Finder
// finds nothing. It is safe for concurrent use.
type Finder struct {
	plain []string // as they are
	forms [][]byte // squeezed, in lower case, with their escapes undone or not
}

// NewFinder returns the Finder of some secrets. It leaves out those that are placeholders; see
// [IsPlaceholder].
func NewFinder(secrets ...string) *Finder {
	f := new(Finder)
	for _, s := range secrets {
		if IsPlaceholder(s) {
			continue
		}
		f.plain = append(f.plain, s)
		views([]byte(s), func(view []byte) bool {
			if len(view) >= leastSecret {
				f.forms = append(f.forms, bytes.ToLower(view))
			}
			return false
		})
	}
	return f
}

// leastSecret is the length of the shortest secret that a Finder looks for, in bytes. Shorter ones
// occur in ordinary text.
const leastSecret = 8

// placeholders are given where a server wants no key, in lower case.
var placeholders = []string{
	"empty", "none", "null", "test", "token", "dummy", "dummy-key", "fake", "fake-key", "no-key", "nokey", "not-needed", "notneeded", "not-used",
	"unused", "placeholder", "anything", "whatever", "ollama", "lm-studio", "lmstudio", "llama.cpp", "vllm", "localhost", "sk-no-key-required",
	"no-key-required", "no-key-needed", "none-required", "your-api-key", "your_api_key", "your-api-key-here", "your_api_key_here", "api-key", "api_key", "apikey",
	"sk-1234", "sk-12345", "sk-123456", "12345678", "123456789", "1234567890", "changeme", "change-me", "password", "sk-placeholder", "sk-dummy", "sk-fake", "sk-test", "sk-none",
}

// IsPlaceholder reports whether a secret is a word, or so short, that it occurs in ordinary text.
// To overwrite it there would change what people read and test.
func IsPlaceholder(s string) bool {
	s = strings.TrimSpace(s)
	for _, p := range placeholders {
		if strings.EqualFold(s, p) {
			return true
		}
	}
	if len(s) < leastSecret {
		return true
	}
	digits, lowers, uppers := 0, 0, 0
	for _, r := range s {
		switch {
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLower(r):
			lowers++
		case unicode.IsUpper(r):
			uppers++
		}
	}
	// A word has neither digits nor capitals inside. No word has 16 letters that matter here.
	word := digits == 0 && (uppers == 0 || lowers == 0 || uppers == 1 && unicode.IsUpper([]rune(s)[0]))
	return word && len(s) < 16
}

// Overwrite replaces the secrets that stand in a text as they are, in any case. It returns their
// number.
func (f *Finder) Overwrite(text []byte, by string) ([]byte, int) {
	count := 0
	for _, s := range f.plain {
		lowered := lower([]byte(s))
		var out []byte
		rest := text
		for {
			i := indexFold(rest, lowered)
			if i < 0 {
				break
			}
			out = append(append(out, rest[:i]...), by...)
			rest = rest[i+len(s):]
			count++
		}
		if out != nil {
			text = append(out, rest...)
		}
	}
	return text, count
}

// indexFold returns the index of a lower-case text in any case of ASCII letters, or -1.
func indexFold(text []byte, lowered string) int {
	for i := 0; i+len(lowered) <= len(text); i++ {
		j := 0
		for j < len(lowered) && lowerByte(text[i+j]) == lowered[j] {
			j++
		}
		if j == len(lowered) {
			return i
		}
	}
	return -1
}

// In reports whether a text holds one of the secrets in any case, escape, encoding or position.
func (f *Finder) In(text []byte) bool {
	if len(f.forms) == 0 {
		return false
	}
	return views(text, func(view []byte) bool {
		return f.inView(view) || decoded(view, leastSecret, f.inView)
	})
}

func (f *Finder) inView(view []byte) bool {
	lowered := bytes.ToLower(view)
	for _, form := range f.forms {
		if bytes.Contains(lowered, form) {
			return true
		}
	}
	return false
}
