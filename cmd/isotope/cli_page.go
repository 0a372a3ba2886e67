package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// checkPage reports whether a page can be written to path, as far as that can be known
// beforehand. It may replace an earlier page and nothing else: not the text, the key or
// the journal whose name was given by mistake.
func checkPage(path string) error {
	if path == "" || path == "-" {
		return usagef("a report goes to a file; %q is none", path)
	}
	switch info, err := os.Stat(path); {
	case err != nil:
	case info.IsDir():
		return fmt.Errorf("report: %s is a directory", path)
	case info.Mode().IsRegular() && info.Size() > 0:
		page, err := isPage(path)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		if !page {
			return fmt.Errorf("report: %s is there and is no HTML page, and only a page is replaced; choose another name", path)
		}
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("report: %s cannot be written: %w", path, err)
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

// writePage writes a report: to a regular file whole or not at all, to anything else
// that has the name, a device or a pipe, directly. What the name got since checkPage is not
// replaced either: a journal that this call made.
func writePage(p interface{ WriteHTML(io.Writer) error }, path string) error {
	if err := checkPage(path); err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		return errors.Join(p.WriteHTML(f), f.Close())
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".isotope-*.html")
	if err != nil {
		return fmt.Errorf("report: %s cannot be written: %w", path, err)
	}
	defer os.Remove(f.Name()) // nothing is left there once it was renamed
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		return fmt.Errorf("report: %w", err)
	}
	if err := p.WriteHTML(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// coloured shows tokens as a test saw them, with the displayed parts of spans, which
// are in order. Ids that t does not have, and all ids when t is nil, show as numbers.
func coloured(t tokenize.Tokenizer, ids []watermark.Token, colours []detect.Colour, spans []detect.Span) []report.Token {
	part := 0
	return report.Colours(len(ids), func(i int) ([]byte, report.Colour, int) {
		for part < len(spans) && i >= spans[part].DisplayEnd {
			part++
		}
		inside := 0
		if part < len(spans) && i >= spans[part].DisplayStart {
			inside = part + 1
		}
		return shown(t, ids[i]), colourOf[colours[i]], inside
	})
}

var colourOf = map[detect.Colour]report.Colour{
	detect.Unscored: report.Unscored,
	detect.NotGreen: report.Red,
	detect.Green:    report.Green,
}

func shown(t tokenize.Tokenizer, id watermark.Token) []byte {
	if t != nil {
		if text, err := t.Decode(nil, []watermark.Token{id}); err == nil {
			return text
		}
	}
	return fmt.Appendf(nil, "%d ", id)
}
