package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	version = 1
	// maxSearched is the largest file, in bytes, that is searched for a key although it is refused anyhow.
	maxSearched = 1 << 20

	maxSize = 256 << 20 // bytes; MaxAccounts at 256 bytes each
)

// ErrSecret is wrapped by the error about a file that contains a secret key, or 64 hex digits in
// a row, which may be one. The error never quotes them.
var ErrSecret = errors.New("the file contains a secret key, or 64 hex digits in a row, which may be a key or a hash; remove it, and treat a key as leaked")

// file is the JSON form of a Registry.
type file struct {
	Version int      `json:"isotope_registry"`
	Root    string   `json:"root"`
	Epochs  []Epoch  `json:"epochs"`
	Cohorts []Cohort `json:"cohorts"`
	Tenants []Tenant `json:"tenants"`
}

// fields lists the names that may occur in an object, by depth: the file, its entries, a lane.
var fields = [][]string{
	{"isotope_registry", "root", "epochs", "cohorts", "tenants"},
	{"id", "epoch", "cohort", "path", "master", "selector", "lane", "decoy"},
	{"group", "index"},
}

// Parse reads the JSON of a registry. It returns an error for whatever [New] refuses, and for a
// field that is unknown, repeated or spelt differently. It also refuses text after the end, more
// than 256 MiB, and a secret key anywhere in the text ([ErrSecret]).
func Parse(r io.Reader) (*Registry, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if len(text) > maxSize {
		return nil, fmt.Errorf("registry: longer than %d bytes", maxSize)
	}
	// The fields are first: they end at the first fault, and the search for a key reads everything. No
	// error quotes the file.
	fault := checkFields(text)
	if fault != nil && len(text) > maxSearched {
		return nil, fault
	}
	if isSecret(text) {
		return nil, fmt.Errorf("registry: %w", ErrSecret)
	}
	if fault != nil {
		return nil, fault
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var f file
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("registry: %s", plain(err))
	}
	if f.Version != version {
		return nil, fmt.Errorf("registry: file format %d is not supported; this program reads isotope_registry %d", f.Version, version)
	}
	return New(f.Root, f.Epochs, f.Cohorts, f.Tenants)
}

// plain describes an error of the decoder without quoting the file, which may hold a secret.
func plain(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("field %s at byte %d has the wrong type; want %v", safeQuote(kind.Field), kind.Offset, kind.Type)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the file is cut short"
	}
	return "the file does not have the form of a registry"
}

// checkFields checks the names of fields. The decoder would take the last of repeated fields
// and accept names in any case, so that two readers of one file could disagree.
func checkFields(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	type level struct {
		object bool
		name   bool // a name comes next
		seen   []string
	}
	var levels []level
	objects := 0
	escapes := bytes.IndexByte(text, '\\') >= 0 // without any, the search of the whole text finds all keys
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			if len(levels) > 0 || objects == 0 && d.InputOffset() == 0 {
				return errors.New("registry: the file is cut short")
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("registry: %s", plain(err))
		}
		top := len(levels) - 1
		if top < 0 && d.InputOffset() > 0 && objects < 0 {
			return errors.New("registry: text follows the end of the JSON object")
		}
		if delim, ok := t.(json.Delim); ok {
			switch delim {
			case '{', '[':
				if top >= 0 && levels[top].object {
					levels[top].name = true
				}
				levels = append(levels, level{object: delim == '{', name: delim == '{'})
				if delim == '{' {
					objects++
				}
				if objects > len(fields) || len(levels) > 2*len(fields) {
					return errors.New("registry: nested too deeply")
				}
			default:
				if levels[top].object {
					objects--
				}
				levels = levels[:top]
				if len(levels) == 0 {
					objects = -1 // any further token is an error
				}
			}
			continue
		}
		if top < 0 {
			return errors.New("registry: not a JSON object")
		}
		l := &levels[top]
		switch {
		case l.object && l.name:
			name := t.(string)
			if !slices.Contains(fields[objects-1], name) {
				return fmt.Errorf("registry: unknown field %s", safeQuote(name))
			}
			if slices.Contains(l.seen, name) {
				return fmt.Errorf("registry: field %q occurs twice at byte %d", name, d.InputOffset())
			}
			l.seen = append(l.seen, name)
			l.name = false
		case l.object:
			l.name = true
		}
		if s, ok := t.(string); ok && escapes && isSecret(s) {
			return fmt.Errorf("registry: %w", ErrSecret)
		}
	}
}

// MarshalJSON returns the canonical JSON of the registry, which spells out every path.
func (r *Registry) MarshalJSON() ([]byte, error) {
	return json.Marshal(file{version, r.root, r.epochs, r.cohorts, r.tenants})
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
