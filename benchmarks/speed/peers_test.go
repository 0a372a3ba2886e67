package speed

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// A peer is a running peers.py.
type peer struct {
	b   *testing.B
	in  *os.File
	out *bufio.Scanner
}

// ask returns the time of one call of the peer's code in ns.
func (p *peer) ask(line string) float64 {
	_, err := fmt.Fprintln(p.in, line)
	require.NoError(p.b, err)
	require.True(p.b, p.out.Scan(), "peers.py ended; see its message above")
	ns, err := strconv.ParseFloat(p.out.Text(), 64)
	require.NoError(p.b, err)
	return ns
}

// startPeers starts peers.py under each Python of ISOTOPE_PEERS, a path list. It returns the program that
// runs each peer.
func startPeers(b *testing.B) map[string]*peer {
	pythons := os.Getenv("ISOTOPE_PEERS")
	if pythons == "" {
		b.Skip("ISOTOPE_PEERS has no Python with the code of others")
	}
	peers := map[string]*peer{}
	for _, python := range filepath.SplitList(pythons) {
		cmd := exec.Command(python, "peers.py")
		r, w, err := os.Pipe()
		require.NoError(b, err)
		cmd.Stdin, cmd.Stderr = r, os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(b, err)
		require.NoError(b, cmd.Start())
		require.NoError(b, r.Close())
		b.Cleanup(func() { _ = w.Close(); _ = cmd.Wait() })
		p := &peer{b: b, in: w, out: bufio.NewScanner(out)}
		require.True(b, p.out.Scan(), "%s peers.py does not run", python)
		for name := range strings.FieldsSeq(p.out.Text()) {
			peers[name] = p
		}
	}
	return peers
}

// BenchmarkPeers runs the code of other projects in turns with the same task of this library. x_ours is
// the ratio of lower deciles. ns/op is the time of the other code.
func BenchmarkPeers(b *testing.B) {
	peers := startPeers(b)
	run := func(name, line string, bytes int, ours func()) {
		kind, _, _ := strings.Cut(line, " ")
		p := peers[kind]
		if p == nil {
			return // no Python has it
		}
		b.Run("peer="+name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for range 2 * rows {
				p.ask(line)
				ours()
			}
			start := now()
			ours()
			calls := 1 + int(turn/max(now()-start, 1))
			var theirs, times, ratios []float64
			for b.Loop() {
				t := p.ask(line)
				for range rows { // as in inTurns
					ours()
				}
				start := now()
				for range calls {
					ours()
				}
				w := float64((now() - start).Nanoseconds()) / float64(calls)
				theirs, times, ratios = append(theirs, t), append(times, w), append(ratios, t/w)
			}
			for _, x := range [][]float64{theirs, times, ratios} {
				slices.Sort(x)
			}
			n := len(ratios)
			b.ReportMetric(theirs[n/10], "ns/op")
			if bytes > 0 {
				b.ReportMetric(float64(bytes)/theirs[n/10]*1e3, "MB/s")
			}
			b.ReportMetric(theirs[n/10]/times[n/10], "x_ours")
			b.ReportMetric(100*(ratios[n*3/4]-ratios[n/4])/ratios[n/2], "x_iqr%")
		})
	}
	r := rowsOf(vocab, "hot")
	m := newMark(b, watermark.GreenList{Gamma: 0.5, Delta: tiny, Width: 1}, vocab)
	context := []watermark.Token{1}
	run(fmt.Sprintf("greenlist/vocab=%d", vocab), fmt.Sprintf("greenlist %d", vocab), 0, func() {
		context[0] = (context[0] + 1) % vocab
		m.Process(r.next(), context)
	})
	green := newMark(b, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, vocab)
	run(fmt.Sprintf("sampler/rows=flat/vocab=%d", vocab), fmt.Sprintf("sampler %d", vocab), 0,
		step(b, vocab, "flat", samplers[0].s, green))
	const size = 16 << 10
	source := []byte(goSource(b))
	dir := b.TempDir()
	var files []string
	for at := 0; at+size <= len(source) && len(files) < 32; at += size {
		files = append(files, filepath.Join(dir, strconv.Itoa(len(files))))
		require.NoError(b, os.WriteFile(files[len(files)-1], source[at:at+size], 0o600))
	}
	for _, name := range []string{"cl100k_base", "o200k_base"} {
		tok, err := tokenize.Get(name)
		require.NoError(b, err)
		tokenizeBy(b, peers["quicktok"], name, files, source[:size*len(files)], tok)
	}
}

// tokenizeBy turns pieces of a text into ids, by quicktok and by this library.
func tokenizeBy(b *testing.B, p *peer, name string, files []string, source []byte, tok tokenize.Tokenizer) {
	if p == nil {
		return
	}
	size := len(source) / len(files)
	b.Run(fmt.Sprintf("peer=quicktok/encoding=%s/bytes=%d", name, size), func(b *testing.B) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var ids []int32
		var theirs, times, ratios []float64
		at := 0
		for b.Loop() {
			piece := source[at*size:][:size]
			t := p.ask("quicktok " + name + " " + files[at])
			start := now()
			ids = tok.Append(ids[:0], piece)
			w := float64((now() - start).Nanoseconds())
			theirs, times, ratios = append(theirs, t), append(times, w), append(ratios, t/w)
			at = (at + 1) % len(files)
		}
		for _, x := range [][]float64{theirs, times, ratios} {
			slices.Sort(x)
		}
		n := len(ratios)
		b.ReportMetric(theirs[n/2], "ns/op")
		b.ReportMetric(float64(size)/theirs[n/2]*1e3, "MB/s")
		b.ReportMetric(ratios[n/2], "x_ours")
		b.ReportMetric(100*(ratios[n*3/4]-ratios[n/4])/ratios[n/2], "x_iqr%")
	})
}
