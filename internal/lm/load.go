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

// bundleVersion changes when the same corpus gives other documents, another split
// into what is learned and what is held out, or another order.
const bundleVersion = 1

// A Config says what Load is to train, and where. Only Tokenizer is required.
type Config struct {
	Tokenizer tokenize.Tokenizer

	// Dir is a directory of text files, see TextDir. If it is empty the model learns
	// from the Go distribution, see GoComments and FindGo.
	Dir string

	// CacheDir is where models are kept; if it is empty, the directory "isotope" in
	// the user's cache directory.
	CacheDir string

	// NoCache neither reads nor writes the cache.
	NoCache bool

	Order    int // see Options
	Progress Progress
}

// A Bundle is a model with the documents it was not shown.
type Bundle struct {
	Model *Model

	// HeldOut are documents of the corpus that the model was not trained on, as ids,
	// in a fixed random order. They serve as unmarked human text, and as prompts.
	HeldOut [][]int32

	Corpus    string // where the text comes from
	Files     int64  // files of the corpus
	Documents int64  // documents, held-out ones included
	Tokens    int64  // ids, held-out ones included

	// FromCache is whether the model was read rather than trained.
	FromCache bool

	// Warnings tell what the user should know, such as a cache that cannot be written
	// or files that were left out. Those about files are given when a model is
	// trained and not when it comes from the cache.
	Warnings []error
}

// Load returns the model of a corpus: from the cache if the same files were used
// before with the same tokenizer, else by reading, tokenizing and training. Same means
// same names and contents: all files are read to find out, which takes less than half
// a second for a Go distribution on a warm disk.
//
// Trouble with the cache costs time and is a warning. That no Go distribution is
// there wraps ErrNoGo, and a corpus without text ErrEmpty.
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
				warnings = append(warnings, fmt.Errorf("the model is not kept: %w", err))
			} else {
				dir = filepath.Join(dir, "isotope")
			}
		}
	}
	key := func(digest string) [32]byte {
		return cacheKey(digest, c.Tokenizer.Digest(), c.Tokenizer.Vocab(), c.Order)
	}
	if dir != "" && anyCached(dir) { // else there is no need to read everything twice
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
			warnings = append(warnings, fmt.Errorf("trained anew: %w", err))
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
			b.Warnings = append(b.Warnings, fmt.Errorf("the model is not kept: %w", err))
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

// assemble tokenizes a corpus and trains on it.
func assemble(ctx context.Context, corpus *Corpus, c Config) (*Bundle, error) {
	t := c.Tokenizer
	docs := make([][]int32, len(corpus.Documents))
	var size int64
	for _, d := range corpus.Documents {
		size += int64(len(d))
	}
	m := c.Progress.start(StageTokenize, size)
	// In batches, since most documents are a sentence or two.
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

// OptionsFor returns the options for training on the ids of a tokenizer: those in docs
// and those that come back from their own text may be generated, and a blank line
// begins a text anew.
func OptionsFor(t tokenize.Tokenizer, docs [][]int32) Options {
	usable, ends := idsOf(t, docs)
	return Options{
		Usable: func(id int32) bool { return usable[id] },
		Break:  func(id int32) bool { return ends[id] },
	}
}

// idsOf sorts out the ids of a tokenizer. Usable are those which come back when their
// own text is tokenized, and those in the corpus: generated text is tokenized again
// before anything is tested, and an id no text can give would be lost on the way. A
// special token is not usable. An id ends a paragraph when its text ends in a blank
// line.
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

// heldOutEvery is how many documents there are to one that is held out.
const heldOutEvery = 20

// split holds out every so-many-th document and shuffles those: neighbours are about
// the same thing.
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

// Prompts returns beginnings of held-out paragraphs: the first length ids of each that
// is longer, no two the same, in a fixed order: first paragraphs of all documents, then
// second ones, and so on. Disjoint parts of the list are disjoint sets of prompts. The
// slices share memory with HeldOut.
func (b *Bundle) Prompts(length int) [][]int32 {
	if length < 1 {
		return nil
	}
	var out [][]int32
	seen := make(map[string]bool)
	var key []byte
	rest := slices.Clone(b.HeldOut) // of each document
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
