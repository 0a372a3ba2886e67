package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// A Tenant is a customer: whoever shares an account shares a mark.
type Tenant struct {
	ID     string `json:"id"`
	Cohort string `json:"cohort"` // accounts with something in common, such as who pays
	// APIKeys are hashes of the tenant's keys, each "sha256:" and hex; two while one
	// replaces another. The keys are random, so that a plain hash gives nothing away.
	APIKeys []string `json:"api_keys"`
}

// Tenants finds a tenant by the API key of a request.
type Tenants struct {
	Epoch  string
	List   []*Tenant
	byHash map[[sha256.Size]byte]*Tenant
}

// maxTenants bounds the size of a tenants file: some 300,000 tenants.
const maxTenants = 64 << 20

// ReadTenants reads a tenants file.
func ReadTenants(path string) (*Tenants, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tenants: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxTenants+1))
	if err != nil {
		return nil, fmt.Errorf("tenants: %w", err)
	}
	if len(text) > maxTenants {
		return nil, fmt.Errorf("tenants: %s is longer than %d bytes", path, maxTenants)
	}
	t, err := ParseTenants(text)
	if err != nil {
		return nil, fmt.Errorf("tenants: %s: %w", path, err)
	}
	return t, nil
}

// A label is part of a key's path, and paths are written with slashes.
var isLabel = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`).MatchString

// ParseTenants reads the JSON of a tenants file. Its errors quote no hash, lest one is a key.
func ParseTenants(text []byte) (*Tenants, error) {
	var file struct {
		Epoch   string    `json:"epoch"`
		Tenants []*Tenant `json:"tenants"`
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	if !isLabel(file.Epoch) {
		return nil, errors.New("epoch is missing or not a name: 1 to 64 letters, digits, dots, dashes and underscores")
	}
	t := &Tenants{Epoch: file.Epoch, List: file.Tenants, byHash: make(map[[sha256.Size]byte]*Tenant)}
	seen := make(map[string]bool)
	for i, tenant := range file.Tenants {
		switch {
		case tenant == nil || !isLabel(tenant.ID):
			return nil, fmt.Errorf("tenant %d has no id that is a name: 1 to 64 letters, digits, dots, dashes and underscores", i)
		case seen[tenant.ID]:
			return nil, fmt.Errorf("tenant %s occurs twice", tenant.ID)
		case tenant.Cohort != "" && !isLabel(tenant.Cohort):
			return nil, fmt.Errorf("the cohort of tenant %s is not a name", tenant.ID)
		}
		seen[tenant.ID] = true
		for _, h := range tenant.APIKeys {
			digits, ok := strings.CutPrefix(h, "sha256:")
			sum, err := hex.DecodeString(digits)
			if !ok || err != nil || len(sum) != sha256.Size {
				return nil, fmt.Errorf(`an API key of tenant %s is not "sha256:" and 64 hex digits; the file holds hashes, never keys`, tenant.ID)
			}
			if other := t.byHash[[sha256.Size]byte(sum)]; other != nil {
				return nil, fmt.Errorf("an API key of tenant %s is one of %s already", tenant.ID, other.ID)
			}
			t.byHash[[sha256.Size]byte(sum)] = tenant
		}
	}
	if len(t.byHash) == 0 {
		return nil, errors.New("no tenant has an API key")
	}
	return t, nil
}

// Find returns the tenant of an API key, or nil. What a lookup by hash could tell by its
// time is about the hash, which says nothing about any key.
func (t *Tenants) Find(apiKey string) *Tenant { return t.byHash[sha256.Sum256([]byte(apiKey))] }
