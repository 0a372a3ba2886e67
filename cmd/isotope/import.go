package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

const importHelp = `Import reads the configuration of another engine's watermark. It prints the profile, writes the
key to the file of --new-key, and says on stderr what it could not take over. Then detect
tests texts of that engine.

For the ENGINE vllm, FILE has the JSON of --watermark-config. For sglang it has that
JSON or the flags. For transformers it is generation_config.json, or its
watermarking_config. For synthid-text it is the configuration of SynthIDLogitsProcessor.
The vocabulary is that of the model, which can be larger than its tokenizer's.`

// maxEngineConfig is the longest configuration that is read, in bytes.
const maxEngineConfig = 1 << 20

// importFlags are the flags of import.
type importFlags struct {
	vocab             int
	tokenizer, newKey string
}

func (c *cli) importCommand() *cobra.Command {
	var o importFlags
	cmd := &cobra.Command{
		Use:   "import ENGINE FILE",
		Short: "Turn another engine's configuration into a profile and a key",
		Long:  importHelp,
		Example: `  isotope import vllm wm.json --vocab 151936 --new-key vllm.key > vllm.json
  isotope import transformers generation_config.json --vocab 128256 --new-key hf.key > hf.json`,
		ValidArgs: interop.Engines(),
		Args: func(_ *cobra.Command, args []string) error {
			return check([]rule{
				noSecrets(append(slices.Clone(args), o.newKey, o.tokenizer)...),
				{len(args) != 2, "import takes an ENGINE and a FILE: " + strings.Join(interop.Engines(), ", ") + ", and its configuration"},
			})
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if err := check([]rule{
				{!slices.Contains(interop.Engines(), args[0]), fmt.Sprintf("ENGINE %s is not one of %s", strictjson.Quote(args[0]), strings.Join(interop.Engines(), ", "))},
				{o.newKey == "", "--new-key FILE is missing: the file to write the engine's key to"},
				{o.vocab == 0 && o.tokenizer == watermark.TokenizerNone, "--vocab N is missing: the vocabulary size of the model"},
			}); err != nil {
				return err
			}
			return c.importConfig(&o, args[0], args[1])
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&o.vocab, "vocab", 0, "vocabulary size of the model (default: the tokenizer's)")
	f.StringVar(&o.tokenizer, "tokenizer", watermark.TokenizerNone, "`NAME` or file of the model's tokenizer, for tests of text and not of token ids")
	f.StringVar(&o.newKey, "new-key", "", "write the engine's key to `FILE`, which must not exist")
	return cmd
}

// importConfig prints the profile of an engine's configuration, and writes its key.
func (c *cli) importConfig(o *importFlags, engine, path string) error {
	config, err := c.readSmallFile(path, maxEngineConfig)
	if err != nil {
		return err
	}
	options := &interop.ImportOptions{Vocab: o.vocab}
	if o.tokenizer != watermark.TokenizerNone {
		t, err := loadTokenizer(o.tokenizer)
		if err != nil {
			return usageError{err}
		}
		options.Tokenizer, options.TokenizerDigest = t.Name(), t.Digest()
		if options.Vocab == 0 {
			options.Vocab = t.Vocab()
		}
	}
	imported, err := interop.Import(engine, config, options)
	if err != nil {
		return err
	}
	text, err := imported.Profile.MarshalJSON()
	if err != nil {
		return err
	}
	if err := writeEngineKey(o.newKey, imported.Key, "key of "+imported.Profile.Engine()+", read from its configuration; keep it secret"); err != nil {
		return err
	}
	for _, note := range imported.Notes {
		c.hint("note: %s", note)
	}
	c.hint("key %s, profile %s", imported.Key.ID(), imported.Profile.ID())
	_, err = fmt.Fprintln(c.stdout, string(bytes.TrimSpace(text)))
	return err
}

// writeEngineKey writes the key of an engine to a new file.
func writeEngineKey(path string, key interop.Key, comment string) error {
	err := interop.WriteKeyFile(path, key, comment, "id "+key.ID())
	switch {
	case errors.Is(err, fs.ErrExist):
		return keyExists(path, err)
	case err != nil:
		return openError(err)
	}
	return nil
}
