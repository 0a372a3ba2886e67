package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// The default profile, which 'isotope profile new' prints and which generate and demo use.
const (
	defaultGamma = 0.5
	defaultDelta = 2.0
	defaultWidth = 2
)

// newProfile describes a green list for a tokenizer of this program.
func newProfile(t tokenize.Tokenizer, g watermark.GreenList) *watermark.Profile {
	return &watermark.Profile{Scheme: g, Vocab: t.Vocab(), Tokenizer: t.Name(), TokenizerDigest: t.Digest()}
}

// described returns a profile of isotope/1 as one of any kind.
func described(p *watermark.Profile) *interop.Description { return &interop.Description{Native: p} }

// profileOrDefault reads a profile of isotope/1, or returns the default one for "".
func profileOrDefault(path string) (*watermark.Profile, error) {
	if path != "" {
		return readNativeProfile(path)
	}
	t, err := loadTokenizer(defaultTokenizer)
	if err != nil {
		return nil, err
	}
	return newProfile(t, watermark.GreenList{Gamma: defaultGamma, Delta: defaultDelta, Width: defaultWidth}), nil
}

// readProfile reads a profile of isotope/1 or of another engine.
func readProfile(path string) (*interop.Description, error) {
	d, err := interop.ReadAny(path)
	switch {
	case err == nil:
		return d, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, wordedError{fmt.Sprintf("there is no profile file %s; 'isotope profile new > FILE' writes the default one", path), err}
	case secret.Holds(beginning(path)):
		return nil, fmt.Errorf("%s is a key file and not a profile; were --key and --profile swapped?", path)
	}
	return nil, openError(err)
}

// readNativeProfile reads a profile of isotope/1.
func readNativeProfile(path string) (*watermark.Profile, error) {
	d, err := readProfile(path)
	if err != nil {
		return nil, err
	}
	if d.Native == nil {
		return nil, usagef("the profile %s describes a mark of %s, and this needs a profile of isotope/1; 'isotope detect' tests for marks of other engines", path, d.Engine.Engine())
	}
	return d.Native, nil
}

// readKey reads a key of isotope/1 or of another engine.
func readKey(path string) (interop.AnyKey, error) {
	k, err := interop.ReadAnyKeyFile(path)
	return k, keyError(path, err)
}

// readNativeKey reads a key of isotope/1.
func readNativeKey(path string) (watermark.Key, error) {
	k, err := watermark.ReadKeyFile(path)
	return k, keyError(path, err)
}

// keyError words an error about a key file.
func keyError(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return wordedError{fmt.Sprintf("there is no key file %s; 'isotope key new FILE' makes a key", path), err}
	case bytes.HasPrefix(bytes.TrimSpace([]byte(beginning(path))), []byte("{")):
		return fmt.Errorf("%s is JSON and not a key file; were --key and --profile swapped?", path)
	}
	return openError(err)
}

// beginning returns the first bytes of a file, or "".
func beginning(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	text, _ := io.ReadAll(io.LimitReader(f, 4096))
	return string(text)
}

// readSelector reads the selector key of a profile's band from a file. It returns no key if
// the profile has no band and path is "".
func readSelector(p *watermark.Profile, path string) ([]watermark.Key, error) {
	switch {
	case path != "":
		key, err := readNativeKey(path)
		return []watermark.Key{key}, err
	case p.Selector != "":
		return nil, missingSelector(p.Selector)
	}
	return nil, nil
}

// missingSelector says that a profile's band needs a key.
func missingSelector(id string) error {
	return usagef("the profile has a band: --selector FILE must name the key %s", id)
}

// dedupOf returns the unit of text that is scored once under a profile. Dedup "none" has no test.
func dedupOf(p interface{ Dedup() string }) detect.Dedup {
	if p.Dedup() == watermark.DedupContext {
		return detect.DedupContext
	}
	return detect.DedupPair
}
