package registry

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// Generate returns a registry of one epoch with the default paths: tenants by id, each with the
// id of its cohort or "", and decoys that are never given to anybody, tenants named
// decoy-1, decoy-2 and so on, and if there are cohorts as many decoy cohorts of the same names. Cohorts are
// listed in the order in which they first occur.
func Generate(root watermark.Key, epoch string, tenants [][2]string, decoys int) (*Registry, error) {
	var cohorts []Cohort
	var entries []Tenant
	seen := make(map[string]bool)
	for _, t := range tenants {
		if t[1] != "" && !seen[t[1]] {
			seen[t[1]] = true
			cohorts = append(cohorts, Cohort{ID: t[1], Epoch: epoch})
		}
		entries = append(entries, Tenant{ID: t[0], Cohort: t[1], Epoch: epoch})
	}
	split := len(cohorts) > 0
	for i := range decoys {
		name := "decoy-" + strconv.Itoa(i+1)
		entries = append(entries, Tenant{ID: name, Epoch: epoch, Decoy: true})
		if split {
			cohorts = append(cohorts, Cohort{ID: name, Epoch: epoch, Decoy: true})
		}
	}
	return New(root.ID(), []Epoch{{ID: epoch}}, cohorts, entries)
}

// keys returns the epoch's split without cohort and tenant.
func (r *Registry) keys(root watermark.Key, epoch string) (watermark.Split, error) {
	if root.ID() != r.root {
		return watermark.Split{}, fmt.Errorf("registry: it is of the root %s, and this is %v", r.root, root)
	}
	i, ok := r.epoch[epoch]
	if !ok {
		return watermark.Split{}, fmt.Errorf("registry: no epoch %s", safeQuote(epoch))
	}
	e := r.epochs[i]
	return watermark.Split{Master: derive(root, e.Master), Selector: derive(root, e.Selector)}, nil
}

func derive(root watermark.Key, path string) watermark.Key {
	return root.Derive(strings.Split(path, "/")...)
}

// Marks returns the marks of a request of a tenant, for [watermark.NewSequence]: the master on half of the contexts,
// the tenant's cohort on a quarter, and the tenant on a quarter. A tenant that is a
// decoy is an error, since its key must never mark anything.
func (r *Registry) Marks(root watermark.Key, epoch, tenant string, scheme watermark.Scheme, vocab int) ([]*watermark.Mark, error) {
	split, err := r.keys(root, epoch)
	if err != nil {
		return nil, err
	}
	i, ok := r.tenant[account{epoch, tenant}]
	if !ok {
		return nil, fmt.Errorf("registry: no tenant %s in epoch %q", safeQuote(tenant), epoch)
	}
	t := r.tenants[i]
	if t.Decoy {
		return nil, fmt.Errorf("registry: tenant %q is a decoy, which marks nothing", tenant)
	}
	if t.Cohort != "" {
		c := r.cohorts[r.cohort[account{epoch, t.Cohort}]]
		if c.Decoy {
			return nil, fmt.Errorf("registry: cohort %q is a decoy, which marks nothing", t.Cohort)
		}
		split.Cohort = derive(root, c.Path)
	}
	marks, err := split.Marks(scheme, vocab)
	if err != nil {
		return nil, err
	}
	own, err := r.tenantMark(root, split, t, scheme, vocab)
	if err != nil {
		return nil, err
	}
	return append(marks, own), nil
}

func (r *Registry) tenantMark(root watermark.Key, split watermark.Split, t Tenant, scheme watermark.Scheme, vocab int) (*watermark.Mark, error) {
	opts := []watermark.Option{split.TenantBand()}
	if t.Lane != nil {
		opts = append(opts, watermark.Lane{Group: t.Lane.Group, Index: t.Lane.Index})
	}
	return watermark.New(derive(root, t.Path), scheme, vocab, opts...)
}

// Accounts returns the marks of an epoch to test a student under: the master's, and those
// of all cohorts and tenants, decoys included, for [detect.Student.Trace].
func (r *Registry) Accounts(root watermark.Key, epoch string, scheme watermark.Scheme, vocab int) (master *watermark.Mark, cohorts, tenants []detect.Account, err error) {
	split, err := r.keys(root, epoch)
	if err != nil {
		return nil, nil, nil, err
	}
	if master, err = watermark.New(split.Master, scheme, vocab, split.MasterBand()); err != nil {
		return nil, nil, nil, err
	}
	for _, c := range r.Cohorts(epoch) {
		m, err := watermark.New(derive(root, c.Path), scheme, vocab, split.CohortBand())
		if err != nil {
			return nil, nil, nil, err
		}
		cohorts = append(cohorts, detect.Account{ID: c.ID, Scorer: m, Decoy: c.Decoy})
	}
	for _, t := range r.Tenants(epoch) {
		m, err := r.tenantMark(root, split, t, scheme, vocab)
		if err != nil {
			return nil, nil, nil, err
		}
		tenants = append(tenants, detect.Account{ID: t.ID, Cohort: t.Cohort, Scorer: m, Lane: t.Lane != nil, Decoy: t.Decoy})
	}
	return master, cohorts, tenants, nil
}

// MasterBinder returns what [detect.NewDecoys] takes to make decoys of the master.
func (r *Registry) MasterBinder(root watermark.Key, epoch string, scheme watermark.Scheme, vocab int) (func(watermark.Key) (detect.Scorer, error), error) {
	split, err := r.keys(root, epoch)
	if err != nil {
		return nil, err
	}
	return func(k watermark.Key) (detect.Scorer, error) {
		return watermark.New(k, scheme, vocab, split.MasterBand())
	}, nil
}
