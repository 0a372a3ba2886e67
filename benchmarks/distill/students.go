package main

import (
	"fmt"
	"strconv"
)

// A studentConfig is one student and what is asked of it.
type studentConfig struct {
	Student string  // "ngram" or "neural"
	Width   int     // of the mark in its training text, and of the test
	Share   float64 // of its training text that is marked
	Key     string  // that marked it
	Tested  string  // the key of the test
	Seed    int
	Train   int `json:",omitempty"` // tokens of training text, where it is not that of the scale

	Curve        []int     // tokens at which to test
	Temperatures []float64 // to write at beside 1
	Open         bool      // test its next-token laws as well
	Decoys       bool      // test keys that marked nothing as well
	Again        []int     // tokens of clean human text to train on further, and test after each
}

// A studentResult is what came out.
type studentResult struct {
	Training int     // tokens of teacher text
	Nats     float64 // cross entropy of the student on held-out text, a token
	BaseNats float64 `json:",omitempty"`
	closed
	Curve        []closed  `json:",omitempty"`
	Temperatures []heated  `json:",omitempty"`
	Open         *open     `json:",omitempty"`
	Decoys       *decoys   `json:",omitempty"`
	Again        []renewed `json:",omitempty"`
}

// heated is a test of outputs at a temperature.
type heated struct {
	Temperature float64
	closed
}

// renewed is a test after further training on clean text.
type renewed struct {
	Trained int // tokens, all rounds together
	Nats    float64
	closed
	Open *open
}

func (c studentConfig) label() string {
	return fmt.Sprint(c.Student, c.Width, " ", c.Share, " ", c.Key, " ", c.Seed)
}

// student is the arm of a student.
func student(name string, c studentConfig) arm {
	if c.Tested == "" {
		c.Tested = c.Key
	}
	return arm{name, c, func(w *world) (any, error) { return c.run(w) }}
}

func (c studentConfig) run(w *world) (*studentResult, error) {
	m, base, training, err := c.learn(w)
	if err != nil {
		return nil, err
	}
	r := &studentResult{Training: training, Nats: w.nats(m)}
	if base != nil {
		r.BaseNats = w.baseNats
	}
	mark := w.mark(c.Width, c.Tested)
	tokens := w.NgramScore
	if base != nil {
		tokens = w.NeuralScore
	}
	texts, err := w.generate(m, tokens, 1, c.label())
	if err != nil {
		return nil, err
	}
	r.closed = w.closedTest(mark, texts, base)
	for _, n := range c.Curve {
		if n < tokens {
			r.Curve = append(r.Curve, w.closedTest(mark, take(texts, n), base))
		}
	}
	if len(c.Curve) > 0 {
		r.Curve = append(r.Curve, r.closed)
	}
	for _, t := range c.Temperatures {
		texts, err := w.generate(m, tokens, float32(t), c.label())
		if err != nil {
			return nil, err
		}
		r.Temperatures = append(r.Temperatures, heated{t, w.closedTest(mark, texts, base)})
	}
	if c.Decoys {
		r.Decoys = w.decoyTest(mark, texts, c.label())
	}
	if c.Open {
		r.Open = w.openTest(m, base, mark, c.Decoys, c.label())
	}
	if len(c.Again) > 0 {
		if r.Again, err = c.again(w, m.(neural)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// learn trains the student. base is nil for one that begins with nothing.
func (c studentConfig) learn(w *world) (m, base model, training int, err error) {
	tokens := w.NgramTrain
	if c.Student == "neural" {
		tokens = w.FineTune
	}
	if c.Train > 0 {
		tokens = c.Train
	}
	docs, err := w.mixture(c.Share, tokens, c.Width, c.Key, c.label())
	if err != nil {
		return nil, nil, 0, err
	}
	if c.Student == "neural" {
		m, base = w.fineTune(docs, c.label()), neural{w.base()}
	} else if m, err = w.learnNgram(docs); err != nil {
		return nil, nil, 0, err
	}
	return m, base, length(docs), nil
}

// again trains the student on clean human text that it has not seen.
func (c studentConfig) again(w *world, m neural) ([]renewed, error) {
	mark, base := w.mark(c.Width, c.Tested), neural{w.base()}
	n := m.net.clone()
	var out []renewed
	rest, done := w.unseen, 0
	for i, until := range c.Again {
		docs := take(rest, until-done)
		rest = rest[len(docs):]
		done += length(docs)
		train(n, docs, 1, 1e-3, random("again", c.label(), i))
		texts, err := w.generate(neural{n}, w.NeuralScore, 1, c.label()+" again "+strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		out = append(out, renewed{done, w.nats(neural{n}), w.closedTest(mark, texts, base), w.openTest(neural{n}, base, mark, false, "")})
	}
	return out, nil
}
