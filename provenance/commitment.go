package provenance

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/isotope-wm/isotope/watermark"
)

// NewCommitment returns the entry that binds the owner of a log to a key for an epoch and a
// profile. scheme is the identity of the profile ([watermark.Profile.ID]).
//
// The commitment is
//
//	salt       = HMAC-SHA-256(leaf, "isotope/1" 00 "commitment" 00 "salt" 01)
//	commitment = SHA-256("isotope/1 commitment" 00 salt, then for each of id, epoch, scheme and leaf
//	             its u32le(length) and bytes)
//
// The salt follows from the key, so that nothing besides the key has to be kept, and it is as
// unknown as the key is. Whoever has the key opens the commitment.
func NewCommitment(k watermark.Key, epoch, scheme string, now time.Time) (Entry, error) {
	if k.IsZero() {
		return Entry{}, errors.New("provenance: the zero key cannot be committed")
	}
	e := Entry{Version: 1, Kind: KindCommit, Time: formatTime(now), Key: k.ID(), Epoch: epoch, Scheme: scheme}
	e.Commitment = commitment(k, &e)
	return e, e.check()
}

func commitment(k watermark.Key, e *Entry) string {
	salt := mac(k, []byte(version+"\x00commitment\x00salt\x01"))
	leaf := leafOf(k)
	defer clear(leaf)
	h := sha256.New()
	h.Write([]byte("isotope/1 commitment\x00"))
	h.Write(salt[:])
	for _, field := range [][]byte{[]byte(e.Key), []byte(e.Epoch), []byte(e.Scheme), leaf} {
		var length [4]byte
		binary.LittleEndian.PutUint32(length[:], uint32(len(field)))
		h.Write(length[:])
		h.Write(field)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Opens reports whether the key opens the commitment of an entry. The time does not depend on how
// the two differ.
func (e Entry) Opens(k watermark.Key) bool {
	return e.Kind == KindCommit && !k.IsZero() && k.ID() == e.Key &&
		subtle.ConstantTimeCompare([]byte(commitment(k, &e)), []byte(e.Commitment)) == 1
}

// Pad returns the entries, in a random order with entries that no key opens, so that their number
// is a power of two. Nobody who sees the log can tell which entries are of keys, so it does not
// show how many there are. All entries have the epoch, scheme and time of the first one; Pad
// returns an error if some differ, and for no entry or more than 2^20.
func Pad(entries []Entry) ([]Entry, error) {
	if len(entries) == 0 || len(entries) > maxCommitments {
		return nil, fmt.Errorf("provenance: 1 to %d keys are committed at a time, and these are %d", maxCommitments, len(entries))
	}
	first := entries[0]
	for _, e := range entries {
		if e.Kind != KindCommit || e.Epoch != first.Epoch || e.Scheme != first.Scheme || e.Time != first.Time {
			return nil, errors.New("provenance: keys that are committed together have one epoch and one profile")
		}
	}
	out := append([]Entry(nil), entries...)
	for size := 1 << bits.Len(uint(len(entries)-1)); len(out) < size; {
		var random [40]byte
		rand.Read(random[:])
		e := first
		e.Key, e.Commitment = hex.EncodeToString(random[:8]), "sha256:"+hex.EncodeToString(random[8:])
		out = append(out, e)
	}
	for i := len(out) - 1; i > 0; i-- {
		j := below(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return out, nil
}

// maxCommitments is how many keys are committed at a time.
const maxCommitments = 1 << 20

// below returns a random number from 0 to n-1, uniform up to n/2^64.
func below(n int) int {
	var b [8]byte
	rand.Read(b[:])
	hi, _ := bits.Mul64(binary.LittleEndian.Uint64(b[:]), uint64(n))
	return int(hi)
}
