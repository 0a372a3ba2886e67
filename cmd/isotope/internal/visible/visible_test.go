package visible

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var cases = []struct{ name, text, want string }{
	{"nothing", "", ""},
	{"prose", "a line,\n\tand another: é 漢 🙂", "a line,\n\tand another: é 漢 🙂"},
	{"an escape sequence", "a\x1b[2Kb", `a\u001b[2Kb`},
	{"a title of a window", "\x1b]0;x\a", `\u001b]0;x\u0007`},
	{"C1", "a\u009bb", `a\u009bb`},
	{"C1 as a byte", "a\x9bb", `a\x9bb`},
	{"an override", "a\u202eb\u202c", `a\u202eb\u202c`},
	{"isolates", "\u2066a\u2069\u200e\u200f\u061c", `\u2066a\u2069\u200e\u200f\u061c`},
	{"carriage return", "good\rbad", `good\u000dbad`},
	{"backspace and delete", "a\b\x7f", `a\u0008\u007f`},
	{"NUL", "\x00", `\u0000`},
	{"separators", "a\u2028b\u2029", `a\u2028b\u2029`},
	{"tags", "a\U000e0041", `a\U000e0041`},
	{"half a character", "a\xe2\x80", `a\xe2\x80`},
	{"a replacement character that is one", "a\ufffd", "a\ufffd"},
	{"joiners of scripts and emoji", "क्\u200dष 👩\u200d🔬", "क्\u200dष 👩\u200d🔬"},
}

func TestString(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, String(c.text))
			assert.Equal(t, c.want, String(c.want), "what is shown stays")
		})
	}
}

// TestWriter cuts each text everywhere.
func TestWriter(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for cut := range len(c.text) + 1 {
				var out strings.Builder
				w := NewWriter(&out)
				for _, part := range []string{c.text[:cut], c.text[cut:]} {
					n, err := w.Write([]byte(part))
					require.NoError(t, err)
					assert.Equal(t, len(part), n)
				}
				require.NoError(t, w.Close())
				assert.Equal(t, c.want, out.String(), cut)
			}
			var out strings.Builder
			w := NewWriter(&out)
			for i := range len(c.text) {
				_, err := io.WriteString(w, c.text[i:i+1])
				require.NoError(t, err)
			}
			require.NoError(t, w.Close())
			assert.Equal(t, c.want, out.String())
		})
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestWriterReturnsErrors(t *testing.T) {
	_, err := NewWriter(broken{}).Write([]byte("x"))
	assert.Error(t, err)
}
