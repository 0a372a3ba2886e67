package interop_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

func newKey(t testing.TB, numbers ...uint64) interop.Key {
	t.Helper()
	k, err := interop.NewKey(numbers...)
	require.NoError(t, err)
	return k
}

func TestParseKey(t *testing.T) {
	for _, c := range []struct {
		name, text string
		numbers    []uint64 // nil if the text is refused
	}{
		{"one number", "integer-key-1:42", []uint64{42}},
		{"zero", "integer-key-1:0", []uint64{0}},
		{"largest", "integer-key-1:18446744073709551615", []uint64{1<<64 - 1}},
		{"several", "integer-key-1:654,400,836", []uint64{654, 400, 836}},
		{"white space around", "  integer-key-1:7,8\r\n", []uint64{7, 8}},
		{"64 numbers", "integer-key-1:" + strings.Repeat("1,", 63) + "1", make([]uint64, 64)},
		{"65 numbers", "integer-key-1:" + strings.Repeat("1,", 64) + "1", nil},
		{"empty", "", nil},
		{"no numbers", "integer-key-1:", nil},
		{"no prefix", "42", nil},
		{"other version", "integer-key-2:42", nil},
		{"too large", "integer-key-1:18446744073709551616", nil},
		{"negative", "integer-key-1:-1", nil},
		{"plus", "integer-key-1:+1", nil},
		{"leading zero", "integer-key-1:007", nil},
		{"hex", "integer-key-1:0x2a", nil},
		{"space inside", "integer-key-1:1, 2", nil},
		{"comma at the end", "integer-key-1:1,", nil},
		{"underscore", "integer-key-1:1_000", nil},
		{"key of isotope/1", "isotope-secret-key-1:" + strings.Repeat("00", 32), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := interop.ParseKey(c.text)
			if c.numbers == nil {
				require.Error(t, err)
				assert.NotContains(t, err.Error(), "18446744073709551616")
				return
			}
			require.NoError(t, err)
			if c.name != "64 numbers" {
				assert.Equal(t, c.numbers, k.Numbers(secretaccess.Allow()))
			}
			assert.Equal(t, strings.TrimSpace(c.text), k.Secret(secretaccess.Allow()))
			again, err := interop.ParseKey(k.Secret(secretaccess.Allow()))
			require.NoError(t, err)
			assert.True(t, k.Equal(again))
		})
	}
}

func TestKeyIdentity(t *testing.T) {
	a, b := newKey(t, 1, 2), newKey(t, 2, 1)
	assert.NotEqual(t, a.ID(), b.ID(), "the order counts")
	assert.NotEqual(t, newKey(t, 1).ID(), newKey(t, 1, 0).ID())
	assert.Len(t, a.ID(), 16)
	assert.False(t, a.Equal(b))
	assert.False(t, a.Equal(interop.Key{}))
	assert.True(t, interop.Key{}.Equal(interop.Key{}))
	assert.True(t, newKey(t, 15485863).IsGuessable())
	assert.False(t, newKey(t, 1<<60).IsGuessable())
	var zero interop.Key
	assert.Equal(t, "key none", zero.String())
	assert.Empty(t, zero.Secret(secretaccess.Allow()))
	assert.Empty(t, zero.ID())
	_, err := interop.NewKey()
	assert.Error(t, err)
	numbers := a.Numbers(secretaccess.Allow())
	numbers[0] = 99
	assert.Equal(t, []uint64{1, 2}, a.Numbers(secretaccess.Allow()), "a copy")
}

// TestKeyDoesNotLeak prints, logs, encodes and reflects on a key in every way a program would.
func TestKeyDoesNotLeak(t *testing.T) {
	const number = uint64(7316849502837465123)
	k := newKey(t, number, number+1)
	s, err := parse(t, `{"isotope":1,"scheme":"sglang-dual-gumbel","width":4,"mixing":0.5,"vocab":100,"tokenizer":"none"}`).Bind(k)
	require.NoError(t, err)
	type holder struct {
		K      interop.Key
		hidden interop.Key
		P      *interop.Key
		Any    any
		S      interop.Scorer
	}
	v := holder{K: k, hidden: k, P: &k, Any: []interop.Key{k}, S: s}
	leaks := func(out string) bool {
		for _, secret := range []string{"7316849502837465", fmt.Sprintf("%x", number)[:8], strings.ToUpper(fmt.Sprintf("%x", number)[:8])} {
			if strings.Contains(out, secret) {
				return true
			}
		}
		return false
	}
	require.True(t, leaks(fmt.Sprint(k.Numbers(secretaccess.Allow()))), "the test sees a leak")
	for verb := 'A'; verb <= 'z'; verb++ {
		for _, flags := range []string{"", "+", "#", " ", "-20", "020", "+#"} {
			for _, x := range []any{k, &k, v, &v, interop.AnyKey{Engine: k}} {
				require.False(t, leaks(fmt.Sprintf("%"+flags+string(verb), x)), "%s%c", flags, verb)
			}
		}
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v, "k", k)
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v, "k", k)
	for _, x := range []any{k, v, interop.AnyKey{Engine: k}} {
		_ = json.NewEncoder(&out).Encode(x)
		_ = xml.NewEncoder(&out).Encode(x)
		func() {
			defer func() { _ = recover() }()
			_ = gob.NewEncoder(&out).Encode(x)
		}()
	}
	var walk func(v reflect.Value, depth int)
	walk = func(v reflect.Value, depth int) {
		if !v.IsValid() || depth > 12 {
			return
		}
		fmt.Fprintln(&out, v.Kind(), v)
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			walk(v.Elem(), depth+1)
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i), depth+1)
			}
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				walk(v.Index(i), depth+1)
			}
		}
	}
	walk(reflect.ValueOf(v), 0)
	require.NotZero(t, out.Len())
	assert.False(t, leaks(out.String()))
}

func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "k")
	k := newKey(t, 5, 6)
	require.NoError(t, interop.WriteKeyFile(path, k, "for vllm\nin test"))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "# for vllm\n# in test\ninteger-key-1:5,6\n", string(text))
	again, err := interop.ReadKeyFile(path)
	require.NoError(t, err)
	assert.True(t, k.Equal(again))
	assert.ErrorIs(t, interop.WriteKeyFile(path, k), os.ErrExist, "a key is never overwritten")
	assert.Error(t, interop.WriteKeyFile(filepath.Join(dir, "zero"), interop.Key{}))

	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	for _, c := range []struct {
		name, text, want string
		mode             os.FileMode
	}{
		{"two keys", "integer-key-1:5\ninteger-key-1:6\n", "more than one key", 0o600},
		{"no key", "# nothing\n", "no key", 0o600},
		{"damaged", "integer-key-1:5z9173\n", "not a key", 0o600},
		{"readable", "integer-key-1:5\n", "chmod 600", 0o644},
		{"long", strings.Repeat("# x\n", 1<<15), "too large", 0o600},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.mode&0o077 != 0 && runtime.GOOS == "windows" {
				t.Skip("no permission bits")
			}
			_, err := interop.ReadKeyFile(write(c.name, c.text, c.mode))
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "5z9173")
		})
	}
	_, err = interop.ReadKeyFile("integer-key-1:123456789")
	require.ErrorContains(t, err, "history")
	assert.NotContains(t, err.Error(), "123456789")

	native := watermark.NewKey()
	require.NoError(t, watermark.WriteKeyFile(filepath.Join(dir, "native"), native))
	for path, want := range map[string]string{path: k.ID(), filepath.Join(dir, "native"): native.ID()} {
		any, err := interop.ReadAnyKeyFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, any.ID())
	}
	_, err = interop.ReadAnyKeyFile(filepath.Join(dir, "damaged"))
	assert.ErrorContains(t, err, "not a key")
}
