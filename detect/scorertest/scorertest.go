package scorertest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// pairs is the number of pairs that Test scores: more than package detect passes to Score at once.
const pairs = 1300

// Test runs a scorer through everything that package detect relies on, apart from its law. It
// returns nil, or the joined errors of all checks that failed.
//
//   - ID, Width, Vocab and Law are in range and do not change.
//   - Score appends one score for each pair. A pair's score depends on the pair alone: not on the
//     rest of the batch, on earlier calls or on other goroutines.
//   - Every score is in the range of the law, or is watermark.NotScored or watermark.InMessage.
//   - Pairs and their contexts stay as they are.
//   - A [detect.UnitNamer] gives one score to pairs of one name.
//   - A [detect.ContextNamer] gives one name to pairs of one seed and token, and to no others.
//   - A [detect.PayloadScorer] with a payload appends one PayloadScore for each pair.
//
// Run it under the race detector too: it calls the scorer from several goroutines.
func Test(s detect.Scorer) error {
	top, err := identity(s)
	if err != nil {
		return err
	}
	text := draw(rand.New(rand.NewPCG(1, 2)), s, pairs)
	scores, err := call(s, text)
	if err != nil {
		return err
	}
	errs := []error{
		inRange(scores, top), alone(s, text, scores), appends(s, text, scores), concurrent(s, text, scores),
	}
	if n, ok := s.(detect.UnitNamer); ok {
		errs = append(errs, names(n, text, scores))
	}
	if n, ok := s.(detect.ContextNamer); ok {
		errs = append(errs, seeds(n, text))
	}
	if p, ok := s.(detect.PayloadScorer); ok && p.PayloadBits() > 0 {
		errs = append(errs, payload(p, text))
	}
	return errors.Join(errs...)
}

// identity checks what a scorer says about itself, and returns the largest score of its law.
func identity(s detect.Scorer) (top int64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("scorertest: Law: %v", r)
		}
	}()
	switch {
	case s.ID() == "":
		return 0, errors.New("scorertest: ID is empty")
	case s.Width() < 0 || s.Width() > watermark.MaxWidth:
		return 0, fmt.Errorf("scorertest: Width is %d, outside 0 to %d", s.Width(), watermark.MaxWidth)
	case s.Vocab() < 1 || s.Vocab() > watermark.MaxVocab:
		return 0, fmt.Errorf("scorertest: Vocab is %d, outside 1 to %d", s.Vocab(), watermark.MaxVocab)
	}
	id, law := s.ID(), s.Law()
	if id != s.ID() || law != s.Law() {
		return 0, errors.New("scorertest: ID or Law changes between calls")
	}
	return null.Of(law).Top(), nil
}

// draw returns random pairs, whose ids include both ends of the vocabulary.
func draw(rng *rand.Rand, s detect.Scorer, n int) []detect.Pair {
	id := func() detect.Token {
		switch rng.IntN(20) {
		case 0:
			return 0
		case 1:
			return detect.Token(s.Vocab() - 1)
		}
		return rng.Int32N(int32(s.Vocab()))
	}
	text := make([]detect.Pair, n)
	for i := range text {
		context := make([]detect.Token, s.Width())
		for j := range context {
			context[j] = id()
		}
		text[i] = detect.Pair{Context: context, Token: id()}
	}
	return text
}

// call scores pairs, and checks that Score does not change them.
func call(s detect.Scorer, text []detect.Pair) ([]int64, error) {
	before := make([]detect.Pair, len(text))
	for i, p := range text {
		before[i] = detect.Pair{Context: slices.Clone(p.Context), Token: p.Token}
	}
	scores := s.Score(nil, text)
	if len(scores) != len(text) {
		return nil, fmt.Errorf("scorertest: Score appended %d scores for %d pairs", len(scores), len(text))
	}
	for i, p := range text {
		if p.Token != before[i].Token || !slices.Equal(p.Context, before[i].Context) {
			return nil, fmt.Errorf("scorertest: Score changed pair %d", i)
		}
	}
	return scores, nil
}

// inRange checks that scores are possible under a law whose largest score is top.
func inRange(scores []int64, top int64) error {
	for i, x := range scores {
		if (x < 0 || x > top) && x != watermark.NotScored && x != watermark.InMessage {
			return fmt.Errorf("scorertest: pair %d has the score %d, outside the law's range 0 to %d", i, x, top)
		}
	}
	return nil
}

// alone scores each pair by itself, from the last to the first.
func alone(s detect.Scorer, text []detect.Pair, scores []int64) error {
	for i := len(text) - 1; i >= 0; i-- {
		// The context is overwritten after the call, as package detect does with its buffers.
		p := detect.Pair{Context: slices.Clone(text[i].Context), Token: text[i].Token}
		x := s.Score(nil, []detect.Pair{p})
		clear(p.Context)
		if len(x) != 1 || x[0] != scores[i] {
			return fmt.Errorf("scorertest: pair %d has the score %v alone and %d in a batch", i, x, scores[i])
		}
	}
	return nil
}

// appends checks that Score leaves the elements of dst alone.
func appends(s detect.Scorer, text []detect.Pair, scores []int64) error {
	got := s.Score([]int64{7, 8}, text[:3])
	if !slices.Equal(got, append([]int64{7, 8}, scores[:3]...)) {
		return errors.New("scorertest: Score changes dst: append to it")
	}
	return nil
}

// concurrent scores the pairs on several goroutines.
func concurrent(s detect.Scorer, text []detect.Pair, scores []int64) error {
	var wait sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wait.Go(func() {
			for range 3 {
				if !slices.Equal(s.Score(nil, text), scores) {
					errs[i] = errors.New("scorertest: scores differ between goroutines: " +
						"Score must be safe for concurrent use")
				}
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// names checks the names of inputs.
func names(s detect.UnitNamer, text []detect.Pair, scores []int64) error {
	byName := make(map[string]int)
	for i, p := range text {
		name := s.AppendUnit(nil, p)
		if !bytes.Equal(s.AppendUnit([]byte("x"), p), append([]byte("x"), name...)) {
			return fmt.Errorf("scorertest: AppendUnit changes dst or the name of pair %d between calls", i)
		}
		j, ok := byName[string(name)]
		if !ok {
			byName[string(name)] = i
			continue
		}
		if scores[i] != scores[j] {
			return fmt.Errorf("scorertest: pairs %d and %d have one name, but the scores %d and %d",
				j, i, scores[j], scores[i])
		}
	}
	return nil
}

// seeds checks the names of seeds.
func seeds(s detect.ContextNamer, text []detect.Pair) error {
	type input struct {
		seed  string
		token detect.Token
	}
	names, inputs := make(map[input]string), make(map[string]input)
	for i, p := range text {
		seed := s.AppendSeed(nil, p.Context)
		if !bytes.Equal(s.AppendSeed([]byte("x"), p.Context), append([]byte("x"), seed...)) {
			return fmt.Errorf("scorertest: AppendSeed changes dst or the seed of pair %d between calls", i)
		}
		in, name := input{string(seed), p.Token}, string(s.AppendUnit(nil, p))
		if of, ok := names[in]; ok && of != name {
			return fmt.Errorf("scorertest: pair %d has two names for one seed and token", i)
		}
		if of, ok := inputs[name]; ok && of != in {
			return fmt.Errorf("scorertest: pair %d has the name of another seed or token", i)
		}
		names[in], inputs[name] = name, in
	}
	return nil
}

// payload checks the number of payload scores.
func payload(s detect.PayloadScorer, text []detect.Pair) error {
	if n := len(s.ScorePayload(nil, text)); n != len(text) {
		return fmt.Errorf("scorertest: ScorePayload appended %d scores for %d pairs", n, len(text))
	}
	return nil
}

// nullLevels are the levels at which TestNull counts p-values.
var nullLevels = [...]float64{0.5, 0.1, 0.01, 0.001}

// TestNull tests the law of a scorer. scorer(i) returns the scorer under key i, for i = 0 to
// keys-1. Each key scores one random text, and TestNull counts how often p-values are small. It
// returns an error if they are small more often than the law allows, or so rarely that the law is
// far too cautious.
//
// A scorer with its true law passes, unless its keys are among the one in 10^5 sets that fail by
// chance. So fix the keys. keys is at least 100. With 1,000 keys TestNull notices a mean score that
// is too large by a hundredth of its standard deviation.
func TestNull(keys int, scorer func(i int) (detect.Scorer, error)) error {
	if keys < 100 {
		return fmt.Errorf("scorertest: the number of keys is %d: use at least 100", keys)
	}
	var counts [len(nullLevels)]int64
	rng := rand.New(rand.NewPCG(3, 4))
	scored := int64(0)
	for i := range keys {
		s, err := scorer(i)
		if err != nil {
			return fmt.Errorf("scorertest: key %d: %w", i, err)
		}
		e := evidence.New(evidence.Config{Width: s.Width(), Vocab: s.Vocab()})
		for _, p := range draw(rng, s, 1000) {
			e.AddPair(p.Context, p.Token)
		}
		// A detect.Result would also state the power, which takes most of the time.
		t := e.Score(s)
		units := t.Units()
		scored += units[1]
		log10P := 0.0
		if units[1] > 0 {
			log10P = t.Law.Survival(units, t.Sum())
		}
		for l, level := range nullLevels {
			if log10P <= math.Log10(level) {
				counts[l]++
			}
		}
	}
	if scored == 0 {
		return errors.New("scorertest: no pair was scored under any key")
	}
	n := int64(keys)
	for l, level := range nullLevels {
		if tail.Binomial(counts[l], n, level) < -6 {
			return fmt.Errorf("scorertest: %d of %d p-values are at most %v: "+
				"the scores are larger than their law says",
				counts[l], n, level)
		}
	}
	// Few units make coarse p-values: half of them are at most 1/2 only if there are many.
	if tail.Binomial(n-counts[0], n, 0.6) < -6 {
		return fmt.Errorf("scorertest: only %d of %d p-values are at most 0.5: "+
			"the scores are smaller than their law says",
			counts[0], n)
	}
	return nil
}
