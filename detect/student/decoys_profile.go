package student

import (
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// NewProfileDecoys is [NewDecoys] for a mark of a profile. A profile with a band needs the selector
// key that it names. A profile with several Variants needs one call for each of its marks; see
// [watermark.Mark.Profile].
func NewProfileDecoys(run [16]byte, n int, p *watermark.Profile, selector ...watermark.Key) (*Decoys, error) {
	return NewDecoys(run, n, func(k watermark.Key) (detect.Scorer, error) { return p.Mark(k, selector...) })
}
