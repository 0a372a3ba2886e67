package scan

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/corpustest"
)

var kills = flag.Int("scan.kills", 30, "how many processes TestKills kills")

// killWork is how the processes of TestKills work: with many small records and checkpoints.
func killWork() *Work { return &Work{Workers: 3, batchBytes: 1500, checkBytes: 6000} }

// A limited writer calls full when it has written so many bytes.
type limited struct {
	mu   *sync.Mutex
	left *int64
	w    io.Writer
	full func() error
}

func (l limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if int64(len(p)) <= *l.left {
		*l.left -= int64(len(p))
		return l.w.Write(p)
	}
	n, err := l.w.Write(p[:*l.left])
	*l.left -= int64(n)
	return n, errors.Join(err, l.full())
}

// limit returns what Work.wrap needs for a disk that holds so many more bytes.
func limit(n int64, full func() error) func(io.Writer) io.Writer {
	var mu sync.Mutex
	return func(w io.Writer) io.Writer { return limited{&mu, &n, w, full} }
}

// TestKillChild is the process that TestKills kills: it dies once it has written so many bytes.
func TestKillChild(t *testing.T) {
	dir, at := os.Getenv("SCAN_TEST_DIR"), os.Getenv("SCAN_TEST_AT")
	if dir == "" {
		t.Skip("TestKills starts this")
	}
	n, err := strconv.ParseInt(at, 10, 64)
	require.NoError(t, err)
	w := killWork()
	w.wrap = limit(n, func() error {
		p, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = p.Kill()
		}
		fmt.Fprintln(os.Stderr, err)
		select {} // until the signal arrives
	})
	world := &world{t: t, dir: os.Getenv("SCAN_TEST_FILES")}
	require.NoError(t, Map(context.Background(), dir, marksOf(t, 2), killOptions(), world.input(nil), w))
}

func killOptions() Options {
	o := testOptions()
	o.Sample = 500
	return o
}

// TestKills kills scans wherever they are writing, and compares what they print in the end.
func TestKills(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	w := newWorld(t, 21)
	w.fill(4, 30)
	marks, o := marksOf(t, 2), killOptions()
	whole := filepath.Join(t.TempDir(), "whole")
	var size int64
	count := killWork()
	count.wrap = func(out io.Writer) io.Writer {
		return writerFunc(func(p []byte) (int, error) { size += int64(len(p)); return out.Write(p) })
	}
	require.NoError(t, Map(context.Background(), whole, marks, o, w.input(nil), count))
	want, _, _ := reduced(t, marks, o, whole)
	n := *kills
	if testing.Short() {
		n = min(n, 8)
	}
	rng := rand.New(rand.NewPCG(22, 23))
	dir := filepath.Join(t.TempDir(), "0")
	finish := func() {
		require.NoError(t, Map(context.Background(), dir, marks, o, w.input(nil), killWork()))
		got, _, _ := reduced(t, marks, o, dir)
		require.Equal(t, want, got)
	}
	for i := 0; i < n; {
		at := rng.Int64N(size)
		cmd := exec.Command(program, "-test.run=^TestKillChild$")
		cmd.Env = append(os.Environ(), "SCAN_TEST_DIR="+dir, "SCAN_TEST_FILES="+w.dir, "SCAN_TEST_AT="+strconv.FormatInt(at, 10))
		out, err := cmd.CombinedOutput()
		if err == nil { // it came to its end before
			finish()
			dir = filepath.Join(t.TempDir(), strconv.Itoa(i))
			continue
		}
		var status *exec.ExitError
		require.ErrorAs(t, err, &status)
		require.NotContains(t, string(out), "FAIL", "it must be killed and not end by itself")
		if (i+1)%100 == 0 {
			t.Logf("%d kills", i+1)
		}
		if i++; i%3 == 0 { // sometimes a second and third kill hits the same journal
			finish()
			dir = filepath.Join(t.TempDir(), strconv.Itoa(i))
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestDiskFull fills the disk at many places. The error says so, and the same call resumes.
func TestDiskFull(t *testing.T) {
	w := newWorld(t, 31)
	w.fill(3, 20)
	marks, o := marksOf(t, 2), killOptions()
	want, _, _ := scanned(t, marks, o, w.input(nil), nil)
	// With fewer checkpoints than killWork has, a journal takes fewer bytes. How many killWork makes
	// depends on the workers.
	var size int64
	few := killWork()
	few.checkBytes = 0
	few.wrap = func(out io.Writer) io.Writer {
		return writerFunc(func(p []byte) (int, error) { size += int64(len(p)); return out.Write(p) })
	}
	require.NoError(t, Map(context.Background(), filepath.Join(t.TempDir(), "few"), marks, o, w.input(nil), few))
	rng := rand.New(rand.NewPCG(32, 33))
	for i := range 12 {
		dir := filepath.Join(t.TempDir(), "journal")
		work := killWork()
		work.wrap = limit(rng.Int64N(size), func() error { return syscall.ENOSPC })
		err := Map(context.Background(), dir, marks, o, w.input(nil), work)
		require.ErrorIs(t, err, syscall.ENOSPC, i)
		assert.Contains(t, err.Error(), "the same call resumes once this is mended")
		require.NoError(t, Map(context.Background(), dir, marks, o, w.input(nil), killWork()))

		// Sorting needs the disk as well.
		_, err = Reduce(context.Background(), []string{dir}, marks, o, &lines{}, &Work{sortBytes: 200, wrap: limit(int64(100*i), func() error { return syscall.ENOSPC })})
		require.ErrorIs(t, err, syscall.ENOSPC)
		_, err = Reduce(context.Background(), []string{dir}, marks, o, &lines{}, &Work{sortBytes: 200, Budget: 500})
		require.ErrorIs(t, err, ErrDisk)
		var l lines
		totals, err := Reduce(context.Background(), []string{dir}, marks, o, &l, &Work{sortBytes: 200})
		require.NoError(t, err)
		b, err := encode(totals)
		require.NoError(t, err)
		require.Equal(t, want, l.String()+string(b))
		_, err = os.Stat(filepath.Join(dir, scratchName))
		assert.ErrorIs(t, err, os.ErrNotExist, "nothing is left of the sorting")
	}
	err := Map(context.Background(), filepath.Join(t.TempDir(), "b"), marks, o, w.input(nil), &Work{Budget: 9000})
	assert.ErrorIs(t, err, ErrDisk)
}

// TestStop stops a scan early, and goes on.
func TestStop(t *testing.T) {
	w := newWorld(t, 41)
	w.fill(6, 30)
	marks, o := marksOf(t, 1), testOptions()
	want, _, _ := scanned(t, marks, o, w.input(nil), nil)
	dir := filepath.Join(t.TempDir(), "journal")
	stops := 0
	for {
		stop := make(chan struct{})
		var once sync.Once
		work := killWork()
		work.Stop = stop
		n := 0
		work.wrap = func(out io.Writer) io.Writer {
			return writerFunc(func(p []byte) (int, error) {
				if n++; n > 6 {
					once.Do(func() { close(stop) })
				}
				return out.Write(p)
			})
		}
		err := Map(context.Background(), dir, marks, o, w.input(nil), work)
		if err == nil {
			break
		}
		require.ErrorIs(t, err, ErrStopped)
		_, err = Reduce(context.Background(), []string{dir}, marks, o, &lines{}, nil)
		require.ErrorIs(t, err, ErrUnfinished)
		stops++
		require.Less(t, stops, 1000)
	}
	assert.Positive(t, stops)
	got, _, _ := reduced(t, marks, o, dir)
	assert.Equal(t, want, got)
	require.NoError(t, Map(context.Background(), dir, marks, o, w.input(nil), nil), "a finished scan has nothing to do")
}

// A changing tokenizer calls f at its first text.
type changing struct {
	wordTokens
	once *sync.Once
	f    func()
}

func (c changing) Append(dst []int32, text []byte) []int32 {
	c.once.Do(c.f)
	return c.wordTokens.Append(dst, text)
}

// TestFilesThatChange: a file that changes or vanishes while the scan runs is noticed, and ends
// nothing.
func TestFilesThatChange(t *testing.T) {
	w := newWorld(t, 51)
	w.fill(2, 200)
	big := strings.Repeat(w.row("", w.plain(60)), 3000) // longer than the buffers of the reader
	w.file("a-first.jsonl", big)
	w.file("z-last.txt", w.plain(50))
	marks, o := marksOf(t, 1), testOptions()
	marks[0].Tokenizer = changing{words1, new(sync.Once), func() {
		f, err := os.OpenFile(filepath.Join(w.dir, "a-first.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteString(big[:100])
		require.NoError(t, errors.Join(err, f.Close(), os.Remove(filepath.Join(w.dir, "z-last.txt"))))
	}}
	_, totals, _ := scanned(t, marks, o, w.input(nil), &Work{Workers: 1, batchBytes: 1000})
	assert.EqualValues(t, 1, totals.Changed)
	assert.EqualValues(t, 1, totals.Unreadable)
	assert.False(t, totals.Complete)
	assert.Contains(t, strings.Join(totals.Notes, "\n"), "a-first.jsonl: the file changed while it was read")
	assert.Equal(t, totals.Rows.Found, totals.Rows.Tested+totals.Rows.Skipped)

	t.Run("between two calls", func(t *testing.T) {
		w := newWorld(t, 52)
		w.fill(1, 200)
		marks := marksOf(t, 1)
		var dir string
		for n := int64(20_000); ; n += 20_000 { // until a checkpoint has a part of the file
			dir = filepath.Join(t.TempDir(), "journal")
			work := killWork()
			work.wrap = limit(n, func() error { return syscall.ENOSPC })
			require.Error(t, Map(context.Background(), dir, marks, o, w.input(nil), work))
			j, err := openJournal(dir, &disk{})
			require.NoError(t, err)
			require.NoError(t, j.rewind(j.checkpoint))
			next := j.files[0].next
			require.NoError(t, j.close())
			if next > 0 {
				break
			}
		}
		name := filepath.Join(w.dir, "part-00.jsonl")
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		at := bytes.Index(b, []byte("x"))
		b[at] = 'y'
		require.NoError(t, os.WriteFile(name, b, 0o600))
		err = Map(context.Background(), dir, marks, o, w.input(nil), nil)
		require.ErrorIs(t, err, ErrChanged)
		assert.Contains(t, err.Error(), name)
		b[at] = 'x'
		require.NoError(t, os.WriteFile(name, b, 0o600))
		require.NoError(t, Map(context.Background(), dir, marks, o, w.input(nil), nil))
	})
	t.Run("after it was read whole", func(t *testing.T) {
		w := newWorld(t, 54)
		w.fill(2, 10)
		marks, dir := marksOf(t, 1), filepath.Join(t.TempDir(), "journal")
		again := func() error { return Map(context.Background(), dir, marks, o, w.input(nil), nil) }
		require.NoError(t, again())
		name := filepath.Join(w.dir, "part-00.jsonl")
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, c := range []struct {
			name    string
			change  func() error
			changed bool
		}{
			{"nothing", func() error { return nil }, false},
			{"its time alone", func() error { return os.Chtimes(name, time.Time{}, time.Unix(1e9, 0)) }, false},
			{"a byte", func() error {
				return errors.Join(os.WriteFile(name, bytes.Replace(b, []byte("x"), []byte("y"), 1), 0o600), os.Chtimes(name, time.Time{}, time.Unix(1e9, 0)))
			}, true},
			{"its length", func() error { return os.WriteFile(name, b[:len(b)/2], 0o600) }, true},
			{"it is a folder", func() error { return errors.Join(os.Remove(name), os.Mkdir(name, 0o700)) }, true},
			{"it is away", func() error { return os.Remove(name) }, false},
			{"it is back", func() error { return os.WriteFile(name, b, 0o600) }, false},
		} {
			t.Run(c.name, func(t *testing.T) {
				require.NoError(t, c.change())
				err := again()
				if !c.changed {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, ErrChanged)
				assert.ErrorContains(t, err, name)
			})
		}
	})
	t.Run("no permission", func(t *testing.T) {
		if runtime.GOOS == "windows" || os.Getuid() == 0 {
			t.Skip("this user may read every file")
		}
		w := newWorld(t, 53)
		w.fill(1, 10)
		require.NoError(t, os.Chmod(filepath.Join(w.dir, "part-00.jsonl"), 0))
		_, totals, _ := scanned(t, marksOf(t, 1), o, w.input(nil), nil)
		assert.EqualValues(t, 1, totals.Unreadable)
	})
}

// TestJournalsThatDoNotFit: a journal in use, of another scan, damaged, or twice, is refused.
func TestJournalsThatDoNotFit(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 61)
	w.fill(2, 20)
	marks, o, in := marksOf(t, 2), testOptions(), w.input(nil)
	in.Args = []string{"files"}
	dir := filepath.Join(t.TempDir(), "journal")
	require.NoError(t, Map(ctx, dir, marks, o, in, killWork()))

	t.Run("in use", func(t *testing.T) {
		j, err := openJournal(dir, &disk{})
		require.NoError(t, err)
		assert.ErrorIs(t, Map(ctx, dir, marks, o, in, nil), ErrLocked)
		_, err = Reduce(ctx, []string{dir}, marks, o, &lines{}, nil)
		assert.ErrorIs(t, err, ErrLocked)
		require.NoError(t, j.close())
		assert.NoError(t, Map(ctx, dir, marks, o, in, nil))
	})
	for _, c := range []struct {
		name, says string
		call       func() error
	}{
		{"other marks", "marks", func() error { return Map(ctx, dir, marks[:1], o, in, nil) }},
		{"another run key", "run keys", func() error { x := o; x.RunKey[0]++; return Map(ctx, dir, marks, x, in, nil) }},
		{"another sample", "sizes of the sample", func() error { x := o; x.Sample++; return Map(ctx, dir, marks, x, in, nil) }},
		{"another level", "levels", func() error { x := o; x.FDR = 0.5; return Map(ctx, dir, marks, x, in, nil) }},
		{"another reader", "options for reading", func() error { x := o; x.Reader = "y"; return Map(ctx, dir, marks, x, in, nil) }},
		{"parts", "tests of parts", func() error { x := o; x.Spans = true; return Map(ctx, dir, marks, x, in, nil) }},
		{"other files", "it reads files, and this call others", func() error {
			y := *in
			y.Args = []string{"others"}
			return Map(ctx, dir, marks, o, &y, nil)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.call()
			require.ErrorIs(t, err, ErrPlan)
			assert.ErrorContains(t, err, c.says)
		})
	}
	t.Run("the same file twice", func(t *testing.T) {
		again := filepath.Join(t.TempDir(), "again")
		require.NoError(t, Map(ctx, again, marks, o, w.input(func(i int) bool { return i == 0 }), nil))
		_, err := Reduce(ctx, []string{dir, again}, marks, o, &lines{}, nil)
		assert.ErrorIs(t, err, ErrJoin)
	})
	t.Run("no journal", func(t *testing.T) {
		_, err := Reduce(ctx, []string{filepath.Join(dir, "none")}, marks, o, &lines{}, nil)
		assert.ErrorContains(t, err, "there is no journal")
		_, err = Reduce(ctx, []string{t.TempDir()}, marks, o, &lines{}, nil)
		assert.ErrorContains(t, err, "is not a journal")
	})
	journal := filepath.Join(dir, journalName)
	whole, err := os.ReadFile(journal)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(62, 63))
	t.Run("changed bytes", func(t *testing.T) {
		for range 40 {
			b := bytes.Clone(whole)
			b[rng.IntN(len(b))] ^= byte(1 + rng.IntN(255))
			require.NoError(t, os.WriteFile(journal, b, 0o600))
			_, err := Reduce(ctx, []string{dir}, marks, o, &lines{}, nil)
			require.Error(t, err)
		}
	})
	t.Run("a cut end", func(t *testing.T) {
		require.NoError(t, os.WriteFile(journal, whole, 0o600))
		want, _, _ := reduced(t, marks, o, dir)
		for _, cut := range []int{1, 5, 100} { // of the last record, which says that all was read
			require.NoError(t, os.WriteFile(journal, whole[:len(whole)-cut], 0o600))
			require.NoError(t, Map(ctx, dir, marks, o, in, killWork()))
			got, _, _ := reduced(t, marks, o, dir)
			require.Equal(t, want, got)
			if whole, err = os.ReadFile(journal); err != nil {
				t.Fatal(err)
			}
		}
		require.NoError(t, os.WriteFile(journal, whole[:len(whole)-600], 0o600))
		assert.ErrorIs(t, Map(ctx, dir, marks, o, in, killWork()), ErrChain, "no kill takes away a checkpoint")
	})
}

// TestBombs: what expands beyond every bound is a skip in every container, and the scan goes on.
func TestBombs(t *testing.T) {
	w := newWorld(t, 71)
	w.file("ok.txt", w.plain(60))
	blanks := bytes.Repeat([]byte("\n"), 4<<20)
	page := fmt.Appendf(nil, "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Record-ID: <urn:uuid:1>\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n", len(blanks), blanks)
	bombs := []struct {
		name    string
		content []byte
	}{
		{"a.jsonl.gz", corpustest.Gzip(blanks)},
		{"a.jsonl.zst", corpustest.Zstd(blanks)},
		{"a.xz", corpustest.File("bomb.xz")},
		{"a.bz2", corpustest.File("bomb.bz2")},
		{"a.zip", corpustest.Zip("a.jsonl", blanks)},
		{"a.tar.gz", corpustest.Gzip(corpustest.Tar("a.jsonl", blanks))},
		{"a.warc.gz", corpustest.Gzip(page)},
		{"gzip-in-zip.zip", corpustest.Zip("a.jsonl.gz", corpustest.Gzip(blanks))},
	}
	for _, x := range bombs {
		w.file(x.name, string(x.content))
	}
	c, err := corpus.New(&corpus.Options{Limits: corpus.Limits{Free: 1 << 20, Ratio: 100}})
	require.NoError(t, err)
	in := w.input(nil)
	in.Corpus = c
	_, totals, l := scanned(t, marksOf(t, 1), testOptions(), in, nil)
	assert.Equal(t, []Count{{"bomb", int64(len(bombs))}}, totals.Rows.Reasons, l.String())
	assert.Equal(t, totals.Rows.Found, totals.Rows.Tested+totals.Rows.Skipped)
	found := false
	for _, d := range l.documents(t) {
		found = found || filepath.Base(d.File) == "ok.txt"
	}
	assert.True(t, found, "the file after the bombs is scanned")
}
