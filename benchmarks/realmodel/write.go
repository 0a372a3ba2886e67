package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"sync"

	"github.com/isotope-wm/isotope/internal/llamacpp"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/registry"
)

// writeFlags are the flags of write.
type writeFlags struct {
	model, profile, key, kinds, topics, out string
	registry, epoch, account                string
	texts, length, slots, topK              int
	temperature, share                      float64
	seed                                    uint64
	end                                     bool
}

// write writes the texts that a file lacks.
func write(args []string) error {
	var o writeFlags
	f := flag.NewFlagSet("write", flag.ExitOnError)
	f.StringVar(&o.model, "gguf", modelFile(), "model `FILE`")
	f.StringVar(&o.profile, "profile", "", "profile `FILE`; without one nothing is marked")
	f.StringVar(&o.key, "key", "", "key `FILE`")
	f.StringVar(&o.registry, "registry", "", "registry `FILE`; -key is then its root key, and the answers are those of -account")
	f.StringVar(&o.epoch, "epoch", "", "`ID` of the registry's epoch")
	f.StringVar(&o.account, "account", "", "`ID` of the account")
	f.StringVar(&o.kinds, "kinds", "chat", "kinds of prompts, separated by commas: "+strings.Join(kinds(), ", "))
	f.StringVar(&o.topics, "topics", "texts", "topics of the prompts: texts, train or ask")
	f.StringVar(&o.out, "out", "texts.jsonl", "`FILE` of the texts")
	f.IntVar(&o.texts, "texts", 20, "texts of each kind")
	f.IntVar(&o.length, "length", 400, "longest text, in tokens")
	f.IntVar(&o.slots, "slots", 16, "texts that are written together")
	f.IntVar(&o.topK, "top-k", 0, "draw among the `K` most probable tokens; 0 is all")
	f.Float64Var(&o.temperature, "temperature", 1, "sampling temperature; 0 is greedy")
	f.Float64Var(&o.share, "share", 1, "share of the texts that is marked")
	f.Uint64Var(&o.seed, "seed", 1, "seed of prompts and draws")
	f.BoolVar(&o.end, "end", false, "let the model end a text; else each has the full length")
	promptsOnly := f.Bool("prompts", false, "write the prompts alone, without answers")
	_ = f.Parse(args) // ExitOnError
	prompts, err := promptsOf(strings.Split(o.kinds, ","), o.topics, o.texts, o.seed)
	if err != nil {
		return err
	}
	m, err := llamacpp.Open(llamacpp.Files{Model: o.model})
	if err != nil {
		return err
	}
	defer m.Close()
	if *promptsOnly {
		o.length = 0
	}
	return o.write(m, prompts)
}

func (o *writeFlags) write(m *llamacpp.Model, prompts []prompt) error {
	marking, err := o.marking()
	if err != nil {
		return err
	}
	done := 0
	if lines, err := readLines(o.out); err == nil {
		done = len(lines)
	} else if !os.IsNotExist(err) {
		return fmt.Errorf("%w; remove the line that is not whole", err)
	}
	out, err := os.OpenFile(o.out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer out.Close()
	e, err := llamacpp.NewEngine(m, llamacpp.Config{Slots: o.slots, Context: o.length + 128, Threads: 1, Queue: len(prompts)})
	if err != nil {
		return err
	}
	defer e.Close()
	var wait sync.WaitGroup
	results := make([]chan error, len(prompts))
	lines := make([]line, len(prompts))
	for i := done; i < len(prompts); i++ {
		results[i] = make(chan error, 1)
		wait.Go(func() {
			var err error
			lines[i], err = o.text(m, e, marking, i, prompts[i])
			results[i] <- err
		})
	}
	defer wait.Wait()
	for i := done; i < len(prompts); i++ { // in order, so that the file can be continued
		if err := <-results[i]; err != nil {
			return err
		}
		if err := json.NewEncoder(out).Encode(&lines[i]); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s: %d of %d\n", o.out, i+1, len(prompts))
	}
	return nil
}

// marking returns what marks the texts, or nil without a profile.
func (o *writeFlags) marking() (*watermark.Marking, error) {
	if o.profile == "" {
		return nil, nil
	}
	p, key, err := readProfile(o.profile, o.key)
	if err != nil {
		return nil, err
	}
	if o.registry == "" {
		return p.Marking(key)
	}
	f, err := os.Open(o.registry)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	reg, err := registry.Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.registry, err)
	}
	var opts []watermark.Option
	if p.Marked == watermark.MarkedScored {
		opts = append(opts, watermark.ScoredOnly{Exempt: p.Exempt})
	}
	marker, err := reg.Marker(key, o.epoch, p.Scheme, p.Vocab, opts...)
	if err != nil {
		return nil, err
	}
	marks, err := marker.Marks(o.account)
	if err != nil {
		return nil, err
	}
	return watermark.NewMarking(p.Vocab, marks...)
}

// text writes one text. Its draws depend on the seed and its number alone.
func (o *writeFlags) text(m *llamacpp.Model, e *llamacpp.Engine, marking *watermark.Marking, number int, p prompt) (line, error) {
	ids, err := m.Chat([]llamacpp.Message{{Role: "user", Content: p.text}})
	if err != nil {
		return line{}, err
	}
	l := line{Kind: p.kind, Prompt: ids, Output: []watermark.Token{}}
	if o.length == 0 {
		return l, nil
	}
	seed := sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, o.seed), uint64(number)))
	r := &llamacpp.Request{Prompt: ids, MaxTokens: o.length, Seed: seed,
		Sampler: watermark.Sampler{Temperature: float32(o.temperature), TopK: o.topK}}
	if !o.end {
		r.Bias = withoutEnd(m)
	}
	if l.Marked = marking != nil && rand.New(rand.NewPCG(o.seed, uint64(number))).Float64() < o.share; l.Marked {
		r.Sequence = marking.Sequence(uint32(number))
		r.Sequence.Reset(ids)
	}
	t, err := e.Write(context.Background(), r)
	if err != nil {
		return l, err
	}
	l.Output, l.Ended = append(l.Output, t.Tokens...), t.Finish == llamacpp.FinishEnd
	return l, nil
}

// withoutEnd forbids the tokens that end a text.
func withoutEnd(m *llamacpp.Model) (b []llamacpp.LogitBias) {
	for _, t := range m.Special() {
		if m.IsEnd(t) {
			b = append(b, llamacpp.LogitBias{Token: t, Bias: float32(math.Inf(-1))})
		}
	}
	return b
}
