package main

import (
	"fmt"
	"strconv"
)

// A studentConfig describes one student and its tests.
type studentConfig struct {
	Student string  // "ngram" or "neural"
	Width   int     // context width of the mark in its training text, and of the test
	Share   float64 // marked share of its training text, in [0,1]
	Key     string  // label of the key that marked it
	Tested  string  // label of the tested key
	Seed    int
	Train   int `json:",omitempty"` // tokens of training text, or 0 for the number of the scale

	Curve        []int     // numbers of tokens at which to test
	Temperatures []float64 // further temperatures besides 1
	Open         bool      // test its next-token laws, too
	Decoys       bool      // test control keys, too
	Again        []int     // tokens of clean human text to train on, with a test after each
}

// A studentResult holds the tests of one student.
type studentResult struct {
	Training int     // tokens of teacher text
	Nats     float64 // cross entropy of the student on held-out text, in nats per token
	BaseNats float64 `json:",omitempty"` // the same of its base
	closedTests
	Curve        []closedTests       `json:",omitempty"`
	Temperatures []temperatureResult `json:",omitempty"`
	Open         *openTests          `json:",omitempty"`
	Decoys       *decoys             `json:",omitempty"`
	Again        []retrainedResult   `json:",omitempty"`
}

// A temperatureResult holds the tests of outputs at one temperature.
type temperatureResult struct {
	Temperature float64
	closedTests
}

// A retrainedResult holds the tests after further training on clean text.
type retrainedResult struct {
	Trained int // tokens of clean text in all rounds so far
	Nats    float64
	closedTests
	Open *openTests
}

// label returns the label of the student's random numbers.
func (c studentConfig) label() string {
	return fmt.Sprint(c.Student, c.Width, " ", c.Share, " ", c.Key, " ", c.Seed)
}

// student returns the arm of a student.
func studentArm(name string, c studentConfig) arm {
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
	r.closedTests = w.closedTest(mark, texts, base)
	for _, n := range c.Curve {
		if n < tokens {
			r.Curve = append(r.Curve, w.closedTest(mark, take(texts, n), base))
		}
	}
	if len(c.Curve) > 0 {
		r.Curve = append(r.Curve, r.closedTests)
	}
	for _, t := range c.Temperatures {
		texts, err := w.generate(m, tokens, float32(t), c.label())
		if err != nil {
			return nil, err
		}
		r.Temperatures = append(r.Temperatures, temperatureResult{t, w.closedTest(mark, texts, base)})
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

// learn trains the student. base is nil if the student starts from nothing.
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

// again trains the student further, on clean human text that it has not seen.
func (c studentConfig) again(w *world, m neural) ([]retrainedResult, error) {
	mark, base := w.mark(c.Width, c.Tested), neural{w.base()}
	n := m.net.clone()
	var out []retrainedResult
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
		out = append(out, retrainedResult{
			done, w.nats(neural{n}), w.closedTest(mark, texts, base),
			w.openTest(neural{n}, base, mark, false, ""),
		})
	}
	return out, nil
}
