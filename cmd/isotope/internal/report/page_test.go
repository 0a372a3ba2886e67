package report

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
)

func pageOf(t *testing.T, p *Page) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, p.WriteHTML(&out))
	requireSelfContained(t, out.String())
	assert.True(t, strings.HasPrefix(out.String(), "<!doctype html>"), "reports replace pages by this")
	return out.String()
}

func samplePage() *Page {
	return &Page{
		Title: "A title", Lead: "lead & more",
		Facts:    []Fact{{"key id", "0011"}},
		Rows:     []Row{{Name: "x", OneLine: "line", Result: detect.Result{Verdict: detect.Detected, Log10PAdjusted: -30, Green: 7, Scored: 9}}},
		Passages: []Passage{{Title: "p", Prompt: "the prompt", Tokens: []Token{{"one", Green, 0}, {"\n", Red, 0}, {"three", Unscored, 0}}}},
		Curves:   []Curve{{Name: "curve", Points: []Point{{10, -2}, {20, -5}}}, {Name: "empty"}},
		Decoys:   Decoys{Log10P: []float64{-0.1, -2, -0.5}, Key: -40},
		Notes:    []string{"note"},
	}
}

func TestPage(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*Page)
		has, not []string
	}{
		{"everything", func(*Page) {}, []string{
			"<h1>A title</h1>", "lead &amp; more", `<td class="detected">detected</td>`, "10^-30.0", "7 of 9", "key id", "0011", "<li>note</li>",
			`<span class="prompt">the prompt</span><span class="g">one</span>`, `<span class="u">three</span>`, "How the evidence grows", "under unrelated keys", "3 unrelated keys",
		}, []string{"Expected", "<mark"}},
		{"nothing", func(p *Page) { *p = Page{} }, nil, []string{"The text as the test sees it", "How the evidence grows", "unrelated keys", "<svg"}},
		{"a verdict of silence", func(p *Page) { p.Rows[0].Result.Verdict = detect.NotDetected }, []string{`<td class="not_detected">`}, []string{`class="detected"`}},
		{"an expected result", func(p *Page) { p.Rows[0].Expect = "nothing" }, []string{"Expected</th>", "<td>nothing</td>"}, nil},
		{"a keyed draw", func(p *Page) { p.Rows[0].Draw = true }, []string{"9 scored"}, []string{"7 of 9"}},
		{"parts", func(p *Page) {
			p.Passages[0].Parts, p.Passages[0].Tokens[0].Part = []string{"a part"}, 1
		}, []string{`<mark title="a part"><span class="g">one</span></mark>`, "<li>a part</li>", "with estimated ends"}, nil},
		{"no decoys", func(p *Page) { p.Decoys = Decoys{} }, nil, []string{"unrelated keys"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := samplePage()
			c.change(p)
			page := pageOf(t, p)
			for _, part := range c.has {
				assert.Contains(t, page, part)
			}
			_, body, _ := strings.Cut(page, "<body>")
			for _, part := range c.not {
				assert.NotContains(t, body, part)
			}
		})
	}
}

// TestPageEscapes has hostile text in every string of a page.
func TestPageEscapes(t *testing.T) {
	var p Page
	fill(reflect.ValueOf(&p).Elem(), hostile)
	page := pageOf(t, &p)
	assert.NotContains(t, page, "<b>")
	assert.Equal(t, 1, strings.Count(page, "</style>"))
	assert.GreaterOrEqual(t, strings.Count(page, "&lt;script&gt;alert("), 20, "it is all there")
	assert.Contains(t, page, `<mark title="&lt;/style&gt;`)
}

func TestPagesThatCannotBeWritten(t *testing.T) {
	assert.ErrorIs(t, samplePage().WriteHTML(failingWriter{}), errDisk)
	assert.ErrorIs(t, sampleAudit(t).WriteHTML(failingWriter{}), errDisk)
	assert.ErrorIs(t, sampleAudit(t).WriteJSON(failingWriter{}), errDisk)
}

var errDisk = errors.New("disk")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errDisk }
