// Tokens measures how many tokens a test needs to detect each scheme in text of the embedded language
// model, and how much the scheme changes the text.
//
//	go run ./tokens > results/tokens.txt
//
// Every row writes texts under keys of its own, after the same prompts, and tests each text at growing
// lengths. n50 and n90 are the lengths from which on half and nine tenths of the texts are detected at
// 1e-6. The temperature sets the entropy. The model is an n-gram model. The table shows its entropy, so
// that rows can be compared with other models of the same entropy.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/benchmarks/internal/host"
	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// alpha is the level of the tests.
const alpha = 1e-6

// A row is a scheme and the statistic that tests it.
type row struct {
	name       string
	scheme     watermark.Scheme
	unweighted bool // test the unweighted statistic
}

var rows = []row{
	{"green 1/2, delta 0.5", watermark.GreenList{Gamma: 0.5, Delta: 0.5, Width: 2}, false},
	{"green 1/2, delta 1", watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, false},
	{"green 1/2, delta 2", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, false},
	{"green 1/4, delta 1", watermark.GreenList{Gamma: 0.25, Delta: 1, Width: 2}, false},
	{"green 1/4, delta 2", watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, false},
	{"green 1/4, delta 3", watermark.GreenList{Gamma: 0.25, Delta: 3, Width: 2}, false},
	{"gumbelmax", watermark.GumbelMax{Width: 4}, false},
	{"gumbelmax, mixture 3:1", watermark.GumbelMax{Width: 4, Dual: 0.75}, false},
	{"gumbelmax, sum of two", watermark.GumbelMax{Width: 4, Dual: 0.5}, true},
	{"tournament 30, mean", watermark.Tournament{Depth: 30, Width: 4}, true},
	{"tournament 30, weighted", watermark.Tournament{Depth: 30, Width: 4}, false},
}

func main() {
	texts := flag.Int("texts", 50, "texts per row")
	tokens := flag.Int("tokens", 1200, "largest number of tokens per text")
	seed := flag.Uint64("seed", 1, "seed of the random numbers")
	top := flag.Int("top", 500, "number of tokens that the model chooses from")
	at := flag.String("temperatures", "1,0.5,0.35", "temperatures, separated by commas")
	corpus := flag.String("corpus", "", "directory of text files (default: the Go distribution)")
	flag.Parse()
	if *texts < 1 || *tokens < 100 || *top < 2 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "tokens: want -texts >= 1, -tokens >= 100, -top >= 2 and no arguments")
		os.Exit(2)
	}
	temperatures, err := parse(*at)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tokens: -temperatures:", err)
		os.Exit(2)
	}
	if err := run(*texts, *tokens, *top, *seed, *corpus, temperatures); err != nil {
		fmt.Fprintln(os.Stderr, "tokens:", err)
		os.Exit(1)
	}
}

// parse reads a list of temperatures in (0,100].
func parse(list string) ([]float32, error) {
	var all []float32
	for _, s := range strings.Split(list, ",") {
		t, err := strconv.ParseFloat(s, 32)
		if err != nil || !(t > 0 && t <= 100) {
			return nil, fmt.Errorf("%q is not a temperature in (0,100]", s)
		}
		all = append(all, float32(t))
	}
	return all, nil
}

func run(texts, tokens, top int, seed uint64, corpus string, temperatures []float32) error {
	tok, err := tokenize.Get("r50k_base")
	if err != nil {
		return err
	}
	bundle, err := lm.Load(context.Background(), lm.Config{Tokenizer: tok, Dir: corpus})
	if err != nil {
		return err
	}
	prompts := bundle.Prompts(8)
	if len(prompts) < texts {
		return fmt.Errorf("too few prompts in the corpus: %d for %d texts", len(prompts), texts)
	}
	list := strings.Trim(strings.ReplaceAll(fmt.Sprint(temperatures), " ", ","), "[]")
	fmt.Printf("# go run ./tokens -texts %d -tokens %d -top %d -seed %d -temperatures %s\n",
		texts, tokens, top, seed, list)
	fmt.Printf("# %s, %s %s/%s; model %v, tokenizer %s\n",
		host.CPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, bundle.Model, tok.Name())
	return table(os.Stdout, newTopK(bundle.Model, top), prompts[:texts], tokens, seed, temperatures, rows)
}

// table writes the measurement.
func table(
	w io.Writer, m model, prompts [][]watermark.Token, tokens int, seed uint64,
	temperatures []float32, rows []row,
) error {
	fmt.Fprintf(w, "# %d texts a row, alpha %g. entropy: of the model's row, nats a token. "+
		"KL: of the marked row from the model's, where it is\n", len(prompts), alpha)
	io.WriteString(w, "# not 0 by construction. "+
		"excess: -ln p(token) of the unmarked model less the entropy, "+
		"in nats a token with standard error over\n"+
		"# texts; 0 for a scheme that leaves each token's distribution as it is, "+
		"and e to it is the factor on perplexity. n50, n90: tokens\n"+
		"# of text, scored: the share of them that are distinct and were tested; >: not reached.\n")
	for _, t := range temperatures {
		fmt.Fprintf(w, "\ntemperature %v\n%-26s %8s %8s %18s %7s %7s %7s\n",
			t, "scheme", "entropy", "KL", "excess", "n50", "n90", "scored")
		for _, r := range rows {
			o, err := measure(m, prompts, r, t, tokens, seed)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			fmt.Fprintf(w, "%-26s %v\n", r.name, o)
		}
	}
	return nil
}
