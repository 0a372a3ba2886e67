package main

import (
	"encoding/json"
	"os"
	"regexp"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/lm"
)

// aloneScale is the smallest scale at which every arm of the small version does something.
var aloneScale = scale{
	Name: "alone", Vocab: 512, TeacherOrder: 3, StudentOrder: 3, Document: 64,
	NgramTrain: 4_000, NgramScore: 2_000,
	Pretrain: 4_000, PretrainEpochs: 1, FineTune: 4_000, Epochs: 1,
	NeuralScore: 2_000, OpenPositions: 1_000,
	Dummies:       9,
	CleanStudents: 2, CleanTrain: 1_000, CleanScore: 500,
	Tenants: 24, Cohorts: 4,
}

// TestAlone: an arm's result does not depend on the arms that run at the same time. Arms once shared the
// working memory of the net that neural students start with. Continuous integration runs this test with
// the race detector.
func TestAlone(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	}
	root, err := lm.FindGo(t.Context())
	require.NoError(t, err)
	c, err := lm.GoComments(t.Context(), root, nil)
	require.NoError(t, err)
	c.Documents = c.Documents[:min(len(c.Documents), 300)]
	w, err := worldOf(c, aloneScale)
	require.NoError(t, err)

	// The two neural students run at the same time, and all other arms run next to one of them.
	var front, back []arm
	for _, a := range quickArms(aloneScale) {
		if a.name == studentName("neural", 1, 1) {
			front = append(front, a)
		} else {
			back = append(back, a)
		}
	}
	together, alone := t.TempDir(), t.TempDir()
	require.NoError(t, w.runAll(t.Context(), together, queueOf(front, back, regexp.MustCompile(""))))
	for _, a := range append(front, back...) {
		t.Run(a.name, func(t *testing.T) {
			_, err := w.do(alone, a)
			require.NoError(t, err)
			assert.Equal(t, resultOf(t, alone, a), resultOf(t, together, a))
		})
	}
}

// resultOf returns the result in an arm's file.
func resultOf(t *testing.T, dir string, a arm) (result any) {
	b, err := os.ReadFile(armPath(dir, a.name))
	require.NoError(t, err)
	var r struct{ Result any }
	require.NoError(t, json.Unmarshal(b, &r))
	require.NotNil(t, r.Result)
	return r.Result
}
