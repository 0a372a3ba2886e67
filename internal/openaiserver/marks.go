package openaiserver

import (
	"errors"
	"fmt"

	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/registry"
)

// A Marker finds the marks of a tenant's requests. They are those of the master key, of the
// tenant's cohort and of the tenant, each in its part of the contexts ([registry.Split]). It is
// safe for concurrent use.
type Marker struct {
	marks  *registry.Marker // nil without a root key, and with epochs
	epochs *epochs          // nil: the epoch is that of the tenants
}

// NewMarker returns the Marker of the tenants under a root key, for a vocabulary of vocab ids. All
// marks are [watermark.ScoredOnly] and leave the control tokens alone: those that end a turn, call a
// tool or separate thinking. With the zero root it returns a Marker that can mark nothing. A server can then start although
// its key cannot be read.
func NewMarker(
	root watermark.Key, tenants *Tenants, scheme watermark.Scheme, vocab int, control ...watermark.Token,
) (*Marker, error) {
	if root.IsZero() {
		return &Marker{}, nil
	}
	reg, err := tenants.Registry(root.ID(), 0)
	if err != nil {
		return nil, err
	}
	marks, err := reg.Marker(root, tenants.Epoch, scheme, vocab, watermark.ScoredOnly{Exempt: control})
	if err != nil {
		return nil, err
	}
	return &Marker{marks: marks}, nil
}

// errUnmarkable is wrapped by the errors of Marks.
var errUnmarkable = errors.New("the request cannot be marked")

// Marks returns the marks of a tenant's requests for [watermark.NewSequence], the master's
// first. It returns an error without a root key, and for a tenant without a cohort.
func (m *Marker) Marks(t *Tenant) ([]*watermark.Mark, error) {
	switch {
	case m.marks == nil && m.epochs == nil:
		return nil, fmt.Errorf("%w: no root key", errUnmarkable)
	case t.Cohort == "":
		return nil, fmt.Errorf("%w: tenant %s has no cohort", errUnmarkable, t.ID)
	case m.epochs != nil:
		return m.epochs.marks(m.epochs.current()[0], t, true)
	}
	marks, err := m.marks.Marks(t.ID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnmarkable, err)
	}
	return marks, nil
}

// layerOf names the level of a mark, which its band tells.
func layerOf(m *watermark.Mark) string {
	switch lo, _, _ := m.Band(); lo {
	case registry.SplitCohort:
		return "cohort"
	case registry.SplitTenant:
		return "tenant"
	}
	return "master"
}

// logMarks logs the profile of each level, which an auditor needs besides the keys.
func (s *Server) logMarks() error {
	if s.config.Marker == nil {
		return nil
	}
	if names := s.config.Marker.Epochs(); names != nil {
		s.config.Log.Info("epoch", "marks", names[0], "also_tested", names[1:])
	}
	info := s.model.Info()
	for _, t := range s.config.Tenants.List {
		marks, err := s.config.Marker.Marks(t)
		if err != nil {
			continue // the requests of this tenant say so in the log
		}
		for _, m := range marks {
			p, err := m.Profile(info.Tokenizer, info.TokenizerDigest)
			if err != nil {
				return err
			}
			s.config.Log.Info("mark", "layer", layerOf(m), "profile", p.ID(), "selector", p.Selector)
		}
		return nil // the profiles of the levels are the same for every tenant
	}
	return nil
}
