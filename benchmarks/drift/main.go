// Drift measures how often a text that a model wrote token by token becomes other ids when it is read.
//
//	python3 ../tokenize/testdata/fetch.py && (cd .. && make llama)
//	go run ./drift > results/drift.txt
//
// A detector only has the text. Where reading it gives other ids than those that the model drew, the mark of
// these tokens is lost. A token counts as kept if the text has the same id at the same place, and as
// evidence at width 4 if the four ids before it are kept too.
//
// Three kinds of text show how far this goes: that of SmolLM2, a real model, for its own vocabulary; that of
// an n-gram model that was trained in the ids of each vocabulary; and random tokens, which no model writes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/benchmarks/internal/host"
	"github.com/isotope-wm/isotope/internal/llamacpp"
	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

func main() {
	texts := flag.Int("texts", 40, "texts of the n-gram model and of random tokens")
	tokens := flag.Int("tokens", 200, "tokens in a text")
	real := flag.Int("real", 16, "texts of SmolLM2, 0 for none")
	only := flag.String("only", "", "vocabularies whose name contains one of these `texts`, separated by commas")
	flag.Parse()
	if err := run(*texts, *tokens, *real, strings.Split(*only, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "drift:", err)
		os.Exit(1)
	}
}

// vocabularies are the built-in ones and files below the directory of fetch.py.
var vocabularies = []string{
	"cl100k_base", "o200k_base", "llama-3/tokenizer.json", "qwen-3/tokenizer.json", "deepseek-v3/tokenizer.json",
	"gemma-3/tokenizer.json", "mistral-v1/tokenizer.model", "mistral-tekken/tekken.json", "claude-2/tokenizer.json",
	"smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
}

func run(texts, tokens, real int, only []string) error {
	cache := os.Getenv("ISOTOPE_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		cache = filepath.Join(dir, "isotope")
	}
	fmt.Printf("# go run ./drift -texts %d -tokens %d -real %d -only %s\n# %s, %s %s/%s\n", texts, tokens, real, strings.Join(only, ","), host.CPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Println("# same: texts that become exactly the ids that were drawn. kept: drawn ids that the text has at the same place.\n" +
		"# width 2, width 4: those whose 2 or 4 ids before are kept too, of those that have so many. no text: texts with bytes that\n" +
		"# are not UTF-8, which a server would not send as they are; they are left out.")
	fmt.Printf("%-42s %-22s %6s %8s %8s %8s %8s %8s\n", "vocabulary", "written by", "ids", "same", "kept", "width 2", "width 4", "no text")
	for _, name := range vocabularies {
		if !slices.ContainsFunc(only, func(part string) bool { return strings.Contains(name, part) }) {
			continue
		}
		e, err := open(cache, name)
		if err != nil {
			return err
		}
		b, err := lm.Load(context.Background(), lm.Config{Tokenizer: plain{e}, NoCache: true})
		if err != nil {
			return err
		}
		for _, temperature := range []float32{0.7, 1} {
			var d drift
			rng := rand.New(rand.NewPCG(1, 1))
			seq, err := watermark.NewSequence()
			if err != nil {
				return err
			}
			row := make([]float32, e.Vocab())
			for _, prompt := range b.Prompts(8)[:texts] {
				seq.Reset(prompt)
				history := prompt[:len(prompt):len(prompt)]
				for range tokens {
					b.Model.Logits(row, history)
					next := seq.Sample(row, watermark.Sampler{Temperature: temperature}, rng.Float64())
					seq.Accept(next)
					history = append(history, next)
				}
				if err := d.add(e, history[len(prompt):]); err != nil {
					return err
				}
			}
			d.print(name, fmt.Sprintf("5-gram at %v", temperature))
		}
		var d drift
		rng := rand.New(rand.NewPCG(2, 2))
		for range texts {
			ids := make([]int32, 0, tokens)
			for len(ids) < tokens {
				id := rng.Int32N(int32(e.Vocab()))
				if text, ok := e.Token(id); ok && utf8.ValidString(text) {
					ids = append(ids, id)
				}
			}
			if err := d.add(e, ids); err != nil {
				return err
			}
		}
		d.print(name, "random tokens")
	}
	if real == 0 {
		return nil
	}
	for _, temperature := range []float32{0.7, 1} {
		if err := smol(cache, real, tokens, temperature); err != nil {
			return err
		}
	}
	return nil
}

func open(cache, name string) (*tokenize.BPE, error) {
	tok, err := tokenize.Get(name)
	if errors.Is(err, tokenize.ErrName) {
		return tokenize.Load(filepath.Join(cache, "vocabularies", name))
	}
	if err != nil {
		return nil, err
	}
	return tok.(*tokenize.BPE), nil
}

// plain decodes each id by itself. Decode of a SentencePiece tokenizer leaves out the space before a text, so
// that the token of a space alone has no text.
type plain struct{ *tokenize.BPE }

func (p plain) Decode(dst []byte, ids []int32) ([]byte, error) {
	for i, id := range ids {
		text, ok := p.Token(id)
		if !ok {
			return dst, fmt.Errorf("%w: id %d at position %d", tokenize.ErrID, id, i)
		}
		dst = append(dst, text...)
	}
	return dst, nil
}

// smol measures texts of SmolLM2.
func smol(cache string, texts, tokens int, temperature float32) error {
	lib, err := llamacpp.FindLib()
	if err != nil {
		return fmt.Errorf("%w; run make llama", err)
	}
	const file = "smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
	path := filepath.Join(cache, "vocabularies", file)
	e, err := tokenize.Load(path)
	if err != nil {
		return err
	}
	m, err := llamacpp.Open(llamacpp.Files{Lib: lib, Model: path})
	if err != nil {
		return err
	}
	defer m.Close()
	engine, err := llamacpp.NewEngine(m, llamacpp.Config{Slots: 8})
	if err != nil {
		return err
	}
	defer engine.Close()
	asks := []string{
		"What is a lighthouse, and who looked after it?", "Write a Go function that reverses a linked list.",
		"Tell a story about a fox and a clock.", "How do I make bread without yeast?", "Explain what a prime number is.",
		"Write a JSON object that describes a book.", "Schreibe einen Absatz über Berlin.", "List ten rivers and where they end.",
	}
	type result struct {
		text *llamacpp.Text
		err  error
	}
	results := make([]chan result, texts)
	for i := range results {
		results[i] = make(chan result, 1)
		go func() {
			prompt, err := m.Chat([]llamacpp.Message{{Role: "user", Content: asks[i%len(asks)]}})
			if err != nil {
				results[i] <- result{err: err}
				return
			}
			r := &llamacpp.Request{Prompt: prompt, MaxTokens: tokens, Sampler: watermark.Sampler{Temperature: temperature}, Seed: [32]byte{byte(i)}}
			text, err := engine.Write(context.Background(), r)
			results[i] <- result{text, err}
		}()
	}
	var d drift
	for _, c := range results {
		r := <-c
		if r.err != nil {
			return r.err
		}
		if err := d.add(e, r.text.Tokens); err != nil {
			return err
		}
	}
	d.print(file, fmt.Sprintf("SmolLM2-135M at %v", temperature))
	return nil
}

// A drift counts ids that were drawn.
type drift struct {
	texts, same, broken, ids int
	kept, at2, of2, at4, of4 int
}

// add compares drawn ids with those of their text.
func (d *drift) add(e *tokenize.BPE, drawn []int32) error {
	if len(drawn) == 0 {
		return nil
	}
	text, err := e.Decode(nil, drawn)
	if err != nil {
		return err
	}
	if !utf8.Valid(text) {
		// A text that ends inside a character is cut there, as a server does.
		for range min(utf8.UTFMax-1, len(drawn)-1) {
			if utf8.Valid(text) {
				break
			}
			drawn = drawn[:len(drawn)-1]
			if text, err = e.Decode(text[:0], drawn); err != nil {
				return err
			}
		}
		if !utf8.Valid(text) {
			d.broken++
			return nil
		}
	}
	type place struct {
		id         int32
		start, end int
	}
	read := map[place]bool{}
	ids, spans := e.AppendSpans(nil, nil, text)
	for i, s := range spans {
		read[place{ids[i], s.Start, s.End}] = true
	}
	d.texts++
	kept := make([]bool, len(drawn))
	all, at := len(ids) == len(drawn), 0
	for i, id := range drawn {
		before, err := e.Decode(nil, drawn[:i+1])
		if err != nil {
			return err
		}
		kept[i] = read[place{id, at, len(before)}]
		at = len(before)
		all = all && kept[i]
	}
	run := 0
	for i, k := range kept {
		d.ids++
		if i >= 2 {
			d.of2++
		}
		if i >= 4 {
			d.of4++
		}
		if !k {
			run = 0
			continue
		}
		d.kept++
		run++
		if run > 2 {
			d.at2++
		}
		if run > 4 {
			d.at4++
		}
	}
	if all {
		d.same++
	}
	return nil
}

func (d *drift) print(vocabulary, by string) {
	share := func(n, of int) float64 { return float64(n) / float64(max(of, 1)) }
	fmt.Printf("%-42s %-22s %6d %8.4f %8.4f %8.4f %8.4f %8d\n", vocabulary, by, d.ids, share(d.same, d.texts), share(d.kept, d.ids),
		share(d.at2, d.of2), share(d.at4, d.of4), d.broken)
}
