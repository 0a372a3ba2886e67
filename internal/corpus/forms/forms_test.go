package forms_test

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/isotope-wm/isotope/internal/corpus/forms"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

func lookup(t testing.TB, name string) forms.Form {
	t.Helper()
	f, ok := forms.Lookup(name)
	require.True(t, ok, name)
	return f
}

func TestForms(t *testing.T) {
	for _, x := range []struct{ form, name, in, want string }{
		{"terminal", "colours", "\x1b[1;31mred\x1b[0m", "red"},
		{"terminal", "title and link", "\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab"},
		{"terminal", "overstrike", "N\bNA\bA _\bx", "NA x"},
		{"terminal", "one character CSI", "a\u009b31mb", "ab"},
		{"terminal", "nothing", "a [1m b", "a [1m b"},
		{"json", "escapes", `one\n\"two\" \u00e9\ud83d\ude00 \\ \q`, "one\n\"two\" é😀 \\ \\q"},
		{"entities", "names and numbers", "&eacute;t&#233; &#xE9; &amp; &lt;p&gt; &nbsp;.", "été é & <p> \u00a0."},
		{"entities", "not entities", "a & b; &bogus; &eacute &;", "a & b; &bogus; &eacute &;"},
		{"entities", "one layer", "&amp;eacute;", "&eacute;"},
		{"mojibake", "latin-1", "dÃ©jÃ\u00a0 vu", "déjà vu"},
		{"mojibake", "windows-1252", "itâ€™s â€œqâ€\u009d â‚¬", "it’s “q” €"},
		{"mojibake", "twice", "dÃƒÂ©jÃƒÂ\u00a0", "déjà"},
		{"mojibake", "right text", "déjà vu, naïve, Ã la carte", "déjà vu, naïve, Ã la carte"},
		{"line_ends", "all", "a\r\nb\rc\u0085d\u2028e\u2029f\n", "a\nb\nc\nd\ne\nf\n"},
		{"spaces", "spaces", "a\u00a0b\u202fc\u2009d\u3000e", "a b c d e"},
		{"spaces", "invisible", "a\u200bb\u00adc\ufeffd\u2060e\u202ef", "abcdef"},
		{"spaces", "joiners after latin", "a\u200db\u200c c\ufe0f", "ab c"},
		{"spaces", "joiners of scripts and emoji", "👨\u200d👩 می\u200cخواهم ❤\ufe0f", "👨\u200d👩 می\u200cخواهم ❤\ufe0f"},
		{"spaces", "tags", "a\U000e0041\U000e0042b", "ab"},
		{"width", "letters", "Ｈｅｌｌｏ，　ｗｏｒｌｄ！", "Hello, world!"},
		{"width", "ligatures", "ﬁnd the oﬃce", "find the office"},
		{"nfc", "accents", "e\u0301te\u0301 A\u030a", "été Å"},
		{"nfc", "composed", "été", "été"},
		{"lookalikes", "in a word", "The rivеr wаs high", "The river was high"},
		{"lookalikes", "a word", "The river а high", "The river a high"},
		{"lookalikes", "greek", "The Ηigh Οld", "The High Old"},
		{"lookalikes", "cyrillic text", "Река была высокой, а мост старым", "Река была высокой, а мост старым"},
		{"lookalikes", "mixed languages", "the word слово is Russian", "the word слово is Russian"},
		{"quotes", "all", "‘a’ “b” – …", "'a' \"b\" – …"},
		{"markdown", "escapes", `1\. \*not bold\* \\ \q`, `1. *not bold* \ \q`},
		{"trailing", "blanks", "a  \nb\t\nc", "a\nb\nc"},
		{"prefixes", "quotation", "> a\n> b\n>\n> c", "a\nb\n\nc"},
		{"prefixes", "nested quotation", "> > a\n> > b", "a\nb"},
		{"prefixes", "list", "- a\n- b\n* c", "a\nb\nc"},
		{"prefixes", "numbers", "1. a\n2. b\n3. c", "a\nb\nc"},
		{"prefixes", "line numbers", "  9  a\n 10  b\n 11  c", "a\nb\nc"},
		{"prefixes", "listing", "12 | a\n13 | b", "a\nb"},
		{"prefixes", "indent", "    a\n\n    b\n      c", "a\n\nb\n  c"},
		{"prefixes", "quoted list", "> - a\n> - b", "a\nb"},
		{"prefixes", "one line", "> a", "> a"},
		{"prefixes", "few lines", "a\nb\nc\n- d", "a\nb\nc\n- d"},
		{"prefixes", "years", "1999 was cold\n1998 was not", "1999 was cold\n1998 was not"},
		{"unwrap", "paragraphs", "one\ntwo\n\nthree\nfour\n", "one two\n\nthree four\n"},
		{"unwrap", "blank lines doubled", "one\n\n\n\ntwo", "one\n\ntwo"},
		{"unwrap", "list", "one\n- two\n- three\n1. four", "one\n- two\n- three\n1. four"},
		{"unwrap", "hyphen", "well-\nknown", "well-known"},
		{"paragraphs", "lost", "one\ntwo\nthree", "one\n\ntwo\n\nthree"},
		{"join", "all", "one \n two\n\n\nthree\n", "one two three\n"},
	} {
		t.Run(x.form+"/"+x.name, func(t *testing.T) {
			in := []byte(x.in)
			out, m := lookup(t, x.form).Apply(in)
			assert.Equal(t, x.want, string(out))
			assert.Equal(t, x.in, string(in), "the text itself is not changed")
			assert.Equal(t, x.in == x.want, m.Identity())
		})
	}
}

func TestMap(t *testing.T) {
	in := []byte("&eacute;t&eacute; \u200bici")
	out, m, changed := mustChain(t, "spaces", "entities").Apply(in)
	require.Equal(t, "été ici", string(out))
	assert.Equal(t, []string{"entities", "spaces"}, changed)
	for _, x := range []struct{ span, source string }{
		{"été", "&eacute;t&eacute;"}, {"t", "t"}, {"é ", "&eacute; "}, {"ici", "ici"}, {"été ici", "&eacute;t&eacute; \u200bici"},
	} {
		t.Run(x.span, func(t *testing.T) {
			from := strings.LastIndex(string(out), x.span)
			a, b := m.Span(from, from+len(x.span))
			assert.Equal(t, x.source, string(in[a:b]))
		})
	}
	t.Run("inside a replacement", func(t *testing.T) {
		a, b := m.Span(1, 2) // the second byte of é
		assert.Equal(t, "&eacute;", string(in[a:b]))
	})
	t.Run("empty", func(t *testing.T) {
		a, b := m.Span(3, 3)
		assert.Equal(t, a, b)
	})
}

func mustChain(t testing.TB, names ...string) forms.Chain {
	t.Helper()
	c, err := forms.NewChain(names...)
	require.NoError(t, err)
	return c
}

func TestChain(t *testing.T) {
	c := mustChain(t, "nfc", "terminal", "entities")
	assert.Equal(t, "terminal+entities+nfc", c.Name())
	for _, x := range []struct {
		names []string
		says  string
	}{
		{[]string{"nfc", "bogus"}, `"bogus" is not known`},
		{[]string{"nfc", "nfc"}, "twice"},
		{[]string{"join", "unwrap"}, "exclude each other"},
	} {
		_, err := forms.NewChain(x.names...)
		assert.ErrorContains(t, err, x.says)
	}
	assert.Len(t, forms.Default(), 3)
}

// Each text that is to be tested is there once, and the text as it is is not.
func TestVariants(t *testing.T) {
	assert.Empty(t, forms.Variants([]byte("plain words of ASCII"), forms.Default()))
	list := forms.Variants([]byte("a\u00a0b\r\n"), forms.Default())
	require.Len(t, list, 1)
	assert.Equal(t, "a b\n", string(list[0].Text))
	assert.Equal(t, []string{"line_ends", "spaces"}, list[0].Changed)
	assert.Len(t, forms.Variants([]byte("> “é”\u00a0a\n> e\u0301"), forms.Default()), 3)
}

func TestInspect(t *testing.T) {
	for _, x := range []struct{ name, text, form string }{
		{"entities", "&eacute;t&eacute; et tout le reste", "entities"},
		{"json", `one\ntwo\nthree\nfour`, "json"},
		{"mojibake", "dÃ©jÃ\u00a0 vu", "mojibake"},
		{"spaces", "a\u00a0b", "spaces"},
		{"format", "a\u200bb", "spaces"},
		{"width", "Ｈｅｌｌｏ", "width"},
		{"nfc", "e\u0301te\u0301", "nfc"},
		{"lookalikes", "The rivеr", "lookalikes"},
	} {
		t.Run(x.name, func(t *testing.T) {
			signs := forms.Inspect([]byte(x.text), true)
			require.Len(t, signs, 1)
			assert.Equal(t, x.form, signs[0].Form)
			assert.Contains(t, signs[0].Detail, x.form)
			assert.NotZero(t, signs[0].Count)
			out, _ := lookup(t, x.form).Apply([]byte(x.text))
			assert.NotEqual(t, x.text, string(out), "the form that is named undoes something")
			// One place in a long text is not worth a word.
			long := append([]byte(x.text), bytes.Repeat([]byte("Words that nobody changed. "), 1000)...)
			assert.Empty(t, forms.Inspect(long, true))
		})
	}
	for _, clean := range []string{"plain words", "déjà vu, l’été", "河水很高，今天天气很好。", "Река была высокой", "👨\u200d👩\u200d👧", "می\u200cخواهم"} {
		assert.Empty(t, forms.Inspect([]byte(clean), true), clean)
	}
}

// check asserts what holds for every form and text.
func check(t testing.TB, f forms.Form, text []byte) {
	before := bytes.Clone(text)
	out, m := f.Apply(text)
	require.Equal(t, before, text, "%s changed its input", f.Name)
	require.Equal(t, bytes.Equal(out, text), m.Identity() || bytes.Equal(out, text), f.Name)
	if m.Identity() {
		require.Equal(t, text, out, f.Name)
	}
	last, lastEnd := 0, 0
	step := max(1, len(out)/2000)
	for i := 0; i <= len(out); i += step {
		a, b := m.Start(i), m.End(i)
		require.LessOrEqual(t, last, a, "%s: starts go back at %d", f.Name, i)
		require.LessOrEqual(t, lastEnd, b, "%s: ends go back at %d", f.Name, i)
		require.True(t, 0 <= a && a <= len(text) && 0 <= b && b <= len(text), "%s: %d leads outside", f.Name, i)
		last, lastEnd = a, b
	}
	require.Equal(t, 0, m.End(0), f.Name)
	require.Equal(t, len(text), m.Start(len(out)), f.Name)
	if f.Idempotent {
		again, _ := f.Apply(out)
		require.Equal(t, string(out), string(again), "%s does something to its own output", f.Name)
	}
}

// What is equal before and after a form leads to itself: each byte that was not replaced is
// found at the offset that the map says.
func checkBytes(t testing.TB, f forms.Form, text []byte) {
	out, m := f.Apply(text)
	same := 0
	for i := range out {
		if a, b := m.Start(i), m.End(i+1); b == a+1 && text[a] == out[i] {
			same++
		}
	}
	if m.Identity() {
		require.Equal(t, len(out), same, f.Name)
	}
}

var seeds = []string{
	"", "a", "\n", "> a\n> b\n", "- > - a\n- > - b", "&amp;&lt;&#233;", `\n\u00e9\\n`, "Ã©", "ÃƒÂ©", "\u00a0\u200b\u200d", "ＡＢ", "e\u0301\u0301", "\x1b[0m\b\b", "a\b\bb",
	"а\u0301b", "\\*\\", "  1. a\n  2. b\n", "a\r\n\r\nb\u2028", "\xff\xfe\xe2\x80", "one\ntwo\n\n\nthree  \n", strings.Repeat("> ", 50) + "x\n" + strings.Repeat("> ", 50) + "y",
	"\u0344\u0958", "a\u0323\u0307", "ﬃ", "‘’", "\xe2\x80\x98\xe2\x80", "\ufeff\ufe0f", "12 | a\n13 | b", "\xc2", "\xc2\x9b", "\x1b]x",
}

func TestProperties(t *testing.T) {
	texts := append([]string{}, seeds...)
	for _, name := range []string{"base_marked.txt", "base_fr.txt", "O11_entities_fr.txt", "O13_fullwidth.txt", "O14_wrap40.txt", "O14_quoted100.txt"} {
		b, err := os.ReadFile("../testdata/field/" + name)
		require.NoError(t, err)
		texts = append(texts, string(b))
	}
	for _, f := range forms.All() {
		t.Run(f.Name, func(t *testing.T) {
			for _, s := range texts {
				check(t, f, []byte(s))
				checkBytes(t, f, []byte(s))
			}
			// What no form has to do with stays as it is.
			if f.Name != "unwrap" && f.Name != "paragraphs" && f.Name != "join" {
				out, m := f.Apply([]byte("Plain words.\n\nAnd more of them."))
				assert.True(t, m.Identity())
				assert.Equal(t, "Plain words.\n\nAnd more of them.", string(out))
			}
		})
	}
	t.Run("not idempotent", func(t *testing.T) { // as the forms say
		for name, s := range map[string]string{"json": `\\n`, "entities": "&amp;lt;", "markdown": `\\*`} {
			f := lookup(t, name)
			assert.False(t, f.Idempotent)
			once, _ := f.Apply([]byte(s))
			twice, _ := f.Apply(once)
			assert.NotEqual(t, once, twice, name)
		}
	})
	t.Run("nfc is Unicode's", func(t *testing.T) {
		for _, s := range texts {
			out, _ := lookup(t, "nfc").Apply([]byte(s))
			assert.Equal(t, norm.NFC.String(s), string(out))
		}
	})
}

func FuzzForms(tf *testing.F) {
	f := mutate.New(tf)
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<14 {
			b = b[:1<<14]
		}
		for _, x := range forms.All() {
			check(t, x, b)
		}
		out, m, _ := forms.Default()[2].Apply(b)
		if a, z := m.Span(0, len(out)); a > z || z > len(b) {
			t.Fatalf("the span %d to %d lies outside %d bytes", a, z, len(b))
		}
		forms.Inspect(b, true)
	})
}

// Forms allocate in proportion to a text, here of 1 MiB, and look at each byte a few times, whatever the
// text is made of.
func TestFormsAreBounded(t *testing.T) {
	for _, unit := range []string{"&lt;a", "\x1b]", "\x1b[", "a\b", "\n", "> a\n", "\\n\\\\", "\u00a0a", "e\u0301\u0301", "Ã©Ã", "а", "\ufeff", "ＡB", "\r"} {
		text := bytes.Repeat([]byte(unit), (1<<20)/len(unit))
		for _, f := range forms.All() {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			out, m := f.Apply(text)
			runtime.ReadMemStats(&after)
			m.Span(0, len(out))
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(160<<20), "%s of %q", f.Name, unit)
		}
		forms.Inspect(text, true)
	}
}
