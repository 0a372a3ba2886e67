package row_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus/row"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

var limits = row.Limits{Depth: 64, Values: 1 << 16}

// plain turns a value into what encoding/json makes of it.
func plain(v row.Value) any {
	switch v.Kind() {
	case row.Bool:
		return v.True()
	case row.Number:
		return json.Number(v.Raw())
	case row.String:
		return v.Text()
	case row.Array:
		list := []any{}
		for x := range v.Items() {
			list = append(list, plain(x))
		}
		return list
	case row.Object:
		m := map[string]any{}
		for k, x := range v.Members() {
			m[k.Text()] = plain(x)
		}
		return m
	}
	return nil
}

// reference is what encoding/json makes of a value, and how long it is.
func reference(b []byte) (v any, n int64, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	err = d.Decode(&v)
	return v, d.InputOffset(), err
}

func TestParse(t *testing.T) {
	for _, x := range []string{
		`{}`, `[]`, `0`, `-0.5e+10`, `true`, `false`, `null`, `""`, `"a"`, ` { "a" : [ 1 , 2 ] , "b" : { "c" : null } } `,
		`"\" \\ \/ \b \f \n \r \t \u00e9 \ud83d\ude00"`, `{"\u0061":1,"b":2}`, `[[[[[]]]]]`, `{"a":{"a":{"a":1}}}`, `"` + strings.Repeat("x", 1000) + `"`,
		`["é","😀","\ud83d"]`, `[1,"a",null,true,{"b":[]}]`,
	} {
		t.Run(x, func(t *testing.T) {
			var r row.Row
			n, err := r.Parse([]byte(x), limits)
			require.NoError(t, err)
			want, size, err := reference([]byte(x))
			require.NoError(t, err)
			assert.Equal(t, want, plain(r.Root()))
			assert.Equal(t, int(size), n)
		})
	}
}

func TestFaults(t *testing.T) {
	for _, x := range []struct {
		in    string
		fault row.Fault
		says  string
	}{
		{``, row.CutShort, "a value"}, {`{`, row.CutShort, "name of a field"}, {`[1`, row.CutShort, `"," or "]"`}, {`"a`, row.CutShort, "inside a string"},
		{`"\u12`, row.CutShort, "escape"}, {`tru`, row.CutShort, "a value"}, {`{"a":1,`, row.CutShort, "name"}, {`-`, row.CutShort, "digit"},
		{`{a:1}`, row.NotJSON, "double quotes"}, {`{"a" 1}`, row.NotJSON, `":"`}, {`[1 2]`, row.NotJSON, `"," or "]"`}, {`[1,]`, row.NotJSON, "a value"},
		{`"a` + "\n" + `"`, row.NotJSON, "control character"}, {`"\q....."`, row.NotJSON, "escape"}, {`01`, 255, ""}, {`+1`, row.NotJSON, "value"}, {`.5`, row.NotJSON, "value"},
		{`{"a":1,"a":2}`, row.Repeated, `"a" stands twice`}, {`{"x":{"a":1,"\u0061":2}}`, row.Repeated, `"a" stands twice`},
		{strings.Repeat("[", 65), row.TooDeep, "64 deep"}, {"[" + strings.Repeat("0,", 70000) + "0]", row.TooMany, "65536 values"},
	} {
		t.Run(x.in[:min(len(x.in), 20)], func(t *testing.T) {
			var r row.Row
			n, err := r.Parse([]byte(x.in), limits)
			if x.fault == 255 { // a value with something after it
				require.NoError(t, err)
				assert.Less(t, n, len(x.in))
				return
			}
			var e *row.Error
			require.True(t, errors.As(err, &e))
			assert.Equal(t, x.fault, e.Fault)
			assert.Contains(t, err.Error(), x.says)
			assert.Equal(t, row.None, r.Root().Kind())
		})
	}
}

// What this package reads and encoding/json does not, or otherwise.
func TestDifferences(t *testing.T) {
	var r row.Row
	_, err := r.Parse([]byte(`{"score":NaN,"x":[Infinity,-Infinity],"Output":"N/A","output":"a"}`), limits)
	require.NoError(t, err)
	assert.Equal(t, "a", r.Root().Get("output").Text())
	assert.Equal(t, "N/A", r.Root().Get("Output").Text())
	assert.Equal(t, row.None, r.Root().Get("OUTPUT").Kind())
	assert.Equal(t, row.Number, r.Root().Get("score").Kind())

	_, err = r.Parse([]byte("\"caf\xe9\""), limits)
	require.NoError(t, err)
	assert.Equal(t, "caf\xe9", r.Root().Text())

	_, err = r.Parse([]byte(`"\ud83d and \udc00"`), limits)
	require.NoError(t, err)
	text, lone := r.Root().AppendText(nil)
	assert.Equal(t, "\ufffd and \ufffd", string(text))
	assert.Equal(t, 2, lone)
}

// Many names, repeated or not, are compared in a time that grows with their number: the
// names are hashed with a seed that nobody knows.
func TestRepeatedOfMany(t *testing.T) {
	for _, twice := range []bool{false, true} {
		var b strings.Builder
		for i := range 20_000 {
			fmt.Fprintf(&b, `,"n%d":0`, i)
		}
		if twice {
			b.WriteString(`,"n17\u0030":0`)
		}
		var r row.Row
		_, err := r.Parse([]byte("{"+b.String()[1:]+"}"), limits)
		if twice {
			assert.ErrorContains(t, err, `"n170" stands twice`)
		} else {
			assert.NoError(t, err)
		}
	}
}

func TestBuilder(t *testing.T) {
	var r row.Row
	b := r.Build(limits)
	b.Begin(row.Object)
	b.Name([]byte("a"))
	b.Begin(row.Array)
	b.String([]byte(`raw \n "text"`))
	b.Null()
	b.Bool(true)
	b.Number([]byte("12"))
	b.End()
	b.Name([]byte("b"))
	b.Begin(row.Object)
	b.End()
	b.End()
	require.NoError(t, b.Err())
	assert.Equal(t, map[string]any{"a": []any{`raw \n "text"`, nil, true, json.Number("12")}, "b": map[string]any{}}, plain(r.Root()))
	n, ok := r.Root().Get("a").Int()
	assert.False(t, ok)
	assert.Zero(t, n)

	b = r.Build(limits)
	b.Begin(row.Object)
	for range 2 {
		b.Name([]byte("a"))
		b.Null()
	}
	b.End()
	assert.ErrorContains(t, b.Err(), "twice")

	b = r.Build(row.Limits{Depth: 3, Values: 10})
	for range 5 {
		b.Begin(row.Array)
	}
	for range 5 {
		b.End()
	}
	assert.ErrorContains(t, b.Err(), "3 deep")

	b = r.Build(row.Limits{Depth: 3, Values: 10})
	b.Begin(row.Array)
	for range 50 {
		b.Null()
	}
	b.End()
	assert.ErrorContains(t, b.Err(), "10 values")
}

func TestPlainPrefix(t *testing.T) {
	base := bytes.Repeat([]byte("aé \x7f\xff{"), 8)
	for at := range base {
		for _, c := range []byte{'"', '\\', 0, 0x1f} {
			b := bytes.Clone(base)
			b[at] = c
			assert.Equal(t, at, row.PlainPrefix(b))
		}
	}
	assert.Equal(t, len(base), row.PlainPrefix(base))
}

// hasRepeats reports whether an object of the value has a name twice, which encoding/json
// lets pass.
func hasRepeats(b []byte) bool {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var open []map[string]bool
	var name []bool // whether a name comes next
	for {
		tok, err := d.Token()
		if err != nil {
			return false
		}
		n := len(open) - 1
		switch x := tok.(type) {
		case json.Delim:
			switch x {
			case '{':
				open, name = append(open, map[string]bool{}), append(name, true)
				continue
			case '[':
				open, name = append(open, nil), append(name, false)
				continue
			}
			open, name = open[:n], name[:n]
			n--
		case string:
			if n >= 0 && name[n] {
				if open[n][x] {
					return true
				}
				open[n][x] = true
				name[n] = false
				continue
			}
		}
		if n >= 0 && open[n] != nil {
			name[n] = true
		}
		if n < 0 {
			return false
		}
	}
}

func FuzzParse(tf *testing.F) {
	f := mutate.New(tf)
	for _, s := range []string{`{"a":[1,"é\u00e9",null]}`, `[NaN]`, `"\ud83d\ude00"`, `{"a":1,"a":2}`, "\"\xff\"", `1e5`, `[[],{}]`, `{"a":`, `"\u0000"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r row.Row
		l := row.Limits{Depth: 32, Values: 1000}
		n, err := r.Parse(b, l)
		want, size, refErr := reference(b)
		var e *row.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("an error of another type: %v", err)
		}
		switch {
		case err == nil && refErr != nil:
			// What is read beyond RFC 8259 is named.
			s := string(b[:n])
			if !strings.Contains(s, "NaN") && !strings.Contains(s, "Infinity") && utf8.Valid(b) && !strings.ContainsAny(s, "eE") && bytes.Count(b[:n], []byte("[")) < 1000 {
				t.Fatalf("%q was read, and encoding/json says %v", b, refErr)
			}
		case err != nil && refErr == nil:
			if e.Fault != row.TooDeep && e.Fault != row.TooMany && !(e.Fault == row.Repeated && hasRepeats(b)) {
				t.Fatalf("%q was not read: %v", b, err)
			}
		case err == nil && utf8.Valid(b):
			if int(size) != n {
				t.Fatalf("%q has %d bytes, not %d", b, size, n)
			}
			assert.Equal(t, want, plain(r.Root()))
		}
	})
}
