package watermark_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.key")
	k := watermark.NewKey()
	require.NoError(t, watermark.WriteKeyFile(path, k, "id "+k.ID(), "two\nlines"))

	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	again, err := watermark.ReadKeyFile(path)
	require.NoError(t, err)
	assert.True(t, k.Equal(again))

	before, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.ErrorIs(t, watermark.WriteKeyFile(path, watermark.NewKey()), os.ErrExist)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after, "never overwritten")
}

func TestReadKeyFileRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "does not have a key"},
		{"only comments", "# a\n\n#b\n", "does not have a key"},
		{"two keys", testSecret + "\n" + testSecret + "\n", "more than one key"},
		{"something else", "hello\n", "not a key"},
		{"zeros", "isotope-secret-key-1:" + strings.Repeat("0", 64) + "\n", "everybody can guess"},
		{"a key after a long line", "#" + strings.Repeat("x", 65_000) + "\n" + testSecret + "\n" + testSecret, "more than one key"},
		{"half a key", testSecret[:40] + "\n", "not a key"},
		{"too large", strings.Repeat("# comment\n", 10000), "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "k")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			_, err := watermark.ReadKeyFile(path)
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, path)
			assert.NotContains(t, err.Error(), "000102030405")
		})
	}
	_, err := watermark.ReadKeyFile(filepath.Join(t.TempDir(), "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestReadKeyFileRefusesWhatOthersCanRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits")
	}
	path := filepath.Join(t.TempDir(), "k")
	require.NoError(t, watermark.WriteKeyFile(path, watermark.NewKey()))
	for _, mode := range []os.FileMode{0o604, 0o640, 0o644, 0o666} {
		t.Run(fmt.Sprintf("%04o", mode), func(t *testing.T) {
			require.NoError(t, os.Chmod(path, mode))
			_, err := watermark.ReadKeyFile(path)
			assert.ErrorContains(t, err, "chmod 600")
		})
	}
	require.NoError(t, os.Chmod(path, 0o400))
	_, err := watermark.ReadKeyFile(path)
	assert.NoError(t, err)
}

func TestWriteKeyFileLeavesNothingBehindOnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k")
	assert.Error(t, watermark.WriteKeyFile(path, watermark.Key{}))
	assert.NoFileExists(t, path)
	assert.Error(t, watermark.WriteKeyFile(filepath.Join(path, "no", "such"), watermark.NewKey()))
}
