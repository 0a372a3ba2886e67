package collect

import (
	"errors"
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/internal/secret"
)

// maxPrompts is the size of all prompts together, in bytes.
const maxPrompts = 4 << 20

// Distinct returns prompts without those that are blank or occurred before. repeated is the number of
// the latter. It returns an error if no prompt is left, if one may hold a secret key, or if they are
// longer than 4 MiB together.
func Distinct(prompts []string) (distinct []string, repeated int, err error) {
	seen := make(map[string]bool)
	size := 0
	for i, prompt := range prompts {
		if err := secret.Refuse(fmt.Sprintf("prompt %d", i+1), prompt); err != nil {
			return nil, 0, err
		}
		switch {
		case strings.TrimSpace(prompt) == "":
			continue
		case seen[prompt]:
			repeated++
			continue
		}
		if size += len(prompt); size > maxPrompts {
			return nil, 0, fmt.Errorf("the prompts are longer than %d MiB; split the file", maxPrompts>>20)
		}
		seen[prompt] = true
		distinct = append(distinct, prompt)
	}
	if len(distinct) == 0 {
		return nil, 0, errors.New("there is no prompt; write one a line")
	}
	return distinct, repeated, nil
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
