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
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// secretPrefix begins the text form of a key, so that scanners can find leaked keys.
const secretPrefix = "isotope-secret-key-1:"

// A Key is a 256-bit secret. A closure holds the bytes, out of reach of fmt verbs, encoders and
// reflection, however deep a Key is nested. Printing, logging or encoding a Key shows its public
// [Key.ID] at most. Only [Key.Secret] reveals the secret.
//
// The zero Key does not hold a secret, and [New] refuses it. Compare keys with [Key.Equal]; ==
// does not compile. A Key is safe for concurrent use.
type Key struct {
	leaf func() *[prf.LeafSize]byte
}

// keyOf takes a pointer, because a traceback prints the contents of array arguments.
func keyOf(leaf *[prf.LeafSize]byte) Key {
	return Key{leaf: func() *[prf.LeafSize]byte { return leaf }}
}

// NewKey returns a random key from the generator of the operating system.
func NewKey() Key {
	var leaf [prf.LeafSize]byte
	rand.Read(leaf[:]) // cannot fail; crypto/rand ends the program instead
	return keyOf(&leaf)
}

// errKeyText does not quote its input, because a mistyped secret is still a secret.
var errKeyText = errors.New("watermark: not a key: want what 'isotope key new' writes, which ends in 64 lower-case hex digits")

// ParseKey reads a key in the form that [Key.Secret] returns. It ignores white space around it.
// The error does not contain the text.
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

// Derive returns the key for a path of labels, such as model, epoch, cohort and tenant. The same
// labels always give the same key. A derived key reveals nothing about its parent or its
// siblings. Do not mark text with a key that you also derive from. Derive of the zero Key returns
// the zero Key.
func (k Key) Derive(label ...string) Key {
	if k.IsZero() {
		return Key{}
	}
	return keyOf(prf.Derive(k.leaf(), label))
}

// Variants returns n keys derived from k, so that a keyed draw does not always give the same
// answer to the same request. Mark each text with one of them, chosen at random or by a number of
// the request. A test tries all n, which costs log10 n digits of its p-value (Sidak). The keys are
// k.Derive("variant", "0") and so on, in decimal.
func (k Key) Variants(n int) []Key {
	keys := make([]Key, max(n, 0))
	for i := range keys {
		keys[i] = k.Derive("variant", strconv.Itoa(i))
	}
	return keys
}

// ID returns the public fingerprint of the key: 16 hex digits that are safe to log. It returns ""
// for the zero Key.
func (k Key) ID() string {
	if k.IsZero() {
		return ""
	}
	return prf.ID(k.leaf())
}

// Secret returns the text form of the secret, or "" for the zero Key. Anyone who reads it can mark
// text and forge marks. It panics without a token of [secretaccess.Allow], which neither templates
// nor reflection have.
func (k Key) Secret(token secretaccess.Token) string {
	secretaccess.Check(token)
	if k.IsZero() {
		return ""
	}
	return secretPrefix + hex.EncodeToString(k.leaf()[:])
}

// Equal reports in constant time whether k and other are the same key.
func (k Key) Equal(other Key) bool {
	if k.IsZero() || other.IsZero() {
		return k.IsZero() == other.IsZero()
	}
	return subtle.ConstantTimeCompare(k.leaf()[:], other.leaf()[:]) == 1
}

// String returns "key " and the [Key.ID], or "key none" for the zero Key.
func (k Key) String() string {
	if k.IsZero() {
		return "key none"
	}
	return "key " + k.ID()
}

// Format implements [fmt.Formatter]. It prints [Key.String] for every verb.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// LogValue implements [slog.LogValuer] with [Key.String].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText returns [Key.String], so that encoded data shows which key it had. There is no
// UnmarshalText, and [ParseKey] does not read the result. Save a key with [WriteKeyFile].
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
