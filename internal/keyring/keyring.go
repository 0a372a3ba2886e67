// Package keyring reads keyrings: lists of the keys that a text is tested for, with their profiles. The
// command and the pipeline of integrations/beam read them with it, so that both test for the same marks.
//
// docs/formats/keyring.md has the format. A keyring never holds a key.
package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

const (
	// MaxKeys is the largest number of keys in a keyring.
	MaxKeys = 1 << 20
	// MaxFile is the size of the largest keyring, in bytes.
	MaxFile = 64 << 20
	// maxPath is the longest path or label, in bytes.
	maxPath = 4096
)

// byteOrderMark is what some editors write before the first line, in UTF-8.
const byteOrderMark = "\ufeff"

// An Entry is a key of a keyring.
type Entry struct {
	Label    string          `json:"label"`
	Path     string          `json:"path"`     // labels with slashes between them, from the root key
	KeyFile  string          `json:"key_file"` // in place of a path
	Profile  json.RawMessage `json:"profile"`  // the name of a file, or a profile; else that of the call
	Selector string          `json:"selector"` // key file of the profile's selector
}

// Parse parses a keyring: a JSON list, or lines with derivation paths. Errors begin with name. They quote
// nothing that may hold a key.
func Parse(name string, text []byte) ([]Entry, error) {
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	var entries []Entry
	var err error
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); bytes.HasPrefix(trimmed, []byte("[")) {
		entries, err = parseList(text)
	} else if bytes.HasPrefix(trimmed, []byte("{")) {
		err = fmt.Errorf("a keyring is a JSON list of keys, and this begins with an object; write [{...}]")
	} else {
		entries, err = ParsePaths(string(text))
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(entries) == 0:
		return nil, fmt.Errorf("%s has no derivation path and no key; write one path a line, such as tenant/acme, or a JSON list", name)
	case len(entries) > MaxKeys:
		return nil, fmt.Errorf("%s has too many keys: %d (maximum %d)", name, len(entries), MaxKeys)
	}
	return entries, nil
}

// parseList parses a JSON list of keys.
func parseList(text []byte) ([]Entry, error) {
	if secret.Holds(text) {
		return nil, fmt.Errorf("the keyring holds a secret key; give the name of a key file in key_file, and treat the key as leaked")
	}
	var entries []Entry
	if err := strictjson.Decode(text, &entries); err != nil {
		return nil, err
	}
	seen := make(map[string]int)
	for i := range entries {
		e := &entries[i]
		if e.Label == "" {
			e.Label = e.Path + e.KeyFile
		}
		switch {
		case (e.Path == "") == (e.KeyFile == ""):
			return nil, fmt.Errorf("key %d has neither or both of path and key_file; give one of them", i+1)
		case len(e.Path) > maxPath || len(e.Label) > maxPath:
			return nil, fmt.Errorf("key %d has a path or label of more than %d bytes; shorten it", i+1, maxPath)
		}
		if first, ok := seen[e.Label]; ok {
			return nil, fmt.Errorf("key %d has the label of key %d, %s; give each key its own", i+1, first+1, strictjson.Quote(e.Label))
		}
		seen[e.Label] = i
	}
	return entries, nil
}

// ParsePaths parses derivation paths, one a line, with labels separated by slashes. The text holds no
// key: the keys follow from the root key. The list may be empty.
func ParsePaths(text string) ([]Entry, error) {
	var entries []Entry
	seen := make(map[string]int)
	line := 0
	for s := range strings.Lines(strings.TrimPrefix(text, byteOrderMark)) {
		line++
		path := strings.TrimSpace(s)
		switch {
		case secret.MayHold(path):
			return nil, fmt.Errorf("line %d holds a secret key; write derivation paths, such as tenant/acme, and treat the key as leaked", line)
		case path == "" || strings.HasPrefix(path, "#"):
			continue
		case len(path) > maxPath:
			return nil, fmt.Errorf("line %d is longer than %d bytes; write derivation paths, such as tenant/acme, one a line", line, maxPath)
		case !utf8.ValidString(path):
			return nil, fmt.Errorf("line %d is not UTF-8; convert the file", line)
		case strings.ContainsAny(path, "\x00\r"): // UTF-16, or lines that end in CR, would give another key
			return nil, fmt.Errorf("line %d has a NUL or a CR in it; convert the file to UTF-8 text with one path a line", line)
		}
		if first, ok := seen[path]; ok {
			return nil, fmt.Errorf("line %d repeats line %d; remove one of them", line, first)
		}
		seen[path] = line
		entries = append(entries, Entry{Label: path, Path: path})
	}
	return entries, nil
}

// A Mark is an entry with its profile and its key.
type Mark struct {
	Label    string
	Profile  *interop.Description
	Key      interop.AnyKey
	Selector string // path of the key file of the profile's selector; "" if the entry names none
}

// Errors of Reader.Mark, which the caller words. Compare with errors.Is.
var (
	ErrNoRoot    = errors.New("the key has a path, and there is no root key")
	ErrNoProfile = errors.New("the key has no profile, and the call has none")
)

// A Reader finds the keys and profiles of entries. One goroutine at a time uses it.
type Reader struct {
	// Dir is the folder to which names of files in the keyring are relative. "" leaves them as they are.
	Dir string
	// Root returns the key from which the paths derive. It is called once at most. nil is no such key.
	Root func() (watermark.Key, error)
	// Profile is that of entries without one. nil is none.
	Profile *interop.Description
	// ReadKey and ReadProfile read a file.
	ReadKey     func(path string) (interop.AnyKey, error)
	ReadProfile func(path string) (*interop.Description, error)

	root     *watermark.Key
	profiles map[string]*interop.Description // of entries, by what they say
}

// Mark returns the profile and the key of an entry. Errors of the functions of the Reader come back as
// they are.
func (r *Reader) Mark(e *Entry) (m Mark, err error) {
	m.Label = e.Label
	if m.Profile, err = r.profile(e); err != nil {
		return m, err
	}
	if e.KeyFile != "" {
		m.Key, err = r.ReadKey(r.beside(e.KeyFile))
	} else {
		m.Key, err = r.derive(e, m.Profile)
	}
	if e.Selector != "" {
		m.Selector = r.beside(e.Selector)
	}
	return m, err
}

// beside returns the path of a file that the keyring names.
func (r *Reader) beside(name string) string {
	if r.Dir == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.Dir, name)
}

// derive returns the key of an entry with a path. An engine's key follows from the key of isotope/1
// at the path, as interop.Export has it.
func (r *Reader) derive(e *Entry, p *interop.Description) (interop.AnyKey, error) {
	if r.root == nil {
		if r.Root == nil {
			return interop.AnyKey{}, ErrNoRoot
		}
		root, err := r.Root()
		if err != nil {
			return interop.AnyKey{}, err
		}
		r.root = &root
	}
	key := r.root.Derive(strings.Split(e.Path, "/")...)
	if p.Engine == nil {
		return interop.AnyKey{Native: key}, nil
	}
	engine, err := interop.DeriveKey(p.Engine, key)
	return interop.AnyKey{Engine: engine}, err
}

// profile returns the profile of an entry.
func (r *Reader) profile(e *Entry) (*interop.Description, error) {
	if len(e.Profile) == 0 || string(e.Profile) == "null" {
		if r.Profile == nil {
			return nil, ErrNoProfile
		}
		return r.Profile, nil
	}
	if p, ok := r.profiles[string(e.Profile)]; ok {
		return p, nil
	}
	var p *interop.Description
	var name string
	err := json.Unmarshal(e.Profile, &name)
	if err == nil {
		p, err = r.ReadProfile(r.beside(name))
	} else {
		p, err = interop.ParseAny(e.Profile)
	}
	if err != nil {
		return nil, err
	}
	if r.profiles == nil {
		r.profiles = map[string]*interop.Description{}
	}
	r.profiles[string(e.Profile)] = p
	return p, nil
}
