package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/watermark"
)

const detectHelp = `Detect tests the hypothesis that a text does not depend on a key. It prints log10 p: the
probability of a result at least this strong if the text does not depend on the key. The
p-value is exact, however small it is.

PATH is a file, a directory with all files below it, or - for standard input. A file is one
text, or has rows: JSON, CSV, parquet, mail, crawls, and archives of them. Each row is one
text. Detect finds out what a file is by its content, and says so. It tests the answers and
the reasoning of conversations, and leaves their prompts out. A row that cannot be tested is
counted and listed with its reason. Bytes that are not text never get a verdict.

The verdict is one of three:

  detected      The p-value, adjusted for every test, is at most --alpha.
  not_detected  The p-value is larger. The test would have detected a text like this one of
                which --min-share is marked, with probability 0.9.
  inconclusive  The p-value is larger, and silence says nothing. The text is too short, or
                it is not known how much a marked text like this one would show.

--rate says how much: the green rate less gamma, or the mean score less that of chance, in
marked text of the same kind. Detect prints both numbers for a text that you marked.

A detected text depends on the key. The test does not say who wrote it. A text in which
nothing is detected may be a marked text that was edited, paraphrased or translated.

Several texts give one table, the smallest p-value first. Each p-value is adjusted for all
texts by Holm's rule, so that the texts that are called detected hold together. --fdr also
lists texts for triage, of which a share may be there by chance.

--spans tests a text twice: as a whole and in its parts. It finds a text of which only a
part is marked, and counts a second test for it. Each part that it finds is listed with its
place and with a p-value adjusted for every part that was tested. Decide on --spans before
you see a result. Adding it afterwards is a second test that the p-value does not count.

--probs FILE and --reference-gguf FILE test a text a second time, with the probability that
a model gives each token. The test knows where the text had a choice, so it needs far fewer
tokens. The model may be any that does not know the key. A wrong one costs power, and the
p-value stays exact. The likeliest tokens of the model are tested for the mark. Silence is
then told from 300 simulated texts, if there is one text. Decide on it before you see a
result.

--reference-endpoint asks an OpenAI-compatible server for the probability of each token. The
server must be able to echo a prompt with its logprobs, as the completions of vLLM and SGLang
do. It gets the text. Its API key is in $ISOTOPE_REFERENCE_API_KEY. A list that the server
cuts short makes the test weaker, and its p-value stays exact.

--weights weighs each position by the entropy of a model's row, or by numbers of your own. That
needs less text where the model was often sure. The weights replace the test with equal ones.

Texts with one template score alike, marked or not. Detect notes what many texts share. --shared 2
leaves out what two texts or more share. It looks at the texts alone, so p-values stay exact.

--normalize tests a text in other forms as well, which undo what copying does to a text.
Each form is one more test, and the result names the form that it is of.

A profile with a payload makes two tests as well. One is for the mark, in the contexts that
carry no message. The other is for the best of all messages. A message is called readable
if the text depends on the key, and if the contexts that carry a message depend on this
one. --keyring and --any test for the mark alone.

Give --profile and --key several times, a key for each profile. With --any each pair is a
candidate: detect says which one a text has, and counts them all. The candidates may be of
several schemes, tokenizers and engines. --keyring FILE has a list of candidates.

Without --any several pairs are bands that one text has together, as generate writes them.
A green list is the master's trace band and a keyed draw is the provenance band, unless
--band-role says otherwise. Detect then says what was found, which explanations agree with
it, and what does not follow.

Exit status 1 means that nothing could be tested. Status 3 is for --fail-on, and status 4
means that a file could not be read, or that more rows were skipped than --max-skipped
allows.`

// renamedDetect has the flags of detect that have another name now.
var renamedDetect = map[string]string{"tokens": "ids", "prompt": "prompt-file"}

func (c *cli) detectCommand() *cobra.Command {
	var o detectFlags
	cmd := &cobra.Command{
		Use:   "detect --key FILE --profile FILE [PATH...]",
		Short: "Test texts for a mark",
		Long:  detectHelp,
		Example: `  isotope detect --key my.key --profile my.json text.txt
  isotope detect --key my.key --profile my.json --json answers.jsonl crawl/
  pbpaste | isotope detect --key my.key --profile my.json --normalize
  isotope detect --key my.key --profile my.json --spans --report found.html text.txt
  isotope detect --key my.key --profile my.json --probs rows.jsonl text.txt
  isotope detect --key my.key --profile my.json --reference-endpoint http://localhost:8000/v1 \
      --reference-model my-model text.txt
  isotope detect --any=candidates.json suspicious.txt
  isotope detect --profile trace.json --key trace.key --profile provenance.json --key provenance.key text.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.changed = changedFlags(cmd.Flags())
			if err := o.settle(c); err != nil {
				return err
			}
			if err := o.check(args); err != nil {
				return err
			}
			if err := checkReport(o.report); err != nil {
				return err
			}
			switch {
			case o.evidence.declare != "":
				return c.declareDetect(cmd.Context(), &o, args)
			case o.plan != "":
				return c.detectPlanned(cmd.Context(), &o, args)
			}
			return c.detect(cmd.Context(), &o, args)
		},
	}
	o.register(cmd)
	c.oldFlags(cmd, renamedDetect)
	return cmd
}

// A detection is one call of detect.
type detection struct {
	*cli
	flags    *detectFlags
	set      *candidateSet
	ledger   inputs.Ledger
	findings []*finding // in the order of the texts
	left     []string   // what directories hold and was not read
	weights  *textWeights
	alike    *sharedTexts
	probs    *tokenProbs
	controls *controlSet // of a declared test, or nil
	signed   string      // digest of its signed report, or ""
}

// detect tests texts for the marks of a call.
func (c *cli) detect(ctx context.Context, o *detectFlags, args []string) (err error) {
	d := &detection{cli: c, flags: o}
	if err := c.loadTokenizers(o.tokenizers); err != nil {
		return err
	}
	c.model = o.referenceGGUF
	if d.set, err = c.candidates(o); err != nil {
		return err
	}
	if d.weights, err = c.readWeights(o.weights); err != nil {
		return err
	}
	if err := d.set.checkWeights(d.weights); err != nil {
		return err
	}
	if d.probs, err = c.openProbs(ctx, o, d.set); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.probs.close()) }()
	if err := d.readPrompts(ctx); err != nil {
		return err
	}
	if err := d.readShared(ctx, args); err != nil {
		return err
	}
	if err := d.read(ctx, args); err != nil {
		return err
	}
	if d.ledger.Tested() == 0 {
		if o.json {
			if err := writeJSON(c.stdout, d.json()); err != nil {
				return err
			}
		}
		return nothingTested(&d.ledger)
	}
	d.scorer().decide(d.findings)
	return d.finish()
}

// finish writes the results of a call. Its error gives the call its exit status.
func (d *detection) finish() (err error) {
	o := d.flags
	if o.report != "" {
		if err := d.writePages(o.report); err != nil {
			return err
		}
	}
	if o.json {
		err = writeJSON(d.stdout, d.json())
	} else {
		err = d.print(d.stdout)
	}
	if err != nil {
		return err
	}
	if o.failOn != "" && d.verdict() == detect.Verdict(o.failOn) {
		return errVerdict
	}
	return d.complete(&o.read, &d.ledger)
}

func (d *detection) scorer() *scorer {
	return &scorer{set: d.set, flags: d.flags, chains: d.flags.chains, colour: d.flags.report != "", weights: d.weights, probs: d.probs, controls: d.controls}
}

// read reads and tests all texts of a call.
func (d *detection) read(ctx context.Context, args []string) error {
	reader, err := d.reader(d.flags.corpusOptions())
	if err != nil {
		return err
	}
	closeSidecar, err := d.flags.read.openSidecar(&d.ledger)
	if err != nil {
		return err
	}
	names := d.flags.names(args)
	d.terminalInput(names)
	defer d.busy("testing")()
	list := inputs.Find(names)
	d.left = list.Notes
	s := d.scorer()
	for _, name := range list.Files {
		for doc := range d.ledger.Documents(ctx, reader, name) {
			x := newSubject(doc)
			d.alike.add(x)
			f, refused := s.test(x)
			if s.failed != nil {
				return errors.Join(s.failed, closeSidecar())
			}
			if refused != "" {
				d.ledger.Refuse(doc, corpus.Unsupported, refused)
				continue
			}
			f.file = len(d.ledger.Files) - 1
			d.keep(f)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return errors.Join(d.ledger.Check(), d.weights.done(), closeSidecar())
}

// keep adds a finding. Of many candidates it keeps those that a table shows, once there are several
// texts.
func (d *detection) keep(f *finding) {
	d.findings = append(d.findings, f)
	if len(d.findings) > 1 { // silence is simulated for one text alone
		for _, o := range slices.Concat(f.outcomes, d.findings[0].outcomes) {
			if o.informed != nil {
				o.informed.simulates = nil
			}
		}
	}
	if len(d.findings) > maxPages {
		for _, o := range f.outcomes {
			o.shown = nil
		}
	}
	if len(d.findings) < 2 || d.set.bands {
		return
	}
	if len(d.findings) == 2 {
		d.findings[0].forget()
	}
	f.forget()
}

// readPrompts reads the files of --prompt-file. What cannot be read there would be tested as if the
// model had written it, so it ends the call.
func (d *detection) readPrompts(ctx context.Context) error {
	if len(d.flags.prompts) == 0 {
		return nil
	}
	o := d.flags.corpusOptions()
	o.Prompts = true
	o.Limits.SkippedBy = promptSearch
	reader, err := d.reader(o)
	if err != nil {
		return err
	}
	for _, name := range d.flags.prompts {
		texts, err := promptTexts(ctx, reader, name)
		if err != nil {
			return fmt.Errorf("--prompt-file: %w", err)
		}
		for _, r := range d.set.readers {
			for _, t := range texts {
				switch {
				case t.IDs != nil:
					r.prompts, r.asIs = append(r.prompts, t.IDs), append(r.asIs, t.IDs)
				case r.tokenizer != nil:
					forms := r.promptForms(t.Text, d.flags.chains)
					r.prompts, r.asIs = append(r.prompts, forms...), append(r.asIs, forms[0])
				}
			}
		}
	}
	return nil
}

// promptSearch is how far the reader of a prompt looks for the end of a value that is too large, in
// bytes. A prompt is short, so what goes on for longer is another file.
const promptSearch = 64 << 20

// promptTexts returns the prompts of a file: of each row what a model was shown, or else all of it.
func promptTexts(ctx context.Context, reader *inputs.Reader, name string) ([]corpus.Text, error) {
	var texts []corpus.Text
	for item := range reader.Items(ctx, name) {
		switch x := item.(type) {
		case *corpus.Skip:
			return nil, errors.New(inputs.SkipWord(x))
		case *corpus.Document:
			shown := slices.DeleteFunc(slices.Clone(x.Texts), func(t corpus.Text) bool { return t.Kind.Tested() })
			if len(shown) == 0 {
				shown = x.Texts
			}
			texts = append(texts, shown...)
		}
	}
	return texts, ctx.Err()
}

// verdict returns the verdict of all texts together, or "" if nothing was tested. It is not silence
// if something was not tested.
func (d *detection) verdict() detect.Verdict {
	if len(d.findings) == 0 {
		return ""
	}
	v := verdictOf(d.findings, func(f *finding) detect.Verdict { return f.verdict })
	if v == detect.NotDetected && d.ledger.Skipped() > 0 {
		return detect.Inconclusive
	}
	return v
}

// warnings returns what is to be said about the files of a call.
func (d *detection) warnings() []string {
	out := []string{}
	if rows := d.ledger.Rows(); rows != "" && d.ledger.Tested() > 0 {
		out = append(out, rows+"; the verdict is of those that were tested")
	}
	out = append(out, d.alike.words()...)
	return append(append(out, d.left...), d.ledger.NoteWords()...)
}

// coloursOf returns the colour of each token, for display.
func coloursOf(s detect.Scorer, tokens []watermark.Token, o *detect.Options, prompts [][]watermark.Token) []detect.Colour {
	return detect.Text(s, tokens, &detect.TextOptions{Options: *o, Prompts: prompts, Colours: true}).Colours
}
