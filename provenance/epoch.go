package provenance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/isotope-wm/isotope/watermark"
)

// A Schedule says when epochs begin. Epochs are months of the calendar in UTC, with names such as
// "2026-11". In the first Overlap of an epoch a detector also tests the key of the epoch before,
// since its answers are still on their way.
type Schedule struct {
	Overlap time.Duration // at least 0, at most 28 days
}

// At returns the epochs at an instant: the one that marks, and then those that a detector tests
// besides. There are one or two.
func (s Schedule) At(t time.Time) []string {
	t = t.UTC()
	begin := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	epochs := []string{begin.Format("2006-01")}
	if t.Sub(begin) < s.Overlap {
		epochs = append(epochs, begin.AddDate(0, -1, 0).Format("2006-01"))
	}
	return epochs
}

// A Rotation holds the keys of the current epochs and changes them by its schedule, without a
// restart. It is safe for concurrent use.
type Rotation struct {
	root     Root
	schedule Schedule
	labels   []string
	check    func(epoch string, k watermark.Key) error

	mu   sync.Mutex
	keys map[string]watermark.Key // by epoch
}

// NewRotation returns the keys of a root along labels and then the epoch: with the labels "model"
// and "m1" the key of November 2026 is the one along "model", "m1", "2026-11". check refuses keys
// that may not be used, and may be nil; [KeyBook.Check] is for that.
func NewRotation(r Root, s Schedule, check func(epoch string, k watermark.Key) error, labels ...string) (*Rotation, error) {
	if s.Overlap < 0 || s.Overlap > 28*24*time.Hour {
		return nil, errors.New("provenance: an overlap has 0 to 28 days")
	}
	return &Rotation{root: r, schedule: s, labels: slices.Clone(labels), check: check, keys: map[string]watermark.Key{}}, nil
}

// Keys returns the keys at an instant: the one that marks, and in an overlap the one of the epoch
// before, which a detector also tests. It asks the root once for each epoch.
func (r *Rotation) Keys(ctx context.Context, now time.Time) ([]watermark.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var keys []watermark.Key
	epochs := r.schedule.At(now)
	for _, epoch := range epochs {
		k, ok := r.keys[epoch]
		if !ok {
			var err error
			if k, err = Derive(ctx, r.root, append(slices.Clone(r.labels), epoch)...); err != nil {
				return nil, fmt.Errorf("provenance: epoch %s: %w", epoch, err)
			}
			r.keys[epoch] = k
		}
		if r.check != nil {
			if err := r.check(epoch, k); err != nil {
				if len(keys) > 0 {
					continue // the epoch before is not tested any more
				}
				return nil, err
			}
		}
		keys = append(keys, k)
	}
	for epoch := range r.keys {
		if !slices.Contains(epochs, epoch) {
			delete(r.keys, epoch)
		}
	}
	return keys, nil
}
