package llamacpp

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/isotope-wm/isotope/watermark"
)

// LlamaVersion is the release of llama.cpp that the binding of this module was written for.
const LlamaVersion = "v0.4.0"

const watermarkMaxVocab = watermark.MaxVocab

// howToFetch ends messages about missing files.
const howToFetch = "run 'sh internal/llamacpp/fetch.sh' in a clone of the repository, or see docs/llamacpp.md"

// Files says where llama.cpp and a model are.
type Files struct {
	Lib   string // directory of llama.cpp's shared libraries; empty for FindLib
	Model string // a model file, in GGUF
}

// FindLib returns the directory of llama.cpp's shared libraries: $ISOTOPE_LLAMA_LIB, or the one
// that fetch.sh made in the cache directory. Its error says what to fetch.
func FindLib() (string, error) {
	if dir := os.Getenv("ISOTOPE_LLAMA_LIB"); dir != "" {
		return dir, nil
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	dir := filepath.Join(cache, "llama.cpp-"+LlamaVersion+"-"+runtime.GOOS+"-"+arch)
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("llamacpp: llama.cpp's shared libraries are not there: %w; %s, or name their directory in ISOTOPE_LLAMA_LIB", err, howToFetch)
	}
	return dir, nil
}

// cacheDir returns the directory that fetch.sh fills.
func cacheDir() (string, error) {
	if dir := os.Getenv("ISOTOPE_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("llamacpp: there is no cache directory: %w; set ISOTOPE_CACHE", err)
	}
	return filepath.Join(dir, "isotope"), nil
}

// A Model is a model file in memory, with its tokenizer and its chat template. Its methods are
// safe for concurrent use, but for Close.
type Model struct {
	weights  weights
	facts    facts
	pieces   [][]byte
	kinds    []kind
	digest   string
	template *template
	digestOf func() (string, error) // of the file; reads it once
	close    sync.Once
}

// Open loads llama.cpp and a model. A process can load llama.cpp from one directory only.
func Open(f Files) (*Model, error) {
	if f.Lib == "" {
		var err error
		if f.Lib, err = FindLib(); err != nil {
			return nil, err
		}
	}
	if err := loadLibrary(f.Lib); err != nil {
		return nil, err
	}
	w, err := openWeights(f.Model)
	if err != nil {
		return nil, err
	}
	m, err := newModel(w)
	if err != nil {
		w.free()
		return nil, err
	}
	m.digestOf = sync.OnceValues(func() (string, error) { return digestOfFile(f.Model) })
	return m, nil
}

// newModel reads what a model says about itself.
func newModel(w weights) (*Model, error) {
	m := &Model{weights: w, facts: w.facts(), digestOf: func() (string, error) { return "", errors.New("llamacpp: the model is not a file") }}
	m.pieces, m.kinds = make([][]byte, m.facts.vocab), make([]kind, m.facts.vocab)
	for i := range m.pieces {
		t := Token(i)
		if m.kinds[i] = w.kind(t); m.kinds[i] == plain {
			m.pieces[i] = w.piece(t)
		}
	}
	m.digest = m.tokenizerDigest()
	var err error
	if m.template, err = parseTemplate(m.facts.template, w.name(m.facts.start), w.name(m.facts.end)); err != nil {
		return nil, err
	}
	return m, nil
}

// tokenizerDigest returns the digest of the table of tokens. It says that two programs write the
// same text for the same ids, and not that they cut a text alike.
func (m *Model) tokenizerDigest() string {
	h := sha256.New()
	h.Write([]byte("isotope gguf tokens\x00"))
	for i, p := range m.pieces {
		h.Write(binary.BigEndian.AppendUint32([]byte{byte(m.kinds[i])}, uint32(len(p))))
		h.Write(p)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func digestOfFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("llamacpp: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("llamacpp: %w", err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// Close releases the model. No engine may use it any more.
func (m *Model) Close() { m.close.Do(m.weights.free) }

// Digest returns "sha256:" and the SHA-256 of the model file in hexadecimal. The first call reads
// the whole file.
func (m *Model) Digest() (string, error) { return m.digestOf() }

// TokenizerDigest returns "sha256:" and the SHA-256 of the table of tokens in hexadecimal. Models
// with equal digests write the same text for the same ids.
func (m *Model) TokenizerDigest() string { return m.digest }

// Vocab returns the vocabulary size.
func (m *Model) Vocab() int { return m.facts.vocab }

// Description names architecture, size and quantization, as llama.cpp does.
func (m *Model) Description() string { return m.facts.describe }

// TrainedContext returns the length in tokens that the model was trained for, or 0.
func (m *Model) TrainedContext() int { return m.facts.trained }

// Devices names what llama.cpp computes on.
func (m *Model) Devices() []string { return devices() }

// IsEnd reports whether a token ends a text.
func (m *Model) IsEnd(t Token) bool { return m.has(t) && m.kinds[t] == ending }

// IsSpecial reports whether a token has no text: one that ends a text or separates its parts.
func (m *Model) IsSpecial(t Token) bool { return m.has(t) && m.kinds[t] != plain }

// Special returns the ids that have no text, in ascending order. A detector that reads text
// never sees them; see watermark.Profile.Exempt.
func (m *Model) Special() []Token {
	var ids []Token
	for i, k := range m.kinds {
		if k != plain {
			ids = append(ids, Token(i))
		}
	}
	return ids
}

func (m *Model) has(t Token) bool { return t >= 0 && int(t) < m.facts.vocab }

// AppendText appends the bytes of a token to dst and returns the extended slice. A token may hold
// a part of a character, and a special token has no text.
func (m *Model) AppendText(dst []byte, t Token) ([]byte, error) {
	if !m.has(t) {
		return dst, fmt.Errorf("llamacpp: token %d is outside the vocabulary of %d", t, m.facts.vocab)
	}
	return append(dst, m.pieces[t]...), nil
}

// Decode returns the text of tokens.
func (m *Model) Decode(ids []Token) (string, error) {
	var text []byte
	for _, t := range ids {
		var err error
		if text, err = m.AppendText(text, t); err != nil {
			return "", err
		}
	}
	return string(text), nil
}

// errNUL is the error for a text that the binding cannot hand over.
var errNUL = errors.New("llamacpp: the text holds a NUL character, which llama.cpp's tokenizer cannot take; remove it")

// Tokenize returns the tokens of a text by llama.cpp's own tokenizer. What looks like a special
// token is text like any other, and no start token comes before it. It is how a detector reads a
// published text.
func (m *Model) Tokenize(text string) ([]Token, error) { return m.tokenize(text, false) }

func (m *Model) tokenize(text string, special bool) ([]Token, error) {
	if strings.ContainsRune(text, 0) {
		return nil, errNUL
	}
	return m.weights.tokenize(text, special), nil
}

// Prompt returns the tokens of a text to continue, with the start token if the model wants one.
func (m *Model) Prompt(text string) ([]Token, error) {
	ids, err := m.Tokenize(text)
	if err != nil {
		return nil, err
	}
	return m.withStart(ids), nil
}

// withStart puts the start token before a prompt, if the model wants one and it is not there.
func (m *Model) withStart(ids []Token) []Token {
	if start := m.facts.start; m.facts.addStart && m.has(start) && (len(ids) == 0 || ids[0] != start) {
		return append([]Token{start}, ids...)
	}
	return ids
}
