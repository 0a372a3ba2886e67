package corpus

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/isotope-wm/isotope/internal/corpus/parquet"
)

// parquet reads the rows of a parquet file, of which only the columns that may hold texts
// are read.
func (r *run) parquet(s *stream, m member) error {
	at, n, done, err := r.spooled(s, m, "a parquet file")
	if err != nil {
		return r.skipRest(m.place, err)
	}
	defer done()
	var over error // that the budget ended
	f, err := parquet.Open(at, n, parquet.Limits{Footer: r.o.Limits.Footer, Page: r.o.Limits.Page, Expand: func(n int) error {
		over = r.budget.expand(n)
		return over
	}})
	if err != nil {
		return r.skipRest(m.place, r.parquetFault(err))
	}
	names := f.Names()
	want := r.wantedColumns()
	wanted := false
	for _, name := range names {
		wanted = wanted || want(name)
	}
	if f.Rows == 0 {
		return r.skip(m.place, Empty, "the table has no rows; there is nothing to test")
	}
	if !wanted {
		return r.skipItem(&Skip{Place: m.place, Reason: MissingField, Rest: true, Fields: clipNames(names), Detail: fmt.Sprintf(
			"no column of the table is known to hold texts; name the column that does; the table has %s", quotedList(clipNames(names)))})
	}
	row := int64(0)
	for i := range f.Groups {
		g := &f.Groups[i]
		end := row + g.Rows
		place := m.place
		place.RowGroup, place.Offset, place.Row = i, -1, row+1
		rows, err := f.Read(g, want)
		if err != nil {
			if err := r.skipRest(place, r.parquetFault(err)); err != nil {
				return err
			}
			row = end
			continue
		}
		for err == nil {
			b := r.rows.tree.Build(r.rowLimits())
			if err = rows.Next(b); err != nil {
				break
			}
			row++
			place.Row = row
			if b.Err() != nil {
				err = r.jsonFault(place, b.Err())
			} else {
				err = r.shapeOf(place, r.rows.tree.Root(), -1, names)
			}
			if err != nil {
				rows.Close()
				return err
			}
		}
		rows.Close()
		if err != io.EOF {
			place.Row = row + 1
			if err := r.skipRest(place, r.parquetFault(err)); err != nil {
				return err
			}
			if over != nil {
				return nil
			}
		}
		row = end
	}
	return nil
}

// wantedColumns returns whether a column of that name may hold what a row is read for.
func (r *run) wantedColumns() func(name string) bool {
	if len(r.Corpus.fields) == 0 && len(r.Corpus.prompt) == 0 {
		return func(name string) bool { return isField[name] || contains(roleFields, name) }
	}
	paths := append(append([][]string{}, r.Corpus.fields...), r.Corpus.prompt)
	return func(name string) bool {
		for _, p := range paths {
			whole := strings.Join(p, ".")
			if whole == name || strings.HasPrefix(whole, name+".") {
				return true
			}
		}
		if len(r.Corpus.fields) == 0 {
			return isField[name] || contains(roleFields, name)
		}
		return len(r.Corpus.prompt) == 0 && (contains(promptFields, name) || contains(systemFields, name))
	}
}

func clipNames(names []string) []string {
	if len(names) > maxFieldNames {
		return append(append([]string{}, names[:maxFieldNames]...), "...")
	}
	return names
}

func (r *run) parquetFault(err error) error {
	detail := strings.TrimPrefix(err.Error(), "the parquet file ")
	switch {
	case asFault(err) != nil, r.ctx.Err() != nil:
		return err
	case errors.Is(err, parquet.ErrDamaged):
		return &fault{Damaged, "the parquet file " + detail + "; what came before was read"}
	case errors.Is(err, parquet.ErrEncrypted):
		return &fault{Encrypted, "the parquet file " + detail + "; decrypt it first"}
	case errors.Is(err, parquet.ErrUnsupported):
		return &fault{Unsupported, "the parquet file " + detail + "; write it again with the encoding plain or as JSON lines"}
	case errors.Is(err, parquet.ErrTooLarge):
		return &fault{TooLarge, "the parquet file " + detail + "; write it again with smaller pages, or as JSON lines"}
	}
	return err
}
