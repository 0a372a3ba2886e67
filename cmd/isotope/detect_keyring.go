package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/internal/keyring"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// readKeyring adds the keys of a keyring as candidates.
func (c *cli) readKeyring(s *candidateSet, o *detectFlags, profiles []*interop.Description, selectors *selectorSet) error {
	name := o.keyringFile()
	text, err := c.readSmallFile(name, keyring.MaxFile)
	if err != nil {
		return err
	}
	entries, err := keyring.Parse(name, text)
	if err != nil {
		return err
	}
	r := keyring.Reader{ReadKey: readKey, ReadProfile: readProfile}
	if name != inputs.Stdin {
		r.Dir = filepath.Dir(name)
	}
	if len(o.keys) > 0 {
		r.Root = func() (watermark.Key, error) { return readNativeKey(o.keys[0]) }
	}
	if len(profiles) > 0 {
		r.Profile = profiles[0]
	}
	for i := range entries {
		if err := s.addEntry(&r, &entries[i], o, selectors); err != nil {
			return fmt.Errorf("%s: %s: %w", name, quoted(entries[i].Label), err)
		}
	}
	return nil
}

// addEntry adds a key of a keyring.
func (s *candidateSet) addEntry(r *keyring.Reader, e *keyring.Entry, o *detectFlags, selectors *selectorSet) error {
	m, err := r.Mark(e)
	switch {
	case errors.Is(err, keyring.ErrNoRoot):
		return usagef("--key FILE is missing: the key from which the paths of the keyring derive")
	case errors.Is(err, keyring.ErrNoProfile):
		return usagef("the key has no profile, and --profile FILE is missing; give one of them")
	case err != nil:
		return err
	}
	if m.Selector != "" {
		if err := selectors.read(m.Selector); err != nil {
			return err
		}
	}
	selector, err := selectors.of(m.Profile)
	if err != nil {
		return err
	}
	_, err = s.add(m.Label, m.Profile, m.Key, selector, o)
	return err
}
