// Package strictjson decodes JSON that must mean one thing only.
//
// Package encoding/json accepts a field in any case, takes the last of repeated fields, and
// quotes its input in errors. Files that are hashed, declared or shown in court need more:
// [Decode] refuses all of that, and its errors give the place and never a secret.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/internal/secret"
)

const (
	// MaxSize is the largest text that Decode takes, in bytes.
	MaxSize = 64 << 20
	// MaxDepth is how deeply objects and arrays may be nested.
	MaxDepth = 100
)

// Decode decodes one JSON value into the variable that into points to, as encoding/json
// does. It returns an error for:
//
//   - a field that the type does not have, or has in another case
//   - a field that occurs twice in one object, whether or not the type knows the object
//   - null for anything but a pointer, a slice, a map, an interface or a json.Unmarshaler
//   - text after the value, and text that is not UTF-8
//   - more than MaxSize bytes, or nesting deeper than MaxDepth
//
// Errors give the byte, counted from 1, or the name of the field. They quote nothing of the
// text but names of fields, and those through [Quote]. After an error the variable may be
// partly filled. The time is linear in the length of the text.
func Decode(text []byte, into any) error {
	switch {
	case len(text) > MaxSize:
		return fmt.Errorf("longer than %d bytes", MaxSize)
	case Depth(text) > MaxDepth:
		return fmt.Errorf("nested deeper than %d levels", MaxDepth)
	}
	if at := notUTF8(text); at >= 0 {
		return fmt.Errorf("not UTF-8 at byte %d", at+1)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return describe(text, err)
	}
	w := walker{text: text}
	return w.value(shapeOf(reflect.TypeOf(into).Elem()))
}

// Depth returns how deeply objects and arrays are nested in text, which need not be valid
// JSON.
func Depth(text []byte) int {
	depth, deepest := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		case '"':
			i = endOfString(text, i)
		}
	}
	return deepest
}

// endOfString returns the index of the quote that ends the string that begins at i, or the
// length of the text if no quote does.
func endOfString(text []byte, i int) int {
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}

func notUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; ; {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
}

// describe words an error of encoding/json without what it quotes from the text.
func describe(text []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return errors.New("empty")
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(text)):
		return fmt.Errorf("not JSON at byte %d, or cut short", syntax.Offset)
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("not %s at byte %d", nounOf(kind.Type), kind.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("field %s is not %s at byte %d", Quote(kind.Field), nounOf(kind.Type), kind.Offset)
	}
	return errors.New("a field does not have the form of its kind")
}

// nounOf names the JSON that a type is decoded from.
func nounOf(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "a JSON object"
	case reflect.Slice, reflect.Array:
		return "a JSON array"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number in the range of its kind"
	}
	return "a whole number in the range of its kind"
}

// Quote returns a text in quotes, for messages. It cuts a long one, and hides one that may hold a
// secret key; see [secret.Quote].
func Quote(s string) string { return secret.Quote(s) }

// Object reads one JSON object into its fields, of which it does not decode the values. It refuses
// what [Decode] refuses at any depth, and a field that differs from a known one in case alone.
// Fields that are not known are the caller's matter. depth is how deeply the text may be nested.
func Object(text []byte, depth int, known ...string) (map[string]json.RawMessage, error) {
	if Depth(text) > depth {
		return nil, fmt.Errorf("nested deeper than %d levels", depth)
	}
	if t := bytes.TrimLeft(text, " \t\r\n"); len(t) == 0 || t[0] != '{' {
		return nil, errors.New("not a JSON object")
	}
	var fields map[string]json.RawMessage
	if err := Decode(text, &fields); err != nil {
		var first json.RawMessage
		if d := json.NewDecoder(bytes.NewReader(text)); d.Decode(&first) == nil && len(bytes.TrimSpace(text[d.InputOffset():])) > 0 {
			return nil, errors.New("text follows the JSON object")
		}
		return nil, err
	}
	for name := range fields {
		if slices.Contains(known, name) {
			continue
		}
		for _, k := range known {
			if strings.EqualFold(k, name) {
				return nil, fmt.Errorf("field %s must be spelt %q", Quote(name), k)
			}
		}
	}
	return fields, nil
}

// HasNull reports whether a JSON value is or contains null. It is linear in the length of the text.
func HasNull(text []byte) bool {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = endOfString(text, i)
		case 'n': // no other token has one
			return true
		}
	}
	return false
}
