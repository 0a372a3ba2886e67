package corpus_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/corpustest"
)

// benchLines is about 20 MB of rows of prose, of the lengths that answers have.
func benchLines() []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("the river was high that spring and nobody crossed it for a week since old bridge had gone in march " +
		"when ice came down from hills as it did every year before anyone thought of building another one there")
	var b []byte
	for i := 0; len(b) < 20<<20; i++ {
		text := func(n int) string {
			var s strings.Builder
			for j := range n {
				s.WriteString(words[rng.IntN(len(words))])
				if j%12 == 11 {
					s.WriteString(".\\n\\n")
				} else {
					s.WriteByte(' ')
				}
			}
			return s.String()
		}
		b = fmt.Appendf(b, `{"id":%d,"prompt":"%s","output":"%s","model":"m","score":0.5}`+"\n", i, text(20), text(100+rng.IntN(300)))
	}
	return b
}

// BenchmarkDocuments reads rows to documents. MB/s are of the rows as they are expanded.
func BenchmarkDocuments(b *testing.B) {
	lines := benchLines()
	for _, x := range []struct {
		name    string
		content []byte
		options corpus.Options
	}{
		{"lines", lines, corpus.Options{SkipHash: true}},
		{"lines with a hash", lines, corpus.Options{}},
		{"zstd", corpustest.Zstd(lines), corpus.Options{}},
		{"gzip", corpustest.Gzip(lines), corpus.Options{}},
		{"list", append(append([]byte("["), bytes.ReplaceAll(bytes.TrimSpace(lines), []byte("\n"), []byte(",\n"))...), ']'), corpus.Options{SkipHash: true}},
	} {
		b.Run(x.name, func(b *testing.B) {
			c, err := corpus.New(&x.options)
			require.NoError(b, err)
			b.SetBytes(int64(len(lines)))
			b.ReportAllocs()
			documents := 0
			for b.Loop() {
				documents = 0
				for item := range c.Stream(context.Background(), bytes.NewReader(x.content), "x") {
					if _, ok := item.(*corpus.Document); ok {
						documents++
					}
				}
			}
			require.NotZero(b, documents)
			b.ReportMetric(float64(documents), "documents/op")
		})
	}
}
