package collect

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/isotope-wm/isotope/internal/secret"
)

// A sieve keeps secrets out of what is recorded: the API key, which an endpoint may repeat in any
// writing, and marking keys. A journal is made to be handed over.
type sieve struct{ apiKey *secret.Finder }

func newSieve(apiKey string) sieve { return sieve{secret.NewFinder(apiKey)} }

// redactedKey replaces the API key where an endpoint repeats it.
const redactedKey = "[API key]"

// hides reports whether a text holds a secret in a writing that cannot be overwritten.
func (s sieve) hides(text []byte) bool { return s.apiKey.In(text) || secret.Holds(text) }

// overwrite replaces the API key where a text has it as it is, and counts how often.
func (s sieve) overwrite(text []byte, x *Exchange) []byte {
	text, n := s.apiKey.Overwrite(text, redactedKey)
	x.Redacted += n
	return text
}

// body returns a response body without the API key. hidden reports that a secret remains, in
// another writing or in pieces. Such a body must not be recorded.
func (s sieve) body(body []byte, x *Exchange) (clean []byte, hidden bool) {
	clean = s.overwrite(body, x)
	hidden = s.hides(clean)
	if !hidden {
		hidden = pieces(clean, s.hides)
	}
	if hidden {
		x.Redacted++
	}
	return clean, hidden
}

// message returns the text of an error that may quote the endpoint.
func (s sieve) message(text string, x *Exchange) string {
	clean := s.overwrite([]byte(text), x)
	if s.hides(clean) {
		x.Redacted++
		return "an error that repeats a secret"
	}
	return elide(string(clean), maxError)
}

// header returns the response headers that are recorded: those that hold neither credentials nor
// a secret, in name or value.
func (s sieve) header(h http.Header, x *Exchange) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		if isCredential(name) {
			continue
		}
		if s.hides([]byte(name)) {
			x.Redacted++
			continue
		}
		for _, v := range values {
			clean := s.overwrite([]byte(v), x)
			if s.hides(clean) {
				x.Redacted++
				clean = []byte(redactedKey)
			}
			out.Add(name, string(clean))
		}
	}
	return out
}

// pieces calls f with what the strings of a body say when they are joined: those of each field, over
// all events of a stream, and all of them. It returns true once f does.
func pieces(body []byte, f func([]byte) bool) bool {
	j := joiner{fields: make(map[string]*bytes.Buffer)}
	if looksLikeJSON(body) {
		j.add(body)
	} else {
		for line := range bytes.Lines(body) {
			if data, ok := bytes.CutPrefix(line, []byte("data:")); ok {
				j.add(data)
			}
		}
	}
	for _, b := range j.fields {
		if f(b.Bytes()) {
			return true
		}
	}
	return f(j.all.Bytes())
}

// A joiner joins the strings of JSON values.
type joiner struct {
	fields map[string]*bytes.Buffer // by the name of the field
	all    bytes.Buffer
}

// add adds the strings of a value, up to where it is not JSON.
func (j *joiner) add(text []byte) {
	dec := json.NewDecoder(bytes.NewReader(text))
	type level struct {
		object bool
		name   string // of the field whose value comes; "" before a name
		named  bool
	}
	var stack []level
	value := func() { // a value has ended
		if n := len(stack); n > 0 {
			stack[n-1].named = false
		}
	}
	for {
		token, err := dec.Token()
		if err != nil {
			return
		}
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{', '[':
				name := ""
				if n := len(stack); n > 0 {
					name = stack[n-1].name
				}
				stack = append(stack, level{object: v == '{', name: name})
			default:
				stack = stack[:len(stack)-1]
				value()
			}
		case string:
			if n := len(stack); n > 0 && stack[n-1].object && !stack[n-1].named {
				stack[n-1].name, stack[n-1].named = v, true
				j.write("", v)
				continue
			}
			name := ""
			if n := len(stack); n > 0 {
				name = stack[n-1].name
			}
			j.write(name, v)
			value()
		default:
			value()
		}
	}
}

func (j *joiner) write(field, text string) {
	j.all.WriteString(text)
	field = strings.ToLower(field)
	b := j.fields[field]
	if b == nil {
		b = new(bytes.Buffer)
		j.fields[field] = b
	}
	b.WriteString(text)
}
