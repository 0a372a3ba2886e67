package testmark

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// Path returns the path of a file or directory of the repository, whose slash-separated name
// starts at its root. It fails t if the tests do not run inside the repository.
func Path(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "testdata", "vectors")); err == nil {
			path := filepath.Join(dir, filepath.FromSlash(name))
			_, err := os.Stat(path)
			require.NoError(t, err)
			return path
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "no directory above this one has testdata/vectors")
		dir = parent
	}
}

// ReadVectors decodes testdata/vectors/name, a JSON file, into the value that to points to.
func ReadVectors(t testing.TB, name string, to any) {
	t.Helper()
	text, err := os.ReadFile(Path(t, "testdata/vectors/"+name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to))
}

// VectorMark parses the profile of a vector and binds it to the key of leaf. If selector is
// not empty, it is the leaf of the selector. Both are 64 hex digits.
func VectorMark(t testing.TB, profile, leaf, selector string) (*watermark.Mark, *watermark.Profile) {
	t.Helper()
	p, err := watermark.ParseProfile([]byte(profile))
	require.NoError(t, err)
	var selectors []watermark.Key
	if selector != "" {
		selectors = append(selectors, HexKey(selector))
	}
	m, err := p.Mark(HexKey(leaf), selectors...)
	require.NoError(t, err)
	return m, p
}
