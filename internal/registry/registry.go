// Package registry lists who was given which key: the accounts of a trace, by the paths
// that derive their keys from one root, and never a key. It makes the marks of a request
// on one side and the scorers of a test on the other, so that both follow from the same
// file. docs/students.md describes the file.
package registry

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bounds of a registry.
const (
	MaxAccounts = 1 << 20 // tenants and cohorts over all epochs
	maxLabel    = 128     // characters of an id or of a label of a path
	maxLabels   = 16      // labels of a path
)

// An Epoch is a period in which one master key is in use: a model release.
type Epoch struct {
	ID string `json:"id"`
	// Master and Selector are the paths of the key of every request and of the key that
	// divides the contexts between master, cohort and tenant.
	Master   string `json:"master"`
	Selector string `json:"selector"`
}

// A Cohort is a group of tenants that share something an attacker's accounts would share:
// a billing entity, a network, a week of signing up.
type Cohort struct {
	ID    string `json:"id"`
	Epoch string `json:"epoch"`
	Path  string `json:"path"`
	Decoy bool   `json:"decoy,omitempty"` // never given to anybody
}

// A Lane is a tenant's place among those that share one key; see [watermark.Lane].
type Lane struct {
	Group uint32 `json:"group"`
	Index int    `json:"index"`
}

// A Tenant is an account.
type Tenant struct {
	ID     string `json:"id"`
	Cohort string `json:"cohort,omitempty"` // id of a cohort of the same epoch
	Epoch  string `json:"epoch"`
	Path   string `json:"path"`
	Lane   *Lane  `json:"lane,omitempty"`  // nil: the key is the tenant's own
	Decoy  bool   `json:"decoy,omitempty"` // never given to anybody
}

// A Registry is immutable once made, and safe for concurrent use.
type Registry struct {
	root    string
	epochs  []Epoch
	cohorts []Cohort
	tenants []Tenant

	epoch  map[string]int
	cohort map[account]int
	tenant map[account]int
}

// An account is an id within an epoch.
type account struct{ epoch, id string }

// New returns a registry of keys under the root with this key id, or says what is wrong
// with it. Paths are labels separated by slashes, as [watermark.Key.Derive] takes them. Two
// entries never have one key, and no key is derived from another that marks. Paths left
// empty become master/EPOCH, selector/EPOCH, cohort/ID/EPOCH and tenant/ID/EPOCH, for a
// lane tenants/GROUP/EPOCH. The slices are not kept.
func New(root string, epochs []Epoch, cohorts []Cohort, tenants []Tenant) (*Registry, error) {
	r := &Registry{
		root: root, epochs: slices.Clone(epochs), cohorts: orEmpty(slices.Clone(cohorts)), tenants: orEmpty(slices.Clone(tenants)),
		epoch: make(map[string]int), cohort: make(map[account]int), tenant: make(map[account]int),
	}
	if !isHex(root, 16) {
		return nil, fmt.Errorf("registry: root is not a key id of 16 hex digits")
	}
	if len(epochs) == 0 {
		return nil, fmt.Errorf("registry: there is no epoch")
	}
	if len(cohorts)+len(tenants) > MaxAccounts {
		return nil, fmt.Errorf("registry: %d accounts are more than %d", len(cohorts)+len(tenants), MaxAccounts)
	}
	if err := r.index(); err != nil {
		return nil, err
	}
	return r, r.checkPaths()
}

// index fills in paths and checks that ids are unique and known.
func (r *Registry) index() error {
	for i := range r.epochs {
		e := &r.epochs[i]
		if err := checkID("epoch", e.ID); err != nil {
			return err
		}
		if _, ok := r.epoch[e.ID]; ok {
			return fmt.Errorf("registry: epoch %q occurs twice", e.ID)
		}
		r.epoch[e.ID] = i
		e.Master, e.Selector = orPath(e.Master, "master", e.ID), orPath(e.Selector, "selector", e.ID)
	}
	for i := range r.cohorts {
		c := &r.cohorts[i]
		if err := r.enter(r.cohort, "cohort", c.ID, c.Epoch, i); err != nil {
			return err
		}
		c.Path = orPath(c.Path, "cohort", c.ID, c.Epoch)
	}
	for i := range r.tenants {
		t := &r.tenants[i]
		if err := r.enter(r.tenant, "tenant", t.ID, t.Epoch, i); err != nil {
			return err
		}
		if _, ok := r.cohort[account{t.Epoch, t.Cohort}]; t.Cohort != "" && !ok {
			return fmt.Errorf("registry: tenant %q is of cohort %s, which epoch %q does not have", t.ID, safeQuote(t.Cohort), t.Epoch)
		}
		if t.Lane == nil {
			t.Path = orPath(t.Path, "tenant", t.ID, t.Epoch)
			continue
		}
		if t.Lane.Index < 0 || t.Lane.Index >= 128 {
			return fmt.Errorf("registry: tenant %q has lane %d, outside 0 to 127", t.ID, t.Lane.Index)
		}
		lane := *t.Lane
		t.Lane = &lane
		t.Path = orPath(t.Path, "tenants", fmt.Sprint(lane.Group), t.Epoch)
	}
	return nil
}

// enter checks and indexes an id of an epoch.
func (r *Registry) enter(index map[account]int, kind, id, epoch string, place int) error {
	if err := checkID(kind, id); err != nil {
		return err
	}
	if _, ok := r.epoch[epoch]; !ok {
		return fmt.Errorf("registry: %s %q is of epoch %s, which is not listed", kind, id, safeQuote(epoch))
	}
	if _, ok := index[account{epoch, id}]; ok {
		return fmt.Errorf("registry: %s %q occurs twice in epoch %q", kind, id, epoch)
	}
	index[account{epoch, id}] = place
	return nil
}

// checkPaths checks that keys are distinct and that none is the parent of another.
func (r *Registry) checkPaths() error {
	type key struct {
		path string
		lane Lane // Index -1: a key of its own
	}
	users := make(map[key]string)
	paths := make(map[string]string)
	use := func(kind, id, path string, lane *Lane) error {
		who := fmt.Sprintf("%s %q", kind, id)
		if err := checkPath(who, path); err != nil {
			return err
		}
		own := key{path, Lane{Index: -1}}
		this := own
		if lane != nil {
			this.lane = *lane
		}
		other, ok := users[this]
		if !ok && lane == nil {
			other, ok = paths[path]
		} else if !ok {
			other, ok = users[own]
		}
		if ok {
			return fmt.Errorf("registry: %s and %s have one key", other, who)
		}
		users[this], paths[path] = who, who
		return nil
	}
	for _, e := range r.epochs {
		if err := use("the master of epoch", e.ID, e.Master, nil); err != nil {
			return err
		}
		if err := use("the selector of epoch", e.ID, e.Selector, nil); err != nil {
			return err
		}
	}
	for _, c := range r.cohorts {
		if err := use("cohort", c.ID, c.Path, nil); err != nil {
			return err
		}
	}
	for _, t := range r.tenants {
		if err := use("tenant", t.ID, t.Path, t.Lane); err != nil {
			return err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for i, b := range []byte(path) {
			if other, ok := paths[path[:i]]; b == '/' && ok {
				return fmt.Errorf("registry: the key of %s is derived from that of %s, which marks text", paths[path], other)
			}
		}
	}
	return nil
}

func orPath(path string, labels ...string) string {
	if path == "" {
		return strings.Join(labels, "/")
	}
	return path
}

// Root returns the key id of the root.
func (r *Registry) Root() string { return r.root }

// Epochs returns the epochs.
func (r *Registry) Epochs() []Epoch { return slices.Clone(r.epochs) }

// Cohorts returns the cohorts of an epoch, in the order of the file.
func (r *Registry) Cohorts(epoch string) []Cohort {
	return slices.DeleteFunc(slices.Clone(r.cohorts), func(c Cohort) bool { return c.Epoch != epoch })
}

// Tenants returns the tenants of an epoch, in the order of the file.
func (r *Registry) Tenants(epoch string) []Tenant {
	return slices.DeleteFunc(slices.Clone(r.tenants), func(t Tenant) bool { return t.Epoch != epoch })
}
