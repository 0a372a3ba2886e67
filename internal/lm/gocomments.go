package lm

import (
	"bytes"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"strings"
)

// goDocuments returns the comments of a Go file outside function bodies, each as a list of paragraphs.
// They are doc comments, comments of fields and methods, and essays between declarations. It drops
// code blocks, headings, directives and licences, and text that does not read like a sentence. It
// returns nil for generated files and for files that do not parse.
func goDocuments(src []byte) [][]string {
	if isGenerated(src) {
		return nil
	}
	// The parser need not resolve objects. It must parse functions to find their end.
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	// Every [Name] is a link, so that the text has no brackets.
	p := comment.Parser{
		LookupPackage: func(name string) (string, bool) { return name, true },
		LookupSym:     func(recv, name string) bool { return true },
	}
	var docs [][]string
	decls := f.Decls
	for _, g := range f.Comments { // comments and declarations are in order
		for len(decls) > 0 && decls[0].End() < g.Pos() {
			decls = decls[1:]
		}
		if len(decls) > 0 {
			if fn, ok := decls[0].(*ast.FuncDecl); ok && fn.Body != nil && fn.Body.Pos() < g.Pos() {
				continue
			}
		}
		text := g.Text() // without comment markers and directives
		if strings.Contains(text, "Copyright") {
			continue
		}
		if d := paragraphs(p.Parse(text).Content); len(d) > 0 {
			docs = append(docs, d)
		}
	}
	return docs
}

// paragraphs returns the paragraphs of prose in a comment.
func paragraphs(blocks []comment.Block) []string {
	var out []string
	for _, b := range blocks {
		switch b := b.(type) {
		case *comment.Paragraph:
			var s strings.Builder
			writeText(&s, b.Text)
			if p := sentences(join(s.String())); p != "" {
				out = append(out, p)
			}
		case *comment.List:
			for _, item := range b.Items {
				out = append(out, paragraphs(item.Content)...)
			}
		}
	}
	return out
}

func writeText(s *strings.Builder, text []comment.Text) {
	for _, t := range text {
		switch t := t.(type) {
		case comment.Plain:
			s.WriteString(string(t))
		case comment.Italic:
			s.WriteString(string(t))
		case *comment.Link:
			writeText(s, t.Text)
		case *comment.DocLink:
			writeText(s, t.Text)
		}
	}
}

// isGenerated reports whether the line "// Code generated ... DO NOT EDIT." stands before the package
// clause (go.dev/s/generatedcode). Skipping such files saves parsing a third of the bytes.
func isGenerated(src []byte) bool {
	for line := range bytes.Lines(src) {
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case bytes.HasPrefix(line, []byte("package ")):
			return false
		case bytes.HasPrefix(line, []byte("// Code generated ")) &&
			bytes.HasSuffix(line, []byte(" DO NOT EDIT.")):
			return true
		}
	}
	return false
}
