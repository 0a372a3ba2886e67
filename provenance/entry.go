package provenance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/isotope-wm/isotope/internal/strictjson"
)

// A Kind says what an entry of a log records.
type Kind string

// The kinds of entries.
const (
	KindCommit  Kind = "commit"  // the owner is bound to a key
	KindRevoke  Kind = "revoke"  // a key does not mark any more
	KindReveal  Kind = "reveal"  // a key is disclosed and does not mark any more
	KindPlan    Kind = "plan"    // a test was declared
	KindTest    Kind = "test"    // a declared test begins
	KindReport  Kind = "report"  // a declared test ended
	KindReceipt Kind = "receipt" // salted digest of what a server marked
)

// An Entry is one line of a log. It names no tenant and no model.
type Entry struct {
	Version int    `json:"isotope_log"` // 1
	Kind    Kind   `json:"kind"`
	Time    string `json:"time"` // in UTC, as the owner of the log says: 2026-11-30T09:00:00Z
	// Of commit, revoke and reveal.
	Key string `json:"key,omitempty"` // public id: 16 hex digits
	// Of commit.
	Epoch      string `json:"epoch,omitempty"`
	Scheme     string `json:"scheme,omitempty"`     // identity of the profile: "sha256:" and 64 hex digits
	Commitment string `json:"commitment,omitempty"` // "sha256:" and 64 hex digits
	// Of plan and test, the digest of the plan. Of report and receipt, that of the report or receipt.
	Digest string `json:"digest,omitempty"` // "sha256:" and 64 hex digits
	// Of revoke and reveal.
	Reason string `json:"reason,omitempty"` // at most 200 bytes
}

// maxEntry is the longest line of a log in bytes.
const maxEntry = 2048

// maxReason is the longest reason in bytes.
const maxReason = 200

// Line returns the bytes of the entry in a log: one line of JSON without an end.
func (e Entry) Line() ([]byte, error) {
	e.Version = 1
	if err := e.check(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	line := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if len(line) > maxEntry {
		return nil, fmt.Errorf("provenance: an entry has more than %d bytes", maxEntry)
	}
	return line, nil
}

// ParseEntry parses a line of a log. It refuses a line that [Entry.Line] would write otherwise.
func ParseEntry(line []byte) (Entry, error) {
	var e Entry
	if len(line) > maxEntry {
		return e, fmt.Errorf("provenance: an entry has more than %d bytes", maxEntry)
	}
	if err := strictjson.Decode(line, &e); err != nil {
		return Entry{}, fmt.Errorf("provenance: not an entry of a log: %w", err)
	}
	if e.Version != 1 {
		return Entry{}, fmt.Errorf("provenance: an entry has version %d, and this program reads 1", e.Version)
	}
	again, err := e.Line()
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(line, again) {
		return Entry{}, errors.New("provenance: an entry is not written as a log writes it")
	}
	return e, nil
}

// fields says which fields the entries of a kind have.
var fields = map[Kind]string{
	KindCommit: "key epoch scheme commitment", KindRevoke: "key reason", KindReveal: "key reason",
	KindPlan: "digest", KindTest: "digest", KindReport: "digest", KindReceipt: "digest",
}

func (e *Entry) check() error {
	want, ok := fields[e.Kind]
	if !ok {
		return fmt.Errorf("provenance: an entry has the unknown kind %s", strictjson.Quote(string(e.Kind)))
	}
	if _, err := e.when(); err != nil {
		return err
	}
	for _, f := range []struct {
		name, value string
		valid       func(string) bool
	}{
		{"key", e.Key, isKeyID}, {"epoch", e.Epoch, isEpoch}, {"scheme", e.Scheme, isDigest},
		{"commitment", e.Commitment, isDigest}, {"digest", e.Digest, isDigest}, {"reason", e.Reason, isReason},
	} {
		if has := strings.Contains(" "+want+" ", " "+f.name+" "); has != (f.value != "") || has && !f.valid(f.value) {
			return fmt.Errorf("provenance: an entry of kind %s has a wrong field %s", e.Kind, f.name)
		}
	}
	return nil
}

// when returns the time of the entry.
func (e *Entry) when() (time.Time, error) {
	t, err := time.Parse(time.RFC3339, e.Time)
	if err != nil || formatTime(t) != e.Time {
		return t, fmt.Errorf("provenance: the time of an entry is not written as 2026-11-30T09:00:00Z")
	}
	return t, nil
}

// formatTime writes an instant as entries have it: in UTC and whole seconds.
func formatTime(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

func isKeyID(s string) bool { return len(s) == 16 && isLowerHex(s) }

func isDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(digits) == 64 && isLowerHex(digits)
}

// isEpoch allows names that stay the same in every encoding: 1 to 64 letters, digits and "-._".
func isEpoch(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return false
		}
	}
	return len(s) > 0 && len(s) <= 64
}

func isReason(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return false
		}
	}
	return len(s) > 0 && len(s) <= maxReason
}
