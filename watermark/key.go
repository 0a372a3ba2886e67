package watermark

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/internal/prf"
)

// secretPrefix begins the text form of a key, so that scanners for leaked secrets
// have something to look for.
const secretPrefix = "isotope-secret-key-1:"

// A Key is a 256-bit secret. The bytes are held behind a closure, where neither a
// fmt verb nor an encoder nor reflection reaches them, however deep a Key is nested:
// printing, logging or encoding one shows its public [Key.ID] at most.
// [Key.Secret] is the one way out.
//
// The zero Key is no key: [New] refuses it. Keys are compared with [Key.Equal]; ==
// does not compile. A Key is safe for concurrent use.
type Key struct {
	leaf func() *[prf.LeafSize]byte
}

// keyOf takes a pointer, because a traceback prints arguments that are arrays.
func keyOf(leaf *[prf.LeafSize]byte) Key {
	return Key{leaf: func() *[prf.LeafSize]byte { return leaf }}
}

// NewKey returns a random key from the operating system's generator.
func NewKey() Key {
	var leaf [prf.LeafSize]byte
	rand.Read(leaf[:]) // never fails: crypto/rand ends the program instead
	return keyOf(&leaf)
}

// errKeyText never quotes its input: a mistyped secret is still a secret.
var errKeyText = errors.New(`watermark: not a key: want "` + secretPrefix + `" and 64 lower-case hex digits`)

// ParseKey reads what [Key.Secret] wrote; white space around it is ignored. The
// error does not contain the text.
func ParseKey(text string) (Key, error) {
	digits, ok := strings.CutPrefix(strings.TrimSpace(text), secretPrefix)
	if !ok || len(digits) != 2*prf.LeafSize || digits != strings.ToLower(digits) {
		return Key{}, errKeyText
	}
	var leaf [prf.LeafSize]byte
	if _, err := hex.Decode(leaf[:], []byte(digits)); err != nil {
		return Key{}, errKeyText
	}
	return keyOf(&leaf), nil
}

// IsZero reports whether k is the zero Key.
func (k Key) IsZero() bool { return k.leaf == nil }

// Derive returns an independent key for a path of labels, such as model, epoch,
// cohort and tenant. The same labels always give the same key, and no derived key
// tells anything about its parent or its siblings. A key that marks text should not
// be a parent as well. Derive of the zero Key is the zero Key.
func (k Key) Derive(label ...string) Key {
	if k.IsZero() {
		return Key{}
	}
	return keyOf(prf.Derive(k.leaf(), label))
}

// Variants returns n keys derived from k, for a keyed draw that must not give one answer to
// one request: a text is marked with one of them, chosen for each request by chance or by a
// number of the request, and a test tries all, which costs it log10 n digits of its p-value
// (Sidak). They are k.Derive("variant", "0"), ..., in decimal.
func (k Key) Variants(n int) []Key {
	keys := make([]Key, max(n, 0))
	for i := range keys {
		keys[i] = k.Derive("variant", strconv.Itoa(i))
	}
	return keys
}

// ID returns the public fingerprint, 16 hex digits that are safe to log, or "" for
// the zero Key.
func (k Key) ID() string {
	if k.IsZero() {
		return ""
	}
	return prf.ID(k.leaf())
}

// Secret returns the secret in its text form, or "" for the zero Key. Whoever reads
// the result can mark text and forge marks.
func (k Key) Secret() string {
	if k.IsZero() {
		return ""
	}
	return secretPrefix + hex.EncodeToString(k.leaf()[:])
}

// Equal reports, in constant time, whether k and other are the same key.
func (k Key) Equal(other Key) bool {
	if k.IsZero() || other.IsZero() {
		return k.IsZero() == other.IsZero()
	}
	return subtle.ConstantTimeCompare(k.leaf()[:], other.leaf()[:]) == 1
}

// String returns "key " and the ID.
func (k Key) String() string {
	if k.IsZero() {
		return "key none"
	}
	return "key " + k.ID()
}

// Format prints String for every verb that a type can define.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// LogValue logs String.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText returns String, so that an encoder shows which key it met. [ParseKey]
// does not read it and there is no UnmarshalText: a key is saved with [WriteKeyFile].
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
