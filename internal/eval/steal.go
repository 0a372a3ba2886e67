package eval

import (
	"context"
	"math"
	"math/rand/v2"
)

// forgedTokens is the length of a forged text, and of each answer that the attacker counts.
const forgedTokens = 200

// push is what the attacker adds to the logits of tokens that seem to be favoured, in nats.
const push = 3.0

// A thief counts what follows each context in marked answers, and what the model without the mark would
// have given there (Jovanovic et al. 2024, "Watermark Stealing in Large Language Models", for the
// idea). It knows the width of the context and the model's rows, and not the key.
type thief struct {
	width    int
	seen     map[string]float64 // context and token: how often it came
	expected map[string]float64 // how often the model alone would have given it
	key      []byte
}

func (t *thief) keyOf(context []Token, next Token) string {
	t.key = appendTokens(appendTokens(t.key[:0], context), []Token{next})
	return string(t.key)
}

// learn counts the answers of a walk.
func (t *thief) learn(w *walk) {
	for i, id := range w.text.IDs {
		if i < t.width {
			continue
		}
		context := w.text.IDs[i-t.width : i]
		t.seen[t.keyOf(context, id)]++
		row := w.rows[i]
		for j, other := range row.IDs {
			if row.Probs[j] >= 0.02 {
				t.expected[t.keyOf(context, other)] += float64(row.Probs[j])
			}
		}
	}
}

// reweight raises what came more often than the model alone would give it.
func (t *thief) reweight(ids []Token, weights []float64, context []Token) {
	for i, id := range ids {
		k := t.keyOf(context, id)
		seen, expected := t.seen[k], t.expected[k]
		if seen-expected > 0.5*math.Sqrt(expected+0.25) {
			weights[i] *= math.Exp(push)
		}
	}
}

// steal forges texts after each number of tokens of Steal.
func (d *Design) steal(ctx context.Context, item Item) (*Outcome, error) {
	src, scheme := d.Sources[item.Source], d.Schemes[item.Scheme]
	o := &Outcome{Source: src.Name(), Scheme: scheme.Name(), Text: item.Text}
	master, err := d.bind(src, scheme, "stolen", item.Text)
	if err != nil {
		return nil, err
	}
	t := &thief{width: master.Width(), seen: map[string]float64{}, expected: map[string]float64{}}
	answers := 0
	for _, tokens := range d.Steal {
		for ; answers*forgedTokens < tokens; answers++ {
			// The first half of the streams is asked for answers, the second is what the thief writes.
			stream := answers % max(src.Streams()/2, 1)
			w, err := d.write(ctx, src, request(master, uint32(answers)), stream, forgedTokens, d.generator("stolen", src.Name(), item.Text, answers))
			if err != nil {
				return nil, err
			}
			t.learn(w)
		}
		var found []float64
		for i := range d.Forged {
			text, err := t.forge(ctx, src, (src.Streams()/2+i)%src.Streams(), d.generator("forged", src.Name(), item.Text, i))
			if err != nil {
				return nil, err
			}
			found = append(found, test(master, text, nil, []int{forgedTokens})[0])
		}
		o.Stolen = append(o.Stolen, found)
	}
	return o, nil
}

// forge writes a text of the thief's own.
func (t *thief) forge(ctx context.Context, src Source, stream int, rng *rand.Rand) (out Text, err error) {
	var weights []float64
	err = src.Write(ctx, stream, forgedTokens, func(row Row) Token {
		weights = weights[:0]
		for _, p := range row.Probs {
			weights = append(weights, float64(p))
		}
		if n := len(out.IDs); n >= t.width {
			t.reweight(row.IDs, weights, out.IDs[n-t.width:])
		}
		id := row.IDs[max(drawIndex(weights, rng.Float64()), 0)]
		out.add(id, -1)
		return id
	})
	return out, err
}
