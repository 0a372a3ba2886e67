package corpus

import (
	"fmt"
	"maps"
	"slices"
)

// Counts adds up items. The zero Counts is ready. Counts of parts that were read apart
// merge into those of the whole, in any order.
type Counts struct {
	Sources   int64 // files and members that were read to their end
	Bytes     int64 // of the files as they are
	Rows      int64 // that the readers found
	Documents int64
	Skipped   int64
	Texts     map[string]int64 // by kind
	TextBytes int64            // of all texts that Kind.Tested says may be tested
	Unread    int64            // values that might be text and were not read
	Reasons   map[Reason]int64 // of the skips
	Notes     map[NoteCode]int64
	Passed    map[string]int64
}

func bump[K comparable](m *map[K]int64, k K, n int64) {
	if *m == nil {
		*m = map[K]int64{}
	}
	(*m)[k] += n
}

// Add counts an item.
func (c *Counts) Add(item Item) {
	switch x := item.(type) {
	case *Document:
		c.Documents++
		for i := range x.Texts {
			bump(&c.Texts, x.Texts[i].Kind.String(), 1)
			if x.Texts[i].Kind.Tested() {
				c.TextBytes += int64(len(x.Texts[i].Text))
			}
		}
		c.Unread += int64(len(x.Unread))
		for _, n := range x.Notes {
			bump(&c.Notes, n.Code, 1)
		}
	case *Skip:
		c.Skipped++
		bump(&c.Reasons, x.Reason, 1)
	case *Source:
		c.Sources++
		c.Rows += x.Rows
		if len(x.Place.Members) == 0 {
			c.Bytes += x.Bytes
		}
		for k, n := range x.Passed {
			bump(&c.Passed, k, n)
		}
		for _, n := range x.Notes {
			bump(&c.Notes, n.Code, 1)
		}
	}
}

// Merge adds the counts of another part.
func (c *Counts) Merge(o *Counts) {
	c.Sources += o.Sources
	c.Bytes += o.Bytes
	c.Rows += o.Rows
	c.Documents += o.Documents
	c.Skipped += o.Skipped
	c.TextBytes += o.TextBytes
	c.Unread += o.Unread
	for k, n := range o.Texts {
		bump(&c.Texts, k, n)
	}
	for k, n := range o.Reasons {
		bump(&c.Reasons, k, n)
	}
	for k, n := range o.Notes {
		bump(&c.Notes, k, n)
	}
	for k, n := range o.Passed {
		bump(&c.Passed, k, n)
	}
}

// Check returns an error unless all rows are documents or skips, and all skips have a
// reason. It holds once the reading of every file has ended.
func (c *Counts) Check() error {
	if c.Rows != c.Documents+c.Skipped {
		return fmt.Errorf("%d rows were read, and %d documents and %d skips came of them", c.Rows, c.Documents, c.Skipped)
	}
	reasons := int64(0)
	for _, n := range c.Reasons {
		reasons += n
	}
	if reasons != c.Skipped {
		return fmt.Errorf("%d rows were skipped, and %d of them have a reason", c.Skipped, reasons)
	}
	return nil
}

// ReasonList returns the reasons that occurred, the most frequent first.
func (c *Counts) ReasonList() []Reason {
	list := slices.Sorted(maps.Keys(c.Reasons))
	slices.SortStableFunc(list, func(a, b Reason) int {
		return int(min(max(c.Reasons[b]-c.Reasons[a], -1), 1))
	})
	return list
}
