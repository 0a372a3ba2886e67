package inputs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// TestFind: the list has every file that is named, in order, and says what it leaves out.
func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"d/b.txt", "d/a.txt", "d/sub/c.txt", "d/.hidden/x.txt", "d/.dot", "one.txt", "two.txt", "odd[1].txt"} {
		write(t, name, "x")
	}
	require.NoError(t, os.Mkdir("empty", 0o700))
	linked := os.Symlink("..", filepath.Join("d", "sub", "loop")) == nil && os.Symlink("nowhere", filepath.Join("d", "dangling")) == nil
	if !linked {
		t.Skip("no links here")
	}
	for _, c := range []struct {
		name  string
		args  []string
		files []string
		notes []string
	}{
		{"a file", []string{"one.txt"}, []string{"one.txt"}, nil},
		{"standard input", []string{"-"}, []string{"-"}, nil},
		{"what is not there stays, for its reader to say so", []string{"none"}, []string{"none"}, nil},
		{"the order of the call", []string{"two.txt", "one.txt"}, []string{"two.txt", "one.txt"}, nil},
		{"a directory", []string{"d"}, []string{"d/a.txt", "d/b.txt", "d/dangling", "d/sub/c.txt"}, []string{"d: 2 hidden files and directories", "d: a link to a directory"}},
		{"an empty directory", []string{"empty"}, nil, []string{"empty: there is no file"}},
		{"a pattern", []string{"*o*.txt"}, []string{"odd[1].txt", "one.txt", "two.txt"}, nil},
		{"a pattern of nothing", []string{"*.nosuch"}, []string{"*.nosuch"}, nil},
		{"a name that looks like a pattern", []string{"odd[1].txt"}, []string{"odd[1].txt"}, nil},
		{"a hidden file that is named", []string{"d/.dot"}, []string{"d/.dot"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := Find(c.args)
			var files []string
			for _, f := range l.Files {
				files = append(files, filepath.ToSlash(f))
			}
			assert.Equal(t, c.files, files)
			require.Len(t, l.Notes, len(c.notes), l.Notes)
			for i, note := range c.notes {
				assert.True(t, strings.HasPrefix(l.Notes[i], note), l.Notes[i])
			}
		})
	}
}

// TestLedger: rows are tested or skipped, whoever skips them, and the sidecar has every skip.
func TestLedger(t *testing.T) {
	t.Chdir(t.TempDir())
	var rows strings.Builder
	for range 8 {
		rows.WriteString(`{"title":"no text"}` + "\n")
	}
	write(t, "rows.jsonl", `{"output":"one","note":"a long note that nobody reads, in some words"}`+"\n"+`{"output":"two"}`+"\n"+rows.String())
	write(t, "key.txt", "isotope-secret-key-1:"+strings.Repeat("5a", 32))
	read, err := corpus.New(nil)
	require.NoError(t, err)
	var sidecar bytes.Buffer
	l := &Ledger{Sidecar: &sidecar}
	r := &Reader{Corpus: read, Stdin: strings.NewReader("a text of standard input")}
	var texts []string
	for _, name := range []string{"rows.jsonl", Stdin, "none", "key.txt"} {
		for d := range l.Documents(context.Background(), r, name) {
			if string(d.Texts[0].Text) == "two" {
				l.Refuse(d, corpus.Unsupported, "the caller cannot test it")
				continue
			}
			texts = append(texts, string(d.Texts[0].Text))
		}
	}
	require.NoError(t, l.Check())
	assert.Equal(t, []string{"one", "a text of standard input"}, texts)
	assert.EqualValues(t, 2, l.Tested())
	assert.EqualValues(t, 11, l.Skipped())
	assert.EqualValues(t, 1, l.Unreadable())
	assert.Equal(t, []Count{{"missing_field", 8}, {"secret", 1}, {"unreadable", 1}, {"unsupported", 1}}, l.Reasons())
	assert.Equal(t, "2 of 13 rows were tested, and 11 skipped", l.Rows())
	assert.Len(t, l.Skips, Kept, "the first ones")
	words := l.SkipWords()
	assert.Equal(t, "8 missing_field, 1 secret, 1 unreadable, 1 unsupported", words[0])
	assert.Contains(t, words[1], "rows.jsonl:2: the caller cannot test it (unsupported)")
	assert.Contains(t, words[2], `"title"`, "the fields that are there are named")
	assert.Equal(t, "and 6 more; --skipped FILE lists all of them", words[len(words)-1])
	assert.NotContains(t, strings.Join(words, "\n")+sidecar.String(), "5a5a5a")

	lines := strings.Split(strings.TrimSpace(sidecar.String()), "\n")
	require.Len(t, lines, 11)
	for _, line := range lines {
		var s SkipLine
		require.NoError(t, json.Unmarshal([]byte(line), &s))
		assert.NotEmpty(t, s.File)
		assert.NotEmpty(t, s.Reason)
		assert.NotEmpty(t, s.Detail)
	}
	var file File
	for _, file = range l.Files {
		assert.Equal(t, file.Rows, file.Tested+file.Skipped, file.Name)
	}
	assert.Len(t, l.Files[0].SHA256, 64)
	assert.Equal(t, "JSON lines, UTF-8", l.Files[0].Taken())
	assert.True(t, l.Files[1].Plain())

	l.Files[0].Rows++
	assert.ErrorContains(t, l.Check(), "this is a fault of the program")
	l.Files[0].Rows--
	l.Sidecar = failing{}
	l.Refuse(&corpus.Document{Place: corpus.Place{File: "x", Row: 1}}, corpus.Empty, "d")
	assert.ErrorContains(t, l.Check(), "the list of skipped rows cannot be written: disk")
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk") }

func TestWithoutIndexes(t *testing.T) {
	for path, want := range map[string]string{"a": "a", "a[17].b": "a[].b", "a[1][2]": "a[][]", "": ""} {
		assert.Equal(t, want, withoutIndexes(path))
	}
}

// TestFindNotes: a note names its directory, whatever the name holds.
func TestFindNotes(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{".a", ".b"} {
		write(t, filepath.Join("100%d%s", name), "x")
	}
	assert.Equal(t, []string{
		"100%d%s: 2 hidden files and directories were left out; name them to read them",
		"100%d%s: there is no file below this directory",
	}, Find([]string{"100%d%s"}).Notes)
}
