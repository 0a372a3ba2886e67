package provenance

import (
	"fmt"

	"github.com/isotope-wm/isotope/watermark"
)

// A KeyBook is what a log says about keys.
type KeyBook struct {
	commits map[string][]Entry // by key id
	ended   map[string]Entry   // the first revoke or reveal, by key id
}

// Keys returns what the log says about keys now.
func (l *Log) Keys() *KeyBook {
	b := &KeyBook{commits: map[string][]Entry{}, ended: map[string]Entry{}}
	for i := range l.Size() {
		switch e := l.Entry(i); e.Kind {
		case KindCommit:
			b.commits[e.Key] = append(b.commits[e.Key], e)
		case KindRevoke, KindReveal:
			if _, ok := b.ended[e.Key]; !ok {
				b.ended[e.Key] = e
			}
		}
	}
	return b
}

// Check returns an error unless the log has a commitment that the key opens, for the epoch and the
// profile, and the key was neither revealed nor revoked. An empty epoch or scheme stands for any.
func (b *KeyBook) Check(epoch, scheme string, k watermark.Key) error {
	if e, ok := b.ended[k.ID()]; ok {
		word := "revoked"
		if e.Kind == KindReveal {
			word = "revealed"
		}
		return fmt.Errorf("provenance: %v was %s at %s and does not mark any more; use the key of another epoch", k, word, e.Time)
	}
	for _, e := range b.commits[k.ID()] {
		if (epoch == "" || e.Epoch == epoch) && (scheme == "" || e.Scheme == scheme) && e.Opens(k) {
			return nil
		}
	}
	return fmt.Errorf("provenance: the log has no commitment to %v for this epoch and profile; commit the key before it marks", k)
}

// Mark returns the mark of a profile under a key, and refuses a key that may not mark: one that is
// not committed for the profile, or that was revealed or revoked.
func (b *KeyBook) Mark(p *watermark.Profile, k watermark.Key, selector ...watermark.Key) (*watermark.Mark, error) {
	if err := b.Check("", p.ID(), k); err != nil {
		return nil, err
	}
	return p.Mark(k, selector...)
}
