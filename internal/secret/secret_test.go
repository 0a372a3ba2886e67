package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

const (
	digits = "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210"
	key    = "isotope-secret-key-1:" + digits
)

// everyChar writes each character of a text by a format.
func everyChar(format, s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, format, r)
	}
	return b.String()
}

func inUTF16(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

func inserted(s, between string, every int) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && i%every == 0 {
			b.WriteString(between)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// writings are ways to write a text.
var writings = []struct {
	name  string
	write func(string) string
}{
	{"as it is", func(s string) string { return s }},
	{"upper case", strings.ToUpper},
	{"title", func(s string) string { return strings.ToUpper(s[:1]) + s[1:] }},
	{"JSON escapes", func(s string) string { return everyChar(`\u%04x`, s) }},
	{"JSON escapes in upper case", func(s string) string { return everyChar(`\u%04X`, s) }},
	{"one JSON escape", func(s string) string { return strings.Replace(s, "-", `\u002d`, 1) }},
	{"JSON in JSON", func(s string) string { return everyChar(`\\u%04x`, s) }},
	{"JavaScript", func(s string) string { return everyChar(`\u{%x}`, s) }},
	{"C", func(s string) string { return everyChar(`\x%02x`, s) }},
	{"octal", func(s string) string { return everyChar(`\%03o`, s) }},
	{"Markdown", func(s string) string { return strings.ReplaceAll(s, "-", `\-`) }},
	{"URL", func(s string) string { return everyChar("%%%02X", s) }},
	{"URL of a URL", func(s string) string { return url.QueryEscape(everyChar("%%%02X", s)) }},
	{"query", url.QueryEscape},
	{"decimal entities", func(s string) string { return everyChar("&#%d;", s) }},
	{"hex entities", func(s string) string { return everyChar("&#x%x;", s) }},
	{"named entities", func(s string) string {
		return strings.NewReplacer("-", "&hyphen;", ":", "&colon;").Replace(s)
	}},
	{"entities of entities", func(s string) string { return html.EscapeString(everyChar("&#%d;", s)) }},
	{"mail", func(s string) string { return everyChar("=%02X", s) }},
	{"soft breaks of mail", func(s string) string { return inserted(s, "=\r\n", 9) }},
	{"lines", func(s string) string { return inserted(s, "\n", 7) }},
	{"spaced", func(s string) string { return inserted(s, " ", 1) }},
	{"zero-width spaces", func(s string) string { return inserted(s, "\u200b", 3) }},
	{"soft hyphens", func(s string) string { return inserted(s, "\u00ad", 5) }},
	{"typographic hyphens", func(s string) string { return strings.ReplaceAll(s, "-", "\u2011") }},
	{"full width", func(s string) string {
		return strings.Map(func(r rune) rune { return r - '!' + 0xff01 }, s)
	}},
	{"UTF-16", inUTF16},
	{"base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"base64 of URLs", func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }},
	{"base64, shifted by 1", func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x" + s)) }},
	{"base64, shifted by 2", func(s string) string { return base64.StdEncoding.EncodeToString([]byte("xy" + s)) }},
	{"base64 within base64", func(s string) string { return "QUJD" + base64.StdEncoding.EncodeToString([]byte(s)) + "QUJD" }},
	{"base64 in lines", func(s string) string {
		return inserted(base64.StdEncoding.EncodeToString([]byte(s)), "\r\n", 20)
	}},
	{"base64 of UTF-16", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(inUTF16(s))) }},
	{"base64 in JSON", func(s string) string {
		return strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(s)), "=", `\u003d`)
	}},
	{"hex", func(s string) string { return hex.EncodeToString([]byte(s)) }},
	{"hex in upper case", func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }},
	{"hex after a digit", func(s string) string { return "a" + hex.EncodeToString([]byte(s)) }},
}

// TestHolds writes a key in every way, in many places.
func TestHolds(t *testing.T) {
	for _, w := range writings {
		t.Run(w.name, func(t *testing.T) {
			for _, place := range []string{"%s", "my key: %s.", `{"prompt":"%s"}`, "x%sx", "line\n%s\nline", `a\%s`, `\ ` + "\x01%s", `\\%s`, `\\\\\\\%s`, "100%%%s", "?key=%s&x=1", "<b>%s</b>"} {
				text := fmt.Sprintf(place, w.write(key))
				assert.True(t, Holds(text), "%q", text)
				assert.True(t, Holds([]byte(text)))
				assert.True(t, MayHold(text))
				quoted, err := json.Marshal(text)
				assert.NoError(t, err)
				assert.True(t, Holds(quoted), "%s", quoted)
				assert.NotContains(t, Hide(text), w.write(digits), "hidden")
				assert.False(t, Holds(Hide(text)))
				assert.Equal(t, "(a secret key)", Quote(text))
				err = Refuse("the prompt", "fine", text)
				if assert.ErrorContains(t, err, "the prompt holds a secret key") {
					assert.NotContains(t, err.Error(), "00112233")
				}
			}
		})
	}
	for _, c := range []struct{ name, text string }{
		{"another version", "isotope-secret-key-2:" + digits},
		{"half a key", key[:40]},
		{"digits apart", "isotope-secret-key-1:" + inserted(digits, "-", 4)},
		{"a key of another engine", "integer-key-1:15485863,42"},
		{"the same, escaped", everyChar(`\u%04x`, "integer-key-1:15485863")},
		{"a key of age", "AGE-SECRET-KEY-1QQPQYQSZQ0000000000000000000000000000000000000000000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.True(t, Holds(c.text))
			assert.False(t, Holds(Hide("a "+c.text+" b")))
		})
	}
}

// TestHoldsNot: texts about keys, hashes and names are no secrets.
func TestHoldsNot(t *testing.T) {
	for _, c := range []struct {
		name, text string
		may        bool // what leaves the machine is looked at more strictly
	}{
		{"nothing", "", false},
		{"prose", "The secret key of an isotope is 0011 2233 and so on.", false},
		{"a hash", "sha256:" + digits, false},
		{"a number of a chain", "0x" + digits, false},
		{"a longer number", digits + "00", false},
		{"a shorter number", digits[:63], false},
		{"bare digits", "(" + digits + ")", true},
		{"bare digits in capitals", strings.ToUpper(digits), true},
		{"the form of a key", `the line is "isotope-secret-key-1:" and 64 lower-case hex digits`, true},
		{"the form, in another way", "isotope-secret-key-1:<64 hex digits>", true},
		{"a word like the other", "integer-key-value: x", true},
		{"base64 of something", base64.StdEncoding.EncodeToString([]byte(strings.Repeat("harmless text ", 20))), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.False(t, Holds(c.text))
			assert.Equal(t, c.may, MayHold(c.text))
			assert.Equal(t, c.may, Refuse("x", c.text) != nil)
		})
	}
}

// TestRemember: the bare digits of a key in use are found, and those of another key are not.
func TestRemember(t *testing.T) {
	const used = "f00dcafe33445566778899aabbccddeeff0123456789abcdeffedcba98765432"
	raw, err := hex.DecodeString(used)
	assert.NoError(t, err)
	texts := map[string]string{
		"digits": "x " + used + ".", "in capitals": strings.ToUpper(used), "among digits": "12" + used + "ab", "spaced": inserted(used, " ", 2),
		"escaped": everyChar(`\u%04x`, used), "a hash": "sha256:" + used, "base64": "key=" + base64.StdEncoding.EncodeToString(raw),
		"base64 of URLs": base64.RawURLEncoding.EncodeToString(raw), "base64 of digits": base64.StdEncoding.EncodeToString([]byte(used)),
	}
	for name, text := range texts {
		assert.False(t, Holds(text), name)
	}
	Remember("isotope-secret-key-1:" + used + "\n")
	Remember("no key")
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			assert.True(t, Holds(text))
			assert.Equal(t, shown, Hide(text))
			assert.Equal(t, "a\n"+shown+"\nb", Hide("a\n"+text+"\nb"))
		})
	}
	assert.False(t, Holds("x "+digits+"."))
}

func TestHide(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "all is well", "all is well"},
		{"a key", "open " + key + ": no such file", "open (a secret key) no such file"},
		{"two keys", key + " and " + strings.ToUpper(key), "(a secret key) and (a secret key)"},
		{"the beginning of a key", "isotope-secret-key-1:", "(a secret key)"},
		{"an escaped key", "one\n" + everyChar(`\u%04x`, key) + "\ntwo\n", "one\n(a secret key)\ntwo\n"},
		{"a key over lines", "isotope-secret-\nkey-1:" + digits, "(a secret key)"},
		{"a hash", digits, digits},
		{"of another engine", "integer-key-1:42,7 x", "(a secret key) x"},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, Hide(c.text)) })
	}
}

func TestQuote(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "a\nb", `"a\nb"`},
		{"key", "my Isotope-Secret-Key-1:00", "(a secret key)"},
		{"digits", strings.Repeat("9f", 32), "(a secret key)"},
		{"fewer digits", strings.Repeat("f", 63), `"` + strings.Repeat("f", 63) + `"`},
		{"long", strings.Repeat("é", 100), `"` + strings.Repeat("é", 40) + `"...`},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, Quote(c.text)) })
	}
}

// TestFinder writes API keys in every way.
func TestFinder(t *testing.T) {
	for _, apiKey := range []string{"sk-suspect-SECRETSECRET-0001", "sk_live_%41&<b>==", "0123456789abcdef0123456789abcdef", "AbCdEfGh"} {
		f := NewFinder("", apiKey)
		for _, w := range writings {
			if apiKey != "sk-suspect-SECRETSECRET-0001" && strings.ContainsAny(w.write("-&%"), " \n") {
				continue // of keys with escapes of their own in them
			}
			t.Run(apiKey+" "+w.name, func(t *testing.T) {
				for _, place := range []string{"%s", "your key is %s, is it not?", `{"model":"%s"}`} {
					assert.True(t, f.In(fmt.Appendf(nil, place, w.write(apiKey))), w.write(apiKey))
				}
			})
		}
		assert.False(t, f.In([]byte("nothing of the kind "+apiKey[:7])))
		text, n := f.Overwrite([]byte("a "+apiKey+strings.ToUpper(apiKey)+" b"), "[key]")
		assert.Equal(t, "a [key][key] b", string(text))
		assert.Equal(t, 2, n)
	}
	text, n := NewFinder("x").Overwrite([]byte("x"), "[key]")
	assert.Equal(t, "x", string(text))
	assert.Zero(t, n)
	assert.False(t, new(Finder).In([]byte("x")))
}

func TestIsPlaceholder(t *testing.T) {
	for _, c := range []struct {
		want bool
		keys []string
	}{
		{true, []string{"", "x", "e", "key", "none", "token", "test", "text", "EMPTY", "content", "sk-no-key-required", "Placeholder", "choices", "finish_reason", "CHAT", " none ", "something", "not-needed"}},
		{false, []string{"sk-suspect-SECRETSECRET-0001", "sk-right1", "gsk_a1b2c3d4", "AbCdEfGh", "correcthorsebattery", "0f0f0f0f", strings.Repeat("k", 16)}},
	} {
		for _, k := range c.keys {
			t.Run(k, func(t *testing.T) { assert.Equal(t, c.want, IsPlaceholder(k)) })
		}
	}
}

// FuzzHolds: a key is found whatever stands around it, and is not there after Hide.
func FuzzHolds(tf *testing.F) {
	f := mutate.New(tf)
	f.Add("", "", uint8(0))
	f.Add(`\`, `"`, uint8(3))
	f.Add("aGVsbG8", "=", uint8(29))
	f.Add("&#x", ";", uint8(14))
	f.Add("isotope-secret-", "\n", uint8(22))
	f.Fuzz(func(t *testing.T, before, after string, way uint8) {
		w := writings[int(way)%len(writings)]
		// A letter or a digit before an escape or a code may belong to it.
		text := before + " \x01" + w.write(key) + "\x01 " + after
		if strings.HasPrefix(w.name, "base64") || strings.HasPrefix(w.name, "hex") {
			text = before + " \"" + w.write(key) + "\" " + after
		}
		if !Holds(text) {
			t.Errorf("%s: %q", w.name, text)
		}
		if hidden := Hide(text); Holds(hidden) {
			t.Errorf("%q hides as %q", text, hidden)
		}
		if quoted, _ := json.Marshal(text); !Holds(quoted) {
			t.Errorf("%s: %s", w.name, quoted)
		}
	})
}

func BenchmarkHolds(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"prose", strings.Repeat("A line of ordinary prose, with nothing in it that would be an escape.\n", 1<<14)},
		{"escapes", strings.Repeat(`\u0069\u0073 & %69 =69`, 1<<16)},
		{"base64", strings.Repeat("aXNvdG9wZS1zZWNyZXQ", 1<<16)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			for b.Loop() {
				Holds(c.text)
			}
		})
	}
}
