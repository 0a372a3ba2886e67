package tokenize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// parseJSON reads a tokenizer.json of Hugging Face's tokenizers, or a tekken.json.
func parseJSON(text []byte) (*source, error) {
	s := scanner{text: text}
	keys, model := map[string][]byte{}, map[string][]byte{}
	s.object(func(key string) {
		if key == "model" { // of which the vocabulary and the merges are most of the file
			start := s.at
			s.object(func(key string) { model[key] = s.leap() })
			keys[key] = text[start:s.at]
		} else {
			keys[key] = s.raw()
		}
	})
	s.end()
	if s.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, s.err)
	}
	if keys["model"] == nil && keys["config"] != nil && keys["vocab"] != nil {
		return parseTekken(keys)
	}
	if keys["model"] == nil {
		return nil, damaged("the JSON object has no %q, as tokenizer.json has, and no %q and %q, as tekken.json has", "model", "config", "vocab")
	}
	f := &hfFile{source: &source{}, values: model}
	for key, value := range keys {
		switch key {
		case "version":
			if v := string(value); v != "null" && v != `"1.0"` {
				return nil, unknown("version %s", short(value))
			}
		case "truncation", "padding", "post_processor": // do not change the ids of a text
		case "added_tokens", "normalizer", "pre_tokenizer", "decoder", "model":
		default:
			return nil, unknown("%q with value %s", key, short(value))
		}
	}
	for _, step := range []func(map[string][]byte) error{f.normalizer, f.preTokenizer, f.decoder, f.model, f.addedTokens} {
		if err := step(keys); err != nil {
			return nil, err
		}
	}
	return f.source, nil
}

// An hfFile is a tokenizer.json during reading.
type hfFile struct {
	*source
	values    map[string][]byte // of the model
	byteLevel bool
	strip     bool        // the decoder removes a space at the start
	lowLines  bool        // the decoder makes spaces of ▁
	fallback  bool        // the decoder makes bytes of tokens such as <0x41>
	names     *dictionary // of the tokens as the file has them
	count     int         // tokens that have a name
}

// A block is an object with a type, such as a normalizer.
type block map[string]json.RawMessage

func parsePart(value []byte) (block, string, error) {
	var p block
	if err := json.Unmarshal(value, &p); err != nil {
		return nil, "", damaged("%s is not an object with a type", short(value))
	}
	var kind string
	if err := json.Unmarshal(p["type"], &kind); err != nil {
		return nil, "", damaged("%s has no type", short(value))
	}
	return p, kind, nil
}

// only returns an error if the block has other keys than these.
func (p block) only(keys ...string) error {
	for key := range p {
		found := key == "type"
		for _, k := range keys {
			found = found || k == key
		}
		if !found {
			return unknown("%s with %s: %s", p["type"], key, short(p[key]))
		}
	}
	return nil
}

// get reads a value of a block, and leaves it if there is none.
func (p block) get(key string, value any) error {
	if raw, ok := p[key]; ok {
		if err := json.Unmarshal(raw, value); err != nil {
			return damaged("%s with %s: %s", p["type"], key, short(raw))
		}
	}
	return nil
}

// each calls f with a block, or with the parts of a Sequence, whose list has the given key.
func each(value []byte, list string, f func(p block, kind string) error) error {
	return eachPart(value, list, 0, f)
}

func eachPart(value []byte, list string, depth int, f func(p block, kind string) error) error {
	if value == nil || string(value) == "null" {
		return nil
	}
	p, kind, err := parsePart(value)
	if err != nil {
		return err
	}
	if kind != "Sequence" {
		return f(p, kind)
	}
	if err := p.only(list); err != nil {
		return err
	}
	if depth > maxDepth {
		return damaged("more than %d levels of Sequence", maxDepth)
	}
	var parts []json.RawMessage
	if err := p.get(list, &parts); err != nil {
		return err
	}
	for _, value := range parts {
		if err := eachPart(value, list, depth+1, f); err != nil {
			return err
		}
	}
	return nil
}

func (f *hfFile) normalizer(keys map[string][]byte) error {
	n := &f.normal
	return each(keys["normalizer"], "normalizers", func(p block, kind string) error {
		if n.spaces || n.form != formNone {
			return unknown("normalizer %s after another", kind)
		}
		switch kind {
		case "NFC":
			n.form = formNFC
			return p.only()
		case "NFKC":
			n.form = formNFKC
			return p.only()
		case "Prepend":
			var text string
			if err := p.get("prepend", &text); err != nil {
				return err
			}
			if text != lowLine || n.prefix {
				return unknown("normalizer Prepend of %q", text)
			}
			n.prefix = true
			return p.only("prepend")
		case "Replace":
			var pattern struct{ String string }
			var content string
			if err := p.get("pattern", &pattern); err != nil {
				return err
			}
			if err := p.get("content", &content); err != nil {
				return err
			}
			if pattern.String != " " || content != lowLine {
				return unknown("normalizer Replace of %s by %q", short(p["pattern"]), content)
			}
			n.spaces = true
			return p.only("pattern", "content")
		}
		return unknown("normalizer %s", kind)
	})
}

func (f *hfFile) preTokenizer(keys map[string][]byte) error {
	err := each(keys["pre_tokenizer"], "pretokenizers", func(p block, kind string) error {
		if f.byteLevel {
			return unknown("pre-tokenizer %s after ByteLevel", kind)
		}
		switch kind {
		case "ByteLevel":
			prefix, split := true, true
			if err := p.get("add_prefix_space", &prefix); err != nil {
				return err
			}
			if err := p.get("use_regex", &split); err != nil {
				return err
			}
			if prefix {
				return unknown("pre-tokenizer ByteLevel with add_prefix_space: true")
			}
			if split {
				f.addRule(patternR50K)
			}
			f.byteLevel = true
			return p.only("add_prefix_space", "trim_offsets", "use_regex")
		case "Digits":
			single := false
			if err := p.get("individual_digits", &single); err != nil {
				return err
			}
			if !single {
				return unknown("pre-tokenizer Digits with individual_digits: false")
			}
			f.addRule(patternDigit)
			return p.only("individual_digits")
		case "Split":
			return f.split(p)
		}
		return unknown("pre-tokenizer %s", kind)
	})
	if err == nil && f.normal.spaces && (f.byteLevel || len(f.rules) > 0) {
		return unknown("normalizer Replace of a space by ▁ before pre-tokenizer %s", short(keys["pre_tokenizer"]))
	}
	if err == nil && f.normal.prefix && !f.normal.spaces {
		return unknown("normalizer Prepend of ▁ without Replace of a space by ▁")
	}
	return err
}

func (f *hfFile) split(p block) error {
	var pattern struct{ Regex, String *string }
	var behavior string
	var invert bool
	for key, value := range map[string]any{"pattern": &pattern, "behavior": &behavior, "invert": &invert} {
		if err := p.get(key, value); err != nil {
			return err
		}
	}
	if err := p.only("pattern", "behavior", "invert"); err != nil {
		return err
	}
	if pattern.String != nil && *pattern.String == " " && behavior == "MergedWithPrevious" && !invert && f.normal.spaces {
		return nil // no space is left
	}
	if pattern.Regex == nil {
		return unknown("pre-tokenizer Split at %s", short(p["pattern"]))
	}
	r, ok := ruleOf(*pattern.Regex)
	if !ok {
		return unknown("pre-tokenizer Split at the pattern %s", *pattern.Regex)
	}
	isolated := behavior == "Isolated" && !invert
	kept := behavior == "Removed" && invert && r.everywhere // nothing is left to remove
	if !isolated && !kept {
		return unknown("pre-tokenizer Split with behavior %q and invert: %t", behavior, invert)
	}
	f.rules = append(f.rules, r)
	return nil
}

func (f *hfFile) addRule(pattern string) {
	r, _ := ruleOf(pattern)
	f.rules = append(f.rules, r)
}

func (f *hfFile) decoder(keys map[string][]byte) error {
	byteLevel := false
	err := each(keys["decoder"], "decoders", func(p block, kind string) error {
		switch kind {
		case "ByteLevel":
			byteLevel = true
			return p.only("add_prefix_space", "trim_offsets", "use_regex")
		case "ByteFallback":
			f.fallback = true
			return p.only()
		case "Fuse":
			return p.only()
		case "Replace":
			var pattern struct{ String string }
			var content string
			if err := p.get("pattern", &pattern); err != nil {
				return err
			}
			if err := p.get("content", &content); err != nil {
				return err
			}
			if pattern.String != lowLine || content != " " {
				return unknown("decoder Replace of %s by %q", short(p["pattern"]), content)
			}
			f.lowLines = true
			return p.only("pattern", "content")
		case "Strip":
			var content string
			var start, stop int
			for key, value := range map[string]any{"content": &content, "start": &start, "stop": &stop} {
				if err := p.get(key, value); err != nil {
					return err
				}
			}
			if content != " " || start != 1 || stop != 0 {
				return unknown("decoder Strip of %q, %d at the start and %d at the end", content, start, stop)
			}
			f.strip = true
			return p.only("content", "start", "stop")
		}
		return unknown("decoder %s", kind)
	})
	switch {
	case err != nil:
		return err
	case byteLevel != f.byteLevel:
		return unknown("a pre-tokenizer and a decoder of which only one is ByteLevel")
	case f.lowLines != f.normal.spaces:
		return unknown("a normalizer and a decoder of which only one replaces ▁")
	case f.strip != f.normal.prefix:
		return unknown("a normalizer that puts a space first and a decoder that keeps it, or the reverse")
	}
	return nil
}

func (f *hfFile) model(map[string][]byte) error {
	model := f.values
	kind := "BPE" // of files without a type
	var unk *string
	var prefix, suffix *string
	var dropout *float64
	var fuse, fallback, ignore bool
	for key, value := range model {
		to, ok := map[string]any{
			"type": &kind, "dropout": &dropout, "unk_token": &unk, "continuing_subword_prefix": &prefix,
			"end_of_word_suffix": &suffix, "fuse_unk": &fuse, "byte_fallback": &fallback, "ignore_merges": &ignore,
		}[key]
		if !ok {
			continue
		}
		if err := json.Unmarshal(value, to); err != nil {
			return damaged("model with %s: %s", key, short(value))
		}
	}
	if kind != "BPE" {
		return unknown("model of type %s", kind)
	}
	for key, value := range model {
		switch key {
		case "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
			"byte_fallback", "ignore_merges", "vocab", "merges":
		default:
			return unknown("model with %s: %s", key, short(value))
		}
	}
	switch {
	case dropout != nil && *dropout != 0:
		return unknown("model with dropout: %g", *dropout)
	case prefix != nil && *prefix != "":
		return unknown("model with continuing_subword_prefix: %q", *prefix)
	case suffix != nil && *suffix != "":
		return unknown("model with end_of_word_suffix: %q", *suffix)
	case fallback && f.byteLevel:
		return unknown("model with byte_fallback: true after ByteLevel")
	case !fallback && !f.byteLevel:
		return unknown("model with byte_fallback: false without ByteLevel, so that a character may have no token")
	case fallback && !f.fallback:
		return unknown("model with byte_fallback: true and a decoder without ByteFallback")
	}
	f.whole = ignore
	ids, err := f.vocabulary(model["vocab"])
	if err != nil {
		return err
	}
	if fallback {
		if err := f.byteFallback(func(name string) int32 { return ids.find([]byte(name)) }); err != nil {
			return err
		}
	}
	f.names = ids
	return f.readMerges(model["merges"], ids)
}

// vocabulary reads the tokens and returns the dictionary of their names in the file.
func (f *hfFile) vocabulary(value []byte) (*dictionary, error) {
	if value == nil {
		return nil, damaged("model without vocab")
	}
	s := scanner{text: value}
	text := make([]byte, 0, len(value)) // the names, one after the other, so that each needs no memory of its own
	var ends [][2]int                   // by id, the start and the end of the name in text
	s.dict(func(key []byte) {
		if len(key) > maxToken || len(key) == 0 {
			s.fail(fmt.Sprintf("a token of %d bytes; a token has 1 to %d", len(key), maxToken))
			return
		}
		start := len(text)
		text = append(text, key...)
		id := int(s.id())
		if s.err != nil {
			return
		}
		if id >= len(ends) {
			ends = append(ends, make([][2]int, id+1-len(ends))...)
		}
		if ends[id][1] != 0 {
			s.fail(fmt.Sprintf("a second token with id %d", id))
			return
		}
		ends[id] = [2]int{start, len(text)}
		f.count++
	})
	if s.err != nil {
		return nil, fmt.Errorf("%w: vocab: %w", ErrFormat, s.err)
	}
	all := string(text)
	names := make([]string, len(ends))
	for id, e := range ends {
		names[id] = all[e[0]:e[1]]
	}
	ids, err := newDictionary(names, nil)
	if err != nil {
		return nil, err
	}
	if ids.twins[1] != 0 {
		return nil, damaged("vocab: ids %d and %d have the same token %q", ids.twins[0], ids.twins[1], names[ids.twins[1]])
	}
	f.tokens = names
	if !f.byteLevel {
		for id, name := range names {
			if strings.Contains(name, " ") {
				f.hide1(int32(id)) // no piece of a text has a space
				continue
			}
			f.tokens[id] = strings.ReplaceAll(name, lowLine, " ")
		}
		return &ids, nil
	}
	text = text[:0] // the bytes of a token are never more than its name has
	for id, name := range names {
		var ok bool
		start := len(text)
		if text, ok = appendBytes(text, name); ok {
			ends[id] = [2]int{start, len(text)}
			continue
		}
		text = append(text[:start], name...)
		ends[id] = [2]int{start, len(text)}
		f.hide1(int32(id)) // no piece of a text has these characters
	}
	all = string(text)
	for id, e := range ends {
		f.tokens[id] = all[e[0]:e[1]]
	}
	return &ids, nil
}

func (f *hfFile) readMerges(value []byte, ids *dictionary) error {
	if value == nil {
		return damaged("model without merges")
	}
	s := scanner{text: value}
	var buf, union []byte
	rank, id := int32(0), int32(-1)
	f.lastRank = true // as Hugging Face's tokenizers take it
	f.merges = make([]pair, 0, len(value)/12)
	s.array(func() {
		var left, right []byte
		if s.peek() == '[' {
			n := 0
			s.array(func() {
				b := s.bytes()
				switch n++; n {
				case 1:
					buf = append(buf[:0], b...)
				case 2:
					left, right = buf, b
				}
			})
			if n != 2 {
				s.fail("a merge without two tokens")
			}
		} else {
			b := s.bytes()
			i := bytes.IndexByte(b, ' ')
			if i <= 0 || i != bytes.LastIndexByte(b, ' ') {
				s.fail("a merge without two tokens")
				return
			}
			left, right = b[:i], b[i+1:]
		}
		if s.err != nil {
			return
		}
		if rank == maxMerges {
			s.fail(fmt.Sprintf("more than %d merges", maxMerges))
			return
		}
		if len(left) == 0 || len(right) == 0 {
			s.fail("a merge of a token without text")
			return
		}
		union = append(append(union[:0], left...), right...)
		p := pair{rank: rank, left: ids.find(left), right: ids.find(right)}
		// Most files list the merges in the order of the ids of their unions.
		if id = ids.after(id, union); id < 0 {
			id = ids.find(union)
		}
		p.id = id
		if p.left < 0 || p.right < 0 || p.id < 0 {
			s.fail(fmt.Sprintf("a merge of %q and %q, which are not tokens or have no token for both together", left, right))
			return
		}
		rank++
		if f.hidden.has(p.left) || f.hidden.has(p.right) {
			return // of tokens that no text has, so it never happens
		}
		f.merges = append(f.merges, p)
	})
	if s.err != nil {
		return fmt.Errorf("%w: merges: %w", ErrFormat, s.err)
	}
	return nil
}

func (f *hfFile) addedTokens(keys map[string][]byte) error {
	if keys["added_tokens"] == nil || string(keys["added_tokens"]) == "null" {
		return nil
	}
	var tokens []block
	if err := json.Unmarshal(keys["added_tokens"], &tokens); err != nil {
		return damaged("added_tokens is not a list of objects")
	}
	seen := map[string]bool{}
	fresh := 0 // added tokens that the vocabulary does not have
	for _, p := range tokens {
		var t addedToken
		var single bool
		var id int64
		for key, value := range map[string]any{
			"id": &id, "content": &t.content, "special": &t.special, "single_word": &single,
			"lstrip": &t.stripLeft, "rstrip": &t.stripRight, "normalized": &t.normalized,
		} {
			if err := p.get(key, value); err != nil {
				return err
			}
		}
		if err := p.only("id", "content", "special", "single_word", "lstrip", "rstrip", "normalized"); err != nil {
			return err
		}
		if id < 0 || id > maxID || t.content == "" || len(t.content) > maxToken {
			return damaged("an added token with id %d and %d bytes", id, len(t.content))
		}
		if seen[t.content] {
			return damaged("a second added token %q", t.content)
		}
		seen[t.content] = true
		t.id = int32(id)
		// Hugging Face's tokenizers do not take the id of the file. They number the tokens anew.
		want := f.names.find([]byte(t.content))
		if want < 0 {
			want = int32(f.count + fresh)
			fresh++
			if int(want) < f.names.size() && f.names.token(want) != "" {
				return unknown("added token %q, to which Hugging Face's tokenizers give the id %d of another token", t.content, want)
			}
		}
		if want != t.id {
			return unknown("added token %q with id %d, to which Hugging Face's tokenizers give %d", t.content, id, want)
		}
		if single {
			return unknown("added token %q with single_word: true", t.content)
		}
		if t.normalized && f.normal.none() {
			t.normalized = true // looked for after the others
		} else if t.normalized {
			return unknown("added token %q with normalized: true after a normalizer", t.content)
		}
		f.added = append(f.added, t)
		if t.special {
			f.addControl(t.id, t.content)
			f.hide1(t.id)
		} else if int(t.id) >= len(f.tokens) || f.tokens[t.id] == "" {
			f.setToken(t.id, t.content)
			f.hide1(t.id)
		} else if f.byteLevel {
			f.tokens[t.id] = t.content
		}
	}
	return nil
}

// short returns the beginning of a value, for a message.
func short(value []byte) string {
	const most = 100
	if len(value) <= most {
		return string(value)
	}
	cut := value[:most]
	for len(cut) > 0 && !utf8.Valid(cut) {
		cut = cut[:len(cut)-1]
	}
	return string(cut) + "..."
}

// byteOf maps the characters that stand for bytes in a byte-level vocabulary to the bytes: a byte that
// shows as a character of Latin-1 is that character, and the others are characters from U+0100 on.
var byteOf = func() (m [0x144]int16) {
	for i := range m {
		m[i] = -1
	}
	next := 0x100
	for b := range 256 {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			m[b] = int16(b)
		} else {
			m[next] = int16(b)
			next++
		}
	}
	return m
}()

// appendBytes appends the bytes of a token of a byte-level vocabulary. ok is false if a character stands
// for no byte.
func appendBytes(dst []byte, token string) (_ []byte, ok bool) {
	for _, r := range token {
		if int(r) >= len(byteOf) || byteOf[r] < 0 {
			return dst, false
		}
		dst = append(dst, byte(byteOf[r]))
	}
	return dst, true
}
