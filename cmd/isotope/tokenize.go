package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

const tokenizeHelp = `Tokenize prints the token ids of a text, as a test sees them. The text comes from FILE or from
standard input. --pieces prints a line for each id, with its place in bytes and its text.
--count prints how many ids there are, and whether they decode to the text. --decode reads
token ids and prints their text.

--tokenizer names an encoding, a model that has one of them, or a file. The file may be
tokenizer.json of Hugging Face, tekken.json, a .tiktoken file, tokenizer.model, or a GGUF
file. Of a directory it takes the tokenizer in it. --info prints what a profile says of it.`

// tokenizeFlags are the flags of tokenize.
type tokenizeFlags struct {
	tokenizer            string
	read                 readFlags
	decode, pieces, info bool
	count                bool
	special, json        bool
	given                func(name string) bool
}

func (c *cli) tokenizeCommand() *cobra.Command {
	var o tokenizeFlags
	cmd := &cobra.Command{
		Use:   "tokenize [FILE|-]",
		Short: "Turn text into token ids, and back",
		Long:  tokenizeHelp,
		Example: `  isotope tokenize text.txt
  echo 'Hello, world' | isotope tokenize --tokenizer gpt-4o --pieces
  isotope tokenize --tokenizer models/qwen3/tokenizer.json --info
  isotope tokenize --decode ids.json`,
		Args: func(_ *cobra.Command, args []string) error {
			return check([]rule{{len(args) > 1, fmt.Sprintf("tokenize takes one FILE, and %d were given", len(args))}})
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.given = cmd.Flags().Changed
			if err := o.check(args); err != nil {
				return err
			}
			return c.tokenize(cmd.Context(), &o, append(args, inputs.Stdin)[0])
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&o.tokenizer, "tokenizer", "t", defaultTokenizer, "`NAME` or file of the tokenizer")
	f.BoolVar(&o.decode, "decode", false, "read token ids, and print their text")
	f.BoolVar(&o.pieces, "pieces", false, "print a line for each id: the id, where it begins and ends in bytes, and its text")
	f.BoolVar(&o.count, "count", false, "print the number of ids and of bytes, and whether the ids decode to the text")
	f.BoolVar(&o.info, "info", false, "print the name, the digest and the size of the tokenizer")
	f.BoolVar(&o.special, "special", false, "give special tokens in the text their ids; a test never does so")
	f.BoolVar(&o.json, "json", false, "print the ids as a JSON list")
	registerReading(f, &o.read)
	return cmd
}

// registerReading adds the flags of a verb that reads one text.
func registerReading(f *pflag.FlagSet, o *readFlags) {
	f.StringVar(&o.encoding, "encoding", "", "`NAME` of the encoding of the file, if it is not UTF-8 and does not say so")
}

func (o *tokenizeFlags) check(args []string) error {
	return check(o.read.rules(), []rule{
		noSecrets(append(args, o.tokenizer)...),
		{o.info && len(args) > 0, "--info reads no text; leave out FILE"},
		{o.decode && (o.pieces || o.special || o.json), "--decode prints text; leave out --pieces, --special and --json"},
		{o.pieces && (o.special || o.json), "--pieces excludes --special and --json"},
		{o.count && (o.decode || o.pieces || o.info || o.special || o.json), "--count excludes --decode, --pieces, --info, --special and --json"},
	})
}

// tokenize prints the token ids of one text, or the text of token ids.
func (c *cli) tokenize(ctx context.Context, o *tokenizeFlags, name string) error {
	t, err := loadTokenizer(o.tokenizer)
	if err != nil {
		return openError(err)
	}
	bpe, _ := t.(*tokenize.BPE)
	if o.info {
		_, err := fmt.Fprintf(c.stdout, "name    %s\ndigest  %s\nvocab   %d\n", t.Name(), t.Digest(), t.Vocab())
		return err
	}
	c.terminalInput([]string{name})
	text, ids, err := c.oneText(ctx, o, name)
	if err != nil {
		return err
	}
	switch {
	case o.decode:
		text, err := t.Decode(nil, ids)
		if err != nil {
			return err
		}
		c.exact()
		_, err = c.stdout.Write(text)
		return err
	case o.pieces:
		return c.printPieces(bpe, text)
	case o.count:
		ids := t.Append(nil, text)
		restored := "yes"
		if back, err := t.Decode(nil, ids); err != nil || !bytes.Equal(back, text) {
			restored = "no: the tokenizer changes the text or lacks some of its bytes"
		}
		_, err := fmt.Fprintf(c.stdout, "ids       %d\nbytes     %d\nrestored  %s\n", len(ids), len(text), restored)
		return err
	case o.special:
		ids = bpe.AppendSpecial(nil, text)
	default:
		ids = t.Append(nil, text)
	}
	separator, format := " ", "%s\n"
	if o.json {
		separator, format = ",", "[%s]\n"
	}
	_, err = fmt.Fprintf(c.stdout, format, strings.ReplaceAll(strings.Trim(fmt.Sprint(ids), "[]"), " ", separator))
	return err
}

// oneText reads a file as one text, or as one list of token ids.
func (c *cli) oneText(ctx context.Context, o *tokenizeFlags, name string) (text []byte, ids []watermark.Token, err error) {
	options := o.read.corpusOptions()
	options.Format = corpus.FormatText
	if o.decode {
		options.Format = corpus.FormatIDs
	}
	reader, err := c.reader(options)
	if err != nil {
		return nil, nil, err
	}
	var l inputs.Ledger
	for d := range l.Documents(ctx, reader, name) {
		for _, x := range d.Texts {
			text, ids = append(text, x.Text...), append(ids, x.IDs...)
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case l.Skipped() > 0:
		return nil, nil, errors.New(inputs.SkipWord(l.Skips[0]))
	}
	return text, ids, nil
}

// printPieces prints a line for each id of a text.
func (c *cli) printPieces(t *tokenize.BPE, text []byte) error {
	ids, spans := t.AppendSpans(nil, nil, text)
	w := bufio.NewWriter(c.stdout)
	for i, id := range ids {
		s := spans[i]
		fmt.Fprintf(w, "%d\t%d\t%d\t%q\n", id, s.Start, s.End, text[s.Start:s.End])
	}
	return w.Flush()
}
