package collect

import (
	"bufio"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/internal/strictjson"
)

// maxPrompts is the size of the largest list of prompts, in bytes.
const maxPrompts = 4 << 20

// ReadPrompts reads prompts from a file. A file whose name ends in .jsonl has one JSON object with a
// "prompt", or one JSON string, a line. Any other file has one prompt a line. ReadPrompts skips
// blank lines and prompts that occurred before. repeated is the number of the latter.
func ReadPrompts(path string) (prompts []string, repeated int, err error) {
	// The prompts of a file with JSON around them may need more than their own length.
	text, err := textfile.Read(path, 8*maxPrompts)
	if err != nil {
		return nil, 0, err
	}
	asJSON := strings.EqualFold(filepath.Ext(path), ".jsonl")
	seen := make(map[string]bool)
	size := 0
	in := bufio.NewScanner(strings.NewReader(textfile.TrimMark(string(text))))
	in.Buffer(nil, 8*maxPrompts)
	for line := 1; in.Scan(); line++ {
		prompt := strings.TrimSuffix(in.Text(), "\r")
		if strings.TrimSpace(prompt) == "" {
			continue
		}
		if !utf8.ValidString(prompt) {
			return nil, 0, fmt.Errorf("%s: line %d is not UTF-8; convert the file", path, line)
		}
		if asJSON {
			if prompt, err = promptOf([]byte(prompt)); err != nil {
				return nil, 0, fmt.Errorf("%s: line %d: %w", path, line, err)
			}
		}
		if err := secret.Refuse(fmt.Sprintf("line %d", line), prompt); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", path, err)
		}
		if seen[prompt] {
			repeated++
			continue
		}
		if size += len(prompt); size > maxPrompts {
			return nil, 0, fmt.Errorf("%s: the prompts are longer than %d MiB; split the file", path, maxPrompts>>20)
		}
		seen[prompt] = true
		prompts = append(prompts, prompt)
	}
	if err := in.Err(); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	if len(prompts) == 0 {
		return nil, 0, fmt.Errorf("%s has no prompt; write one a line", path)
	}
	return prompts, repeated, nil
}

// promptOf returns the prompt of a JSON line.
func promptOf(line []byte) (string, error) {
	var text string
	if strictjson.Decode(line, &text) == nil {
		if strings.TrimSpace(text) == "" {
			return "", errors.New("the prompt is empty")
		}
		return text, nil
	}
	fields, err := strictjson.Object(line, strictjson.MaxDepth, "prompt")
	if err != nil {
		return "", fmt.Errorf("not a JSON string, and not an object whose \"prompt\" is one: %w", err)
	}
	if value, ok := fields["prompt"]; ok && strictjson.Decode(value, &text) != nil {
		return "", errors.New("not a JSON string, and not an object whose \"prompt\" is one")
	}
	if strings.TrimSpace(text) == "" {
		return "", errors.New("the object has no \"prompt\", or an empty one")
	}
	return text, nil
}

// DigestPrompts returns the name of a list of prompts: "sha256:" and the hash of their canonical
// JSON, an array of strings.
func DigestPrompts(prompts []string) string {
	text, err := canonical.Encode(prompts)
	if err != nil {
		panic(err) // strings always encode
	}
	return canonical.Digest(text)
}
