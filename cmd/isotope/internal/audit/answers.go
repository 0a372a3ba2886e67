package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
)

// An answersHash names the answers that were tested, in the order of their questions: the
// hash of their canonical JSON, a line each. Times, headers and the order of arrival are
// not in it; the head of the journal's chain has them.
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
