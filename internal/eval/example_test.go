package eval_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/internal/eval"
	"github.com/isotope-wm/isotope/watermark"
)

// Capitals is a scheme of somebody else: it raises half of all tokens where the last token is even.
// Its colours come from a green list of package watermark, so its law is known.
type Capitals struct{ Delta float64 }

func (Capitals) Name() string { return "capitals" }

func (c Capitals) Bind(key watermark.Key, vocab int) (eval.Mark, error) {
	m, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: c.Delta, Width: 1}, vocab)
	return &capitals{m}, err
}

type capitals struct{ *watermark.Mark }

func (capitals) ID() string { return "capitals" }

// Score scores pairs where the mark marks, and no others.
func (c *capitals) Score(dst []int64, pairs []watermark.Pair) []int64 {
	for i, p := range pairs {
		if p.Context[0]%2 != 0 {
			dst = append(dst, watermark.NotScored)
			continue
		}
		dst = c.Mark.Score(dst, pairs[i:i+1])
	}
	return dst
}

// Reweight raises what scores.
func (c *capitals) Reweight(ids []eval.Token, probs []float64, context []eval.Token) {
	for i, id := range ids {
		if c.Score(nil, []watermark.Pair{{Context: context, Token: id}})[0] == 1 {
			probs[i] *= 20
		}
	}
}

// A third party's scheme goes through the suite.
func Example() {
	rows := `{"isotope_reading":1,"kind":"mass","vocab":1000,"tokenizer":"none","model":"m"}` + "\n" + `{"tokens":[0` + strings.Repeat(",7", 400) + `],"rows":[`
	for i := range 400 {
		rows += fmt.Sprintf(`{"ids":[%d,%d,%d,%d],"p":[0.2,0.2,0.3,0.3]},`, i*37%900, i*37%900+9, i*37%900+30, i*37%900+60)
	}
	source, err := eval.ReadFixed("rows", strings.NewReader(rows+"null]}"), nil)
	if err != nil {
		panic(err)
	}
	d := eval.Design{Seed: 1, Sources: []eval.Source{source}, Schemes: []eval.Scheme{Capitals{3}}, Texts: 20, Length: 400, Lengths: []int{400}, NullKeys: 5}
	outcomes := map[eval.Item]*eval.Outcome{}
	if err := d.Run(context.Background(), 2, nil, func(i eval.Item, o *eval.Outcome) error { outcomes[i] = o; return nil }); err != nil {
		panic(err)
	}
	r, err := d.Result(outcomes)
	if err != nil {
		panic(err)
	}
	power := r.Clean[0].Power[0][0]
	fmt.Printf("%d of %d texts of 400 tokens detected at 0.01; %d of %d unmarked ones\n", power.Found, power.Of, r.Clean[0].Null[0][0].Found, r.Clean[0].Null[0][0].Of)
	// Output: 20 of 20 texts of 400 tokens detected at 0.01; 1 of 100 unmarked ones
}
