package registry

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MaxAccounts is the largest number of tenants and cohorts in a registry, over all epochs.
const MaxAccounts = 1 << 20

const (
	maxLabel  = 128 // characters of an id or of a label of a path
	maxLabels = 16  // labels of a path
	maxLane   = 127
)

// An Epoch is a period in which one master key is in use, such as a release of the model.
type Epoch struct {
	ID       string `json:"id"`
	Master   string `json:"master"`   // path of the key that marks every request
	Selector string `json:"selector"` // path of the key that divides the contexts; see [Split]
}

// A Cohort is a group of tenants with something in common that an attacker's accounts would
// share. Examples are a billing entity, a network or a week of signing up.
type Cohort struct {
	ID    string `json:"id"`
	Epoch string `json:"epoch"`
	Path  string `json:"path"`
	Decoy bool   `json:"decoy,omitempty"` // a control: the key is never issued
}

// A Lane is the place of a tenant in a group that shares one key; see [watermark.Lane].
type Lane struct {
	Group uint32 `json:"group"`
	Index int    `json:"index"` // 0 to 127
}

// A Tenant is an account.
type Tenant struct {
	ID     string `json:"id"`
	Cohort string `json:"cohort,omitempty"` // id of a cohort of the same epoch; empty for none
	Epoch  string `json:"epoch"`
	Path   string `json:"path"`
	Lane   *Lane  `json:"lane,omitempty"`  // nil for a tenant with a key of its own
	Decoy  bool   `json:"decoy,omitempty"` // a control: the key is never issued
}

// A Registry lists epochs, cohorts and tenants with the paths of their keys. It is
// immutable and safe for concurrent use. [New], [Generate] and [Parse] make one.
type Registry struct {
	root    string
	epochs  []Epoch
	cohorts []Cohort
	tenants []Tenant

	epoch  map[string]int
	cohort map[account]int
	tenant map[account]int
}

// account identifies a tenant or a cohort.
type account struct{ epoch, id string }

// New returns a registry of keys under the root with this [watermark.Key.ID]. A path is a
// list of labels for [watermark.Key.Derive], separated by slashes. An empty path becomes
// master/EPOCH, selector/EPOCH, cohort/ID/EPOCH or tenant/ID/EPOCH, and tenants/GROUP/EPOCH
// for a tenant with a lane. New copies the slices.
//
// New returns an error if two entries would share a key, or if a key would derive from one
// that marks text. It also checks that ids are unique, that references exist, and that ids
// and labels are 1 to 128 letters, digits or ._@:+- characters.
func New(root string, epochs []Epoch, cohorts []Cohort, tenants []Tenant) (*Registry, error) {
	r := &Registry{
		root: root, epochs: slices.Clone(epochs),
		cohorts: orEmpty(slices.Clone(cohorts)), tenants: orEmpty(slices.Clone(tenants)),
		epoch: make(map[string]int), cohort: make(map[account]int), tenant: make(map[account]int),
	}
	if !isHex(root, 16) {
		return nil, errors.New("registry: root is not a key id, which has 16 lower-case hex digits")
	}
	if len(epochs) == 0 {
		return nil, errors.New("registry: no epochs; list at least one")
	}
	if len(cohorts)+len(tenants) > MaxAccounts {
		return nil, fmt.Errorf("registry: too many accounts: %d (maximum %d)", len(cohorts)+len(tenants), MaxAccounts)
	}
	if err := r.index(); err != nil {
		return nil, err
	}
	return r, r.checkPaths()
}

// index fills in default paths, and checks that ids are unique and that references exist.
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
			return fmt.Errorf("registry: tenant %q names cohort %s, which epoch %q does not list", t.ID, safeQuote(t.Cohort), t.Epoch)
		}
		if t.Lane == nil {
			t.Path = orPath(t.Path, "tenant", t.ID, t.Epoch)
			continue
		}
		if t.Lane.Index < 0 || t.Lane.Index > maxLane {
			return fmt.Errorf("registry: tenant %q has lane %d, outside 0 to %d", t.ID, t.Lane.Index, maxLane)
		}
		lane := *t.Lane
		t.Lane = &lane
		t.Path = orPath(t.Path, "tenants", fmt.Sprint(lane.Group), t.Epoch)
	}
	return nil
}

// enter checks an id of an epoch and adds it to index.
func (r *Registry) enter(index map[account]int, kind, id, epoch string, place int) error {
	if err := checkID(kind, id); err != nil {
		return err
	}
	if _, ok := r.epoch[epoch]; !ok {
		return fmt.Errorf("registry: %s %q names epoch %s, which is not listed", kind, id, safeQuote(epoch))
	}
	if _, ok := index[account{epoch, id}]; ok {
		return fmt.Errorf("registry: %s %q occurs twice in epoch %q", kind, id, epoch)
	}
	index[account{epoch, id}] = place
	return nil
}

// checkPaths checks that entries have different keys and that no key that marks text is the
// parent of another.
func (r *Registry) checkPaths() error {
	type key struct {
		path string
		lane Lane // with Index -1 for a key of its own
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
			return fmt.Errorf("registry: %s and %s have the same key", other, who)
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
				return fmt.Errorf("registry: the key of %s derives from that of %s, which marks text; give it another path", paths[path], other)
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

// Root returns the key id of the root key.
func (r *Registry) Root() string { return r.root }

// Epochs returns the epochs, in the order of the file.
func (r *Registry) Epochs() []Epoch { return slices.Clone(r.epochs) }

// Cohorts returns the cohorts of an epoch, in the order of the file.
func (r *Registry) Cohorts(epoch string) []Cohort {
	return slices.DeleteFunc(slices.Clone(r.cohorts), func(c Cohort) bool { return c.Epoch != epoch })
}

// Tenants returns the tenants of an epoch, in the order of the file.
func (r *Registry) Tenants(epoch string) []Tenant {
	return slices.DeleteFunc(slices.Clone(r.tenants), func(t Tenant) bool { return t.Epoch != epoch })
}
