package main

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// browser returns Debian's chromium, or skips the test where it is not installed. CI requires it.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("ISOTOPE_REQUIRE_TOOLS") != "" {
		t.Fatal("chromium is not installed")
	}
	t.Skip("NOT LOOKED AT in a browser: chromium is not installed")
	return ""
}

// chromium runs the browser without a window and returns what it printed.
func chromium(t *testing.T, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	home := t.TempDir()
	cmd := exec.CommandContext(ctx, path, append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-dev-shm-usage", "--user-data-dir=" + home,
		"--allow-file-access-from-files", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND",
	}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+home)
	out, err := cmd.Output()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// A layout is what a browser measures of a page in a frame of some width.
type layout struct {
	Page           string
	Width, Scroll  int      // of the document
	Wide           []string // elements that leave the page to the right, but for what scrolls in itself
	Box            int      // where the box ends, in pixels from the top
	Background     string
	Underlined     int // green pieces with an underline
	Green          int
	Spoken         int // pieces of text for screen readers alone
	Images, Labels int // drawings, and those with a label
	Headers, Scope int // header cells of columns, and those with a scope
}

// measure is a page with the pages in frames. It writes a list of layouts.
const measure = `<!doctype html>%s<pre id="out"></pre><script>
const all = [...document.querySelectorAll("iframe")];
function look(f) {
  const d = f.contentDocument, w = f.contentWindow, e = d.documentElement, every = s => [...d.querySelectorAll(s)];
  const wide = every("body *").filter(x => !x.closest(".scroll table") && !x.closest("svg *") && !x.closest(".hidden") && x.getBoundingClientRect().right > e.clientWidth + 1)
    .map(x => x.tagName + "." + x.className);
  return {
    Page: f.name, Width: e.clientWidth, Scroll: e.scrollWidth, Wide: wide, Box: Math.round(d.querySelector(".box").getBoundingClientRect().bottom),
    Background: w.getComputedStyle(d.body).backgroundColor, Green: every(".g").length,
    Underlined: every(".g").filter(x => w.getComputedStyle(x).textDecorationLine === "underline").length,
    Spoken: every(".hidden").length, Images: every("svg").length, Labels: every("svg[role=img][aria-label]").length,
    Headers: every("thead th").length, Scope: every("thead th[scope]").length,
  };
}
onload = () => { document.getElementById("out").textContent = JSON.stringify(all.map(look)); };
</script>`

var measured = regexp.MustCompile(`(?s)<pre id="out">(.*?)</pre>`)

// TestPagesInABrowser looks at pages as people do: wide, on a phone, dark, and printed.
func TestPagesInABrowser(t *testing.T) {
	path := browser(t)
	dir := newDir(t)
	key, err := os.ReadFile(fieldFiles + "throwaway.key")
	require.NoError(t, err)
	with := []string{"-q", "--key", dir.file("key", string(key)), "--profile", fieldFiles + "profile.json"}
	run := func(verb []string, args ...string) {
		status, _, errs := isotope(append(append(verb, with...), args...)...)
		require.Zero(t, status, errs)
	}
	run([]string{"detect"}, "--spans", "--report", dir.of("one.html"), fieldFiles+"base_marked.txt")
	run([]string{"detect"}, "--report", dir.of("plain.html"), fieldFiles+"base_plain.txt")
	run([]string{"detect"}, "--report", dir.of("many.html"), fieldFiles+"O10_c.jsonl.gz", fieldFiles+"O14_base100.txt", fieldFiles+"O09_report.pdf")
	run([]string{"audit"}, "--reference", "none", "--decoys", "100", "--run-key", strings.Repeat("0c", 16), "--report", dir.of("audit.html"), fieldFiles+"O06_ref.jsonl")
	status, _, errs := isotope("eval", "-q", "--rows", dir.file("rows.jsonl", evalRows), "--rows-tokenizer", "r50k_base", "--texts", "4", "--length", "120", "--edited", "100",
		"--scheme", "gumbelmax,width=1", "--scheme", "greenlist,delta=3,width=1", "--scheme", "greenlist,delta=3,width=0", "--report", dir.of("eval.html"))
	require.Zero(t, status, errs)
	run([]string{"scan"}, "--spans", "--run-key", scanRun, "--report", dir.of("scan.html"), fieldFiles+"O06_ref.jsonl", fieldFiles+"O10_c.warc.gz", fieldFiles+"O09_report.pdf", fieldFiles+"base_plain.txt")
	sub := filepath.Join("many.texts", "text-00001.html")
	require.FileExists(t, dir.of(sub))
	index, err := os.ReadFile(dir.of("many.html"))
	require.NoError(t, err)
	assert.Contains(t, string(index), `<a href="many.texts/text-00001.html">`)

	pages := []string{"one.html", "plain.html", "many.html", sub, "audit.html", "eval.html", "scan.html"}
	var frames strings.Builder
	for _, page := range pages {
		for _, width := range []int{1280, 390} {
			fmt.Fprintf(&frames, `<iframe name="%s" style="width:%dpx;height:900px;border:0" src="%s"></iframe>`, page, width, filepath.ToSlash(page))
		}
	}
	frame := dir.file("frame.html", fmt.Sprintf(measure, frames.String()))
	for _, view := range []struct {
		name, paper string
		args        []string
	}{
		{"light", "rgb(255, 255, 255)", nil},
		{"dark", "rgb(20, 24, 28)", []string{"--blink-settings=preferredColorScheme=0"}},
	} {
		out := chromium(t, path, append(view.args, "--virtual-time-budget=20000", "--dump-dom", "file://"+frame)...)
		found := measured.FindStringSubmatch(out)
		require.Len(t, found, 2, out)
		var list []layout
		require.NoError(t, json.Unmarshal([]byte(strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(found[1])), &list), found[1])
		require.Len(t, list, 2*len(pages))
		for _, l := range list {
			t.Run(fmt.Sprintf("%s at %d, %s", l.Page, l.Width, view.name), func(t *testing.T) {
				assert.Empty(t, l.Wide, "nothing leaves the page")
				assert.Equal(t, l.Width, l.Scroll, "nobody scrolls sideways")
				assert.Equal(t, l.Green, l.Underlined)
				assert.Equal(t, l.Images, l.Labels)
				assert.Equal(t, l.Headers, l.Scope)
				if l.Width > 1000 {
					assert.Less(t, l.Box, 700, "the result is on the first screen")
				}
				assert.Equal(t, view.paper, l.Background)
				if l.Page == "one.html" {
					assert.Greater(t, l.Green, 300)
					assert.NotZero(t, l.Spoken)
				}
			})
		}
	}
	for _, page := range []string{"one.html", "audit.html", "scan.html"} {
		t.Run(page+" as a picture", func(t *testing.T) {
			shot := dir.of("shot.png")
			chromium(t, path, "--window-size=1280,900", "--screenshot="+shot, "file://"+dir.of(page))
			f, err := os.Open(shot)
			require.NoError(t, err)
			defer f.Close()
			picture, err := png.Decode(f)
			require.NoError(t, err)
			assert.Equal(t, 1280, picture.Bounds().Dx())
			ink := darkShare(picture)
			assert.Greater(t, ink, 0.005, "there is something to read")
			assert.Less(t, ink, 0.3, "and paper around it")
		})
		t.Run(page+" printed", func(t *testing.T) {
			file := dir.of("page.pdf")
			chromium(t, path, "--no-pdf-header-footer", "--print-to-pdf="+file, "file://"+dir.of(page))
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(string(text), "%PDF"))
			boxes := regexp.MustCompile(`/MediaBox ?\[ ?0 0 (59[45][\d.]*) (84[12][\d.]*)`).FindAllString(string(text), -1)
			assert.NotEmpty(t, boxes, "A4")
			most := 12
			if page == "scan.html" {
				most = 20 // of ten documents, each with its text and its numbers
			}
			assert.LessOrEqual(t, len(boxes), most)
		})
	}
}

// darkShare returns which share of a picture is dark.
func darkShare(p image.Image) float64 {
	b := p.Bounds()
	dark := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if r, g, bl, _ := p.At(x, y).RGBA(); r+g+bl < 3*0x6000 {
				dark++
			}
		}
	}
	return float64(dark) / float64(b.Dx()*b.Dy())
}
