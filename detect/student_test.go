package detect_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
)

func TestStudentIsDetectedByBothStatistics(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(1, 200)
	rng := rand.New(rand.NewPCG(1, 1))
	s := detect.NewStudent(mark, decoysOf(t, 199, 1), &detect.StudentOptions{Reference: rows{toy}})
	ask(toy.taught(tilt{mark, 0.3}), rng, 60, 200, s.Add)
	t0 := time.Now()
	r := s.Result()
	t.Log(time.Since(t0), r, r.Pairs, r.Residual, r.Prompts)
	assert.Equal(t, detect.Detected, r.Verdict)
	require.NotNil(t, r.Residual)
	assert.Less(t, r.Pairs.Log10P, -6.0)
	assert.Less(t, r.Residual.Log10P, r.Pairs.Log10P, "repeats carry evidence that distinct pairs leave")
	assert.InDelta(t, math.Min(r.Pairs.Log10P, r.Residual.Log10P)+math.Log10(2), r.Log10P, 1e-12)
	assert.Equal(t, int64(2), r.Tests)
	assert.Equal(t, 1, r.PairsDecoys.Rank)
	assert.Equal(t, 1, r.ResidualDecoys.Rank)
	assert.Empty(t, r.Warnings)
}
