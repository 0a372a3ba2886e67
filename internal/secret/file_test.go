package secret

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "k")
	var synced []string
	syncDir = func(name string) error { synced = append(synced, name); return SyncDir(name) }
	t.Cleanup(func() { syncDir = SyncDir })
	require.NoError(t, WriteFile(path, []byte("text")))
	assert.Equal(t, []string{dir}, synced, "a power cut may take the name of a file whose directory is not synced")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "text", string(text))
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	assert.ErrorIs(t, WriteFile(path, []byte("other")), os.ErrExist)

	broken := errors.New("broken")
	syncDir = func(string) error { return broken }
	path = filepath.Join(dir, "l")
	assert.ErrorIs(t, WriteFile(path, []byte("text")), broken)
	assert.NoFileExists(t, path)
	assert.Error(t, WriteFile(filepath.Join(dir, "no", "such"), nil))
	assert.Error(t, SyncDir(filepath.Join(dir, "none")))
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	armored := ageArmor + "\nx\n"
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		decrypts   bool
		want, says string
	}{
		{name: "plain", text: key, mode: 0o600, want: key},
		{name: "readable by others", text: key, mode: 0o644, says: "chmod 600"},
		{name: "longer than allowed", text: strings.Repeat("x", 101), mode: 0o600, says: "too large"},
		{name: "encrypted", text: ageBinary + "\nx", mode: 0o600, decrypts: true, want: "plain of age-encryption.org/v1\nx"},
		{name: "armored", text: armored, mode: 0o600, decrypts: true, want: "plain of " + armored},
		{name: "encrypted, and readable by others", text: ageBinary + "\nx", mode: 0o644, decrypts: true, want: "plain of age-encryption.org/v1\nx"},
		{name: "encrypted, in a program that cannot decrypt", text: ageBinary + "\nx", mode: 0o600, says: "age -d"},
		{name: "that does not decrypt", text: ageBinary + "\nwrong", mode: 0o600, decrypts: true, says: "wrong passphrase"},
		{name: "that decrypts to too much", text: ageBinary + "\nlong", mode: 0o600, decrypts: true, says: "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && c.mode != 0o600 {
				t.Skip("no permission bits")
			}
			if c.decrypts {
				SetDecrypter(func(_ string, text []byte) ([]byte, error) {
					switch {
					case strings.HasSuffix(string(text), "wrong"):
						return nil, errors.New("wrong passphrase")
					case strings.HasSuffix(string(text), "long"):
						return make([]byte, 101), nil
					}
					return append([]byte("plain of "), text...), nil
				})
				defer SetDecrypter(nil)
			}
			path := file(strings.ReplaceAll(c.name, " ", "-"), c.text, c.mode)
			text, err := ReadFile(path, 100)
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				assert.ErrorContains(t, err, path)
				assert.NotContains(t, err.Error(), digits[:12])
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, string(text))
		})
	}
	_, err := ReadFile(filepath.Join(dir, "none"), 100)
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = ReadFile(key, 100)
	require.ErrorContains(t, err, "in place of the name")
	assert.NotContains(t, err.Error(), digits[:12])
}

func TestUse(t *testing.T) {
	const used = "0d15ea5e33445566778899aabbccddeeff0123456789abcdeffedcba98765432"
	times := 0
	OnUse(func() { times++ })
	t.Cleanup(func() { OnUse(nil) })
	Use("isotope-secret-key-1:" + used)
	assert.Equal(t, 1, times)
	assert.True(t, Holds("x "+used), "it is remembered")
	OnUse(nil)
	Use("isotope-secret-key-1:" + used)
	assert.Equal(t, 1, times)
}
