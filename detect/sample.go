package detect

import "crypto/rand"

// A Sample bounds the memory of a test of any number of texts. Of the distinct pairs, the test
// keeps the Size ones with the smallest tags under RunKey. (It is the bottom-k sketch of Cohen and
// Kaplan 2007, as a sample of distinct elements.) It does not matter in which order texts come, or
// who reads them.
//
// The choice depends on the texts and the RunKey alone, so the p-value stays exact. With a share f
// of the pairs kept, a test has the power that it would have on a share f of the text. Excluded
// pairs count towards Size. The zero Sample keeps everything.
type Sample struct {
	Size int // pairs to keep, at most 2^30; 0 keeps all
	// RunKey orders the pairs. Choose it before anybody looks at the text, best by NewRunKey, and
	// put it in the report. A writer who knows it could choose text that crowds the sample. All
	// shards of one test share one RunKey.
	RunKey [16]byte
}

// maxSample bounds Sample.Size.
const maxSample = 1 << 30

// NewRunKey returns a random RunKey.
func NewRunKey() (key [16]byte) {
	rand.Read(key[:]) // never fails
	return key
}
