package canonical

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Change is a field in which a JSON object differs from the declared one.
type Change struct {
	Path string // names from the outermost object inwards, with dots: "request.model"
	Old  string // JSON as declared, or "" if only the new object has the field
	New  string // JSON now, or "" if only the old object has the field
}

// String says what changed, in at most some 250 bytes.
func (c Change) String() string {
	switch {
	case c.Old == "":
		return fmt.Sprintf("%s was not declared and is now %s", c.Path, short(c.New))
	case c.New == "":
		return fmt.Sprintf("%s was declared as %s and is now missing", c.Path, short(c.Old))
	}
	return fmt.Sprintf("%s was declared as %s and is now %s", c.Path, short(c.Old), short(c.New))
}

func short(value string) string {
	const longest = 80
	if len(value) > longest {
		return strings.ToValidUTF8(value[:longest-3], "") + "..."
	}
	return value
}

// Compare returns what differs between two JSON objects, in the order of paths. Objects are
// compared field by field, and arrays as a whole. The order of fields, white space and the
// way in which a string is escaped make no difference. It returns an error if old or new is
// not a JSON object.
func Compare(old, new []byte) ([]Change, error) {
	a, err := flatten(old)
	if err != nil {
		return nil, err
	}
	b, err := flatten(new)
	if err != nil {
		return nil, err
	}
	paths := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(paths)
	var changes []Change
	for _, path := range slices.Compact(paths) {
		if a[path] != b[path] {
			changes = append(changes, Change{path, a[path], b[path]})
		}
	}
	return changes, nil
}

// flatten returns the values of a JSON object by path, each in its canonical form.
func flatten(text []byte) (map[string]string, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // digits as they stand
	var whole map[string]any
	if err := d.Decode(&whole); err != nil {
		return nil, err
	}
	values := make(map[string]string)
	var walk func(path string, v any) error
	walk = func(path string, v any) error {
		object, ok := v.(map[string]any)
		if !ok || len(object) == 0 && path != "" {
			value, err := Encode(v)
			values[path] = string(value)
			return err
		}
		for name, v := range object {
			inner := name
			if path != "" {
				inner = path + "." + name
			}
			if err := walk(inner, v); err != nil {
				return err
			}
		}
		return nil
	}
	return values, walk("", whole)
}
