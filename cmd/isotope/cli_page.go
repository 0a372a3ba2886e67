package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/visible"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// checkReport is checkPage for a --report that may not have been given.
func checkReport(path string) error {
	if path == "" {
		return nil
	}
	return checkPage(path)
}

// checkPage returns an error if a page cannot be written to path, as far as that can be known
// beforehand. A page may replace an earlier page and nothing else: not the text, the key or
// the journal whose name was given by mistake.
func checkPage(path string) error {
	if path == "" || path == "-" {
		return usagef("a report is written to a file, and %q is not the name of one", path)
	}
	switch info, err := os.Stat(path); {
	case err != nil:
	case info.IsDir():
		return fmt.Errorf("the report cannot be written: %s is a directory; name a file in it", path)
	case info.Mode().IsRegular() && info.Size() > 0:
		page, err := isPage(path)
		if err != nil {
			return fmt.Errorf("the report cannot be written: %w", err)
		}
		if !page {
			return fmt.Errorf("the report cannot be written: %s exists and is not an HTML page, and a report replaces pages only; choose another name", path)
		}
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return wordedError{fmt.Sprintf("the report cannot be written to %s: there is no directory %s; make it, or name another file", path, filepath.Dir(path)), err}
	}
	return nil
}

// isPage reports whether a file begins as a page does.
func isPage(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	const begin = "<!doctype html>"
	b, err := io.ReadAll(io.LimitReader(f, int64(len(begin))))
	return strings.EqualFold(string(b), begin), err
}

// writePage writes a report. It writes a regular file whole or not at all. It writes directly to
// anything else of that name, such as a device or a pipe. It refuses a file that appeared after
// checkPage, such as the journal of this call.
func writePage(p interface{ WriteHTML(io.Writer) error }, path string) error {
	if err := checkPage(path); err != nil {
		return err
	}
	var page bytes.Buffer
	shown := visible.NewWriter(&page)
	if err := errors.Join(p.WriteHTML(shown), shown.Close()); err != nil {
		return fmt.Errorf("the report cannot be written to %s: %w", path, err)
	}
	if secret.Holds(page.Bytes()) {
		return errors.New("the report is not written, because it would show a secret key; look for the key in the question, the plan and the texts, and treat it as leaked")
	}
	if err := replacePage(page.Bytes(), path); err != nil {
		return fmt.Errorf("the report cannot be written to %s: %w", path, err)
	}
	return nil
}

// replacePage writes a page. A new file gets the mode that the umask leaves, and one that takes the
// place of another gets the mode of that one.
func replacePage(page []byte, path string) error {
	info, err := os.Stat(path)
	exists := err == nil
	if exists && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(page)
		return errors.Join(err, f.Close())
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	var random [8]byte
	rand.Read(random[:])
	name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".isotope-%x.html", random))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer os.Remove(name) // of what an error leaves behind
	if exists {
		err = f.Chmod(info.Mode().Perm())
	}
	if err == nil {
		_, err = f.Write(page)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(name, path)
}

// colourTokens returns tokens as a test saw them, with the displayed parts of spans, which are
// in order. An id that t does not have shows as a number, and so do all ids if t is nil.
func colourTokens(t tokenize.Tokenizer, ids []watermark.Token, colours []detect.Colour, spans []detect.Span) []report.Token {
	part := 0
	return report.Colours(len(ids), func(i int) ([]byte, report.Colour, int) {
		for part < len(spans) && i >= spans[part].DisplayEnd {
			part++
		}
		inside := 0
		if part < len(spans) && i >= spans[part].DisplayStart {
			inside = part + 1
		}
		return tokenBytes(t, ids[i]), colourOf[colours[i]], inside
	})
}

var colourOf = map[detect.Colour]report.Colour{
	detect.Unscored: report.Unscored,
	detect.NotGreen: report.Red,
	detect.Green:    report.Green,
}

func tokenBytes(t tokenize.Tokenizer, id watermark.Token) []byte {
	if t != nil {
		if text, err := t.Decode(nil, []watermark.Token{id}); err == nil {
			return text
		}
	}
	return fmt.Appendf(nil, "%d ", id)
}
