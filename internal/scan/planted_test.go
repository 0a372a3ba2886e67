package scan

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
)

var (
	plantedDocuments = flag.Int("scan.documents", 2000, "documents of TestPlanted")
	plantedKeys      = flag.Int("scan.keys", 3, "keys of TestPlanted")
)

// TestPlanted hides one marked document in a thousand among plain ones and templates, which share most
// of their text. Over all keys the list keeps its false discovery rate, finds what is there, and no
// document is called detected wrongly.
func TestPlanted(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	o := testOptions()
	o.Sample = 100_000
	falsely, listed, found, planted := 0.0, 0, 0, 0
	for k := range *plantedKeys {
		w := newWorld(t, uint64(100+k))
		w.mark = testmark.Green(t, testmark.Key(uint64(1000+k)), 2)
		marks := []Mark{markOf(w.mark, "")}
		head, foot := w.plain(60), w.plain(60) // of a template
		var b strings.Builder
		isMarked := map[int64]bool{}
		for i := range *plantedDocuments {
			switch {
			case i%1000 == 500:
				isMarked[int64(i+1)] = true
				b.WriteString(w.row("", w.marked(150)))
			case i%3 == 0:
				b.WriteString(w.row("", head+w.plain(30)+foot))
			default:
				b.WriteString(w.row("", w.plain(100)))
			}
		}
		w.file("all.jsonl", b.String())
		dir := filepath.Join(t.TempDir(), fmt.Sprint(k))
		require.NoError(t, Map(context.Background(), dir, marks, o, w.input(nil), nil))
		_, totals, l := reduced(t, marks, o, dir)
		require.EqualValues(t, *plantedDocuments, totals.Documents)
		planted += len(isMarked)
		wrong, all, before := 0, 0, found
		for _, d := range l.documents(t) {
			if d.Listed {
				all++
				if isMarked[d.Row] {
					found++
				} else {
					wrong++
				}
			}
			if d.Detected {
				assert.True(t, isMarked[d.Row], "a plain document is called detected")
			}
		}
		listed += all
		if all > 0 {
			falsely += float64(wrong) / float64(all)
		}
		t.Logf("key %d: %d planted, %d found, %d listed, %d of them wrongly", k, len(isMarked), found-before, all, wrong)
		require.NoError(t, errors.Join(os.RemoveAll(dir), os.RemoveAll(w.dir))) // many keys would fill the disk
	}
	assert.Equal(t, planted, found, "a marked text of 150 tokens shows")
	// The seeds are fixed, so the share is too. Its expectation is at most FDR.
	assert.LessOrEqual(t, falsely/float64(*plantedKeys), 5*o.FDR)
	t.Logf("%d of %d planted documents found, %d listed, mean share of false ones %.4f (declared %v)", found, planted, listed, falsely/float64(*plantedKeys), o.FDR)
}
