package corpus_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/corpustest"
)

// Whatever byte of a file is damaged, nothing panics, nothing vanishes, and no claim of the
// file about its own size takes memory: all readings together allocate little more than
// readings of sound files do.
func TestFlippedBytes(t *testing.T) {
	contents := []corpustest.Named{}
	for _, name := range []string{"rows.parquet", "rows-v1.parquet", "rows-chat.parquet", "rows-list.parquet", "rows-struct.parquet", "nulls.parquet",
		"rows.jsonl.bz2", "rows.jsonl.xz", "rows.x86.xz"} {
		contents = append(contents, corpustest.Named{Name: name, Content: corpustest.File(name)})
	}
	for _, c := range corpustest.Containers("rows", corpustest.File("rows.jsonl")) {
		if !strings.Contains(c.Name, "xz") {
			contents = append(contents, c)
		}
	}
	for _, x := range contents {
		t.Run(x.Name, func(t *testing.T) {
			step := 1
			if testing.Short() || len(x.Content) > 4000 || strings.Contains(x.Name, "xz") || strings.Contains(x.Name, "bz2") || x.Name == "zip in tar" {
				step = 11 // what takes megabytes, or a file, for each reading
			}
			flips := 0
			n := allocated(func() {
				for i := 0; i < len(x.Content); i += step {
					for _, mask := range []byte{0x01, 0x80, 0xff} {
						b := bytes.Clone(x.Content)
						b[i] ^= mask
						_, _, sources := items(t, "x", b, nil)
						require.NotEmpty(t, sources)
						flips++
					}
				}
			})
			perReading := n / uint64(flips)
			assert.Less(t, perReading, uint64(12<<20))
		})
	}
}

// A checksum that the file has is verified.
func TestParquetChecksum(t *testing.T) {
	b := corpustest.File("rows-v1.parquet")
	docs, _, _ := items(t, "x", b, nil)
	require.Len(t, docs, 6)
	bad := 0
	for i := 4; i < 200; i++ {
		flipped := bytes.Clone(b)
		flipped[i] ^= 1
		_, skips, _ := items(t, "x", flipped, nil)
		for _, s := range skips {
			if strings.Contains(s.Detail, "the checksum of a page") {
				assert.Equal(t, corpus.Damaged, s.Reason)
				bad++
			}
		}
	}
	assert.Greater(t, bad, 50)
}
