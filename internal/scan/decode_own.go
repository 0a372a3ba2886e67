package scan

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/internal/corpus/row"
)

// This file reads records of items in the very form in which encodeItems and appendItem write most of
// them. That takes a fraction of the time of a parser of JSON. Whatever has another form, such as a
// text with an escape, is left to the parser, and so is every error.

// A cursor reads a body from its beginning to its end.
type cursor struct {
	rest []byte
	ok   bool // everything so far had the form
}

// next reads a text that has to come next.
func (c *cursor) next(text string) {
	if !c.has(text) {
		c.ok = false
	}
}

// has reads a text if it comes next.
func (c *cursor) has(text string) bool {
	if len(c.rest) < len(text) || string(c.rest[:len(text)]) != text {
		return false
	}
	c.rest = c.rest[len(text):]
	return true
}

// text reads a string of ASCII without escapes. The bytes are those of the body.
func (c *cursor) text() []byte {
	c.next(`"`)
	for i, b := range c.rest {
		switch {
		case b == '"':
			text := c.rest[:i]
			c.rest = c.rest[i+1:]
			return text
		case b < ' ' || b == '\\' || b >= utf8.RuneSelf:
			c.ok = false
			return nil
		}
	}
	c.ok = false
	return nil
}

// texts reads a list of strings. It returns last if that is equal, and nothing new unless keep is set.
func (c *cursor) texts(last []string, keep bool) []string {
	c.next("[")
	begin, n, same := c.rest, 0, true
	if !c.has("]") {
		for more := true; more && c.ok; n++ {
			x := c.text()
			same = same && n < len(last) && string(x) == last[n]
			if more = c.has(","); !more {
				c.next("]")
			}
		}
	}
	if same = same && n == len(last) && last != nil; same || !keep || !c.ok {
		return last
	}
	list := make([]string, 0, n)
	again := cursor{begin, true}
	for range n {
		list = append(list, string(again.text()))
		again.has(",")
	}
	return list
}

// integer reads a whole number of at most 18 digits.
func (c *cursor) integer() int64 {
	negative := c.has("-")
	n, digits := int64(0), 0
	for digits < len(c.rest) && c.rest[digits]-'0' <= 9 {
		n = 10*n + int64(c.rest[digits]-'0')
		if digits++; digits > 18 {
			break
		}
	}
	if digits == 0 || digits > 18 || c.rest[0] == '0' && (digits > 1 || negative) {
		c.ok = false
		return 0
	}
	c.rest = c.rest[digits:]
	if negative {
		return -n
	}
	return n
}

// float reads a number. skip leaves out what it is.
func (c *cursor) float(skip bool) float64 {
	at := 0
	digits := func() {
		from := at
		for at < len(c.rest) && c.rest[at]-'0' <= 9 {
			at++
		}
		c.ok = c.ok && at > from
	}
	if at < len(c.rest) && c.rest[at] == '-' {
		at++
	}
	whole := at
	digits()
	if at > whole+1 && c.rest[whole] == '0' {
		c.ok = false
	}
	if at < len(c.rest) && c.rest[at] == '.' {
		at++
		digits()
	}
	if at < len(c.rest) && c.rest[at] == 'e' {
		if at++; at < len(c.rest) && (c.rest[at] == '-' || c.rest[at] == '+') {
			at++
		}
		digits()
	}
	number := c.rest[:at]
	c.rest = c.rest[at:]
	if skip || !c.ok {
		return 0
	}
	x, err := strconv.ParseFloat(string(number), 64)
	c.ok = err == nil && !math.IsInf(x, 0)
	return x
}

// own is items for a body of the usual form. ok is false for any other one.
func (d *decoder) own(body []byte, brief bool) (b *itemsBody, ok bool) {
	at := bytes.Index(body, []byte(itemsBegin))
	if at < 0 {
		return nil, false
	}
	b = &itemsBody{}
	c := cursor{body[:at], true}
	c.next(`{"file":`)
	b.File = int(c.integer())
	c.next(`,"from":`)
	b.From = c.integer()
	c.next(`,"count":`)
	b.Count = c.integer()
	c.next(`,"digest":`)
	b.Digest = string(c.text())
	c.next(`,"source":`)
	if !c.ok || b.Count < 0 || b.Count > maxBatchDocs {
		return nil, false
	}
	if string(c.rest) != "null" && !d.ownSource(c.rest, &b.Source) {
		return nil, false
	}
	b.Items = make([]itemBody, 0, b.Count)
	docs := make([]finding, 0, b.Count)
	c = cursor{body[at+len(itemsBegin):], true}
	for !c.has("]") {
		if len(b.Items) == cap(b.Items) {
			return nil, false
		}
		if len(b.Items) > 0 {
			c.next(",")
		}
		docs = append(docs, finding{})
		f := &docs[len(docs)-1]
		if c.next(`{"doc":{`); !c.ok || !d.ownDocument(&c, f, brief) {
			return nil, false
		}
		b.Items = append(b.Items, itemBody{Doc: f})
	}
	c.next("}")
	return b, c.ok && len(c.rest) == 0
}

// ownSource reads the end of a file. It refuses what the parser refuses.
func (d *decoder) ownSource(text []byte, into **sourceBody) bool {
	limits := limitsOf(text)
	limits.Depth-- // it stands in an object
	n, err := d.tree.Parse(text, limits)
	return err == nil && n == len(text) && d.tree.Root().Kind() == row.Object && json.Unmarshal(text, into) == nil
}

// itemsBegin is where the items of a record begin. A quote inside of a string has a backslash before it.
const itemsBegin = `,"items":[`

// ownNames are the names of a document in the order in which appendItem writes them. Those that most
// documents do not have are not here.
var ownNames = []string{"members", "row", "line", "offset", "stored_offset", "row_group", "url", "record_id", "d", "k", "f", "b", "t", "m", "n", "g", "s", "p", "a", "o"}

// ownDocument reads a document after its opening brace, with the closing ones. It reports false for
// one of another form.
func (d *decoder) ownDocument(c *cursor, f *finding, brief bool) bool {
	before := -1
	for !c.has("}") {
		if before >= 0 {
			c.next(",")
		}
		name := c.text()
		c.next(":")
		if !c.ok {
			return false
		}
		// The names ascend, so that none comes twice.
		at := before + 1
		for at < len(ownNames) && ownNames[at] != string(name) {
			at++
		}
		if at == len(ownNames) {
			return false
		}
		before = at
		switch s := ownNames[at]; s {
		case "members", "o":
			list := c.texts(nil, !brief)
			if brief {
				break
			}
			if s == "o" {
				f.Notes = list
			} else {
				f.Members = list
			}
		case "k", "f":
			last := &d.kinds
			if s == "f" {
				last = &d.fields
			}
			list := c.texts(*last, !brief)
			if brief || !c.ok {
				break
			}
			if *last = list; s == "f" {
				f.Fields = list
			} else {
				f.Kinds = list
			}
		case "d", "url", "record_id":
			text := c.text()
			if brief && s != "d" {
				break
			}
			switch s {
			case "d":
				f.Digest = string(text)
			case "url":
				f.URL = string(text)
			default:
				f.RecordID = string(text)
			}
		case "p":
			f.P = c.float(brief)
		case "a":
			f.Best = c.float(false)
		default:
			n := c.integer()
			if s == "m" {
				f.Mark = int(n)
			} else if !brief {
				f.setInteger(s, n)
			}
		}
		if !c.ok {
			return false
		}
	}
	c.next("}")
	return c.ok
}

// setInteger sets a whole number by its name in a journal.
func (f *finding) setInteger(name string, n int64) {
	switch name {
	case "row":
		f.Row = n
	case "line":
		f.Line = n
	case "offset":
		f.Offset = &n
	case "stored_offset":
		f.Stored = &n
	case "row_group":
		group := int(n)
		f.RowGroup = &group
	case "b":
		f.Bytes = n
	case "t":
		f.Tokens = n
	case "n":
		f.Scored = n
	case "g":
		f.Green = n
	case "s":
		f.Sum = n
	}
}
