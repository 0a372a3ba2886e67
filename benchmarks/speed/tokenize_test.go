package speed

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tiktoken-go/tokenizer"

	"github.com/isotope-wm/isotope/tokenize"
)

// goSource returns a megabyte of comments and code of the Go distribution. No file occurs twice.
func goSource(b *testing.B) string {
	//lint:ignore SA1019 the benchmark wants the tree of this toolchain
	root := filepath.Join(runtime.GOROOT(), "src", "net", "http")
	files, err := filepath.Glob(filepath.Join(root, "*.go"))
	require.NoError(b, err)
	var text strings.Builder
	for _, name := range files {
		if text.Len() < 1<<20 {
			data, err := os.ReadFile(name)
			require.NoError(b, err)
			text.Write(data)
		}
	}
	if text.Len() == 0 {
		b.Skip("the Go distribution has no sources; install them to run this benchmark")
	}
	return text.String()
}

// BenchmarkTokenize turns text into ids, in turns with Encode of tiktoken-go. The ids of the latter are
// not always OpenAI's.
func BenchmarkTokenize(b *testing.B) {
	text := goSource(b)
	for _, name := range []string{"cl100k_base", "o200k_base", "r50k_base"} {
		ours, err := tokenize.Get(name)
		require.NoError(b, err)
		theirs, err := tokenizer.Get(tokenizer.Encoding(name))
		require.NoError(b, err)
		for _, chunk := range []int{2 << 10, 16 << 10, 128 << 10} {
			b.Run(fmt.Sprintf("encoding=%s/bytes=%d", name, chunk), func(b *testing.B) {
				in := []byte(text)
				var ids []int32
				var times, peers, ratios []float64
				at := 0
				for b.Loop() {
					if at+chunk > len(in) {
						at = 0
					}
					start := time.Now()
					ids = ours.Append(ids[:0], in[at:at+chunk])
					middle := time.Now()
					_, _, err = theirs.Encode(text[at : at+chunk])
					w, p := middle.Sub(start).Seconds(), time.Since(middle).Seconds()
					require.NoError(b, err)
					times, peers, ratios = append(times, w), append(peers, p), append(ratios, p/w)
					at += chunk
				}
				for _, x := range [][]float64{times, peers, ratios} {
					slices.Sort(x)
				}
				n := len(times)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(chunk)/times[n/2]/1e6, "MB/s")
				b.ReportMetric(float64(chunk)/peers[n/2]/1e6, "tiktoken-MB/s")
				b.ReportMetric(ratios[n/2], "x_tiktoken")
				b.ReportMetric(100*(ratios[n*3/4]-ratios[n/4])/ratios[n/2], "x_iqr%")
			})
		}
	}
}
