package corpus_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// python returns an interpreter that has the reference programs, or skips loudly:
// ISOTOPE_PYTHON names one, and python3 is tried else. ISOTOPE_REQUIRE_TOOLS=1 makes its
// lack a failure.
func python(t *testing.T) string {
	t.Helper()
	name := os.Getenv("ISOTOPE_PYTHON")
	if name == "" {
		name = "python3"
	}
	out, err := exec.Command(name, "-c", "import pyarrow.parquet, warcio, zstandard").CombinedOutput()
	if err == nil {
		return name
	}
	if os.Getenv("ISOTOPE_REQUIRE_TOOLS") != "" {
		t.Fatalf("no reference programs: set ISOTOPE_PYTHON to a python3 with pyarrow, warcio and zstandard (%v: %s)", err, out)
	}
	t.Skip("!!! SKIPPED: nothing was compared with pyarrow, warcio and zstandard, for want of them: set ISOTOPE_PYTHON !!!")
	return ""
}

// Parquet, WARC, zstd, gzip, bzip2 and xz are read as the programs read them that most
// people write them with.
func TestReferencePrograms(t *testing.T) {
	dir := t.TempDir()
	out, err := exec.Command(python(t), "testdata/reference.py", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	require.NoError(t, err)
	var index []struct {
		File   string
		Rows   [][]string
		Places [][3]any
		Stored bool
	}
	require.NoError(t, json.Unmarshal(text, &index))
	require.Greater(t, len(index), 60)
	for _, x := range index {
		t.Run(x.File, func(t *testing.T) {
			docs, skips, _ := read(t, filepath.Join(dir, x.File), nil)
			require.Equal(t, len(x.Rows), len(docs)+len(skips))
			next := 0
			for i, want := range x.Rows {
				if len(want) == 0 {
					continue // one of the skips
				}
				require.Less(t, next, len(docs))
				d := docs[next]
				var got []string
				for _, text := range d.Texts {
					if text.Kind.Tested() {
						got = append(got, string(text.Text))
					}
				}
				require.Equal(t, want, got, "row %d", i)
				if x.Places == nil && filepath.Ext(x.File) == ".parquet" {
					assert.EqualValues(t, i+1, d.Place.Row)
				}
				if x.Places != nil {
					offset := d.Place.Offset
					if x.Stored {
						offset = d.Place.Stored
					}
					assert.EqualValues(t, x.Places[i][0], offset)
					assert.Equal(t, x.Places[i][1], d.Place.URL)
					assert.Equal(t, x.Places[i][2], d.Place.RecordID)
				}
				next++
			}
		})
	}
}
