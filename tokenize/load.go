package tokenize

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	maxFile   = 256 << 20 // bytes of a file, or of the metadata of a GGUF file
	maxID     = 1<<22 - 1
	maxToken  = 1 << 12 // bytes of a token in the file; that of Claude 2 has one of 2048
	maxMerges = 1 << 23
)

var (
	// ErrFormat is wrapped by the error of Load for a file that is damaged, or not a tokenizer.
	ErrFormat = errors.New("tokenize: not a tokenizer file")
	// ErrRule is wrapped by the error of Load for a tokenizer with a rule that this package does not
	// implement. Its ids would be wrong without the rule.
	ErrRule = errors.New("tokenize: unknown rule")
)

// LoadOptions says what a file leaves out. The zero value is for files that say everything.
type LoadOptions struct {
	// Pattern is how a .tiktoken file splits texts: the regular expression, or the name of an
	// encoding that has the same, such as "cl100k_base". Those files hold no pattern. Load knows the
	// pattern of the files of OpenAI, Llama 3 and Qwen.
	Pattern string
}

// Load reads the tokenizer of a model from a file:
//
//   - tokenizer.json of Hugging Face's tokenizers, with a model of type BPE
//   - tekken.json of Mistral
//   - a .tiktoken file, which is also what Llama 3 calls tokenizer.model
//   - tokenizer.model of SentencePiece, of type BPE
//   - a GGUF file of llama.cpp, of type gpt2 or llama
//
// It finds the format by the content. For a directory it takes the first of tokenizer.json, tekken.json and
// tokenizer.model in it. docs/tokenizers.md lists the vocabularies that were compared with other programs.
//
// The ids are exactly those of the program that the file is made for. A rule that this package does not
// implement is an error that names the rule and wraps ErrRule. A file that is none of these wraps
// ErrFormat. Load reads at most 256 MiB.
//
// Name is that of [Get] if the tokenizer is the same, or else one that follows from the digest. So it does
// not depend on the path or the format. Text in the file that the model never writes, such as a chat
// template, does not matter.
func Load(path string) (*BPE, error) { return LoadWith(path, LoadOptions{}) }

// LoadWith is Load with what the file leaves out.
func LoadWith(path string, o LoadOptions) (*BPE, error) {
	path, err := fileIn(path)
	var e *BPE
	if err == nil {
		e, err = loadFile(path, o)
	}
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return e, nil
}

// fileIn returns the tokenizer in a directory. It returns any other path as it is.
func fileIn(path string) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return path, nil
	}
	for _, name := range []string{"tokenizer.json", "tekken.json", "tokenizer.model"} {
		if file := filepath.Join(path, name); exists(file) {
			return file, nil
		}
	}
	return path, fmt.Errorf("%w: the directory has neither tokenizer.json nor tekken.json nor tokenizer.model; "+
		"give a file", ErrFormat)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func loadFile(path string, o LoadOptions) (*BPE, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tokenize: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("tokenize: %w", err)
	}
	return read(f, info.Size(), o)
}

// read reads a tokenizer of any format.
func read(r io.Reader, size int64, o LoadOptions) (*BPE, error) {
	magic := make([]byte, 4)
	n, err := io.ReadFull(r, magic)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, fmt.Errorf("tokenize: %w", err)
	}
	magic = magic[:n]
	if string(magic) == "GGUF" {
		s, err := parseGGUF(r)
		if err != nil {
			return nil, err
		}
		return s.build()
	}
	if size > maxFile {
		return nil, fmt.Errorf("%w: %d bytes, and the limit is %d", ErrFormat, size, maxFile)
	}
	text := bytes.NewBuffer(make([]byte, 0, max(size, 0)+bytes.MinRead))
	text.Write(magic)
	if n, err := text.ReadFrom(io.LimitReader(r, maxFile)); err != nil {
		return nil, fmt.Errorf("tokenize: %w", err)
	} else if n == maxFile {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrFormat, maxFile)
	}
	s, err := parse(text.Bytes(), o)
	if err != nil {
		return nil, err
	}
	return s.build()
}

// parse reads a file of any format but GGUF.
func parse(text []byte, o LoadOptions) (*source, error) {
	switch b := bytes.TrimLeft(text, " \t\r\n"); {
	case len(b) == 0:
		return nil, fmt.Errorf("%w: the file is empty", ErrFormat)
	case b[0] == '{':
		return parseJSON(text)
	case text[0] == '\n': // the first piece of a SentencePiece model
		return parseSentencePiece(text)
	case looksLikeRanks(b):
		return parseRanks(text, o)
	}
	return nil, fmt.Errorf("%w: it is neither JSON nor GGUF nor a .tiktoken file nor a SentencePiece model", ErrFormat)
}

// unknown returns an error about a rule.
func unknown(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRule, fmt.Sprintf(format, args...))
}

// damaged returns an error about a file.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}
