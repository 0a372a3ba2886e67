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

// version counts the changes of this program that change a result. It is part of every arm's digest.
const version = 2

// An arm is one part of the experiment. Its result depends on the world and its config alone.
type arm struct {
	name   string
	config any
	run    func(*world) (any, error)
}

// A record is the content of an arm's file.
type record struct {
	Arm     string
	Digest  string // of everything that the result depends on
	Corpus  string // name of the human text
	Files   string // digest of its files
	Text    string // digest of the text
	Scale   scale
	Config  any
	Seconds float64 // wall time, including the wait for what arms share
	Result  any
}

// digest returns a hash of everything that an arm's result depends on.
func (w *world) digest(a arm) (string, error) {
	b, err := json.Marshal([]any{version, w.text, w.scale, a.name, a.config})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// armPath returns the path of an arm's file.
func armPath(dir, name string) string { return filepath.Join(dir, "arms", name+".json") }

// finished reports whether an arm's file holds the result for this digest.
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
		return false, nil // the file is truncated, so the arm must run again
	}
	return r.Digest == want, nil
}

// do runs an arm and writes its file atomically. It returns how long the arm took.
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
	err = e.Encode(record{
		Arm: a.name, Digest: digest, Corpus: w.corpus, Files: w.files, Text: w.text, Scale: w.scale,
		Config: a.config, Seconds: took.Round(100 * time.Millisecond).Seconds(), Result: result,
	})
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

// load reads the result of an arm. ok is false if the arm has no file.
func load[T any](dir, name string) (result T, ok bool, err error) {
	_, result, ok, err = loadWith[any, T](dir, name)
	return result, ok, err
}

// loadWith is load that also returns the config.
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
