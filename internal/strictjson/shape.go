package strictjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// A shape is what the fields of a type may be called, and where null may stand.
type shape struct {
	fields   map[string]*shape // of a struct; nil: any names
	elem     *shape            // of a map, a slice or an array
	nullable bool
}

// free is the shape of values whose form the type does not fix.
var free = &shape{nullable: true}

var (
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

var shapes struct {
	sync.Mutex
	of map[reflect.Type]*shape
}

func shapeOf(t reflect.Type) *shape {
	shapes.Lock()
	defer shapes.Unlock()
	if shapes.of == nil {
		shapes.of = make(map[reflect.Type]*shape)
	}
	return shapeLocked(t)
}

func shapeLocked(t reflect.Type) *shape {
	if s, ok := shapes.of[t]; ok {
		return s
	}
	if t.Kind() == reflect.Interface || reflect.PointerTo(t).Implements(unmarshaler) {
		return free
	}
	s := new(shape)
	shapes.of[t] = s // before its parts: a type may hold itself
	if reflect.PointerTo(t).Implements(textUnmarshaler) {
		return s
	}
	switch t.Kind() {
	case reflect.Pointer:
		*s = *shapeLocked(t.Elem())
		s.nullable = true
	case reflect.Map, reflect.Slice, reflect.Array:
		s.elem, s.nullable = shapeLocked(t.Elem()), t.Kind() != reflect.Array
	case reflect.Struct:
		s.fields = make(map[string]*shape)
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.IsExported() || name == "-" || f.Anonymous && name == "" {
				continue
			}
			if name == "" {
				name = f.Name
			}
			s.fields[name] = shapeLocked(f.Type)
		}
	}
	return s
}

// A walker goes through text that is valid JSON, once.
type walker struct {
	text []byte
	at   int
}

// next returns the next byte that is not white space.
func (w *walker) next() byte {
	for strings.IndexByte(" \t\r\n", w.text[w.at]) >= 0 {
		w.at++
	}
	return w.text[w.at]
}

func (w *walker) value(s *shape) error {
	switch w.next() {
	case '{':
		return w.object(s)
	case '[':
		return w.array(s)
	case '"':
		w.at = endOfString(w.text, w.at) + 1
		return nil
	case 'n':
		if !s.nullable {
			return fmt.Errorf("null at byte %d, where a value belongs", w.at+1)
		}
	}
	for w.at < len(w.text) && strings.IndexByte(",]} \t\r\n", w.text[w.at]) < 0 {
		w.at++
	}
	return nil
}

func (w *walker) object(s *shape) error {
	seen := make(map[string]struct{})
	for w.at++; ; w.at++ {
		if w.next() == '}' { // of an empty object
			break
		}
		begin := w.at
		w.at = endOfString(w.text, begin) + 1
		name, err := unquote(w.text[begin:w.at])
		if err != nil {
			return err
		}
		inside := free
		if s.elem != nil {
			inside = s.elem
		}
		if s.fields != nil {
			var ok bool
			if inside, ok = s.fields[name]; !ok {
				return fmt.Errorf("unknown field %s at byte %d", Quote(name), begin+1)
			}
		}
		if _, twice := seen[name]; twice {
			return fmt.Errorf("field %s occurs twice, again at byte %d", Quote(name), begin+1)
		}
		seen[name] = struct{}{}
		w.next()
		w.at++ // the colon
		if err := w.value(inside); err != nil {
			return err
		}
		if w.next() == '}' {
			break
		}
	}
	w.at++
	return nil
}

func (w *walker) array(s *shape) error {
	inside := free
	if s.elem != nil {
		inside = s.elem
	}
	for w.at++; ; w.at++ {
		if w.next() == ']' { // of an empty array
			break
		}
		if err := w.value(inside); err != nil {
			return err
		}
		if w.next() == ']' {
			break
		}
	}
	w.at++
	return nil
}

// unquote returns the text of a JSON string.
func unquote(quoted []byte) (string, error) {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), nil
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return "", errors.New("not JSON") // the whole text was valid
	}
	return s, nil
}
