package row

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// A Fault is a reason for which a row is not a tree.
type Fault uint8

// The faults of a row.
const (
	NotJSON  Fault = iota // the row breaks the grammar of JSON
	Repeated              // an object has a name twice
	TooDeep               // more than Limits.Depth
	TooMany               // more than Limits.Values
	CutShort              // the row ends inside a value
)

// An Error says why a row was not read.
type Error struct {
	Fault  Fault
	Offset int    // of the byte at fault, from the beginning of the row
	Name   string // of a Repeated one
	Detail string
}

// Error implements error.
func (e *Error) Error() string {
	switch e.Fault {
	case Repeated:
		return fmt.Sprintf("the field %.60q stands twice in one object", e.Name)
	case TooDeep, TooMany:
		return e.Detail
	}
	return fmt.Sprintf("%s at byte %d of the row", e.Detail, e.Offset)
}

// maxSource is the longest source: a node has offsets of 32 bits, and int may have no more.
const maxSource = math.MaxInt32

// Parse reads the value of JSON with which src begins, after white space, and returns how
// many bytes that took. NaN, Infinity and -Infinity are numbers, and strings may have
// bytes that are not UTF-8. All else is as RFC 8259 has it. The error is an *Error.
//
// The Row keeps src, which the caller must not change while Values are in use.
func (r *Row) Parse(src []byte, l Limits) (n int, err error) {
	r.Reset()
	if len(src) > maxSource {
		return 0, &Error{Fault: TooMany, Detail: "the row is longer than 2 GiB"}
	}
	r.src = src
	p := parser{Row: r, Limits: l}
	if !p.value(0) {
		r.nodes = r.nodes[:0]
		return p.at, p.fault
	}
	return p.at, nil
}

// Reset empties the row. A row that had grown large gives its memory back.
func (r *Row) Reset() {
	if cap(r.nodes) > 1<<16 {
		r.nodes = nil
	}
	if cap(r.hashes) > 1<<14 {
		r.hashes = nil
	}
	if cap(r.names) > 1<<16 {
		r.names = nil
	}
	r.src, r.nodes, r.open, r.err = nil, r.nodes[:0], r.open[:0], nil
}

type parser struct {
	*Row
	Limits
	at    int
	fault *Error
}

func (p *parser) fail(f Fault, format string, args ...any) bool {
	p.fault = &Error{Fault: f, Offset: p.at, Detail: fmt.Sprintf(format, args...)}
	return false
}

// unexpected says what stands at p.at in place of what was wanted.
func (p *parser) unexpected(wanted string) bool {
	if p.at >= len(p.src) {
		return p.fail(CutShort, "the row ends where %s should stand,", wanted)
	}
	return p.fail(NotJSON, "%q stands where %s should,", p.src[p.at], wanted)
}

func (p *parser) space() {
	for p.at < len(p.src) {
		switch p.src[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// add appends a node and reports whether the limit allows it.
func (p *parser) add(k Kind, start, end int, flags uint8) bool {
	if len(p.nodes) >= p.Values {
		return p.fail(TooMany, "the row has more than %d values", p.Values)
	}
	p.nodes = append(p.nodes, node{start: uint32(start), end: uint32(end), next: uint32(len(p.nodes) + 1), kind: k, flags: flags})
	return true
}

func (p *parser) value(depth int) bool {
	p.space()
	if p.at >= len(p.src) {
		return p.unexpected("a value")
	}
	switch c := p.src[p.at]; {
	case c == '{' || c == '[':
		if depth >= p.Depth {
			return p.fail(TooDeep, "lists and objects stand more than %d deep in each other", p.Depth)
		}
		if c == '{' {
			return p.object(depth)
		}
		return p.array(depth)
	case c == '"':
		return p.string(0)
	case c == 't':
		return p.word("true", Bool)
	case c == 'f':
		return p.word("false", Bool)
	case c == 'n':
		return p.word("null", Null)
	case c == 'N':
		return p.word("NaN", Number)
	case c == 'I':
		return p.word("Infinity", Number)
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	}
	return p.unexpected("a value")
}

func (p *parser) word(w string, k Kind) bool {
	have := p.src[p.at:]
	if len(have) < len(w) {
		if string(have) == w[:len(have)] {
			p.at = len(p.src)
		}
		return p.unexpected("a value")
	}
	if string(have[:len(w)]) != w {
		return p.unexpected("a value")
	}
	p.at += len(w)
	return p.add(k, p.at-len(w), p.at, 0)
}

func (p *parser) digits() bool {
	from := p.at
	for p.at < len(p.src) && '0' <= p.src[p.at] && p.src[p.at] <= '9' {
		p.at++
	}
	return p.at > from || p.unexpected("a digit")
}

func (p *parser) number() bool {
	start := p.at
	if p.src[p.at] == '-' {
		p.at++
		if p.at < len(p.src) && p.src[p.at] == 'I' {
			p.at = start
			return p.word("-Infinity", Number)
		}
	}
	if p.at < len(p.src) && p.src[p.at] == '0' {
		p.at++
	} else if !p.digits() {
		return false
	}
	if p.at < len(p.src) && p.src[p.at] == '.' {
		p.at++
		if !p.digits() {
			return false
		}
	}
	if p.at < len(p.src) && (p.src[p.at] == 'e' || p.src[p.at] == 'E') {
		p.at++
		if p.at < len(p.src) && (p.src[p.at] == '+' || p.src[p.at] == '-') {
			p.at++
		}
		if !p.digits() {
			return false
		}
	}
	return p.add(Number, start, p.at, 0)
}

// string reads the string that begins at p.at.
func (p *parser) string(flags uint8) bool {
	p.at++
	start := p.at
	for {
		p.at += PlainPrefix(p.src[p.at:])
		if p.at >= len(p.src) {
			return p.fail(CutShort, "the row ends inside a string,")
		}
		switch c := p.src[p.at]; {
		case c == '"':
			p.at++
			return p.add(String, start, p.at-1, flags)
		case c == '\\':
			flags |= flagEscaped
			_, size, _ := Escape(p.src[p.at:min(len(p.src), p.at+12)])
			if size == 0 {
				if len(p.src)-p.at < 6 {
					return p.fail(CutShort, "the row ends inside an escape,")
				}
				return p.fail(NotJSON, "an escape that JSON does not have stands")
			}
			p.at += size
		case c < 0x20:
			return p.fail(NotJSON, "a control character, %q, stands in a string", c)
		default:
			p.at++ // PlainPrefix stops early at the end of the source only
		}
	}
}

// PlainPrefix returns how many bytes of b come before the first that may end a string,
// begin an escape, or be a control character.
func PlainPrefix(b []byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	n := 0
	for len(b)-n >= 8 {
		x := binary.LittleEndian.Uint64(b[n:])
		quote := x ^ ones*'"'
		slash := x ^ ones*'\\'
		// A byte's high bit is set where the byte is zero, or below 0x20. Borrows reach
		// higher bytes only, and the lowest hit is the one that is used.
		hit := ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*0x20)&^x) & highs
		if hit != 0 {
			return n + bits.TrailingZeros64(hit)/8
		}
		n += 8
	}
	for n < len(b) && b[n] != '"' && b[n] != '\\' && b[n] >= 0x20 {
		n++
	}
	return n
}

func (p *parser) array(depth int) bool {
	at := len(p.nodes)
	if !p.add(Array, p.at, p.at, 0) {
		return false
	}
	p.at++
	p.space()
	if p.at < len(p.src) && p.src[p.at] == ']' {
		p.at++
		p.close(at)
		return true
	}
	for {
		if !p.value(depth + 1) {
			return false
		}
		p.space()
		if p.at >= len(p.src) {
			return p.unexpected(`"," or "]"`)
		}
		switch p.src[p.at] {
		case ',':
			p.at++
		case ']':
			p.at++
			p.close(at)
			return true
		default:
			return p.unexpected(`"," or "]"`)
		}
	}
}

func (p *parser) object(depth int) bool {
	at := len(p.nodes)
	if !p.add(Object, p.at, p.at, 0) {
		return false
	}
	p.at++
	p.space()
	if p.at < len(p.src) && p.src[p.at] == '}' {
		p.at++
		p.close(at)
		return true
	}
	for {
		p.space()
		if p.at >= len(p.src) || p.src[p.at] != '"' {
			return p.unexpected("the name of a field in double quotes")
		}
		if !p.string(flagName) {
			return false
		}
		p.space()
		if p.at >= len(p.src) || p.src[p.at] != ':' {
			return p.unexpected(`":"`)
		}
		p.at++
		if !p.value(depth + 1) {
			return false
		}
		p.space()
		if p.at >= len(p.src) {
			return p.unexpected(`"," or "}"`)
		}
		switch p.src[p.at] {
		case ',':
			p.at++
		case '}':
			p.at++
			p.close(at)
			if name, twice := p.repeated(uint32(at)); twice {
				p.fault = &Error{Fault: Repeated, Offset: int(p.nodes[at].start), Name: string(name)}
				return false
			}
			return true
		default:
			return p.unexpected(`"," or "}"`)
		}
	}
}

func (p *parser) close(at int) {
	p.nodes[at].end, p.nodes[at].next = uint32(p.at), uint32(len(p.nodes))
}
