package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/internal/eval"
	"github.com/isotope-wm/isotope/tokenize"
)

const evalHelp = `Eval measures marks: what they cost, how much text a test needs, and what edits leave of
them. It writes texts under many keys, tests each at growing lengths, and edits it as
somebody would who does not know the key. Every share of texts has an interval of 95 %.

The texts come from the embedded language model, or with --gguf from a model of a file. With
--rows they come from rows of probabilities of any model (docs/formats/rows.md). Such rows
do not follow what is drawn, so all schemes draw from the same rows. The keys follow from
--seed, so they are not secret. A GGUF model also answers short questions. Eval counts the
right answers, with the mark and without.

--set names a list of schemes: recommended, widths, peers. --scheme replaces it, as in
--scheme greenlist,delta=1,width=0. With rows, kl=0.1 may stand in place of delta. The
families are ewd, greenlist, gumbelmax, informed, minhash, routed, selfhash, sweet and
tournament. --profile takes the scheme of a profile.

--marked FILE takes texts that you marked elsewhere, with their --key and --profile. They
are tested at growing lengths and edited. A file of their rows shows what the mark cost.

A run that was interrupted resumes from its --journal: repeat the call. The results depend
neither on the number of workers nor on interruptions. --quick takes less than two minutes
on two cores, and a full run less than an hour.

'isotope eval compare A B' compares the JSON of two runs.`

// evalFlags are the flags of eval.
type evalFlags struct {
	quick                            bool
	set                              string
	schemes, profiles, rows, attacks []string
	corpus, journal, csv, report     string
	synonyms, paraphrases, textsOut  string
	texts, length, nullKeys, forged  int
	edited, steal                    []int
	stealText                        string
	workers                          int
	seed                             uint64
	json                             bool
	given                            func(name string) bool
	secondTokenizer, rowsTokenizer   string
	gguf, llamaLib, questions        string
	marked, key                      string
	tokenizers                       []string
	model                            ggufModel // of gguf, while it is open
}

const (
	attacksAll  = "all"
	attacksNone = "none"
)

var evalSets = []string{"recommended", "widths", "peers"}

func (c *cli) evalCommand() *cobra.Command {
	var o evalFlags
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Measure the cost, the power and the robustness of marks",
		Long:  evalHelp,
		Example: `  isotope eval --quick
  isotope eval --journal run.jsonl --json --csv run.csv --report run.html > run.json
  isotope eval --scheme gumbelmax,width=2 --scheme greenlist,delta=1 --attacks substitute,delete
  isotope eval --set peers --rows rows.jsonl --texts 96 --length 500
  isotope eval --marked answers.jsonl --key my.key --profile my.json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.given = cmd.Flags().Changed
			o.settle()
			if err := o.check(); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return c.eval(ctx, &o)
		},
	}
	o.register(cmd)
	cmd.AddCommand(c.evalCompareCommand())
	return cmd
}

// register adds the flags to a command.
func (o *evalFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.quick, "quick", false, "fewer and shorter texts, and fewer attacks: less than two minutes on two cores")
	f.StringVar(&o.set, "set", evalSets[0], "list of schemes, one of "+strings.Join(evalSets, ", "))
	f.StringArrayVar(&o.schemes, "scheme", nil, "`SCHEME` to measure, as FAMILY,NAME=NUMBER,...; may be repeated")
	f.StringArrayVarP(&o.profiles, "profile", "p", nil, "profile `FILE` whose scheme is measured; may be repeated")
	f.StringArrayVar(&o.rows, "rows", nil, "rows `FILE` to draw texts from, in place of the embedded model; may be repeated")
	f.StringVar(&o.rowsTokenizer, "rows-tokenizer", "", "tokenizer `NAME` or file of the rows, for attacks on characters")
	f.StringVar(&o.gguf, "gguf", "", "GGUF model `FILE` that writes the texts with llama.cpp, in place of the embedded model")
	registerLlamaLib(f, &o.llamaLib)
	f.StringVar(&o.questions, "questions", "", "JSON lines `FILE` with \"question\" and its \"answers\", for --gguf (default: a short list)")
	f.StringVar(&o.marked, "marked", "", "`FILE` of texts that were marked with --key and --profile, in any format that detect reads, or of their rows; nothing is written anew")
	f.StringVarP(&o.key, "key", "k", "", "key `FILE` of the texts of --marked")
	registerTokenizers(f, &o.tokenizers)
	f.StringVar(&o.corpus, "corpus", "", "train the embedded model on the text files below `DIR`")
	f.StringSliceVar(&o.attacks, "attacks", []string{attacksAll}, "`NAMES` of attacks, with commas, or all, or none; docs/eval.md has the names")
	f.StringVar(&o.synonyms, "synonyms", "", "list of synonyms `FILE`: words of a line can stand for each other (default: a small list)")
	f.StringVar(&o.paraphrases, "paraphrases", "", "JSON lines `FILE` with \"text\" and its \"paraphrase\"")
	f.StringVar(&o.textsOut, "texts-out", "", "write the marked texts to `FILE`, as JSON lines, and measure nothing")
	f.StringVar(&o.secondTokenizer, "second-tokenizer", "cl100k_base", "tokenizer `NAME` or file of another model, for the attack retokenize")
	f.IntVar(&o.texts, "texts", 0, "texts of each scheme and source (default: 96, or 24 with --quick, or all of --marked)")
	f.IntVar(&o.length, "length", 0, "tokens of a text (default: 1600, or 400 with --quick, or 200 with --marked, where longer texts are cut and shorter ones left out)")
	f.IntSliceVar(&o.edited, "edited", nil, "numbers of marked tokens that attacks begin with (default: 200,400, or 200 with --quick)")
	f.IntVar(&o.nullKeys, "null-keys", 0, "unrelated keys for each unmarked text (default: 8, or 4 with --quick)")
	f.StringVar(&o.stealText, "steal", "", "`NUMBERS` of marked tokens that a forger counts, with commas, or none (default: 20000,100000, or none with --quick, --gguf, --marked or --rows)")
	f.IntVar(&o.forged, "forged", 12, "texts that a forger writes for each key")
	f.IntVar(&o.workers, "workers", 0, "texts that are measured at the same time (default: one for each core)")
	f.Uint64Var(&o.seed, "seed", 1, "number that keys and random numbers follow from")
	f.StringVar(&o.journal, "journal", "", "`FILE` that keeps what was measured, to resume")
	f.StringVar(&o.csv, "csv", "", "write the numbers with their intervals to `FILE`")
	f.StringVar(&o.report, "report", "", "write a page with curves to `FILE`")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
}

func attackNames() (names []string) {
	for _, a := range allAttacks() {
		names = append(names, a.Name)
	}
	return names
}

func allAttacks() []eval.Attack { return slices.Concat(eval.IDAttacks(), eval.TextAttacks()) }

// settle fills in the defaults.
func (o *evalFlags) settle() {
	set := func(name string, quick, full int, v *int) {
		if !o.given(name) {
			if *v = full; o.quick {
				*v = quick
			}
		}
	}
	set("texts", 24, 96, &o.texts)
	set("length", 400, 1600, &o.length)
	set("null-keys", 4, 8, &o.nullKeys)
	if o.marked != "" {
		set("length", 200, 200, &o.length)
	}
	if !o.given("edited") {
		if o.edited = []int{200, 400}; o.quick || o.marked != "" {
			o.edited = []int{min(200, o.length)}
		}
	}
	if !o.given("steal") && !o.quick && o.marked == "" && len(o.rows) == 0 && o.gguf == "" {
		o.steal = []int{20000, 100000}
	}
	if !o.given("workers") {
		o.workers = runtime.GOMAXPROCS(0)
	}
}

// check returns a usage error for a call that cannot be right before any file is read.
func (o *evalFlags) check() error {
	bad := false
	if o.given("steal") && o.stealText != attacksNone {
		for word := range strings.SplitSeq(o.stealText, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(word))
			bad = bad || err != nil
			o.steal = append(o.steal, n)
		}
	}
	rules := []rule{
		{bad, fmt.Sprintf("--steal %s is not a list of numbers; write numbers with commas, or none", quoted(o.stealText))},
		{len(o.steal) > 0 && len(o.rows) > 0, "given rows cannot be asked again; leave out --steal"},
		noSecrets(slices.Concat(o.profiles, o.rows, o.schemes, []string{o.journal, o.csv, o.report, o.synonyms, o.paraphrases, o.textsOut, o.corpus, o.gguf, o.llamaLib, o.questions, o.marked, o.key})...),
		oneOf("set", o.set, evalSets...),
		{o.given("set") && len(o.schemes)+len(o.profiles) > 0, "--scheme and --profile take the place of --set; leave out --set"},
		{o.corpus != "" && len(o.rows) > 0, "--rows takes the place of the embedded model; leave out --corpus"},
		{o.rowsTokenizer != "" && len(o.rows) == 0, "--rows-tokenizer needs --rows"},
		{o.marked != "" && (o.key == "" || len(o.profiles) != 1 || len(o.schemes) > 0), "--marked needs the --key and the one --profile that its texts were marked with, and no --scheme"},
		{o.marked != "" && (len(o.rows) > 0 || o.gguf != "" || len(o.steal) > 0 || o.textsOut != ""), "texts of --marked exist already; leave out --rows, --gguf, --steal and --texts-out"},
		{o.marked == "" && (o.key != "" || len(o.tokenizers) > 0), "--key and --tokenizer are for texts that exist; give --marked, or leave them out"},
		{o.gguf != "" && len(o.rows) > 0, "--rows takes the place of a model; leave out --gguf"},
		{(o.llamaLib != "" || o.questions != "") && o.gguf == "", "--llama-lib and --questions are for a GGUF model; give --gguf"},
		within("texts", o.texts, fromTo(2, 100_000)),
		within("length", o.length, fromTo(50, 100_000)),
		within("null-keys", o.nullKeys, fromTo(1, 10_000)),
		within("forged", o.forged, fromTo(1, 10_000)),
		within("workers", o.workers, fromTo(1, 1024)),
		{!slices.IsSorted(o.steal) || len(o.steal) > 0 && o.steal[0] < 1, "--steal is not a list of positive numbers in ascending order"},
		{len(o.edited) > 0 && slices.Min(o.edited) < 10, "--edited has a number below 10"},
		{len(o.edited) > 0 && slices.Max(o.edited) > o.length, fmt.Sprintf("--edited is above --length %d; give a smaller number", o.length)},
		{o.textsOut != "" && (o.json || o.csv != "" || o.report != "" || o.journal != ""), "--texts-out measures nothing; leave out --json, --csv, --report and --journal"},
	}
	for _, name := range o.attacks {
		if len(o.attacks) == 1 && (name == attacksAll || name == attacksNone) {
			continue
		}
		rules = append(rules, oneOf("attacks", name, attackNames()...))
	}
	return check(rules)
}

// design makes the Design of a call.
func (c *cli) design(ctx context.Context, o *evalFlags) (*eval.Design, error) {
	d := &eval.Design{
		Seed: o.seed, Texts: o.texts, Length: o.length, Edited: o.edited, NullKeys: o.nullKeys, Steal: o.steal, Forged: o.forged,
		Lengths: slices.DeleteFunc([]int{50, 100, 200, 400, 800, 1600}, func(n int) bool { return n > o.length }),
	}
	var err error
	if _, err := o.readSchemes(nil, true); err != nil {
		return nil, err // before a model is loaded
	}
	if d.Sources, err = c.evalSources(ctx, o); err != nil {
		return nil, err
	}
	if g, ok := d.Sources[0].(*eval.Given); ok {
		if d.Texts = g.Len(); o.given("texts") {
			d.Texts = min(d.Texts, o.texts)
		}
	}
	rows, _ := d.Sources[0].(*eval.Fixed)
	if len(d.Sources) > 1 {
		rows = nil
	}
	if d.Schemes, err = o.readSchemes(rows, false); err != nil {
		return nil, err
	}
	if err := o.means(&d.Means); err != nil {
		return nil, err
	}
	if d.Attacks = o.chosenAttacks(); o.quick && !o.given("attacks") {
		quickAttacks(d.Attacks)
	}
	if o.paraphrases == "" {
		d.Attacks = slices.DeleteFunc(d.Attacks, func(a eval.Attack) bool { return a.Name == "paraphrase" })
	}
	return d, d.Check()
}

func (o *evalFlags) chosenAttacks() []eval.Attack {
	switch o.attacks[0] {
	case attacksAll:
		return allAttacks()
	case attacksNone:
		return nil
	}
	return slices.DeleteFunc(allAttacks(), func(a eval.Attack) bool { return !slices.Contains(o.attacks, a.Name) })
}

// quickAttacks leaves two or three rates of each attack.
func quickAttacks(list []eval.Attack) {
	for i := range list {
		switch r := list[i].Rates; {
		case len(r) == 6:
			list[i].Rates = []float64{r[0], r[2], r[4]}
		case list[i].Name == "average":
			list[i].Rates = r[:1]
		case len(r) == 3:
			list[i].Rates = r[1:2]
		}
	}
}

// readSchemes returns the schemes of the call. Those with a kl need rows, and early leaves them out.
func (o *evalFlags) readSchemes(rows *eval.Fixed, early bool) ([]eval.Scheme, error) {
	var list []eval.Scheme
	for _, text := range o.schemes {
		if early && strings.Contains(text, "kl=") {
			continue
		}
		s, err := eval.Parse(text, rows)
		if err != nil {
			return nil, usagef("--scheme %s: %v", text, err)
		}
		list = append(list, s)
	}
	for _, path := range o.profiles {
		p, err := readNativeProfile(path)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(path)
		if err := check([]rule{
			{p.Payload > 0 || p.Selector != "", path + ": eval does not measure bands and payloads; give a profile without them"},
		}); err != nil {
			return nil, err
		}
		if o.marked != "" {
			list = append(list, eval.OfMarked(name, p))
			continue
		}
		list = append(list, eval.OfProfile(name, p))
	}
	if len(list) > 0 {
		return list, nil
	}
	switch o.set {
	case "widths":
		return eval.Widths(), nil
	case "peers":
		return eval.Peers(), nil
	}
	return eval.Recommended(), nil
}

// evalSources returns the sources of the call.
func (c *cli) evalSources(ctx context.Context, o *evalFlags) ([]eval.Source, error) {
	if o.marked != "" {
		g, err := c.readMarked(ctx, o)
		if err != nil {
			return nil, err
		}
		return []eval.Source{g}, nil
	}
	if o.gguf != "" {
		g, err := c.newGGUFSource(ctx, o)
		if err != nil {
			return nil, err
		}
		o.model = g.model
		return []eval.Source{g}, nil
	}
	if len(o.rows) == 0 {
		t, err := loadTokenizer(defaultTokenizer)
		if err != nil {
			return nil, err
		}
		b, err := c.loadModel(ctx, t, o.corpus)
		if err != nil {
			return nil, err
		}
		m := &eval.Model{Label: "embedded", Bundle: b, Tok: t, Sampler: textSampler}
		return []eval.Source{m}, check([]rule{{m.Streams() < 2, "the corpus has too few paragraphs; give a larger --corpus"}})
	}
	var tok tokenize.Tokenizer
	if o.rowsTokenizer != "" {
		var err error
		if tok, err = loadTokenizer(o.rowsTokenizer); err != nil {
			return nil, usageError{err}
		}
	}
	var list []eval.Source
	for _, path := range o.rows {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(path)
		s, err := eval.ReadFixed(strings.TrimSuffix(name, filepath.Ext(name)), f, tok)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, s)
	}
	return list, nil
}

// means reads the files that some attacks need.
func (o *evalFlags) means(m *eval.Means) error {
	var err error
	if m.Second, err = loadTokenizer(o.secondTokenizer); err != nil {
		return usageError{err}
	}
	if o.synonyms != "" {
		if err := readWith(o.synonyms, func(r io.Reader) (err error) {
			m.Synonyms, err = eval.ReadSynonyms(r)
			return err
		}); err != nil {
			return err
		}
	}
	if o.paraphrases != "" {
		return readWith(o.paraphrases, func(r io.Reader) (err error) {
			m.Paraphrase, err = eval.ReadParaphrases(r)
			return err
		})
	}
	return nil
}

// readWith reads a file.
func readWith(path string, read func(r io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(read(f), f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// eval measures.
func (c *cli) eval(ctx context.Context, o *evalFlags) error {
	if err := checkReport(o.report); err != nil {
		return err
	}
	d, err := c.design(ctx, o)
	if o.model != nil {
		defer o.model.Close()
	}
	if err != nil {
		return err
	}
	if o.textsOut != "" {
		return c.evalTexts(ctx, d, o.textsOut)
	}
	outcomes, done := map[eval.Item]*eval.Outcome{}, map[eval.Item]bool{}
	keep := func(item eval.Item, x *eval.Outcome) error {
		outcomes[item] = x
		return nil
	}
	if o.journal != "" {
		j, err := eval.OpenJournal(o.journal, d)
		if err != nil {
			return err
		}
		defer j.Close()
		outcomes, done, keep = j.Outcomes(), j.Done(), j.Keep
		if len(done) > 0 {
			c.hint("resumed: %d of %d texts were measured before", len(done), len(d.Items()))
		}
	}
	progress, finish := c.progress()
	defer finish()
	total, at := int64(len(d.Items())), int64(len(done))
	err = d.Run(ctx, o.workers, done, func(item eval.Item, x *eval.Outcome) error {
		at++
		if progress != nil {
			progress("measuring", at, total)
		}
		return keep(item, x)
	})
	finish()
	if errors.Is(err, context.Canceled) && o.journal != "" {
		c.hint("interrupted: %d of %d texts were measured; repeat the call to resume", at, total)
		return errIncomplete
	}
	if err != nil {
		return err
	}
	r, err := d.Result(outcomes)
	if err != nil {
		return err
	}
	return c.evalResult(o, d, r)
}

// evalResult writes what a run gave.
func (c *cli) evalResult(o *evalFlags, d *eval.Design, r *eval.Result) error {
	costs, err := d.Times()
	if err != nil {
		return err
	}
	if o.csv != "" {
		var out bytes.Buffer
		if err := r.WriteCSV(&out); err != nil {
			return err
		}
		if err := os.WriteFile(o.csv, out.Bytes(), 0o666); err != nil {
			return err
		}
	}
	if o.report != "" {
		if err := writePage(evalPage(r, costs), o.report); err != nil {
			return err
		}
	}
	if o.json {
		return writeJSON(c.stdout, evalJSON{newEnvelope("eval"), r, evalObserved{costs}})
	}
	return printEval(c.stdout, r, costs)
}

// evalJSON is the JSON object of eval, version 1.
type evalJSON struct {
	envelope
	Result   *eval.Result `json:"result"`   // follows from the design
	Observed evalObserved `json:"observed"` // differs from run to run
}

type evalObserved struct {
	Times []eval.Time `json:"times"`
}

// evalTexts writes the marked texts, for a paraphraser.
func (c *cli) evalTexts(ctx context.Context, d *eval.Design, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	return errors.Join(d.WriteTexts(ctx, f), f.Close())
}
