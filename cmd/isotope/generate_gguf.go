package main

import (
	"context"
	"fmt"

	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// generateGGUF writes one text with the model of --gguf.
func (c *cli) generateGGUF(ctx context.Context, o *generateFlags) error {
	m, err := c.openModel(o.llamaLib, o.gguf)
	if err != nil {
		return err
	}
	defer m.Close()
	profiles, err := c.ggufProfiles(m, o)
	if err != nil {
		return err
	}
	seed := newSeed(o.given("seed"), o.seed).of("generate")
	marks, err := o.marks(profiles, seed)
	if err != nil {
		return err
	}
	sequence, err := watermark.NewSequence(marks...)
	if err != nil {
		return err
	}
	var prompt []watermark.Token
	if o.chat {
		prompt, err = m.Chat([]ggufTurn{{"user", o.prompt}})
	} else {
		prompt, err = m.Prompt(o.prompt)
	}
	if err != nil {
		return err
	}
	if len(prompt) == 0 {
		return usagef("the model has no token that begins a text; give it a --prompt")
	}
	sequence.Reset(prompt)
	progress, finish := c.progress()
	defer finish()
	request := &ggufRequest{prompt: prompt, length: o.tokens, sequence: sequence, sampler: o.sampler, seed: seed}
	if progress != nil {
		request.written = func(n int) { progress("writing", int64(n), int64(o.tokens)) }
	}
	ids, err := m.Write(ctx, request)
	if err != nil {
		return err
	}
	finish()
	if len(ids) < o.tokens {
		c.hint("the text has %d tokens: the model ended it, or its context is full", len(ids))
	}
	if o.ids {
		return c.printIDs(nil, ids, true)
	}
	text, err := m.Decode(ids)
	if err != nil {
		return err
	}
	c.exact()
	_, err = fmt.Fprint(c.stdout, text)
	return err
}

// ggufProfiles returns the profiles of a call, which must be for the model's tokens. Without --profile
// it is the default mark over the tokenizer in the model file.
func (c *cli) ggufProfiles(m ggufModel, o *generateFlags) ([]*watermark.Profile, error) {
	own, unread := tokenize.Load(o.gguf)
	if unread == nil {
		c.tokenizers = append(c.tokenizers, own)
	}
	if len(o.profiles) == 0 {
		if unread != nil {
			return nil, fmt.Errorf("the tokenizer in the model file cannot be read: %w; give a --profile with the tokenizer none and %d ids, and test token ids", unread, m.Vocab())
		}
		p := newProfile(own, watermark.GreenList{Gamma: defaultGamma, Delta: defaultDelta, Width: defaultWidth})
		return []*watermark.Profile{p}, o.checkMessage([]*watermark.Profile{p})
	}
	profiles, err := o.readProfiles()
	if err != nil {
		return nil, err
	}
	for _, p := range profiles {
		t, err := c.tokenizerOf(described(p))
		switch {
		case err != nil:
			return nil, err
		case t != nil && unread == nil && t.Digest() != own.Digest():
			return nil, usagef("the profile is for the tokenizer %s, and %s has another one; make the profile with 'isotope profile new --tokenizer %s'", t.Name(), o.gguf, o.gguf)
		case p.Vocab != m.Vocab():
			return nil, usagef("the profile has a vocabulary of %d ids, and the model has %d; make the profile with 'isotope profile new --tokenizer %s'", p.Vocab, m.Vocab(), o.gguf)
		}
	}
	return profiles, nil
}
