package registry

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/isotope-wm/isotope/watermark"
)

// Generate returns a registry of one epoch under the root key with this id. Entries of tenants
// have an ID and may have a Cohort, a Path and a Lane; Generate sets the epoch. It adds each
// cohort in the order in which it first occurs. It also adds controls decoy tenants, named
// decoy-1, decoy-2 and so on. If there are cohorts it adds as many decoy cohorts of the same
// names. A trace needs at least 100.
func Generate(root, epoch string, tenants []Tenant, controls int) (*Registry, error) {
	var cohorts []Cohort
	var entries []Tenant
	seen := make(map[string]bool)
	for _, t := range tenants {
		if t.Cohort != "" && !seen[t.Cohort] {
			seen[t.Cohort] = true
			cohorts = append(cohorts, Cohort{ID: t.Cohort, Epoch: epoch})
		}
		t.Epoch = epoch
		entries = append(entries, t)
	}
	split := len(cohorts) > 0
	for i := range controls {
		name := "decoy-" + strconv.Itoa(i+1)
		entries = append(entries, Tenant{ID: name, Epoch: epoch, Decoy: true})
		if split {
			cohorts = append(cohorts, Cohort{ID: name, Epoch: epoch, Decoy: true})
		}
	}
	return New(root, []Epoch{{ID: epoch}}, cohorts, entries)
}

// A Deriver returns the key that derives from a root along labels, as [watermark.Key.Derive] does
// for a root in memory. It is safe for concurrent use. It returns an error if the root cannot be
// reached.
type Deriver func(labels ...string) (watermark.Key, error)

// path derives the key of a path.
func (d Deriver) path(path string) (watermark.Key, error) { return d(strings.Split(path, "/")...) }

// epochKeys returns the split of an epoch, without a cohort and a tenant.
func (r *Registry) epochKeys(root string, derive Deriver, epoch string) (s Split, err error) {
	if root != r.root {
		return s, fmt.Errorf("registry: registry belongs to root %s, not to root %s", r.root, safeQuote(root))
	}
	i, ok := r.epoch[epoch]
	if !ok {
		return s, fmt.Errorf("registry: no epoch %s", safeQuote(epoch))
	}
	if s.Master, err = derive.path(r.epochs[i].Master); err != nil {
		return s, err
	}
	s.Selector, err = derive.path(r.epochs[i].Selector)
	return s, err
}

// A Marker makes the marks of the requests of one epoch. Requests share marks, so a
// server keeps one Marker. It is safe for concurrent use.
type Marker struct {
	registry *Registry
	derive   Deriver
	epoch    string
	scheme   watermark.Scheme
	vocab    int
	opts     []watermark.Option
	split    Split // without cohort and tenant
	master   *watermark.Mark
	cohorts  sync.Map // of id to *watermark.Mark
	tenants  sync.Map // of id to *watermark.Mark
}

// Marker returns the Marker of an epoch. Options apply to every mark; they must hold
// neither a [watermark.Band] nor a [watermark.Lane], which the registry sets. Errors in the
// root, the epoch, the scheme, the vocabulary or an option are found here, and not at a
// request.
func (r *Registry) Marker(
	root watermark.Key, epoch string, scheme watermark.Scheme, vocab int, opts ...watermark.Option,
) (*Marker, error) {
	return r.MarkerOf(root.ID(), func(labels ...string) (watermark.Key, error) { return root.Derive(labels...), nil }, epoch, scheme, vocab, opts...)
}

// MarkerOf is [Registry.Marker] for a root that need not be in memory, such as one in a key service.
// root is its id. The Marker asks derive once for each key that it needs, and again after an error.
func (r *Registry) MarkerOf(
	root string, derive Deriver, epoch string, scheme watermark.Scheme, vocab int, opts ...watermark.Option,
) (*Marker, error) {
	split, err := r.epochKeys(root, derive, epoch)
	if err != nil {
		return nil, err
	}
	for _, o := range opts {
		switch o.(type) {
		case watermark.Band, watermark.Lane:
			return nil, fmt.Errorf("registry: the registry sets the %T itself; leave it out of the options", o)
		}
	}
	m := &Marker{
		registry: r, derive: derive, epoch: epoch, split: split,
		scheme: scheme, vocab: vocab, opts: slices.Clone(opts),
	}
	if m.master, err = m.bind(split.Master, split.MasterBand()); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Marker) bind(key watermark.Key, own ...watermark.Option) (*watermark.Mark, error) {
	return watermark.New(key, m.scheme, m.vocab, append(own, m.opts...)...)
}

// bindPath makes the mark of the key along a path.
func (m *Marker) bindPath(path string, own ...watermark.Option) (*watermark.Mark, error) {
	key, err := m.derive.path(path)
	if err != nil {
		return nil, err
	}
	return m.bind(key, own...)
}

// Marks returns the marks of a tenant's requests for [watermark.NewSequence]. The master's covers
// half of the contexts, the cohort's a quarter if the tenant has one, and the tenant's own a
// quarter. The key of a decoy must never mark text. So Marks returns an error for a decoy, and
// for a tenant of a decoy cohort.
func (m *Marker) Marks(tenant string) ([]*watermark.Mark, error) {
	r := m.registry
	i, ok := r.tenant[account{m.epoch, tenant}]
	if !ok {
		return nil, fmt.Errorf("registry: no tenant %s in epoch %q", safeQuote(tenant), m.epoch)
	}
	t := &r.tenants[i]
	if t.Decoy {
		return nil, fmt.Errorf("registry: tenant %q is a decoy, whose key must not mark text", tenant)
	}
	marks := append(make([]*watermark.Mark, 0, 3), m.master)
	if t.Cohort != "" {
		c := &r.cohorts[r.cohort[account{m.epoch, t.Cohort}]]
		if c.Decoy {
			return nil, fmt.Errorf("registry: cohort %q is a decoy, whose key must not mark text", t.Cohort)
		}
		mark, err := shared(&m.cohorts, c.ID, func() (*watermark.Mark, error) {
			return m.bindPath(c.Path, m.split.CohortBand())
		})
		if err != nil {
			return nil, err
		}
		marks = append(marks, mark)
	}
	own, err := shared(&m.tenants, t.ID, func() (*watermark.Mark, error) {
		return m.bindPath(t.Path, m.split.tenantOptions(t)...)
	})
	if err != nil {
		return nil, err
	}
	return append(marks, own), nil
}

// shared returns the mark of an id, which it makes when it is first asked for.
func shared(marks *sync.Map, id string, bind func() (*watermark.Mark, error)) (*watermark.Mark, error) {
	if mark, ok := marks.Load(id); ok {
		return mark.(*watermark.Mark), nil
	}
	made, err := bind()
	if err != nil {
		return nil, err
	}
	mark, _ := marks.LoadOrStore(id, made)
	return mark.(*watermark.Mark), nil
}

// tenantOptions returns what sets the mark of a tenant apart from others of the scheme.
func (s Split) tenantOptions(t *Tenant) []watermark.Option {
	opts := []watermark.Option{s.TenantBand()}
	if t.Lane != nil {
		opts = append(opts, watermark.Lane{Group: t.Lane.Group, Index: t.Lane.Index})
	}
	return opts
}

// An Account is a tenant or a cohort with the mark to test a suspect model under.
type Account struct {
	ID     string
	Cohort string          // the tenant's cohort; empty for a cohort, or for a tenant without one
	Mark   *watermark.Mark // with its band
	Lane   bool            // the tenant shares its key with a group; see [watermark.Lane]
	Decoy  bool            // a control: the key was derived but never issued
}

// Accounts returns the marks of an epoch to test a suspect model under. They are the master's and
// those of all cohorts and tenants in the order of the file, decoys included.
func (r *Registry) Accounts(
	root watermark.Key, epoch string, scheme watermark.Scheme, vocab int,
) (master *watermark.Mark, cohorts, tenants []Account, err error) {
	m, err := r.Marker(root, epoch, scheme, vocab)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, c := range r.Cohorts(epoch) {
		mark, err := m.bindPath(c.Path, m.split.CohortBand())
		if err != nil {
			return nil, nil, nil, err
		}
		cohorts = append(cohorts, Account{ID: c.ID, Mark: mark, Decoy: c.Decoy})
	}
	for _, t := range r.Tenants(epoch) {
		mark, err := m.bindPath(t.Path, m.split.tenantOptions(&t)...)
		if err != nil {
			return nil, nil, nil, err
		}
		tenants = append(tenants, Account{ID: t.ID, Cohort: t.Cohort, Mark: mark, Lane: t.Lane != nil, Decoy: t.Decoy})
	}
	return m.master, cohorts, tenants, nil
}

// MasterBinder returns a function that makes a mark like the master's from any key. A test
// of the master takes its control keys from it.
func (r *Registry) MasterBinder(
	root watermark.Key, epoch string, scheme watermark.Scheme, vocab int,
) (func(watermark.Key) (*watermark.Mark, error), error) {
	m, err := r.Marker(root, epoch, scheme, vocab)
	if err != nil {
		return nil, err
	}
	return func(k watermark.Key) (*watermark.Mark, error) { return m.bind(k, m.split.MasterBand()) }, nil
}
