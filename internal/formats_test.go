package internal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const formats = "../docs/formats"

func example(t *testing.T, name string) []byte {
	text, err := os.ReadFile(filepath.Join(formats, "examples", name))
	require.NoError(t, err)
	return text
}

func formatPage(t *testing.T, name string) page {
	text, err := os.ReadFile(filepath.Join(formats, name))
	require.NoError(t, err)
	return parsePage(name, string(text))
}

// fieldNames are the names of all fields of a JSON value, in objects and lists below it.
func fieldNames(t *testing.T, text []byte) []string {
	var value any
	require.NoError(t, json.Unmarshal(text, &value), "%.80s", text)
	var names []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, x := range v {
				names = append(names, name)
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(value)
	return names
}

// describes asserts that a page names every field of a JSON value in a code span.
func (p page) describes(t *testing.T, text []byte, except ...string) {
	spans := codeSpan.FindAllString(p.prose, -1)
	words := regexp.MustCompile(`\w+`)
	for _, name := range fieldNames(t, text) {
		if slices.Contains(except, name) {
			continue
		}
		found := slices.ContainsFunc(spans, func(s string) bool { return slices.Contains(words.FindAllString(s, -1), name) })
		assert.True(t, found, "%s does not describe the field %q", p.name, name)
	}
}

// TestFormatExamples compares the JSON that a page shows with its example, and the fields of
// the example with those that the page describes.
func TestFormatExamples(t *testing.T) {
	for _, c := range []struct {
		page, example string
		shortened     bool // the page shows less
	}{
		{page: "profile.md", example: "profile.json"},
		{page: "registry.md", example: "registry.json"},
		{page: "tenants.md", example: "tenants.json"},
		{page: "plan.md", example: "plan.json"},
		{page: "histogram.md", example: "histogram.json", shortened: true},
	} {
		t.Run(c.page, func(t *testing.T) {
			p := formatPage(t, c.page)
			want := example(t, c.example)
			shown := p.blocks[slices.IndexFunc(p.blocks, func(b block) bool { return b.lang == "json" })].text
			if !c.shortened {
				assert.JSONEq(t, string(want), shown)
			}
			assert.ElementsMatch(t, fieldNames(t, want), fieldNames(t, []byte(shown)))
			p.describes(t, want)
		})
	}
	t.Run("plan.md names the digest of its example", func(t *testing.T) {
		sum := sha256.Sum256(bytes.TrimSuffix(example(t, "plan.json"), []byte("\n")))
		assert.Contains(t, formatPage(t, "plan.md").prose, "sha256:"+hex.EncodeToString(sum[:]))
	})
	t.Run("keyring.md", func(t *testing.T) {
		p := formatPage(t, "keyring.md")
		assert.Equal(t, string(example(t, "keyring.json")), p.blocks[0].text)
		p.describes(t, example(t, "keyring.json"))
		assert.Equal(t, string(example(t, "keyring.txt")), strings.TrimRight(p.blocks[1].text, "\n")+"\n")
	})
	t.Run("rows.md", func(t *testing.T) {
		p := formatPage(t, "rows.md")
		for _, name := range []string{"rows.jsonl", "choices.jsonl", "reference.jsonl"} {
			for line := range bytes.Lines(example(t, name)) {
				p.describes(t, line)
			}
		}
	})
	t.Run("outputs.md", func(t *testing.T) {
		p := formatPage(t, "outputs.md")
		for _, name := range []string{"outputs.jsonl", "prompts.jsonl"} {
			for line := range bytes.Lines(example(t, name)) {
				p.describes(t, line)
			}
		}
	})
}

// TestFormatJournal checks the chain of the example by the rule that the page gives, and that
// the page describes its records. It shares no code with the program.
func TestFormatJournal(t *testing.T) {
	p := formatPage(t, "journal.md")
	plan := fieldNames(t, example(t, "plan.json")) // plan.md describes these
	prev := strings.Repeat("0", 64)
	kinds := map[string]bool{}
	records := 0
	for line := range bytes.Lines(example(t, "journal.jsonl")) {
		var r struct {
			Seq        int
			Prev, Kind string
			Canonical  json.RawMessage
			Observed   json.RawMessage
			Hash       string
		}
		require.NoError(t, json.Unmarshal(line, &r))
		sum := sha256.Sum256(line[:len(line)-76])
		assert.Equal(t, hex.EncodeToString(sum[:]), r.Hash, "the hash of record %d", records)
		assert.Equal(t, prev, r.Prev)
		assert.Equal(t, records, r.Seq)
		assert.Contains(t, p.prose, "**`"+r.Kind+"`**")
		p.describes(t, line, append(plan, "Content-Length", "Content-Type")...)
		prev, kinds[r.Kind] = r.Hash, true
		records++
		for _, b := range p.blocks {
			if b.lang == "json" && strings.Contains(b.text, `"hash": "`+r.Hash) {
				assert.JSONEq(t, string(line), b.text, "the record that the page shows")
			}
		}
	}
	assert.Greater(t, len(kinds), 3)
}

// TestFormatEvidence reads the example by the table of the page. It shares no code with the
// program.
func TestFormatEvidence(t *testing.T) {
	data := example(t, "evidence.bin")
	const tag = "isotope-evidence-1\n"
	require.True(t, bytes.HasPrefix(data, []byte(tag)))
	body, checksum := data[:len(data)-32], data[len(data)-32:]
	sum := sha256.Sum256(body)
	assert.Equal(t, sum[:], checksum)
	rest := body[len(tag)+32:] // after the subject
	next := func(n int) []byte {
		x := rest[:n]
		rest = rest[n:]
		return x
	}
	u64 := func() int { return int(binary.LittleEndian.Uint64(next(8))) }
	id := func() int { b := next(3); return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	tokens, vocab, short, positions, units, excluded := u64(), u64(), u64(), u64(), u64(), u64()
	assert.Equal(t, []int{12, 3, 2, 7, 4, 2}, []int{tokens, vocab, short, positions, units, excluded})
	assert.Equal(t, tokens, vocab+short+positions)
	seen := map[[3]int]int{}
	for range units {
		pair := [3]int{id(), id(), id()}
		assert.LessOrEqual(t, int(next(1)[0]), 15, "a weight")
		seen[pair] = u64()
	}
	assert.Equal(t, map[[3]int]int{{1, 2, 3}: 2, {2, 3, 1}: 2, {3, 1, 2}: 2, {8, 9, 5}: 1}, seen)
	absent := []byte{255, 255, 255, 255, 255, 255}
	assert.Equal(t, append(slices.Clone(absent), 7, 0, 0, 8, 0, 0), next(12), "the nonce of the context 7 8")
	assert.Equal(t, append(slices.Clone(absent), 8, 0, 0, 9, 0, 0), next(12), "the nonce of the context 8 9")
	assert.Empty(t, rest)
}

// TestFormatsInTheCommand has the command read each example.
func TestFormatsInTheCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	dir := t.TempDir()
	program := buildCommand(t)
	names, err := filepath.Glob(filepath.Join(formats, "examples", "*"))
	require.NoError(t, err)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o600)) // the mode that a key file needs
	}
	isotope := func(args ...string) []byte {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, "isotope %s\n%s", strings.Join(args, " "), &stderr)
		return out
	}
	p := formatPage(t, "report.md")
	student := []string{"student", "--key", "example.key", "--profile", "profile.json"}
	given := append(slices.Clone(student), "--decoys", "100", "--reference", "none")
	type report struct {
		Canonical struct {
			Verdict        string
			Plan           string
			Log10P         float64 `json:"log10_p"`
			Outputs        struct{ In, Tested int64 }
			ClaimLevel     string `json:"claim_level"`
			Pattern, Claim string
		}
	}
	read := func(text []byte) (r report) {
		require.NoError(t, json.Unmarshal(text, &r))
		plan := fieldNames(t, example(t, "plan.json")) // plan.md describes these
		p.describes(t, text, plan...)
		return r
	}

	t.Run("the journal is tested again to the same numbers", func(t *testing.T) {
		r := read(isotope(append(student, "--journal", "journal.jsonl", "--json")...)).Canonical
		sum := sha256.Sum256(bytes.TrimSuffix(example(t, "plan.json"), []byte("\n")))
		assert.Equal(t, "sha256:"+hex.EncodeToString(sum[:]), r.Plan)
		assert.Equal(t, "detected", r.Verdict)
		assert.InDelta(t, -11.259319382072755, r.Log10P, 1e-9)
		assert.Equal(t, int64(3), r.Outputs.In)
		assert.Equal(t, int64(2), r.Outputs.Tested)
		assert.Equal(t, "A", r.ClaimLevel)
		assert.Equal(t, "unresolved", r.Pattern)
	})
	t.Run("outputs", func(t *testing.T) {
		r := read(isotope(append(given, "--json", "outputs.jsonl")...)).Canonical
		assert.Equal(t, int64(4), r.Outputs.In)
		assert.Equal(t, int64(3), r.Outputs.Tested, "one line has no output")
	})
	for _, name := range []string{"rows.jsonl", "choices.jsonl"} {
		t.Run(name, func(t *testing.T) {
			r := read(isotope(append(given, "--json", "--reading", name)...)).Canonical
			assert.Equal(t, int64(1), r.Outputs.Tested)
		})
	}
	t.Run("keyring, and the JSON of detect", func(t *testing.T) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "text.txt"), []byte("The harbour wakes before the town."), 0o600))
		out := isotope("detect", "--key", "example.key", "--profile", "profile.json", "--keyring", "keyring.txt", "--json", "text.txt")
		p.describes(t, out)
		assert.Contains(t, string(out), "tenant/globex/m3")
		out = isotope("detect", "--key", "example.key", "--profile", "profile.json", "--any=keyring.json", "--json", "text.txt")
		p.describes(t, out)
		assert.Contains(t, string(out), "ours, 2026")
		p.describes(t, isotope("detect", "--key", "example.key", "--profile", "profile.json", "--spans", "--json", "text.txt"))
	})
	t.Run("histogram, and the JSON of plan", func(t *testing.T) {
		p.describes(t, isotope("plan", "--histogram", "histogram.json", "--json"))
		p.describes(t, isotope("plan", "--c1", "0.13", "--student-share", "0.05", "--json"))
	})
	t.Run("the profile is canonical", func(t *testing.T) {
		assert.Equal(t, string(isotope("profile", "new", "--marked", "all", "--exempt", "none")), string(example(t, "profile.json")))
	})
}

// buildCommand builds the command into a directory of its own and returns its path.
func buildCommand(t *testing.T) string {
	program := filepath.Join(t.TempDir(), "isotope")
	out, err := exec.Command("go", "build", "-o", program, "../cmd/isotope").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}
