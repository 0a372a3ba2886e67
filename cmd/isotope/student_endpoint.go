package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/internal/corpus"
)

// declaration returns the collection that the flags describe.
func (c *cli) declaration(ctx context.Context, o *studentFlags) (*collect.Declaration, error) {
	extra, err := o.extraFields()
	if err != nil {
		return nil, err
	}
	d := &collect.Declaration{
		Request: collect.Request{
			Endpoint: o.endpoint, API: o.api, Model: o.model, System: o.system, Stream: o.stream, MaxTokens: o.maxTokens, Extra: extra,
		},
		Asks: o.asks, Batch: o.batch, Budget: o.budget,
	}
	if o.given("temperature") {
		d.Request.Temperature = &o.temperature
	}
	if o.given("top-p") {
		d.Request.TopP = &o.topP
	}
	if o.prompts == promptsBuiltin {
		d.Prompts = collect.Builtin(max(o.asks, 1))
		if o.asks == 0 {
			d.Prompts = collect.Builtin(collect.BuiltinSize)
		}
	} else {
		var repeated int
		if d.Prompts, repeated, err = c.readPrompts(ctx, o); err != nil {
			return nil, fmt.Errorf("--prompts %s: %w", o.prompts, err)
		}
		if repeated > 0 {
			c.hint("%s repeats prompts, which are used once (%d left out)", o.prompts, repeated)
		}
	}
	if d.Asks == 0 {
		d.Asks = len(d.Prompts)
	}
	if err := d.Check(); err != nil {
		return nil, usageError{err}
	}
	return d, nil
}

// readPrompts reads the file of --prompts: the prompts of its rows, or the lines of a text. What
// cannot be read ends the call, since a plan names all of its prompts. repeated counts prompts that
// occurred before.
func (c *cli) readPrompts(ctx context.Context, o *studentFlags) (prompts []string, repeated int, err error) {
	options := o.read.corpusOptions()
	options.Prompts = true
	reader, err := c.reader(options)
	if err != nil {
		return nil, 0, err
	}
	for item := range reader.Items(ctx, o.prompts) {
		switch x := item.(type) {
		case *corpus.Skip:
			return nil, 0, errors.New(inputs.SkipWord(x))
		case *corpus.Document:
			texts, err := asked(x)
			if err != nil {
				return nil, 0, fmt.Errorf("%s: %w", inputs.PlaceWords(x.Place), err)
			}
			prompts = append(prompts, texts...)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	return collect.Distinct(prompts)
}

// asked returns the prompts of a row, or the lines of a text.
func asked(d *corpus.Document) ([]string, error) {
	var prompts, plain []string
	for _, t := range d.Texts {
		switch {
		case t.IDs != nil && t.Kind != corpus.Answer && t.Kind != corpus.Reasoning:
			return nil, errors.New("the prompt is token ids, and an endpoint is asked in text")
		case t.Kind == corpus.Prompt:
			prompts = append(prompts, string(t.Text))
		case t.Kind == corpus.Plain:
			plain = append(plain, string(t.Text))
		case t.Kind == corpus.System || t.Kind == corpus.Tool:
			return nil, errors.New("the row has a system prompt or results of tools, and each question is one prompt; give --system, and rows with a prompt alone")
		}
	}
	switch {
	case len(prompts) > 1:
		return nil, errors.New("the row has several turns, and each question is one prompt; give rows with one prompt")
	case len(prompts) == 1:
		return prompts, nil
	case d.Place.Row > 0:
		return plain, nil
	}
	var lines []string
	for _, text := range plain {
		for line := range strings.Lines(text) {
			lines = append(lines, strings.TrimRight(line, "\r\n"))
		}
	}
	return lines, nil
}

// studentEndpoint collects answers of an endpoint and tests them.
func (c *cli) studentEndpoint(ctx context.Context, o *studentFlags, s *suspect) error {
	collection, err := c.declaration(ctx, o)
	if err != nil {
		return err
	}
	if s.tokenizer == nil {
		return usagef("the profile has no tokenizer, and answers are text; make a profile with the tokenizer of your model")
	}
	apiKey, err := o.apiKey()
	if err != nil {
		return err
	}
	if err := c.setReference(ctx, s, o, ""); err != nil {
		return err
	}
	defer s.close()
	declared := audit.Declare(collection)
	if err := c.plan(ctx, s, o, declared, runKeyOf(o.journal)); err != nil {
		return err
	}
	if stop, err := c.declare(o, s, declared); stop || err != nil {
		return err
	}
	// Not canonical.Encode: journals hold the bytes of json.Marshal.
	if collection.Plan, err = json.Marshal(declared.Plan); err != nil {
		return err
	}
	a, err := s.audit(declared)
	if err != nil {
		return err
	}
	journal, err := c.openJournal(o.journal, *collection)
	if err != nil {
		return err
	}
	defer journal.Close()
	end, err := c.collect(ctx, o, journal, apiKey, s.look(a, declared))
	if err != nil {
		return err
	}
	if end.Complete() {
		if err := c.readReferenceOutputs(ctx, s, o); err != nil {
			return err
		}
	}
	return c.conclude(o, a, end, nil, observedOf(o.journal, journal.Recording()))
}

// runKeyOf returns the run key of a journal that exists, so that a call that resumes does not
// draw another. It returns "" if there is none.
func runKeyOf(path string) string {
	if path == "" {
		return ""
	}
	if rec, err := collect.ReadJournal(path); err == nil {
		if d, err := audit.FromDeclaration(&rec.Declaration); err == nil {
			return d.Plan.RunKey
		}
	}
	return "" // opening the journal says what is wrong
}

// openJournal opens a journal and says what it holds. It waits while another process writes
// to it.
func (c *cli) openJournal(path string, d collect.Declaration) (*collect.Journal, error) {
	waiting := time.AfterFunc(time.Second, func() { c.hint("waiting for another process that writes to %s", path) })
	defer waiting.Stop()
	j, err := collect.OpenJournal(path, d)
	if err != nil {
		return nil, err
	}
	if torn := j.Torn(); torn > 0 {
		c.hint("the last line of the journal was unfinished: its %d bytes were removed, and its question is asked again", torn)
	}
	if n := len(j.Recording().Answers); n > 0 {
		c.hint("%d of %d questions have answers already", n, d.Asks)
	}
	return j, nil
}

// collect runs a collection. An endpoint that fails is reported, and ends the call only if no
// question has an answer.
func (c *cli) collect(ctx context.Context, o *studentFlags, j *collect.Journal, apiKey string, look collect.Look) (collect.End, error) {
	ctx, stop, release := c.interrupts(ctx)
	defer release()
	progress, finish := c.progress()
	defer finish()
	run := &collect.Run{Journal: j, Key: apiKey, Pace: o.pace, Tool: toolVersion(), Stop: stop}
	run.Pace.Backoff = time.Second
	run.Head = c.printHead
	if apiKey != "" && isPlainHTTP(o.endpoint) {
		c.hint("warning: the endpoint is not https, so the network and a proxy see the API key and the prompts")
	}
	if progress != nil {
		run.Progress = func(done, total int64) { progress("asking", done, total) }
	}
	end, err := run.Collect(ctx, look)
	if !errors.Is(err, collect.ErrEndpoint) {
		return end, err
	}
	finish()
	fmt.Fprintf(c.stderr, "isotope: %s\n", plainMessage(err))
	if len(j.Recording().Answers) == 0 {
		return end, errors.New("no question was answered; the same call resumes when the endpoint works")
	}
	return end, nil
}

// interrupts closes stop at the first interrupt, after which a collection waits for the
// answers on their way. The second one cancels the context. release ends this.
func (c *cli) interrupts(ctx context.Context) (_ context.Context, stop <-chan struct{}, release func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals, first := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
		c.hint("waiting for the answers on their way; interrupt again to end at once")
		close(first)
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, first, func() {
		signal.Stop(signals)
		cancel()
	}
}

// studentReplay tests the answers of a journal as its plan declares.
func (c *cli) studentReplay(ctx context.Context, o *studentFlags, s *suspect) error {
	rec, err := collect.ReadJournal(o.journal)
	if err != nil {
		return err
	}
	declared, err := audit.FromDeclaration(&rec.Declaration)
	if err != nil {
		return fmt.Errorf("%s: %w", o.journal, err)
	}
	p := &declared.Plan
	if p.Reference != "" {
		if t := declared.Collection.Request.Temperature; t != nil && !o.given("reference-temperature") {
			o.referenceTemperature = *t
		}
		if err := c.setReference(ctx, s, o, p.Reference); err != nil {
			return err
		}
		defer s.close()
	}
	tokenizer, _ := s.profile.Tokenizer()
	same := *declared
	same.Plan.Key, same.Plan.Mark, same.Plan.Profile, same.Plan.Tokenizer = s.keyID, s.scorer.ID(), s.profile.ID(), tokenizer
	same.Plan.Registry, same.Plan.Reference, same.Plan.Provenance = s.registry, s.referenceName, s.provenancePlan
	if p.Provenance != nil && same.Plan.Provenance != nil {
		same.Plan.Provenance.Live = p.Provenance.Live // measured when the plan was declared
	}
	if err := declared.Same(&same); err != nil {
		return usagef("%s: %w", o.journal, err)
	}
	a, err := s.audit(declared)
	if err != nil {
		return err
	}
	end, err := collect.Replay(rec, s.look(a, declared))
	if err != nil {
		return err
	}
	if end.Complete() {
		if err := c.readReferenceOutputs(ctx, s, o); err != nil {
			return err
		}
	}
	return c.conclude(o, a, end, nil, observedOf(o.journal, rec))
}
