package lm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/tokenize"
)

// bundleVersion changes if the same corpus gives other documents, another set of held-out documents, or
// another order.
const bundleVersion = 1

// A Config holds the parameters of [Load]. Only Tokenizer is required.
type Config struct {
	Tokenizer tokenize.Tokenizer

	// Dir is a directory of text files, see TextDir. If it is empty, the model trains on
	// the Go distribution, see GoComments and FindGo.
	Dir string

	// CacheDir is the directory of the cache. If it is empty, the cache is the directory
	// "isotope" in the user's cache directory.
	CacheDir string

	// NoCache makes Load neither read nor write the cache.
	NoCache bool

	Order    int // see Options
	Progress Progress
}

// A Bundle is a model and the documents that it was not trained on.
type Bundle struct {
	Model *Model

	// HeldOut holds the ids of documents of the corpus that the model was not trained on, in
	// a fixed random order. They serve as unmarked human text and as prompts.
	HeldOut [][]int32

	Corpus    string // name of the corpus
	Files     int64  // files of the corpus
	Documents int64  // documents, including held-out ones
	Tokens    int64  // ids, including held-out documents

	// FromCache reports whether the model was read from the cache.
	FromCache bool

	// Warnings say what the user should know, such as a cache that cannot be written. Those
	// about skipped files are absent if the model comes from the cache.
	Warnings []error
}

// Load returns the model of a corpus. It reads the model from the cache if that has one for the same
// files and the same tokenizer. Else it reads, tokenizes and trains. Two files are the same if name
// and content are. To find out, Load reads all files, which takes less than half a second for a Go
// distribution on a warm disk.
//
// A failure of the cache is only a warning. Without a Go distribution the error wraps [ErrNoGo], and
// for a corpus without text it wraps [ErrEmpty].
func Load(ctx context.Context, c Config) (*Bundle, error) {
	if c.Tokenizer == nil {
		return nil, errors.New("lm: Load needs a tokenizer")
	}
	if c.Order == 0 {
		c.Order = DefaultOrder
	}
	s, err := c.source(ctx)
	if err != nil {
		return nil, err
	}
	var warnings []error
	dir := ""
	if !c.NoCache {
		if dir = c.CacheDir; dir == "" {
			if dir, err = os.UserCacheDir(); err != nil {
				warnings = append(warnings, fmt.Errorf("the model is not cached: %w", err))
			} else {
				dir = filepath.Join(dir, "isotope")
			}
		}
	}
	key := func(digest string) [32]byte {
		return cacheKey(digest, c.Tokenizer.Digest(), c.Tokenizer.Vocab(), c.Order)
	}
	if dir != "" && anyCached(dir) { // else the digest could not help
		digest, err := s.digest(ctx, c.Progress)
		if err != nil {
			return nil, err
		}
		b, err := readCache(dir, key(digest))
		if err == nil {
			b.FromCache = true
			return b, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			warnings = append(warnings, fmt.Errorf("trained the model again: %w", err))
		}
	}
	corpus, err := s.read(ctx, c.Progress)
	if err != nil {
		return nil, err
	}
	b, err := assemble(ctx, corpus, c)
	if err != nil {
		return nil, err
	}
	b.Warnings = append(warnings, corpus.Warnings...)
	if dir != "" {
		if err := writeCache(dir, key(corpus.Digest), b); err != nil {
			b.Warnings = append(b.Warnings, fmt.Errorf("the model is not cached: %w", err))
		}
	}
	return b, nil
}

func (c *Config) source(ctx context.Context) (*source, error) {
	if c.Dir != "" {
		return textSource(ctx, c.Dir)
	}
	root, err := FindGo(ctx)
	if err != nil {
		return nil, err
	}
	return goSource(ctx, root)
}

// assemble tokenizes a corpus and trains a model on it.
func assemble(ctx context.Context, corpus *Corpus, c Config) (*Bundle, error) {
	t := c.Tokenizer
	docs := make([][]int32, len(corpus.Documents))
	var size int64
	for _, d := range corpus.Documents {
		size += int64(len(d))
	}
	m := c.Progress.start(StageTokenize, size)
	// A batch has several documents, because most are a sentence or two.
	const batch = 64
	err := parallel(ctx, (len(docs)+batch-1)/batch, func(k int) error {
		var n int64
		for i := k * batch; i < min((k+1)*batch, len(docs)); i++ {
			docs[i] = t.Append(nil, []byte(corpus.Documents[i]))
			n += int64(len(corpus.Documents[i]))
		}
		m.add(n)
		return nil
	})
	if err != nil {
		return nil, err
	}

	b := &Bundle{Corpus: corpus.Name, Files: int64(corpus.Files), Documents: int64(len(docs))}
	for _, d := range docs {
		b.Tokens += int64(len(d))
	}
	m = c.Progress.start(StageTrain, b.Tokens)
	learn, held := split(docs)
	b.HeldOut = held
	o := OptionsFor(t, docs)
	o.Order = c.Order
	b.Model, err = Train(learn, t.Vocab(), o)
	if err != nil {
		return nil, err
	}
	m.add(b.Tokens)
	return b, ctx.Err()
}

// OptionsFor returns the options for training on the ids of a tokenizer. Usable ids are those in docs,
// and those that the tokenizer returns for their own text. A new text starts after a blank line.
func OptionsFor(t tokenize.Tokenizer, docs [][]int32) Options {
	usable, ends := idsOf(t, docs)
	return Options{
		Usable: func(id int32) bool { return usable[id] },
		Break:  func(id int32) bool { return ends[id] },
	}
}

// idsOf returns the usable ids of a tokenizer, and those that end a paragraph. Usable ids are those in
// the corpus, and those that the tokenizer returns for their own text. A test tokenizes generated
// text again, and would lose ids that no text gives. Special tokens are not usable. An id ends a
// paragraph if its text ends in a blank line.
func idsOf(t tokenize.Tokenizer, docs [][]int32) (usable, ends []bool) {
	usable, ends = make([]bool, t.Vocab()), make([]bool, t.Vocab())
	for _, d := range docs {
		for _, id := range d {
			usable[id] = true
		}
	}
	var text []byte
	var back []int32
	for i := range usable {
		id := int32(i)
		var err error
		if text, err = t.Decode(text[:0], []int32{id}); err != nil || len(text) == 0 {
			usable[i] = false
			continue
		}
		back = t.Append(back[:0], text)
		usable[i] = usable[i] || len(back) == 1 && back[0] == id
		ends[i] = usable[i] && strings.HasSuffix(string(text), "\n\n")
	}
	return usable, ends
}

// heldOutEvery is the number of documents for each held-out one.
const heldOutEvery = 20

// split holds out one document in heldOutEvery and shuffles those, because neighbours have the same
// subject.
func split(docs [][]int32) (learn, held [][]int32) {
	for i, d := range docs {
		if i%heldOutEvery == heldOutEvery-1 {
			held = append(held, d)
		} else {
			learn = append(learn, d)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	r.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
	return learn, held
}

// Prompts returns the first length ids of every held-out paragraph that is longer. No two prompts are
// equal, so disjoint parts of the list are disjoint sets of prompts. The order is fixed: the first
// paragraphs of all documents, then the second ones, and so on. The slices share memory with HeldOut.
func (b *Bundle) Prompts(length int) [][]int32 {
	if length < 1 {
		return nil
	}
	var out [][]int32
	seen := make(map[string]bool)
	var key []byte
	rest := slices.Clone(b.HeldOut) // the unread part of each document
	for left := true; left; {
		left = false
		for i, d := range rest {
			if len(d) == 0 {
				continue
			}
			left = true
			end := 1 + slices.IndexFunc(d, b.Model.isBreak)
			if end == 0 {
				end = len(d)
			}
			rest[i] = d[end:]
			if end <= length {
				continue
			}
			key = key[:0]
			for _, id := range d[:length] {
				key = append(key, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
			}
			if !seen[string(key)] {
				seen[string(key)] = true
				out = append(out, d[:length:length])
			}
		}
	}
	return out
}
