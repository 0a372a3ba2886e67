package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// maxOutput bounds a line of a file of outputs, and a file that is one output.
const maxOutput = 16 << 20

// Reasons for which an output of a file is skipped.
const (
	skipEmpty   = "empty"
	skipInvalid = "invalid"   // a line that is no JSON, no UTF-8, or has no output
	skipLarge   = "too_large" // a line of more than maxOutput bytes
)

// AddFile counts the outputs of a file: of a name that ends in .jsonl one on a line, an
// object with an "output" and a "prompt", each a string or an array of token ids; any other
// file is one output without a prompt. It returns what was read, with its hash. Lines that
// hold no output are counted with their reason.
func (a *Audit) AddFile(path string) (report.Fact, error) {
	return outputs{a.config.Tokenizer, a}.file(path)
}

// outputs reads files of outputs.
type outputs struct {
	tokenizer tokenize.Tokenizer // nil: outputs are token ids
	to        interface {
		Add(prompt []watermark.Token, texts ...[]watermark.Token)
		Skip(reason string)
	}
}

func (o outputs) file(path string) (report.Fact, error) {
	f, err := os.Open(path)
	if err != nil {
		return report.Fact{}, err
	}
	defer f.Close()
	sum := sha256.New()
	n := &counter{r: io.TeeReader(f, sum)}
	if strings.EqualFold(filepath.Ext(path), ".jsonl") {
		err = o.lines(bufio.NewReaderSize(n, 1<<16))
	} else {
		err = o.text(n)
	}
	if err != nil {
		return report.Fact{}, fmt.Errorf("%s: %w", path, err)
	}
	return report.Fact{Name: filepath.Base(path), Value: fmt.Sprintf("%d bytes, sha256:%s", n.n, hex.EncodeToString(sum.Sum(nil)))}, nil
}

// A counter counts bytes.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (o outputs) text(r io.Reader) error {
	if o.tokenizer == nil {
		return errors.New("the profile has no tokenizer, so that outputs are token ids, in a .jsonl file")
	}
	text, err := io.ReadAll(io.LimitReader(r, maxOutput+1))
	switch {
	case err != nil:
		return err
	case len(text) > maxOutput:
		return fmt.Errorf("longer than %d MiB, the most that is one output; split it, or use .jsonl", maxOutput>>20)
	case len(bytes.TrimSpace(text)) == 0:
		o.to.Skip(skipEmpty)
	default:
		o.to.Add(nil, o.tokenizer.Append(nil, text))
	}
	return nil
}

func (o outputs) lines(r *bufio.Reader) error {
	textfile.SkipMark(r)
	for {
		line, err := boundedLine(r)
		switch {
		case err != nil && err != io.EOF:
			return err
		case len(line) > maxOutput:
			o.to.Skip(skipLarge)
		case len(bytes.TrimSpace(line)) > 0:
			o.line(line)
		}
		if err == io.EOF {
			return nil
		}
	}
}

// boundedLine reads a line, of which it keeps maxOutput+1 bytes at most.
func boundedLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part[:min(len(part), maxOutput+1-len(line))]...)
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

func (o outputs) line(line []byte) {
	var x struct {
		Prompt tokens `json:"prompt"`
		Output tokens `json:"output"`
	}
	x.Prompt.t, x.Output.t, x.Prompt.prompt = o.tokenizer, o.tokenizer, true
	switch err := json.Unmarshal(line, &x); {
	case err != nil, !utf8.Valid(line), !x.Output.present:
		o.to.Skip(skipInvalid)
	case len(x.Output.ids) == 0:
		o.to.Skip(skipEmpty)
	default:
		o.to.Add(x.Prompt.ids, x.Output.ids)
	}
}

// tokens is a text or an array of ids.
type tokens struct {
	t       tokenize.Tokenizer
	prompt  bool // see promptTokens
	ids     []watermark.Token
	present bool
}

func (s *tokens) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	s.present = true
	if b[0] == '[' {
		var numbers []int64
		if err := json.Unmarshal(b, &numbers); err != nil {
			return err
		}
		s.ids = make([]watermark.Token, len(numbers))
		for i, n := range numbers {
			if s.ids[i] = -1; n >= 0 && n <= math.MaxInt32 {
				s.ids[i] = watermark.Token(n) // what is outside the vocabulary is counted as such
			}
		}
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if s.t == nil {
		return errors.New("a text for a profile without a tokenizer")
	}
	switch {
	case strings.TrimSpace(text) == "":
	case s.prompt:
		s.ids = promptTokens(s.t, text)
	default:
		s.ids = s.t.Append(nil, []byte(text))
	}
	return nil
}
