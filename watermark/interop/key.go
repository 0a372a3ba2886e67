package interop

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// keyPrefix begins the text form of a key of an engine.
const keyPrefix = "integer-key-1:"

// MaxNumbers is the largest count of numbers in a [Key].
const MaxNumbers = 64

// A Key is the key of an engine: 1 to MaxNumbers integers, each 0 to 2^64-1. The numbers are held
// behind a closure, as those of a [watermark.Key] are: printing, logging or encoding a Key shows
// its [Key.ID] at most. [Key.Secret] and [Key.Numbers] are the ways out.
//
// The zero Key is no key: [Profile.Bind] refuses it. Keys are compared with [Key.Equal]. A Key is
// safe for concurrent use.
type Key struct {
	numbers func() *[]uint64
}

// NewKey returns the key of these numbers. It returns an error without numbers and for more than
// MaxNumbers.
func NewKey(numbers ...uint64) (Key, error) {
	if len(numbers) == 0 || len(numbers) > MaxNumbers {
		return Key{}, fmt.Errorf("interop: a key has 1 to %d numbers", MaxNumbers)
	}
	own := append([]uint64(nil), numbers...)
	return Key{numbers: func() *[]uint64 { return &own }}, nil
}

// errKeyText never quotes its input: a mistyped secret is still a secret.
var errKeyText = fmt.Errorf("interop: not a key of an engine: want integer-key-1, a colon and 1 to %d decimal numbers below 2^64, separated by commas",
	MaxNumbers)

// ParseKey reads what [Key.Secret] wrote. It ignores white space around the text. The error does
// not contain the text.
func ParseKey(text string) (Key, error) {
	list, ok := strings.CutPrefix(strings.TrimSpace(text), keyPrefix)
	parts := strings.Split(list, ",")
	if !ok || len(parts) > MaxNumbers {
		return Key{}, errKeyText
	}
	numbers := make([]uint64, len(parts))
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 64)
		// One number has one spelling, so that one key has one line.
		if err != nil || strconv.FormatUint(n, 10) != part {
			return Key{}, errKeyText
		}
		numbers[i] = n
	}
	return NewKey(numbers...)
}

// IsZero reports whether k is the zero Key.
func (k Key) IsZero() bool { return k.numbers == nil }

// Len returns the count of numbers, 0 for the zero Key.
func (k Key) Len() int { return len(k.all()) }

// Numbers returns a copy of the numbers. Whoever reads them can mark text and forge marks. It panics
// without a token of [secretaccess.Allow].
func (k Key) Numbers(token secretaccess.Token) []uint64 {
	secretaccess.Check(token)
	return append([]uint64(nil), k.all()...)
}

func (k Key) all() []uint64 {
	if k.IsZero() {
		return nil
	}
	return *k.numbers()
}

// Secret returns the text form of the key, one line of a key file, or "" for the zero Key.
// Whoever reads the result can mark text and forge marks. It panics without a token of
// [secretaccess.Allow].
func (k Key) Secret(token secretaccess.Token) string {
	secretaccess.Check(token)
	if k.IsZero() {
		return ""
	}
	parts := make([]string, 0, k.Len())
	for _, n := range k.all() {
		parts = append(parts, strconv.FormatUint(n, 10))
	}
	return keyPrefix + strings.Join(parts, ",")
}

// ID returns the fingerprint: 16 hex digits of a SHA-256, or "" for the zero Key. It tells nothing
// about a random key. Keys that somebody can guess can be found from their ID; see
// [Key.IsGuessable].
func (k Key) ID() string {
	if k.IsZero() {
		return ""
	}
	h := sha256.New()
	io.WriteString(h, "isotope/1 integer key id\x00")
	for _, n := range k.all() {
		h.Write(binary.BigEndian.AppendUint64(nil, n))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// IsGuessable reports whether the numbers have fewer than 48 bits together. Documented defaults
// such as 42 and 15485863 do. Anybody can mark text with such a key.
func (k Key) IsGuessable() bool {
	bits := 0
	for _, n := range k.all() {
		bits += len(strconv.FormatUint(n, 2))
	}
	return bits < 48
}

// Equal reports, in constant time for keys of one length, whether k and other are the same key.
func (k Key) Equal(other Key) bool {
	if k.Len() != other.Len() {
		return false
	}
	a, b := k.all(), other.all()
	same := 1
	for i := range a {
		x, y := binary.BigEndian.AppendUint64(nil, a[i]), binary.BigEndian.AppendUint64(nil, b[i])
		same &= subtle.ConstantTimeCompare(x, y)
	}
	return same == 1
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

// MarshalText returns String, so that an encoder shows which key it met. [ParseKey] does not read
// it.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// maxKeyFile bounds what ReadKeyFile reads, in bytes.
const maxKeyFile = 1 << 16

// WriteKeyFile creates a key file that only its owner can read. It never overwrites: an existing
// file is an error that wraps [os.ErrExist]. Comment lines go before the key.
func WriteKeyFile(path string, k Key, comment ...string) error {
	if k.IsZero() {
		return errors.New("interop: cannot write the zero key")
	}
	var b bytes.Buffer
	for _, c := range comment {
		fmt.Fprintf(&b, "# %s\n", strings.ReplaceAll(c, "\n", "\n# "))
	}
	fmt.Fprintln(&b, k.Secret(secretaccess.Allow()))
	if err := secret.WriteFile(path, b.Bytes()); err != nil {
		return fmt.Errorf("interop: %w", err)
	}
	return nil
}

// ReadKeyFile reads a file of one key and any number of "#" comment lines. On systems with
// permission bits it refuses a file that anybody but its owner can read. No error quotes the file.
func ReadKeyFile(path string) (Key, error) {
	line, err := keyLine(path)
	if err != nil {
		return Key{}, err
	}
	k, err := ParseKey(line)
	if err != nil {
		return Key{}, fmt.Errorf("key file %s: %w", path, err)
	}
	return k, nil
}

// keyLine returns the one line of a key file that is not a comment.
func keyLine(path string) (string, error) {
	text, err := secret.ReadFile(path, maxKeyFile)
	if err != nil {
		return "", fmt.Errorf("interop: %w", err)
	}
	line := ""
	for next := range strings.Lines(string(text)) {
		next = strings.TrimSpace(next)
		switch {
		case next == "" || strings.HasPrefix(next, "#"):
		case line != "":
			return "", fmt.Errorf("interop: key file %s: more than one key", path)
		default:
			line = next
		}
	}
	if line == "" {
		return "", fmt.Errorf("interop: key file %s: no key in it", path)
	}
	if secret.IsPlaceholderKey(line) {
		return "", fmt.Errorf("interop: key file %s: the key is 64 zeros, which everybody can guess", path)
	}
	secret.Use(line)
	return line, nil
}
