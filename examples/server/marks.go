package main

import (
	"errors"
	"fmt"
	"sync"

	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// A layer is a part of the contexts and whose key marks it. The master key says that a
// student was trained on this model at all; the cohort's and the tenant's say through whom.
// The epoch, which is part of every path, dates a mark: one for each release of the model.
type layer struct {
	name   string
	lo, hi int
	path   func(epoch string, t *Tenant) []string // labels that derive its key from the root
}

var layers = [...]layer{
	{"master", 0, watermark.BandSize / 2, func(epoch string, _ *Tenant) []string { return []string{"master", epoch} }},
	{"cohort", watermark.BandSize / 2, watermark.BandSize * 3 / 4, func(epoch string, t *Tenant) []string { return []string{"cohort", t.Cohort, epoch} }},
	{"tenant", watermark.BandSize * 3 / 4, watermark.BandSize, func(epoch string, t *Tenant) []string { return []string{"tenant", t.ID, epoch} }},
}

// A Marker makes the marks of tenants from one root key. It is safe for concurrent use.
type Marker struct {
	root, selector watermark.Key
	epoch          string
	profiles       [len(layers)]*watermark.Profile // what an auditor needs beside the keys
	marks          sync.Map                        // key id to *watermark.Mark: a mark is shared by all requests
}

// NewMarker returns the Marker of a scheme and a tokenizer. With the zero root there is one
// too, which can mark nothing.
func NewMarker(root watermark.Key, epoch string, scheme watermark.Scheme, t tokenize.Tokenizer) (*Marker, error) {
	m := &Marker{root: root, selector: root.Derive("selector", epoch), epoch: epoch}
	for i, l := range layers {
		if root.IsZero() {
			break
		}
		m.profiles[i] = &watermark.Profile{
			Scheme: scheme, Vocab: t.Vocab(), Tokenizer: t.Name(), TokenizerDigest: t.Digest(),
			BandLo: l.lo, BandHi: l.hi, Selector: m.selector.ID(),
		}
		if err := m.profiles[i].Check(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// errUnmarkable is wrapped by the errors of Marks.
var errUnmarkable = errors.New("the request cannot be marked")

// Marks returns the marks of a tenant's requests, one for each layer: for
// watermark.NewSequence, which applies each in its part of the contexts.
func (m *Marker) Marks(t *Tenant) ([]*watermark.Mark, error) {
	switch {
	case m.root.IsZero():
		return nil, fmt.Errorf("%w: there is no root key", errUnmarkable)
	case t.Cohort == "":
		return nil, fmt.Errorf("%w: tenant %s has no cohort", errUnmarkable, t.ID)
	}
	marks := make([]*watermark.Mark, len(layers))
	for i, l := range layers {
		key := m.root.Derive(l.path(m.epoch, t)...)
		mark, ok := m.marks.Load(key.ID())
		if !ok {
			made, err := m.profiles[i].Mark(key, m.selector)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errUnmarkable, err)
			}
			mark, _ = m.marks.LoadOrStore(key.ID(), made)
		}
		marks[i] = mark.(*watermark.Mark)
	}
	return marks, nil
}
