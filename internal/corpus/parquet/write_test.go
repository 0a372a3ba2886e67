package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus/row"
)

var everyColumn = []Column{
	{Name: "yes", Type: Boolean}, {Name: "maybe", Type: Boolean, Optional: true}, {Name: "n", Type: Int64}, {Name: "n or null", Type: Int64, Optional: true},
	{Name: "x", Type: Double}, {Name: "text", Type: Text}, {Name: "text or null", Type: Text, Optional: true},
}

// rowOf returns a row whose values follow from i.
func rowOf(i int) []any {
	r := []any{i%3 == 0, i%5 == 0, int64(i) - 7, int64(math.MinInt64), -float64(i) / 4, strings.Repeat("ä\n\"", i%4), "t"}
	if i%2 == 0 {
		r[1] = nil
	}
	if i%7 < 3 {
		r[3] = nil
	}
	if i%11 != 0 {
		r[6] = nil
	}
	return r
}

// TestWriterIsRead writes tables, and reads them by the reader of this package. TestParquetOfPyarrow
// of the command does so by pyarrow.
func TestWriterIsRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		rows   int
		pad    string // in a text of each row
		groups int
	}{
		{"no row", 0, "", 0},
		{"one row", 1, "", 1},
		{"a row group by rows", maxGroupRows, "", 1},
		{"two row groups by rows", maxGroupRows + 1, "", 2},
		{"row groups by size", 20, strings.Repeat("x", maxGroupBytes/8), 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			w, err := NewWriter(&out, everyColumn)
			require.NoError(t, err)
			for i := range c.rows {
				r := rowOf(i)
				r[5] = r[5].(string) + c.pad
				require.NoError(t, w.Row(r...))
			}
			require.NoError(t, w.Close("test", Pair{"a", "b"}))
			file := out.Bytes()
			f, err := Open(bytes.NewReader(file), int64(len(file)), Limits{Footer: 1 << 20, Page: 16 << 20, Expand: func(int) error { return nil }})
			require.NoError(t, err)
			assert.EqualValues(t, c.rows, f.Rows)
			require.Len(t, f.Groups, c.groups)
			i := 0
			for g := range f.Groups {
				rows, err := f.Read(&f.Groups[g], func(string) bool { return true })
				require.NoError(t, err)
				for range f.Groups[g].Rows {
					var got row.Row
					require.NoError(t, rows.Next(got.Build(row.Limits{Values: 100, Depth: 5})))
					want := rowOf(i)
					want[5] = want[5].(string) + c.pad
					if diff := differs(&got, want); diff != "" {
						require.Fail(t, diff, "row %d", i)
					}
					i++
				}
				rows.Close()
			}
			assert.Equal(t, c.rows, i)
		})
	}
}

func TestWriterRefuses(t *testing.T) {
	w, err := NewWriter(new(bytes.Buffer), []Column{{Name: "n", Type: Int64}})
	require.NoError(t, err)
	assert.Panics(t, func() { w.Row("text") })
	assert.Panics(t, func() { w.Row(nil) })
	assert.Panics(t, func() { w.Row(int64(1), int64(2)) })
	assert.Panics(t, func() { w.Row(int32(1)) })
	assert.Panics(t, func() { NewWriter(new(bytes.Buffer), []Column{{Name: "n", Type: float}}) })

	full := errors.New("disk full")
	for n := range 4 { // at the beginning, at a page, at the metadata
		t.Run(fmt.Sprint("after writes: ", n), func(t *testing.T) {
			w, err := NewWriter(&failing{n, full}, []Column{{Name: "n", Type: Int64}})
			if err == nil {
				assert.NoError(t, w.Row(int64(1)))
				err = w.Close("test")
			}
			assert.ErrorIs(t, err, full)
		})
	}
}

// failing fails after n writes.
type failing struct {
	n   int
	err error
}

func (f *failing) Write(b []byte) (int, error) {
	if f.n == 0 {
		return 0, f.err
	}
	f.n--
	return len(b), nil
}

// differs says which value of a row is another one than was written, or returns "".
func differs(got *row.Row, want []any) string {
	for i, c := range everyColumn {
		v := got.Root().Get(c.Name)
		text, kind := "", row.Null
		switch x := want[i].(type) {
		case bool:
			text, kind = fmt.Sprint(x), row.Bool
		case int64:
			text, kind = fmt.Sprint(x), row.Number
		case float64:
			text, kind = fmt.Sprint(x), row.Number
		case string:
			text, kind = x, row.String
		}
		is := string(v.Raw())
		if kind == row.String {
			is = v.Text()
		}
		if v.Kind() != kind || kind != row.Null && is != text {
			return fmt.Sprintf("%s: %.50q and not %.50q", c.Name, is, text)
		}
	}
	return ""
}
