package watermark_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strings"
	"testing"
	texttemplate "text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

const testSecret = "isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

func testKey(t testing.TB) watermark.Key {
	t.Helper()
	k, err := watermark.ParseKey(testSecret)
	require.NoError(t, err)
	return k
}

// leaks reports whether out shows a key's bytes in any of the usual spellings.
func leaks(out string, k watermark.Key) bool {
	digits := strings.TrimPrefix(k.Secret(secretaccess.Allow()), "isotope-secret-key-1:")
	raw, _ := hex.DecodeString(digits)
	var list, goSyntax, numbers []string
	for _, b := range raw[:8] { // eight bytes in a row do not occur by chance
		list = append(list, fmt.Sprint(b))
		goSyntax = append(goSyntax, fmt.Sprintf("0x%x", b))
		numbers = append(numbers, fmt.Sprintf("%#02x", b))
	}
	for _, secret := range []string{
		digits[:16], strings.ToUpper(digits[:16]), string(raw[:8]),
		strings.Join(list, " "), strings.Join(list, ","), strings.Join(list, ", "),
		strings.Join(goSyntax, ", "), strings.Join(numbers, ", "),
		base64.StdEncoding.EncodeToString(raw)[:10], base64.URLEncoding.EncodeToString(raw)[:10],
		fmt.Sprintf("% x", raw[:8]),
	} {
		if strings.Contains(out, secret) {
			return true
		}
	}
	return false
}

type nested struct {
	Name     string
	Exported watermark.Key
	hidden   watermark.Key
	Pointer  *watermark.Key
	Slice    []watermark.Key
	Map      map[string]watermark.Key
	Any      any
	Band     watermark.Band
	deeper   struct{ key watermark.Key }
	Mark     *watermark.Mark
}

// holders returns values that hold k in every way in which a program could.
func holders(t *testing.T, k watermark.Key) map[string]any {
	mark, err := watermark.New(k, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, 100,
		watermark.Band{Selector: k, Lo: 0, Hi: 5})
	require.NoError(t, err)
	seq, err := watermark.NewSequence(mark)
	require.NoError(t, err)
	n := nested{
		Name: "n", Exported: k, hidden: k, Pointer: &k, Slice: []watermark.Key{k},
		Map: map[string]watermark.Key{"k": k}, Any: k, Band: watermark.Band{Selector: k, Hi: 1}, Mark: mark,
	}
	n.deeper.key = k
	return map[string]any{
		"key": k, "pointer": &k, "slice": []watermark.Key{k}, "map": map[string]watermark.Key{"k": k},
		"struct": n, "struct pointer": &n, "mark": mark, "sequence": seq,
		"band": watermark.Band{Selector: k, Lo: 1, Hi: 2}, "closure": k.ID,
	}
}

func TestLeaksFindsLeaks(t *testing.T) {
	k := testKey(t)
	raw, err := hex.DecodeString(strings.TrimPrefix(testSecret, "isotope-secret-key-1:"))
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%x", "%X", "% x", "%s", "%#v", "%d", "%+v"} {
		assert.True(t, leaks(fmt.Sprintf(verb, raw), k), verb)
	}
	assert.True(t, leaks(k.Secret(secretaccess.Allow()), k))
}

func TestKeyDoesNotLeakThroughFmt(t *testing.T) {
	k := watermark.NewKey()
	for name, v := range holders(t, k) {
		for verb := 'A'; verb <= 'z'; verb++ {
			for _, flags := range []string{"", "+", "#", " ", "-20", "020", "+#", ".3", "# "} {
				out := fmt.Sprintf("%"+flags+string(verb), v)
				require.False(t, leaks(out, k), "%s with %%%s%c", name, flags, verb)
			}
		}
		require.False(t, leaks(fmt.Sprint(v)+fmt.Sprintln(v), k), name)
		require.False(t, leaks(fmt.Errorf("outer: %w, %v", fmt.Errorf("inner: %v", v), v).Error(), k), name)
	}
}

func TestKeyDoesNotLeakThroughLogs(t *testing.T) {
	k := watermark.NewKey()
	for name, v := range holders(t, k) {
		var out bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(h).Info("m", "v", v, slog.Group("g", "v", v))
			slog.New(h).With("v", v).Error("m", "err", fmt.Errorf("%v", v))
		}
		require.NotEmpty(t, out.String())
		require.False(t, leaks(out.String(), k), name)
	}
}

func TestKeyDoesNotLeakThroughEncoders(t *testing.T) {
	k := watermark.NewKey()
	for name, v := range holders(t, k) {
		var out bytes.Buffer
		// Most of these fail, which is as good; what they wrote counts, and so does
		// what their errors say.
		for _, err := range []error{
			json.NewEncoder(&out).Encode(v),
			xml.NewEncoder(&out).Encode(v),
			encodeGob(&out, v),
		} {
			if err != nil {
				out.WriteString(err.Error())
			}
		}
		require.False(t, leaks(out.String(), k), name)
	}
	text, err := json.Marshal(k)
	require.NoError(t, err)
	assert.Equal(t, `"key `+k.ID()+`"`, string(text))
	var back struct{ Key any }
	require.NoError(t, json.Unmarshal([]byte(`{"Key":`+string(text)+`}`), &back))
	_, err = watermark.ParseKey(fmt.Sprint(back.Key))
	assert.Error(t, err, "what MarshalText writes is not a key")
}

func encodeGob(out *bytes.Buffer, v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return gob.NewEncoder(out).Encode(v)
}

// TestKeyDoesNotLeakThroughReflection walks everything that reflection can reach.
func TestKeyDoesNotLeakThroughReflection(t *testing.T) {
	k := watermark.NewKey()
	for name, v := range holders(t, k) {
		var out strings.Builder
		walk(&out, reflect.ValueOf(v), 0)
		require.NotEmpty(t, out.String())
		require.False(t, leaks(out.String(), k), name)
	}
}

func walk(out *strings.Builder, v reflect.Value, depth int) {
	if !v.IsValid() || depth > 20 {
		return
	}
	fmt.Fprintln(out, v.Kind(), v)
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		walk(out, v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			walk(out, v.Field(i), depth+1)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walk(out, v.Index(i), depth+1)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			walk(out, v.MapIndex(key), depth+1)
		}
	}
}

// TestSecretNeedsAToken: neither a template nor a call that reflection makes gets at the secret.
func TestSecretNeedsAToken(t *testing.T) {
	k := watermark.NewKey()
	data := map[string]any{"K": k, "P": &k, "Mark": testmark.Must(watermark.New(k, watermark.GreenList{Gamma: 0.5, Delta: 1}, 10))}
	for _, text := range []string{"{{.K}}", "{{.K.Secret}}", "{{.P.Secret}}", `{{call .K.Secret}}`, `{{.K.Secret "x"}}`, "{{.K.Secret nil}}", "{{.K.Secret .K}}",
		"{{.K.Derive.Secret}}", `{{printf "%v %#v" .K .P}}`, "{{.Mark.Key.Secret}}", "{{with .K}}{{.Secret .}}{{end}}", "{{range .}}{{.Secret}}{{end}}"} {
		t.Run(text, func(t *testing.T) {
			for name, execute := range map[string]func(io.Writer) error{
				"text": func(w io.Writer) error { return texttemplate.Must(texttemplate.New("").Parse(text)).Execute(w, data) },
				"html": func(w io.Writer) error { return template.Must(template.New("").Parse(text)).Execute(w, data) },
			} {
				var out bytes.Buffer
				if err := execute(&out); err != nil {
					out.WriteString(err.Error())
				}
				assert.False(t, leaks(out.String(), k), name)
				assert.False(t, leaks(out.String(), k.Derive()), name)
			}
		})
	}
	for _, v := range []reflect.Value{reflect.ValueOf(k), reflect.ValueOf(&k)} {
		for i := range v.NumMethod() {
			method := v.Method(i)
			args := make([]reflect.Value, method.Type().NumIn())
			for j := range args {
				args[j] = reflect.Zero(method.Type().In(j))
			}
			var out string
			func() {
				defer func() { out += fmt.Sprint(recover()) }()
				if method.Type().IsVariadic() {
					out = fmt.Sprint(method.CallSlice(args))
				} else {
					out = fmt.Sprint(method.Call(args))
				}
			}()
			assert.False(t, leaks(out, k), v.Type().Method(i).Name)
		}
	}
	assert.PanicsWithValue(t, "secretaccess: a secret was asked for with the zero Token; use Allow", func() { k.Secret(secretaccess.Token{}) })
	assert.Panics(t, func() { _ = watermark.WriteKey(io.Discard, secretaccess.Token{}, k) })
}

// TestKeyDoesNotLeakThroughPanics runs a program that panics with keys in its frames
// and in the panic value.
func TestKeyDoesNotLeakThroughPanics(t *testing.T) {
	if os.Getenv("ISOTOPE_TEST_PANIC") != "" {
		panicWith(testKey(t), holders(t, testKey(t)))
	}
	if runtime.GOOS == "js" || runtime.GOOS == "wasip1" {
		t.Skip("no processes")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKeyDoesNotLeakThroughPanics$")
	cmd.Env = append(os.Environ(), "ISOTOPE_TEST_PANIC=1", "GOTRACEBACK=all")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "panic")
	assert.False(t, leaks(string(out), testKey(t)))
}

//go:noinline
func panicWith(k watermark.Key, v map[string]any) {
	panic(fmt.Errorf("with %v: %w", v, errors.Join(fmt.Errorf("%+v", k), fmt.Errorf("%#v", v["struct"]))))
}

func TestParseKey(t *testing.T) {
	k := testKey(t)
	assert.Equal(t, testSecret, k.Secret(secretaccess.Allow()))
	again, err := watermark.ParseKey("\n " + testSecret + " \r\n")
	require.NoError(t, err)
	assert.True(t, k.Equal(again))

	digits := strings.TrimPrefix(testSecret, "isotope-secret-key-1:")
	for _, c := range []struct{ name, text string }{
		{"empty", ""},
		{"the prefix", "isotope-secret-key-1:"},
		{"the digits", digits},
		{"more digits", testSecret + "00"},
		{"a digit less", testSecret[:len(testSecret)-1]},
		{"a letter that is not a digit", testSecret[:len(testSecret)-1] + "g"},
		{"another version", "isotope-secret-key-2:" + digits},
		{"upper case", strings.ToUpper(testSecret)},
		{"upper-case digits", "isotope-secret-key-1:" + strings.ToUpper(digits)},
		{"two keys", testSecret + " " + testSecret},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := watermark.ParseKey(c.text)
			require.ErrorContains(t, err, "not a key")
			assert.NotContains(t, err.Error(), "1e1f")
		})
	}
}

func TestKeyEquality(t *testing.T) {
	k, zero := testKey(t), watermark.Key{}
	assert.True(t, k.Equal(k))
	assert.True(t, zero.Equal(zero))
	assert.False(t, k.Equal(zero))
	assert.False(t, zero.Equal(k))
	assert.False(t, k.Equal(watermark.NewKey()))
	assert.NotEqual(t, watermark.NewKey().ID(), watermark.NewKey().ID())
}

func TestZeroKey(t *testing.T) {
	var zero watermark.Key
	assert.True(t, zero.IsZero())
	assert.Empty(t, zero.ID())
	assert.Empty(t, zero.Secret(secretaccess.Allow()))
	assert.True(t, zero.Derive("x").IsZero())
	assert.Equal(t, "key none", zero.String())
	_, err := watermark.New(zero, watermark.GreenList{Gamma: 0.5, Delta: 1}, 10)
	assert.ErrorContains(t, err, "zero Key")
}

func TestDeriveIsAPath(t *testing.T) {
	k := testKey(t)
	assert.Equal(t, "isotope-secret-key-1:c86591bca1f65fff4bf1984ed498c9913a3a915008fb5b57975c4a761cafbf8a",
		k.Derive("tenant", "acme").Secret(secretaccess.Allow()))
	ids := map[string]bool{k.ID(): true}
	for _, child := range []watermark.Key{
		k.Derive(), k.Derive(""), k.Derive("", ""), k.Derive("tenant"), k.Derive("tenant").Derive("acme"),
		k.Derive("tenant", "acme"), k.Derive("tenantacme"), k.Derive("tenan", "tacme"),
	} {
		assert.False(t, ids[child.ID()])
		ids[child.ID()] = true
	}
}
