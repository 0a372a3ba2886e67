package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
)

// An answersHash identifies the answers that were tested, in the order of their questions: it is
// the hash of their canonical JSON, one answer a line. It does not depend on times, headers or
// the order of arrival, which the head of the journal's chain covers.
type answersHash struct{ hash.Hash }

func newAnswersHash() answersHash { return answersHash{sha256.New()} }

func (h answersHash) add(a collect.Answer) error {
	line, err := canonical.Encode(a)
	if err != nil {
		return err
	}
	h.Write(append(line, '\n'))
	return nil
}

func (h answersHash) String() string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }
