// Realmodel writes texts with a real model in batches, and measures marks on them.
//
//	go run ./realmodel write -kinds chat,code -texts 20 -length 400 -temperature 0.7 \
//	    -profile profile.json -key key -out texts.jsonl
//	go run ./realmodel measure -profile profile.json -key key texts.jsonl
//	go run ./realmodel forge -profile profile.json -key key -unmarked unmarked.jsonl -others others.jsonl texts.jsonl
//
// The model and llama.cpp are those of internal/llamacpp/fetch.sh. A call of write that was stopped
// continues after the last text of its file.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/isotope-wm/isotope/watermark"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "realmodel:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "write":
			return write(args[1:])
		case "measure":
			return measure(args[1:])
		case "forge":
			return forge(args[1:])
		}
	}
	return errors.New("give write, measure or forge, and its flags; -h lists them")
}

// A line is a text of a file: the form that the command's audit reads, with more fields.
type line struct {
	Kind   string            `json:"kind"`
	Marked bool              `json:"marked"`
	Ended  bool              `json:"ended"` // by the model, and not by the length
	Prompt []watermark.Token `json:"prompt"`
	Output []watermark.Token `json:"output"`
}

// readLines reads a file of texts.
func readLines(path string) ([]line, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var text io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if text, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	var lines []line
	s := bufio.NewScanner(text)
	s.Buffer(nil, 1<<24)
	for s.Scan() {
		var l line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, len(lines)+1, err)
		}
		lines = append(lines, l)
	}
	return lines, s.Err()
}

// modelFile returns the model that fetch.sh fetched.
func modelFile() string {
	cache := os.Getenv("ISOTOPE_CACHE")
	if cache == "" {
		if dir, err := os.UserCacheDir(); err == nil {
			cache = filepath.Join(dir, "isotope")
		}
	}
	return filepath.Join(cache, "SmolLM2-135M-Instruct.Q4_1.gguf")
}

// readProfile reads a profile and its key.
func readProfile(profile, key string) (*watermark.Profile, watermark.Key, error) {
	text, err := os.ReadFile(profile)
	if err != nil {
		return nil, watermark.Key{}, err
	}
	p, err := watermark.ParseProfile(text)
	if err != nil {
		return nil, watermark.Key{}, fmt.Errorf("%s: %w", profile, err)
	}
	k, err := watermark.ReadKeyFile(key)
	return p, k, err
}
