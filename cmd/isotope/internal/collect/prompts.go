package collect

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
)

// maxPrompts bounds a list of prompts in bytes.
const maxPrompts = 4 << 20

// ReadPrompts reads prompts from a file: of a name that ends in .jsonl one JSON object
// with a "prompt", or one JSON string, on a line; of any other name a prompt on a line.
// Blank lines count for nothing; a prompt that occurs again is dropped, and repeated
// is their number.
func ReadPrompts(path string) (prompts []string, repeated int, err error) {
	text, err := os.ReadFile(path)
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
			return nil, 0, fmt.Errorf("%s: line %d is no UTF-8", path, line)
		}
		if asJSON {
			if prompt, err = promptOf([]byte(prompt)); err != nil {
				return nil, 0, fmt.Errorf("%s: line %d: %w", path, line, err)
			}
		}
		if seen[prompt] {
			repeated++
			continue
		}
		if size += len(prompt); size > maxPrompts {
			return nil, 0, fmt.Errorf("%s: the prompts are longer than %d MiB", path, maxPrompts>>20)
		}
		seen[prompt] = true
		prompts = append(prompts, prompt)
	}
	if err := in.Err(); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	if len(prompts) == 0 {
		return nil, 0, fmt.Errorf("%s: no prompt in it", path)
	}
	return prompts, repeated, nil
}

func promptOf(line []byte) (string, error) {
	var text string
	if json.Unmarshal(line, &text) == nil {
		if strings.TrimSpace(text) == "" {
			return "", fmt.Errorf("an empty prompt")
		}
		return text, nil
	}
	var object struct {
		Prompt string `json:"prompt"`
	}
	if err := json.Unmarshal(line, &object); err != nil {
		return "", fmt.Errorf("neither a JSON string nor an object with a \"prompt\": %w", err)
	}
	if strings.TrimSpace(object.Prompt) == "" {
		return "", fmt.Errorf("no \"prompt\" in the object, or an empty one")
	}
	return object.Prompt, nil
}

// DigestPrompts names a list of prompts: "sha256:" and the hash of the list as a JSON
// array of strings, without white space and without escaping of HTML.
func DigestPrompts(prompts []string) string {
	text, err := canonical.Encode(prompts)
	if err != nil {
		panic(err) // strings always encode
	}
	return canonical.Digest(text)
}
