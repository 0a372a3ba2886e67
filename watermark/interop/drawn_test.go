package interop_test

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

var drawn = flag.String("interop.vectors", "", "folder of files that testdata/draw_vectors.py wrote")

// A drawnVector is a vector with the p-value of its count and sum by another program.
type drawnVector struct {
	vector
	Law *float64 `json:"law"` // ln p under the exact law, or nil where it is too small for that program
}

// TestDrawnVectors: texts and configurations by chance have the scores that the reference programs
// report, and the p-value that scipy has for them.
func TestDrawnVectors(t *testing.T) {
	if *drawn == "" {
		t.Skip("needs -interop.vectors and files of testdata/draw_vectors.py")
	}
	files, err := filepath.Glob(filepath.Join(*drawn, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			var file struct{ Cases []drawnVector }
			require.NoError(t, json.Unmarshal(text, &file))
			require.NotEmpty(t, file.Cases)
			worst, tested, small := 0.0, 0, 0
			for i, v := range file.Cases {
				t.Run(strconv.Itoa(i), func(t *testing.T) {
					d, ok := v.check(t)
					if ok {
						tested, worst = tested+1, max(worst, d)
						if *v.Law < -10 {
							small++
						}
					}
				})
			}
			t.Logf("%d texts, %d p-values, %d of them below 5e-5: log10 differs by %.2g of itself at most", len(file.Cases), tested, small, worst)
		})
	}
}

// check compares the scores of one text. It returns by how much log10 of the p-values differs, as a
// share of log10 where that is above 1.
func (v drawnVector) check(t *testing.T) (off float64, ok bool) {
	s := v.bind(t)
	r, sum := measure(s, v.Prompt, v.Tokens)
	if v.Unit == "ngram" && s.Profile().Dedup != interop.DedupNone {
		units := r.Scored
		r, sum = measure(windows{s}, v.Prompt, v.Tokens)
		require.LessOrEqual(t, units, r.Scored, "windows that share an input")
	}
	require.Equal(t, v.Scored, r.Scored, "%s", v.Profile)
	require.InDelta(t, v.Sum, sum, 3e-6*max(1, v.Sum), "%s", v.Profile)
	if _, ok := s.Law().(watermark.Exponential); ok {
		// A score takes the probability of the value, from which textseal's float32 is off by 1.3e-4 at most.
		require.InDelta(t, v.Sum, float64(r.Sum)/watermark.ScoreUnit, 3e-6*max(1, v.Sum)+1.3e-4*textsealTokens(s, r))
	}
	if v.Law == nil {
		return 0, false
	}
	want := *v.Law / math.Ln10
	off = math.Abs(r.Log10P-want) / max(1, -want)
	require.Less(t, off, drawnWithin(s, r), "log10 p is %v, and by scipy %v: %s", r.Log10P, want, v.Profile)
	return off, true
}

// textsealTokens returns how many tokens were scored for textseal, or 0.
func textsealTokens(s interop.Scorer, r detect.Result) float64 {
	if strings.HasPrefix(s.Profile().Scheme, "textseal") {
		return float64(r.Scored)
	}
	return 0
}

// drawnWithin bounds how much log10 p may differ. The programs add up in float32 in some schemes.
func drawnWithin(s interop.Scorer, r detect.Result) float64 {
	if _, ok := s.Law().(watermark.Exponential); ok {
		return 3e-5 + 1e-4*textsealTokens(s, r)
	}
	return 1e-7
}
