package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// version counts the changes of this program that change a result. It is part of every
// arm's digest.
const version = 2

// An arm is one part of the experiment: a pure function of the world and its config.
type arm struct {
	name   string
	config any
	run    func(*world) (any, error)
}

// A record is an arm's file.
type record struct {
	Arm     string
	Digest  string // of what the result depends on
	Corpus  string // human text: where from, the digest of its files and of itself
	Files   string
	Text    string
	Scale   scale
	Config  any
	Seconds float64 // on the clock, waiting for what arms share included
	Result  any
}

// digest names what an arm's result depends on.
func (w *world) digest(a arm) (string, error) {
	b, err := json.Marshal([]any{version, w.text, w.scale, a.name, a.config})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

func armPath(dir, name string) string { return filepath.Join(dir, "arms", name+".json") }

// finished reports whether an arm's file holds the result of this very config.
func (w *world) finished(dir string, a arm) (bool, error) {
	want, err := w.digest(a)
	if err != nil {
		return false, err
	}
	b, err := os.ReadFile(armPath(dir, a.name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var r struct{ Digest string }
	if err := json.Unmarshal(b, &r); err != nil {
		return false, nil // not whole: run it again
	}
	return r.Digest == want, nil
}

// do runs an arm and writes its file, whole or not at all.
func (w *world) do(dir string, a arm) (time.Duration, error) {
	begin := time.Now()
	result, err := a.run(w)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", a.name, err)
	}
	took := time.Since(begin)
	digest, err := w.digest(a)
	if err != nil {
		return 0, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err = e.Encode(record{a.name, digest, w.corpus, w.files, w.text, w.scale, a.config, took.Round(100 * time.Millisecond).Seconds(), result})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", a.name, err)
	}
	path := armPath(dir, a.name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return 0, err
	}
	if err := os.WriteFile(path+".part", b.Bytes(), 0o666); err != nil {
		return 0, err
	}
	return took, os.Rename(path+".part", path)
}

// load reads the result of an arm. ok is false when there is none.
func load[T any](dir, name string) (result T, ok bool, err error) {
	_, result, ok, err = loadWith[any, T](dir, name)
	return result, ok, err
}

// loadWith reads the config too.
func loadWith[C, T any](dir, name string) (config C, result T, ok bool, err error) {
	b, err := os.ReadFile(armPath(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return config, result, false, nil
	}
	if err != nil {
		return config, result, false, err
	}
	r := struct {
		Config *C
		Result *T
	}{&config, &result}
	if err := json.Unmarshal(b, &r); err != nil {
		return config, result, false, fmt.Errorf("%s: %w", name, err)
	}
	return config, result, true, nil
}
