// Picture draws docs/picture.svg: a marked text next to its unmarked twin, with the colours that
// one key gives to their tokens, and how the evidence grows. It is run in the directory of the
// benchmarks module:
//
//	go run ./cmd/picture
//
// The embedded model writes both texts from one prompt with one seed. It learns from the doc
// comments of the Go distribution, so another version of Go draws another picture.
package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

const (
	file   = "../docs/picture.svg"
	length = 300 // tokens of a text
	gamma  = 0.5
)

func main() {
	picture, err := paint(context.Background())
	if err == nil {
		err = os.WriteFile(file, picture, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

// paint writes both texts, looks at them with the key, and returns the picture.
func paint(ctx context.Context) ([]byte, error) {
	tok, err := tokenize.Get("cl100k_base")
	if err != nil {
		return nil, err
	}
	bundle, err := lm.Load(ctx, lm.Config{Tokenizer: tok})
	if err != nil {
		return nil, err
	}
	// The key of the examples in docs/formats, which is public.
	key, err := watermark.ParseKey("isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	if err != nil {
		return nil, err
	}
	mark, err := watermark.New(key, watermark.GreenList{Gamma: gamma, Delta: 2, Width: 2}, tok.Vocab())
	if err != nil {
		return nil, err
	}
	var texts [2]*text
	for i, marks := range [][]*watermark.Mark{{mark}, nil} {
		ids, err := bundle.Model.Generate(ctx, lm.Job{
			Prompts: [][]int32{tok.Append(nil, []byte("The server"))}, Tokens: length, Marks: marks,
			Sampler: watermark.Sampler{Temperature: 1, TopK: 50, MinP: 0.03}, Seed: sha256.Sum256([]byte("picture")),
		})
		if err != nil {
			return nil, err
		}
		if texts[i], err = look(mark, tok, ids[0]); err != nil {
			return nil, err
		}
	}
	return draw(texts[0], texts[1], runtime.Version()), nil
}

// A text is what the key says of one.
type text struct {
	pieces []piece
	log10P []float64 // after each scored token
	green  int64     // of all scored ones
}

// A piece is a token: its bytes, and its colour.
type piece struct {
	bytes         string
	scored, green bool
}

// look scores each pair of a text where it first occurs, as package detect does.
func look(mark *watermark.Mark, tok tokenize.Tokenizer, ids []watermark.Token) (*text, error) {
	t := new(text)
	seen := map[string]bool{}
	for i, id := range ids {
		b, err := tok.Decode(nil, []watermark.Token{id})
		if err != nil {
			return nil, err
		}
		p := piece{bytes: string(b)}
		if i >= mark.Width() {
			context := ids[i-mark.Width() : i]
			if unit := fmt.Sprint(context, id); !seen[unit] {
				seen[unit], p.scored = true, true
				p.green = mark.Score(nil, []watermark.Pair{{Context: context, Token: id}})[0] == 1
				if p.green {
					t.green++
				}
				t.log10P = append(t.log10P, tail.Binomial(t.green, int64(len(t.log10P)+1), gamma))
			}
		}
		t.pieces = append(t.pieces, p)
	}
	return t, nil
}

// printable is a piece as a picture shows it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '\ufffd' {
			return ' '
		}
		return r
	}, s)
}
