package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// The sizes of the demo.
const (
	demoTokens   = 200 // tokens in a text
	demoPrompt   = 8   // tokens in a prompt
	demoTexts    = 4   // texts that are shown and tested, of 800 tokens
	demoTraining = 100 // texts that a student learns from, of 20,000 tokens
	demoAnswers  = 50  // texts that a student answers, of 10,000 tokens
	demoDecoys   = 99  // control keys
	demoRated    = 20  // texts under another key that show the green rate of marked text
)

const demoHelp = `Demo makes a key, lets the embedded language model write marked and unmarked text from the
same prompts, and tests both. Then it trains two student models: one on marked text, and
its twin on unmarked text. Both answer prompts that neither has seen, and demo tests their
answers. The mark shows in the student that learned from marked text. 99 unrelated keys
show what chance does.

Everything that is tested is plain text, cut into tokens again before the test. --report names
the file of an HTML report. Nothing is downloaded: the model learns from the doc comments of
the Go distribution on this machine, or from the text files of --corpus.

With --gguf the model in FILE writes, run by llama.cpp, and demo tests its marked and its
unmarked answers. It does not train students then, since that takes minutes to hours.`

func (c *cli) demoCommand() *cobra.Command {
	var (
		corpus, out string
		gguf, lib   string
		asJSON      bool
		number      uint64
	)
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The whole story on this machine, in a minute",
		Long:  demoHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkPage(out); err != nil { // before a minute of work
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			seeded := cmd.Flags().Changed("seed")
			if err := check([]rule{
				{gguf != "" && corpus != "", "--gguf and --corpus are two models; give one"},
				{gguf == "" && lib != "", "--llama-lib is for --gguf; leave it out"},
			}); err != nil {
				return err
			}
			d, err := c.demoOf(ctx, lib, gguf, corpus, newSeed(seeded, number))
			if err != nil {
				return err
			}
			if d.gguf != nil {
				defer d.gguf.Close()
			}
			if seeded {
				d.seedName = strconv.FormatUint(number, 10)
			}
			if err := d.run(ctx); err != nil {
				return err
			}
			return d.publish(out, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&corpus, "corpus", "", "train the model on the text files below `DIR`")
	f.StringVar(&gguf, "gguf", "", "let the model in `FILE` write")
	registerLlamaLib(f, &lib)
	f.StringVar(&out, "report", "isotope-demo.html", "write the HTML report to `FILE`")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.Uint64Var(&number, "seed", 0, "make the demo reproducible; its key is then not secret")
	c.oldFlags(cmd, map[string]string{"out": "report"})
	return cmd
}

// publish prints the results and writes the page.
func (d *demo) publish(out string, asJSON bool) error {
	if asJSON {
		if err := json.NewEncoder(d.c.stdout).Encode(d.json()); err != nil {
			return err
		}
		return writePage(d.page(), out)
	}
	if err := d.print(d.c.stdout); err != nil {
		return err
	}
	if err := writePage(d.page(), out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.c.stdout, "\nThe whole report: %s\n", out)
	return err
}

// A demo is one run of the story.
type demo struct {
	c        *cli
	tok      tokenize.Tokenizer
	bundle   *lm.Bundle // nil with a model file
	gguf     ggufModel  // nil with the embedded model
	ggufName string
	seed     seed
	seedName string
	root     watermark.Key
	mark     *watermark.Mark
	profile  *watermark.Profile
	prompts  struct{ show, train, ask [][]int32 }

	rate float64 // by how much marked text of the teacher raises the green rate; 0 is not measured

	marked, unmarked, student, twin trial
	decoys                          []detect.Result
}

// A trial holds texts with their prompts, and the result of their test.
type trial struct {
	prompts [][]int32
	texts   [][]byte
	result  detect.Result
}

// demoOf returns the demo of a model file, or of the embedded model if there is none.
func (c *cli) demoOf(ctx context.Context, lib, gguf, corpus string, s seed) (*demo, error) {
	if gguf != "" {
		return c.newGGUFDemo(lib, gguf, s)
	}
	return c.newDemo(ctx, corpus, s)
}

func (c *cli) newDemo(ctx context.Context, corpus string, s seed) (*demo, error) {
	tok, err := loadTokenizer(defaultTokenizer)
	if err != nil {
		return nil, err
	}
	d := &demo{c: c, tok: tok, seed: s}
	if d.bundle, err = c.loadModel(ctx, tok, corpus); err != nil {
		return nil, err
	}
	if err := d.makeMark(); err != nil {
		return nil, err
	}
	all := d.bundle.Prompts(demoPrompt)
	const needed = demoTexts + demoTraining + demoAnswers
	if len(all) < needed {
		return nil, fmt.Errorf("the demo needs %d prompts, one from each document, and %s has %d documents; give a larger --corpus",
			needed, d.bundle.Corpus, len(all))
	}
	d.prompts.show, all = all[:demoTexts], all[demoTexts:]
	d.prompts.train, all = all[:demoTraining], all[demoTraining:]
	d.prompts.ask = all[:demoAnswers]
	return d, nil
}

// makeMark makes the mark and the root of the control keys.
func (d *demo) makeMark() (err error) {
	// The key that marks and the decoys are derived from one root.
	leaf := d.seed.of("root")
	if d.root, err = watermark.ParseKey("isotope-secret-key-1:" + hex.EncodeToString(leaf[:])); err != nil {
		return err
	}
	d.profile = newProfile(d.tok, watermark.GreenList{Gamma: defaultGamma, Delta: defaultDelta, Width: defaultWidth})
	d.mark, err = d.profile.Mark(d.root.Derive("demo", "mark"))
	return err
}

func (d *demo) run(ctx context.Context) error {
	var teacher *lm.Model
	if d.bundle != nil {
		teacher = d.bundle.Model
	}
	var err error
	if d.marked, err = d.try(ctx, teacher, "marked", d.prompts.show, d.mark); err != nil {
		return err
	}
	if d.gguf != nil {
		if d.unmarked, err = d.try(ctx, teacher, "unmarked", d.prompts.show); err != nil {
			return err
		}
		return d.tryDecoys(&d.marked)
	}
	if err := d.measureRate(ctx); err != nil {
		return err
	}
	if d.unmarked, err = d.try(ctx, teacher, "unmarked", d.prompts.show); err != nil {
		return err
	}
	d.unmarked.result = d.test(&d.unmarked, d.mark, d.rate)
	if d.student, err = d.distill(ctx, "student", d.mark); err != nil {
		return err
	}
	if d.twin, err = d.distill(ctx, "twin"); err != nil {
		return err
	}
	return d.tryDecoys(&d.student)
}

// distill lets the teacher write training text, trains a student on it, and tests the
// student's answers to other prompts.
func (d *demo) distill(ctx context.Context, name string, marks ...*watermark.Mark) (trial, error) {
	texts, err := d.write(ctx, d.bundle.Model, name+"/training", d.prompts.train, marks...)
	if err != nil {
		return trial{}, err
	}
	docs := make([][]int32, len(texts))
	for i, text := range texts {
		docs[i] = d.tok.Append(nil, text)
	}
	student, err := lm.Train(docs, d.tok.Vocab(), lm.OptionsFor(d.tok, docs))
	if err != nil {
		return trial{}, err
	}
	return d.try(ctx, student, name+"/answers", d.prompts.ask)
}

// try lets a model write, and tests the texts.
func (d *demo) try(ctx context.Context, m *lm.Model, purpose string, prompts [][]int32, marks ...*watermark.Mark) (trial, error) {
	texts, err := d.write(ctx, m, purpose, prompts, marks...)
	if err != nil {
		return trial{}, err
	}
	t := trial{prompts: prompts, texts: texts}
	t.result = d.test(&t, d.mark, 0)
	return t, nil
}

// test tests the texts of a trial. rate is by how much marked text raises the green rate, or 0.
func (d *demo) test(t *trial, m *watermark.Mark, rate float64) detect.Result {
	o := detect.OptionsOf(m)
	o.Rate = rate
	acc := detect.NewAccumulator(m, o)
	t.each(d.tok, acc.Exclude, acc.Add)
	return acc.Result()
}

// measureRate lets the teacher write texts under a key of their own, from the prompts of the students.
// They show by how much the mark raises the green rate in its text.
func (d *demo) measureRate(ctx context.Context) error {
	m, err := d.profile.Mark(d.root.Derive("demo", "rate"))
	if err != nil {
		return err
	}
	t := trial{prompts: d.prompts.ask[:demoRated]}
	if t.texts, err = d.write(ctx, d.bundle.Model, "rate", t.prompts, m); err != nil {
		return err
	}
	r := d.test(&t, m, 0)
	d.rate = max(float64(r.Green)/float64(max(r.Scored, 1))-defaultGamma, 0)
	return nil
}

// write returns the texts that a model writes, as bytes. A test never gets the ids of a model.
func (d *demo) write(ctx context.Context, m *lm.Model, purpose string, prompts [][]int32, marks ...*watermark.Mark) ([][]byte, error) {
	if m == nil {
		return d.writeGGUF(ctx, purpose, prompts, marks...)
	}
	progress, finish := d.c.progress()
	defer finish()
	ids, err := m.Generate(ctx, lm.Job{
		Prompts: prompts, Tokens: demoTokens, Marks: marks, Sampler: textSampler,
		Seed: d.seed.of(purpose), Progress: progress,
	})
	if err != nil {
		return nil, err
	}
	texts := make([][]byte, len(ids))
	for i := range ids {
		if texts[i], err = d.tok.Decode(nil, ids[i]); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// each passes a trial's prompts and texts, as ids, to a test.
func (t *trial) each(tok tokenize.Tokenizer, exclude, add func([]watermark.Token)) {
	for _, p := range t.prompts {
		exclude(p)
	}
	for _, text := range t.texts {
		add(tok.Append(nil, text))
	}
}

// tryDecoys tests texts under unrelated keys.
func (d *demo) tryDecoys(t *trial) error {
	scorers := make([]detect.Scorer, demoDecoys)
	for i := range scorers {
		mark, err := d.profile.Mark(d.root.Derive("demo", "decoy", strconv.Itoa(i)))
		if err != nil {
			return err
		}
		scorers[i] = mark
	}
	panel := detect.NewPanel(scorers, nil)
	t.each(d.tok, panel.Exclude, panel.Add)
	d.decoys = panel.Results()
	return nil
}

// demoJSON is the JSON object of the demo, version 1.
type demoJSON struct {
	Version      int         `json:"version"`
	Marked       resultJSON  `json:"marked"`
	Unmarked     resultJSON  `json:"unmarked"`
	Student      *resultJSON `json:"student,omitempty"` // left out with --gguf, as is its twin
	CleanStudent *resultJSON `json:"clean_student,omitempty"`
	Decoys       struct {
		N         int     `json:"n"`
		MinLog10P float64 `json:"min_log10_p"`
	} `json:"decoys"`
	Seconds float64 `json:"seconds"`
}

func (d *demo) json() demoJSON {
	of := func(t trial) resultJSON { return toJSON(t.result, d.profile.ID(), d.mark.KeyID()) }
	j := demoJSON{Version: 1, Marked: of(d.marked), Unmarked: of(d.unmarked)}
	if d.gguf == nil {
		student, twin := of(d.student), of(d.twin)
		j.Student, j.CleanStudent = &student, &twin
	}
	j.Decoys.N = len(d.decoys)
	j.Decoys.MinLog10P = d.minDecoy()
	j.Seconds = time.Since(d.c.started).Seconds()
	return j
}

// minDecoy returns the smallest log10 p of a decoy, not adjusted for their number.
func (d *demo) minDecoy() float64 {
	low := 0.0
	for _, r := range d.decoys {
		low = min(low, r.Log10P)
	}
	return low
}
