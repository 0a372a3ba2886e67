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
	// maxSize bounds a file: 2^20 accounts at 256 bytes.
	maxSize = 256 << 20
)

// ErrSecret is wrapped by the error about a file in which a secret key stands, or what cannot
// be told from the digits of one. The error never quotes it.
var ErrSecret = errors.New("a registry holds derivation paths and no keys, and in this one stands a secret key, or 64 hex digits in a row, as a key or a hash has: if it is a key, treat it as leaked")

// file is the JSON form.
type file struct {
	Version int      `json:"isotope_registry"`
	Root    string   `json:"root"`
	Epochs  []Epoch  `json:"epochs"`
	Cohorts []Cohort `json:"cohorts"`
	Tenants []Tenant `json:"tenants"`
}

// fields are the names that may occur in objects, by depth: the file, its entries, a lane.
var fields = [][]string{
	{"isotope_registry", "root", "epochs", "cohorts", "tenants"},
	{"id", "epoch", "cohort", "path", "master", "selector", "lane", "decoy"},
	{"group", "index"},
}

// Parse reads a registry's JSON. Unknown, repeated and differently spelt fields are errors,
// and so is anything that New refuses, text after the end, more than 256 MiB, and a secret
// key anywhere ([ErrSecret]).
func Parse(r io.Reader) (*Registry, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if len(text) > maxSize {
		return nil, fmt.Errorf("registry: longer than %d bytes", maxSize)
	}
	if isSecret(string(text)) {
		return nil, fmt.Errorf("registry: %w", ErrSecret)
	}
	if err := checkFields(text); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var f file
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("registry: %s", plain(err))
	}
	if f.Version != version {
		return nil, fmt.Errorf("registry: isotope_registry is %d and not %d", f.Version, version)
	}
	return New(f.Root, f.Epochs, f.Cohorts, f.Tenants)
}

// plain is the text of a decoder's error without what it quotes from the file.
func plain(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("field %s holds something else than a %v at byte %d", safeQuote(kind.Field), kind.Type, kind.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it is cut short"
	}
	return "it does not have the form of a registry"
}

// checkFields walks the text once: encoding/json would take the last of repeated fields, and
// names in any case.
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
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			if len(levels) > 0 || objects == 0 && d.InputOffset() == 0 {
				return errors.New("registry: it is cut short")
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("registry: %s", plain(err))
		}
		top := len(levels) - 1
		if top < 0 && d.InputOffset() > 0 && objects < 0 {
			return errors.New("registry: text after its end")
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
					objects = -1 // nothing may follow
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
		if s, ok := t.(string); ok && isSecret(s) { // also where it is written with escapes
			return fmt.Errorf("registry: %w", ErrSecret)
		}
	}
}

// MarshalJSON writes the canonical form, every path in it, one entry a line.
func (r *Registry) MarshalJSON() ([]byte, error) {
	return json.Marshal(file{version, r.root, r.epochs, r.cohorts, r.tenants})
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
