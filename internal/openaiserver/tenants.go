package openaiserver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/watermark/registry"
)

// A Tenant is an account. All who use one account share its mark.
type Tenant struct {
	ID     string `json:"id"`
	Cohort string `json:"cohort"` // a group of accounts with something in common, such as who pays
	// APIKeys holds the SHA-256 of each of the tenant's API keys, as "sha256:" and hex. There
	// are two while one replaces another. API keys are random, so a hash reveals nothing.
	APIKeys []string `json:"api_keys"`
}

// Tenants finds a tenant by the API key of a request. The registry cannot hold the hashes,
// because it refuses anything that looks like a key. [Tenants.Registry] returns the registry of
// the same accounts.
type Tenants struct {
	Epoch  string // the release of the model
	List   []*Tenant
	byHash map[[sha256.Size]byte]*Tenant
}

// maxTenants is the largest size of a tenants file in bytes, for some 300,000 tenants.
const maxTenants = 64 << 20

// ReadTenants reads a tenants file; see [ParseTenants].
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
		return nil, fmt.Errorf("tenants: %s is too large (maximum %d bytes)", path, maxTenants)
	}
	t, err := ParseTenants(text)
	if err != nil {
		return nil, fmt.Errorf("tenants: %s: %w", path, err)
	}
	return t, nil
}

// isLabel reports whether s is an id. Ids are labels of paths, which contain slashes.
var isLabel = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`).MatchString

// ParseTenants reads the JSON of a tenants file:
//
//	{"epoch": "2026-11", "tenants": [{"id": "acme", "cohort": "east", "api_keys": ["sha256:..."]}]}
//
// Its errors never quote what stands for a hash, because it may be a key.
func ParseTenants(text []byte) (*Tenants, error) {
	var file struct {
		Epoch   string    `json:"epoch"`
		Tenants []*Tenant `json:"tenants"`
	}
	if err := strictjson.Decode(text, &file); err != nil {
		return nil, err
	}
	if !isLabel(file.Epoch) {
		return nil, errors.New("epoch is missing or has other characters than 1 to 64 letters, digits, dots, dashes and underscores")
	}
	t := &Tenants{Epoch: file.Epoch, List: file.Tenants, byHash: make(map[[sha256.Size]byte]*Tenant)}
	seen := make(map[string]bool)
	for i, tenant := range file.Tenants {
		switch {
		case tenant == nil || !isLabel(tenant.ID):
			return nil, fmt.Errorf("tenant %d has no id, or one with other characters than 1 to 64 letters, digits, dots, dashes and underscores", i)
		case seen[tenant.ID]:
			return nil, fmt.Errorf("tenant %s occurs twice", tenant.ID)
		case tenant.Cohort != "" && !isLabel(tenant.Cohort):
			return nil, fmt.Errorf("the cohort of tenant %s has other characters than 1 to 64 letters, digits, dots, dashes and underscores", tenant.ID)
		}
		seen[tenant.ID] = true
		for _, h := range tenant.APIKeys {
			digits, ok := strings.CutPrefix(h, "sha256:")
			sum, err := hex.DecodeString(digits)
			if !ok || err != nil || len(sum) != sha256.Size {
				return nil, fmt.Errorf(`an API key of tenant %s does not have the form "sha256:" and 64 hex digits; write the hash, never the key`, tenant.ID)
			}
			if other := t.byHash[[sha256.Size]byte(sum)]; other != nil {
				return nil, fmt.Errorf("tenants %[2]s and %[1]s have the same API key; give each its own", tenant.ID, other.ID)
			}
			t.byHash[[sha256.Size]byte(sum)] = tenant
		}
	}
	if len(t.byHash) == 0 {
		return nil, errors.New("no tenant has an API key; nobody could use the server")
	}
	return t, nil
}

// Registry returns the registry of the tenants under the root with this key id, with as many
// decoys as controls; see [registry.Generate]. The keys that it lists are those with which a
// [Marker] marks.
func (t *Tenants) Registry(root string, controls int) (*registry.Registry, error) {
	list := make([]registry.Tenant, len(t.List))
	for i, tenant := range t.List {
		list[i] = registry.Tenant{ID: tenant.ID, Cohort: tenant.Cohort}
	}
	return registry.Generate(root, t.Epoch, list, controls)
}

// Find returns the tenant of an API key, or nil. It looks up the hash of the key. The time of a
// lookup could only reveal something about that hash, which reveals nothing about any key.
func (t *Tenants) Find(apiKey string) *Tenant { return t.byHash[sha256.Sum256([]byte(apiKey))] }
