package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

const (
	// maxKeyring is the largest number of keys in a keyring, and so of marks in one call.
	maxKeyring = 1 << 20
	// maxPath is the longest line of a list of paths, in bytes.
	maxPath = 4096
	// maxKeyringFile is the size of the largest keyring, in bytes.
	maxKeyringFile = 64 << 20
)

// A keyringEntry is a key of a keyring. docs/formats/keyring.md has the format.
type keyringEntry struct {
	Label    string          `json:"label"`
	Path     string          `json:"path"`     // labels with slashes between them, from the key of --key
	KeyFile  string          `json:"key_file"` // in place of a path
	Profile  json.RawMessage `json:"profile"`  // the name of a file, or a profile; else that of --profile
	Selector string          `json:"selector"` // key file of the profile's selector
}

// readKeyring adds the keys of a keyring as candidates.
func (c *cli) readKeyring(s *candidateSet, o *detectFlags, profiles []*interop.Description, selectors *selectorSet) error {
	name := o.keyringFile()
	text, err := c.readSmallFile(name, maxKeyringFile)
	if err != nil {
		return err
	}
	entries, err := parseKeyring(name, []byte(textfile.TrimMark(string(text))))
	if err != nil {
		return err
	}
	k := keyringReader{cli: c, set: s, flags: o, selectors: selectors, name: name, profiles: map[string]*interop.Description{}}
	if len(profiles) > 0 {
		k.profile = profiles[0]
	}
	for i := range entries {
		if err := k.add(&entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// parseKeyring parses a keyring: a JSON list, or lines with derivation paths.
func parseKeyring(name string, text []byte) ([]keyringEntry, error) {
	var entries []keyringEntry
	var err error
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); bytes.HasPrefix(trimmed, []byte("[")) {
		entries, err = parseKeyringJSON(text)
	} else if bytes.HasPrefix(trimmed, []byte("{")) {
		err = fmt.Errorf("a keyring is a JSON list of keys, and this begins with an object; write [{...}]")
	} else {
		entries, err = parseKeyringPaths(string(text))
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(entries) == 0:
		return nil, fmt.Errorf("%s has no derivation path and no key; write one path a line, such as tenant/acme, or a JSON list", name)
	case len(entries) > maxKeyring:
		return nil, fmt.Errorf("%s has too many keys: %d (maximum %d)", name, len(entries), maxKeyring)
	}
	return entries, nil
}

// parseKeyringJSON parses a JSON list of keys.
func parseKeyringJSON(text []byte) ([]keyringEntry, error) {
	if secret.Holds(text) {
		return nil, fmt.Errorf("the keyring holds a secret key; give the name of a key file in key_file, and treat the key as leaked")
	}
	var entries []keyringEntry
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
			return nil, fmt.Errorf("key %d has the label of key %d, %s; give each key its own", i+1, first+1, quoted(e.Label))
		}
		seen[e.Label] = i
	}
	return entries, nil
}

// parseKeyringPaths parses derivation paths, one a line, with labels separated by slashes. The file
// holds no key: the keys follow from the root key.
func parseKeyringPaths(text string) ([]keyringEntry, error) {
	var entries []keyringEntry
	seen := make(map[string]int)
	line := 0
	for s := range strings.Lines(text) {
		line++
		path := strings.TrimSpace(s)
		switch {
		case holdsKey(path):
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
		entries = append(entries, keyringEntry{Label: path, Path: path})
	}
	return entries, nil
}

// A keyringReader binds the entries of a keyring.
type keyringReader struct {
	*cli
	set       *candidateSet
	flags     *detectFlags
	selectors *selectorSet
	name      string
	profile   *interop.Description            // of --profile, or nil
	profiles  map[string]*interop.Description // of the entries, by what they say
	root      *watermark.Key                  // of --key, once it is needed
}

// beside returns the name of a file that the keyring names: relative to the keyring.
func (k *keyringReader) beside(name string) string {
	if filepath.IsAbs(name) || k.name == inputs.Stdin {
		return name
	}
	return filepath.Join(filepath.Dir(k.name), name)
}

func (k *keyringReader) add(e *keyringEntry) error {
	fail := func(err error) error { return fmt.Errorf("%s: %s: %w", k.name, quoted(e.Label), err) }
	p, err := k.profileOf(e)
	if err != nil {
		return fail(err)
	}
	var key interop.AnyKey
	if e.KeyFile != "" {
		if key, err = readKey(k.beside(e.KeyFile)); err != nil {
			return fail(err)
		}
	} else if key, err = k.derive(e, p); err != nil {
		return fail(err)
	}
	if e.Selector != "" {
		if err := k.selectors.read(k.beside(e.Selector)); err != nil {
			return fail(err)
		}
	}
	selector, err := k.selectors.of(p)
	if err != nil {
		return fail(err)
	}
	if _, err := k.set.add(e.Label, p, key, selector, k.flags); err != nil {
		return fail(err)
	}
	return nil
}

// derive returns the key of an entry with a path. An engine's key follows from the key of isotope/1
// at the path, as interop.Export has it.
func (k *keyringReader) derive(e *keyringEntry, p *interop.Description) (interop.AnyKey, error) {
	if k.root == nil {
		if len(k.flags.keys) == 0 {
			return interop.AnyKey{}, usagef("--key FILE is missing: the key from which the paths of the keyring derive")
		}
		root, err := readNativeKey(k.flags.keys[0])
		if err != nil {
			return interop.AnyKey{}, err
		}
		k.root = &root
	}
	key := k.root.Derive(strings.Split(e.Path, "/")...)
	if p.Engine == nil {
		return interop.AnyKey{Native: key}, nil
	}
	engine, err := interop.DeriveKey(p.Engine, key)
	return interop.AnyKey{Engine: engine}, err
}

// profileOf returns the profile of an entry.
func (k *keyringReader) profileOf(e *keyringEntry) (*interop.Description, error) {
	if len(e.Profile) == 0 || string(e.Profile) == "null" {
		if k.profile == nil {
			return nil, usagef("the key has no profile, and --profile FILE is missing; give one of them")
		}
		return k.profile, nil
	}
	if p, ok := k.profiles[string(e.Profile)]; ok {
		return p, nil
	}
	var p *interop.Description
	var name string
	err := json.Unmarshal(e.Profile, &name)
	if err == nil {
		p, err = readProfile(k.beside(name))
	} else {
		p, err = interop.ParseAny(e.Profile)
	}
	if err != nil {
		return nil, err
	}
	k.profiles[string(e.Profile)] = p
	return p, nil
}
