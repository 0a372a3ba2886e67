// Quickstart makes a key and a profile, marks a text while it is sampled, and saves the three
// files that a test needs: my.key, profile.json and text.json. The README runs it, and finds the
// mark with the command.
package main

import (
	"encoding/json"
	"log"
	"math/rand/v2"
	"os"

	"github.com/isotope-wm/isotope/watermark"
)

const vocab = 32000 // token ids of the model

// model returns the logits of the next token. This one is a stand-in: any source of logits takes
// its place.
func model(text []watermark.Token) []float32 {
	rng := rand.New(rand.NewPCG(1, uint64(len(text))))
	logits := make([]float32, vocab)
	for i := range logits {
		logits[i] = float32(3 * rng.NormFloat64())
	}
	return logits
}

func main() {
	key := watermark.NewKey()                                                       // the secret
	profile, err := watermark.TraceProfile(vocab, watermark.TokenizerNone, "", 0.2) // the public part
	check(err)
	mark, err := profile.Mark(key)
	check(err)
	seq, err := watermark.NewSequence(mark) // one for each request
	check(err)

	prompt, text := []watermark.Token{15, 7, 42}, []watermark.Token{}
	sampler := watermark.Sampler{Temperature: 1, TopK: 50}
	for seq.Reset(prompt); len(text) < 200; {
		token := seq.Sample(model(text), sampler, rand.Float64())
		seq.Accept(token)
		text = append(text, token)
	}

	check(watermark.WriteKeyFile("my.key", key))
	save("profile.json", profile)
	save("text.json", text)
}

func save(name string, value any) {
	data, err := json.Marshal(value)
	check(err)
	check(os.WriteFile(name, data, 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
