package lm

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// A Corpus is training text.
type Corpus struct {
	Name  string // where it comes from
	Files int    // files read

	// Documents are in the order of the file names. Each is one or more paragraphs, and
	// every paragraph ends with a blank line.
	Documents []string

	// Digest is "sha256:" and a hash of the names and contents of all files, in order. It
	// does not include modification times, so that copies of a corpus are equal.
	Digest string

	// Warnings say which text the corpus does not include.
	Warnings []error
}

// MaxCorpus is the largest size of a corpus in bytes. A warning says how much text it does not include.
// Training takes about 100 bytes of memory per token.
const MaxCorpus = 64 << 20

// maxFile is the largest size of a file in bytes.
const maxFile = 256 << 20

// GoComments reads the documentation in the Go distribution at root: the comments outside function
// bodies in its packages and commands. It skips tests and generated files.
func GoComments(ctx context.Context, root string, progress Progress) (*Corpus, error) {
	s, err := goSource(ctx, root)
	if err != nil {
		return nil, err
	}
	return s.read(ctx, progress)
}

// TextDir reads the text files below dir. Their names end in .txt, .text, .md, .markdown, .rst or
// .adoc, in any case. It skips hidden files and directories, and does not follow symbolic links. It
// skips files that are not UTF-8, with a warning.
func TextDir(ctx context.Context, dir string, progress Progress) (*Corpus, error) {
	s, err := textSource(ctx, dir)
	if err != nil {
		return nil, err
	}
	return s.read(ctx, progress)
}

// A source is a list of files, and a function that splits a file into documents.
type source struct {
	name  string
	root  string
	files []file // sorted by name
	split func(src []byte) ([][]string, error)
	// key returns the key of a paragraph. Of paragraphs with the same key, read keeps the
	// first. If key is nil, it keeps all.
	key func(paragraph string) string
}

type file struct {
	name string // relative to the root, with slashes
	size int64
}

func goSource(ctx context.Context, root string) (*source, error) {
	if !isGoRoot(root) {
		return nil, fmt.Errorf("%w: %s has no sources", ErrNoGo, root)
	}
	s := &source{
		name:  "doc comments of " + goVersion(root),
		root:  filepath.Join(root, "src"),
		split: func(src []byte) ([][]string, error) { return goDocuments(src), nil },
		key:   withoutDigits,
	}
	err := s.list(ctx, func(name string, dir bool) bool {
		if dir {
			return name != "testdata"
		}
		return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
	})
	return s, err
}

// goVersion returns the first line of the file VERSION, which all releases have, or "Go".
func goVersion(root string) string {
	b, err := os.ReadFile(filepath.Join(root, "VERSION"))
	if line, _, _ := strings.Cut(string(b), "\n"); err == nil && strings.HasPrefix(line, "go") {
		return strings.TrimSpace(line)
	}
	return "Go"
}

// withoutDigits gives the comments of AddInt32 and AddInt64 the same key. Such families are a tenth of
// all paragraphs, and the model would recite them.
func withoutDigits(p string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, p)
}

func textSource(ctx context.Context, dir string) (*source, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("corpus: %s is not a directory", dir)
	}
	s := &source{name: "text files", root: dir, split: textDocuments}
	err = s.list(ctx, func(name string, dir bool) bool {
		if dir {
			return true
		}
		switch strings.ToLower(filepath.Ext(name)) {
		case ".txt", ".text", ".md", ".markdown", ".rst", ".adoc":
			return true
		}
		return false
	})
	return s, err
}

var errNotUTF8 = errors.New("not UTF-8")

// textDocuments splits a file at paragraphs into documents of about two thousand bytes.
func textDocuments(src []byte) ([][]string, error) {
	if !utf8.Valid(src) {
		return nil, errNotUTF8
	}
	const enough = 2000
	var docs [][]string
	size := enough
	for _, p := range plainParagraphs(strings.TrimPrefix(string(src), "\ufeff")) {
		if size >= enough {
			docs, size = append(docs, nil), 0
		}
		docs[len(docs)-1] = append(docs[len(docs)-1], p)
		size += len(p)
	}
	return docs, nil
}

// list finds the files for which take returns true, in lexical order.
func (s *source) list(ctx context.Context, take func(name string, dir bool) bool) error {
	// WalkDir does not enter a link, and on some systems the root of a distribution is one.
	root, err := filepath.EvalSymlinks(s.root)
	if err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	s.root = root
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if path == root {
			return nil
		}
		hidden := strings.HasPrefix(d.Name(), ".")
		if d.IsDir() {
			if hidden || !take(d.Name(), true) {
				return fs.SkipDir
			}
			return nil
		}
		if hidden || !d.Type().IsRegular() || !take(d.Name(), false) {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		s.files = append(s.files, file{filepath.ToSlash(name), info.Size()})
		return nil
	})
	if err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	return nil
}

// each reads all files and returns their digest: a hash of the name and of the hash of the content of
// each file. It calls f for each file, from several goroutines.
func (s *source) each(ctx context.Context, m *meter, f func(i int, src []byte)) (string, error) {
	sums := make([][sha256.Size]byte, len(s.files))
	err := parallel(ctx, len(s.files), func(i int) error {
		if s.files[i].size > maxFile {
			return fmt.Errorf("corpus: %s is larger than %d MiB", s.files[i].name, maxFile>>20)
		}
		src, err := os.ReadFile(filepath.Join(s.root, filepath.FromSlash(s.files[i].name)))
		if err != nil {
			return fmt.Errorf("corpus: %w", err)
		}
		sums[i] = sha256.Sum256(src)
		if f != nil {
			f(i, src)
		}
		m.add(s.files[i].size)
		return nil
	})
	if err != nil {
		return "", err
	}
	h := sha256.New()
	var n [8]byte
	for i, f := range s.files {
		binary.LittleEndian.PutUint64(n[:], uint64(len(f.name)))
		h.Write(n[:])
		h.Write([]byte(f.name))
		h.Write(sums[i][:])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// digest reads the files and returns their digest.
func (s *source) digest(ctx context.Context, progress Progress) (string, error) {
	return s.each(ctx, progress.start(StageCheck, s.size()), nil)
}

func (s *source) size() (total int64) {
	for _, f := range s.files {
		total += f.size
	}
	return total
}

// read returns the corpus.
func (s *source) read(ctx context.Context, progress Progress) (*Corpus, error) {
	perFile := make([][][]string, len(s.files))
	failed := make([]error, len(s.files))
	digest, err := s.each(ctx, progress.start(StageRead, s.size()), func(i int, src []byte) {
		perFile[i], failed[i] = s.split(src)
	})
	if err != nil {
		return nil, err
	}
	c := &Corpus{Name: s.name, Files: len(s.files), Digest: digest}
	for i, err := range failed {
		if err != nil {
			c.Warnings = append(c.Warnings, fmt.Errorf("corpus: skipped %s: %w", s.files[i].name, err))
		}
	}
	seen := make(map[string]bool)
	var size, dropped int64
	for _, docs := range perFile {
		for _, doc := range docs {
			var b strings.Builder
			for _, p := range doc {
				if s.key != nil {
					k := s.key(p)
					if seen[k] {
						continue
					}
					seen[k] = true
				}
				b.WriteString(p)
				b.WriteString("\n\n")
			}
			switch {
			case b.Len() == 0:
			case size+int64(b.Len()) > MaxCorpus:
				dropped += int64(b.Len())
			default:
				c.Documents = append(c.Documents, b.String())
				size += int64(b.Len())
			}
		}
	}
	if dropped > 0 {
		c.Warnings = append(c.Warnings, fmt.Errorf("corpus: only the first %d MiB are used, %d MiB are not",
			MaxCorpus>>20, (dropped+1<<20-1)>>20))
	}
	if len(c.Documents) == 0 {
		return nil, fmt.Errorf("corpus: %s: %w: none of %d files has a paragraph of prose",
			s.root, ErrEmpty, len(s.files))
	}
	return c, nil
}
