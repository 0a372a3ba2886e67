package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
)

// collection is what the flags say of a collection.
func (c *cli) collection(o *studentFlags) (*collect.Declaration, error) {
	extra, err := compactJSON(o.extra)
	if err != nil {
		return nil, err
	}
	d := &collect.Declaration{
		Request: collect.Request{
			Endpoint: o.endpoint, API: o.api, Model: o.model, System: o.system, Stream: o.stream, MaxTokens: o.maxTokens, Extra: extra,
		},
		Asks: o.asks, Batch: o.batch, Budget: o.budget,
	}
	if o.given["temperature"] {
		d.Request.Temperature = &o.temperature
	}
	if o.given["top-p"] {
		d.Request.TopP = &o.topP
	}
	if o.prompts == "builtin" {
		d.Prompts = collect.Builtin(max(o.asks, 1))
		if o.asks == 0 {
			d.Prompts = collect.Builtin(collect.BuiltinSize)
		}
	} else {
		var repeated int
		if d.Prompts, repeated, err = collect.ReadPrompts(o.prompts); err != nil {
			return nil, err
		}
		if repeated > 0 {
			c.hint("%s: %d prompts that occur again are left out", o.prompts, repeated)
		}
	}
	if d.Asks == 0 {
		d.Asks = len(d.Prompts)
	}
	if err := d.Check(); err != nil {
		return nil, usagef("student: %w", err)
	}
	return d, nil
}

// studentEndpoint collects answers and tests them.
func (c *cli) studentEndpoint(ctx context.Context, o *studentFlags, s *suspect) error {
	d, err := c.collection(o)
	if err != nil {
		return err
	}
	if s.tokenizer == nil {
		return usagef("student: answers are text, and the profile has no tokenizer")
	}
	apiKey, err := o.apiKey()
	if err != nil {
		return err
	}
	if o.reference == "embedded" {
		if err := c.loadReference(ctx, s, o.corpus); err != nil {
			return err
		}
	}
	declared := &audit.Declared{Collection: &audit.Collection{
		Request: d.Request, Prompts: collect.DigestPrompts(d.Prompts), Number: len(d.Prompts), Asks: d.Asks, Batch: d.Batch, Budget: d.Budget,
	}}
	if err := s.plan(o, declared, runKeyOf(o.journal)); err != nil {
		return err
	}
	if stop, err := c.declare(o, s, declared); stop || err != nil {
		return err
	}
	a, err := s.audit(declared)
	if err != nil {
		return err
	}
	if d.Plan, err = json.Marshal(declared.Plan); err != nil {
		return err
	}
	journal, err := c.openJournal(o.journal, *d)
	if err != nil {
		return err
	}
	defer journal.Close()
	if torn := journal.Torn(); torn > 0 {
		c.hint("the journal ends in an unfinished line of %d bytes, which is dropped; its question is asked again", torn)
	}
	if n := len(journal.Recording().Answers); n > 0 {
		c.hint("%d of %d questions are answered already", n, d.Asks)
	}
	end, failure := c.collect(ctx, o, journal, apiKey, a)
	if failure != nil && !errors.Is(failure, collect.ErrEndpoint) {
		return failure
	}
	if failure != nil {
		fmt.Fprintf(c.stderr, "isotope: %v\n", failure)
		if len(journal.Recording().Answers) == 0 {
			return errors.New("no question was answered")
		}
	}
	return c.conclude(o, a, end, nil, observedOf(o.journal, journal.Recording()))
}

// runKeyOf returns the run key of a journal that is there already: a call that goes on
// does not draw another.
func runKeyOf(path string) string {
	if path == "" {
		return ""
	}
	if rec, err := collect.ReadJournal(path); err == nil {
		if d, err := audit.FromDeclaration(&rec.Declaration); err == nil {
			return d.Plan.RunKey
		}
	}
	return "" // opening it says what is wrong
}

// openJournal waits for a journal that another process writes to.
func (c *cli) openJournal(path string, d collect.Declaration) (*collect.Journal, error) {
	waiting := time.AfterFunc(time.Second, func() { c.hint("waiting for another process that writes to %s", path) })
	defer waiting.Stop()
	return collect.OpenJournal(path, d)
}

// collect runs a collection. The first interrupt ends it in order, the second breaks it off.
func (c *cli) collect(ctx context.Context, o *studentFlags, j *collect.Journal, apiKey string, a *audit.Audit) (collect.End, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals, stop := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
		c.hint("ending once the answers on their way have arrived; interrupt again to end at once")
		close(stop)
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	progress, finish := c.progress()
	defer finish()
	run := &collect.Run{Journal: j, Key: apiKey, Pace: o.pace, Tool: toolVersion(), Stop: stop}
	run.Pace.Backoff = time.Second
	if progress != nil {
		run.Progress = func(done, total int64) { progress("asking", done, total) }
	}
	return run.Collect(ctx, a.Look)
}

// studentReplay tests what a journal holds, as it was declared.
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
		if err := c.loadReference(ctx, s, o.corpus); err != nil {
			return err
		}
	}
	same := *declared
	same.Plan.Key, same.Plan.Mark, same.Plan.Profile, same.Plan.Tokenizer = s.keyID, s.scorer.ID(), s.profile.ID(), s.profile.Tokenizer
	same.Plan.Registry, same.Plan.Reference, same.Plan.Provenance = s.registry, s.referenceName, s.provenancePlan
	if p.Provenance != nil && same.Plan.Provenance != nil {
		same.Plan.Provenance.Live = p.Provenance.Live // which was measured when it was declared
	}
	if err := declared.Same(&same); err != nil {
		return usagef("%s: %w", o.journal, err)
	}
	a, err := s.audit(declared)
	if err != nil {
		return err
	}
	end, err := collect.Replay(rec, a.Look)
	if err != nil {
		return err
	}
	return c.conclude(o, a, end, nil, observedOf(o.journal, rec))
}
