package eval

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// answerTokens is the length at which an answer is cut off, in tokens.
const answerTokens = 96

// answersEach is the number of questions that are asked with each text.
const answersEach = 4

// An Answerer is a Source that can answer questions whose right answers are known. A model whose texts
// have no end has no answers.
type Answerer interface {
	// Questions returns the number of questions, or 0.
	Questions() int
	// Answer answers a question. It calls draw as Write does, at most n times, until the model ends the
	// answer.
	Answer(ctx context.Context, question, n int, draw func(Row) Token) (Answered, error)
}

// Answered is what an answer was like.
type Answered struct {
	Tokens int  `json:"tokens"` // without the one that ends it
	Ended  bool `json:"ended"`  // by the model itself
	Right  bool `json:"right"`
}

// Answers sums up the answers to a list of questions.
type Answers struct {
	Right  Counted  `json:"right"`
	Ended  Counted  `json:"ended"` // by the model, before it was cut off
	Tokens Interval `json:"tokens"`
}

// questionsOf returns the number of questions of a source.
func questionsOf(src Source) int {
	if a, ok := src.(Answerer); ok {
		return a.Questions()
	}
	return 0
}

// answer answers the questions of a text under a mark, or without any. Both have the same ordinary
// random numbers.
func (d *Design) answer(ctx context.Context, src Source, m Mark, text int) (list []Answered, err error) {
	n := questionsOf(src)
	for i := range min(n, answersEach) {
		w, rng := newWriter(m), d.generator("answer", src.Name(), text, i)
		a, err := src.(Answerer).Answer(ctx, (text*answersEach+i)%n, answerTokens, func(row Row) Token {
			t, _ := w.draw(row, rng.Float64())
			return t
		})
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// answersOf sums up answers. It returns nil if there are none.
func answersOf(list []Answered) *Answers {
	of := len(list)
	var right, ended int
	var tokens []float64
	for _, a := range list {
		tokens = append(tokens, float64(a.Tokens))
		if a.Right {
			right++
		}
		if a.Ended {
			ended++
		}
	}
	if of == 0 {
		return nil
	}
	return &Answers{counted(right, of), counted(ended, of), mean(tokens)}
}

// A Question has the words of which a right answer has one.
type Question struct {
	Ask    string   `json:"question"`
	Answer []string `json:"answers"`
}

// Right reports whether a text has one of the right answers, as whole words and in any case.
func (q Question) Right(text string) bool {
	text = " " + plainWords(text) + " "
	for _, a := range q.Answer {
		if strings.Contains(text, " "+plainWords(a)+" ") {
			return true
		}
	}
	return false
}

// plainWords returns the words of a text in lower case, with one blank between them.
func plainWords(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ")
}

//go:embed questions.jsonl
var questionList string

// Questions returns the list of this project: short questions that small models can answer.
func Questions() []Question {
	list, _ := ReadQuestions(strings.NewReader(questionList)) // a test reads it
	return list
}

// maxQuestions bounds a list of questions, in lines.
const maxQuestions = 1 << 16

// ReadQuestions reads JSON lines of {"question": ..., "answers": [...]}.
func ReadQuestions(r io.Reader) ([]Question, error) {
	var list []Question
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if n > maxQuestions {
			return nil, fmt.Errorf("more than %d lines; shorten the list", maxQuestions)
		}
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var q Question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if q.Ask == "" || len(q.Answer) == 0 {
			return nil, fmt.Errorf(`line %d has no "question" or no "answers"; write both`, n)
		}
		for _, a := range q.Answer {
			if plainWords(a) == "" {
				return nil, fmt.Errorf("line %d has an answer without words; write what the text must hold", n)
			}
		}
		list = append(list, q)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("there are no questions; write at least one")
	}
	return list, nil
}
