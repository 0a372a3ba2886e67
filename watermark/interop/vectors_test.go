package interop_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// A vector is a text and what a reference program reported about it. testdata/make_vectors.py wrote
// it by running the program.
type vector struct {
	Profile json.RawMessage   `json:"profile"`
	Key     []uint64          `json:"key"`
	Tokens  []watermark.Token `json:"tokens"`
	Prompt  []watermark.Token `json:"prompt"`
	What    string            `json:"what"`
	Unit    string            `json:"unit"` // "ngram" if the program counts distinct windows

	Scored   int64    `json:"scored"`
	Sum      float64  `json:"sum"`
	P        *float64 `json:"p"`
	LogP     *float64 `json:"log_p"`
	Weighted float64  `json:"weighted"`
	Mean     float64  `json:"mean"`
	Rows     []string `json:"rows"`
}

// vectorFiles are the engines with cases.
var vectorFiles = []string{
	"hf", "kgw", "sbw", "sglang", "synthid-deepmind", "synthid-hf", "synthid-pypi", "textseal", "tgi", "three-bricks", "vllm",
}

func readVectors(t testing.TB, name string, to any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to))
}

func readCases(t testing.TB, name string) []vector {
	var file struct{ Cases []vector }
	readVectors(t, name, &file)
	require.NotEmpty(t, file.Cases)
	return file.Cases
}

func (v vector) bind(t testing.TB) interop.Scorer {
	t.Helper()
	p, err := interop.ParseProfile(v.Profile)
	require.NoError(t, err, string(v.Profile))
	k, err := interop.NewKey(v.Key...)
	require.NoError(t, err)
	s, err := p.Bind(k)
	require.NoError(t, err)
	return s
}

// measure scores a text as a detector does under the dedup of the profile.
func measure(s interop.Scorer, prompt, text []watermark.Token) (r detect.Result, sum float64) {
	f := s.Frame(prompt, text)
	o := &detect.Options{Exempt: s.Profile().Exempt}
	if s.Profile().Dedup == interop.DedupContext {
		o.Dedup = detect.DedupContext
	}
	var a *detect.Accumulator
	if s.Profile().Dedup == interop.DedupNone {
		pairs := interop.EachPair(s, f)
		s = interop.Each(s)
		a = detect.NewAccumulator(s, o)
		for p := range pairs {
			a.AddPair(p.Context, p.Token)
		}
	} else {
		a = detect.NewAccumulator(s, o)
		a.Add(f.Tokens)
	}
	return a.Result(), s.Sum(func(yield func(watermark.Pair) bool) {
		for u := range a.Units() {
			if !u.Excluded && !yield(u.Pair) {
				return
			}
		}
	})
}

// TestVectors: what the reference programs wrote has the scores that they report.
func TestVectors(t *testing.T) {
	for _, name := range vectorFiles {
		t.Run(name, func(t *testing.T) {
			for i, v := range readCases(t, name) {
				t.Run(strconv.Itoa(i)+" "+v.What, func(t *testing.T) {
					s := v.bind(t)
					r, sum := measure(s, v.Prompt, v.Tokens)
					if v.Unit == "ngram" && s.Profile().Dedup == interop.DedupPair {
						// The program counts distinct windows. So does a scorer without names.
						p := s.Profile()
						r, sum = measure(windows{s}, v.Prompt, v.Tokens)
						require.Equal(t, interop.DedupPair, p.Dedup)
					}
					require.Equal(t, v.Scored, r.Scored)
					require.InEpsilon(t, v.Sum+1, sum+1, 3e-6, "statistic")
					if _, ok := s.Law().(watermark.Exponential); ok {
						require.InDelta(t, v.Sum, float64(r.Sum)/watermark.ScoreUnit, 3e-6*v.Sum, "score")
					} else {
						require.Equal(t, v.Sum, float64(r.Sum))
					}
					if v.Weighted > 0 {
						p := s.Profile()
						p.Weighted = true
						k, err := interop.NewKey(v.Key...)
						require.NoError(t, err)
						weighted, err := p.Bind(k)
						require.NoError(t, err)
						_, sum = measure(weighted, v.Prompt, v.Tokens)
						require.InEpsilon(t, v.Weighted, sum, 1e-12, "weighted statistic")
					}
				})
			}
		})
	}
}

// windows hides the names of inputs, so that each distinct window counts.
type windows struct{ interop.Scorer }

// TestKeysBeyondSigned: the programs of green lists take keys above 2^63-1 and negative ones. The
// counts are those of transformers 5.24.0, lm-watermarking fb602de and sbw 1.0.0 for this text.
func TestKeysBeyondSigned(t *testing.T) {
	text := make([]watermark.Token, 60)
	for i := range text {
		text[i] = watermark.Token((7*i*i + 3*i) % 50)
	}
	const above, high, minus7 = 1<<63 + 12345, 1<<64 - 5, 1<<64 - 7
	for _, c := range []struct {
		scheme string
		key    uint64
		green  int64
	}{
		{`hf-lefthash","width":1`, above, 13},
		{`hf-lefthash","width":1`, high, 21},
		{`hf-lefthash","width":1`, minus7 - 1, 18}, // -7 modulo 2^64-1
		{`hf-selfhash","width":4`, above, 19},
		{`hf-selfhash","width":4`, high, 16},
		{`hf-selfhash","width":4`, minus7, 3},
		{`kgw","preset":"ff-additive_prf-3-True"`, above, 20},
		{`kgw","preset":"ff-minfunc_prf-3-True"`, high, 17},
		{`kgw","preset":"ff-multiplicative_prf-3-True"`, high, 12},
		{`kgw","preset":"ff-simple_skip_prf-3-True"`, above, 18},
		{`kgw","preset":"ff-skipgram_prf-3-True"`, high, 7},
		{`kgw","preset":"ff-anchored_skipgram_prf-3-True"`, above, 18},
		{`kgw","preset":"ff-minhash_prf-3-True"`, high, 7},
		{`kgw","preset":"ff-anchored_minhash_prf-3-True"`, above, 12},
		{`kgw","preset":"ff-minskipgram_prf-3-True"`, high, 14},
		{`kgw","preset":"ff-position_prf-3-True"`, above, 16},
		{`sbw","preset":"simple_1"`, high, 12},
		{`sbw","preset":"simple_1"`, minus7, 18},
		{`sbw","preset":"selfhash"`, above, 12},
		{`sbw","preset":"gpu-selfhash"`, above, 8},
		{`sbw","preset":"gpu-selfhash"`, minus7, 6},
		{`sbw","preset":"gpu-simple_1"`, high, 15},
		{`sbw","preset":"gpu-ff-noncomm_prf-3-False"`, minus7, 26},
	} {
		t.Run(c.scheme+" "+strconv.FormatUint(c.key, 10), func(t *testing.T) {
			p := parse(t, `{"isotope":1,"scheme":"`+c.scheme+`,"vocab":50,"gamma":0.25,"tokenizer":"none","dedup":"none"}`)
			s, err := p.Bind(newKey(t, c.key))
			require.NoError(t, err)
			r, _ := measure(s, nil, text)
			require.Equal(t, c.green, r.Green)
		})
	}
}
