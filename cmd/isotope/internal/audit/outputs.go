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

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// maxOutput is the longest line of a file of outputs, and the longest file that is one output,
// in bytes.
const maxOutput = 16 << 20

// Reasons to skip an output of a file.
const (
	skipEmpty   = "empty"
	skipInvalid = "invalid"   // a line that is not JSON, not UTF-8, or has no output
	skipLarge   = "too_large" // a line of more than maxOutput bytes
	skipSecret  = "secret"    // a line that holds a secret key
)

// AddFile adds the outputs of a file. A file whose name ends in .jsonl has one output a line: an
// object with an "output" and a "prompt", each a string or an array of token ids. Any other
// file is one output without a prompt. AddFile returns the name, the size and the hash of the
// file. A line without an output is skipped and counted with its reason.
func (a *Audit) AddFile(path string) (report.Fact, error) {
	return outputReader{a.config.Tokenizer, a}.file(path)
}

// An outputReader reads files of outputs.
type outputReader struct {
	tokenizer tokenize.Tokenizer // nil: outputs are token ids
	to        interface {
		Add(prompt []watermark.Token, texts ...[]watermark.Token)
		Skip(reason string)
	}
}

func (o outputReader) file(path string) (report.Fact, error) {
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

func (o outputReader) text(r io.Reader) error {
	if o.tokenizer == nil {
		return errors.New("the profile has no tokenizer; give outputs as token ids, in a .jsonl file")
	}
	text, err := io.ReadAll(io.LimitReader(r, maxOutput+1))
	switch {
	case err != nil:
		return err
	case len(text) > maxOutput:
		return fmt.Errorf("longer than %d MiB, the longest output; split it, or write a .jsonl file", maxOutput>>20)
	case secret.Holds(text):
		return errors.New("the file holds a secret key; give outputs, and treat the key as leaked if a model wrote it")
	case len(bytes.TrimSpace(text)) == 0:
		o.to.Skip(skipEmpty)
	default:
		o.to.Add(nil, o.tokenizer.Append(nil, text))
	}
	return nil
}

func (o outputReader) lines(r *bufio.Reader) error {
	textfile.SkipMark(r)
	for {
		line, err := boundedLine(r)
		switch {
		case err != nil && err != io.EOF:
			return err
		case len(line) > maxOutput:
			o.to.Skip(skipLarge)
		case secret.Holds(line):
			o.to.Skip(skipSecret)
		case len(bytes.TrimSpace(line)) > 0:
			o.line(line)
		}
		if err == io.EOF {
			return nil
		}
	}
}

// boundedLine reads a line, and returns at most maxOutput+1 bytes of it.
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

func (o outputReader) line(line []byte) {
	var x struct{ Prompt, Output tokenText }
	x.Prompt.t, x.Output.t, x.Prompt.prompt = o.tokenizer, o.tokenizer, true
	// Two readers must agree about a line: its fields are spelt as here, and none occurs twice.
	fields, err := strictjson.Object(line, strictjson.MaxDepth, "prompt", "output")
	for _, f := range []struct {
		name string
		into *tokenText
	}{{"prompt", &x.Prompt}, {"output", &x.Output}} {
		if value, ok := fields[f.name]; ok && err == nil {
			err = json.Unmarshal(value, f.into)
		}
	}
	switch {
	case err != nil, !x.Output.present:
		o.to.Skip(skipInvalid)
	case len(x.Output.ids) == 0:
		o.to.Skip(skipEmpty)
	default:
		o.to.Add(x.Prompt.ids, x.Output.ids)
	}
}

// A tokenText is a text in JSON, or an array of token ids.
type tokenText struct {
	t       tokenize.Tokenizer
	prompt  bool // see promptTokens
	ids     []watermark.Token
	present bool
}

func (s *tokenText) UnmarshalJSON(b []byte) error {
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
				s.ids[i] = watermark.Token(n) // counted as outside the vocabulary
			}
		}
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if s.t == nil {
		return errors.New("a text, and the profile has no tokenizer")
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
