package interop_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

const synthidKeys = `[654,400,836,123,340,443,597,160,57]`

func TestImport(t *testing.T) {
	for _, c := range []struct {
		name, engine, config string
		want                 string // fields of the profile
		key                  []uint64
		notes                []string // a part of each
	}{
		{
			"vllm", interop.EngineVLLM, `{"algorithm":"gumbel","key":12345678901234567890}`,
			`"scheme":"vllm-gumbel","width":4`, []uint64{12345678901234567890}, nil,
		}, {
			"vllm with everything", interop.EngineVLLM,
			`{"key":42,"algorithm":"dual_key_gumbel","alpha":0.2,"context_width":5,"deduplicate_contexts":"all","deduplicate_contexts_max_history":null,"prf":"philox","allow_target_only_watermarking":true}`,
			`"scheme":"vllm-dual-gumbel","width":5,"mixing":0.2`, []uint64{42}, []string{"first 5 tokens", "draft", "48 bits"},
		}, {
			"vllm with a short history", interop.EngineVLLM, `{"key":9999999999999999,"deduplicate_contexts_max_history":1024}`,
			`"scheme":"vllm-gumbel","width":4`, nil, []string{"max_history is 1024"},
		}, {
			"vllm dual", interop.EngineVLLM, `{"key":9999999999999999,"algorithm":"dual_key_gumbel"}`,
			`"scheme":"vllm-dual-gumbel","width":4,"mixing":0.1`, nil, nil,
		}, {
			"vllm without dedup", interop.EngineVLLM, `{"key":9999999999999999,"deduplicate_contexts":"none"}`,
			`"scheme":"vllm-gumbel","width":4`, []uint64{9999999999999999}, []string{"counts each once"},
		}, {
			"sglang", interop.EngineSGLang, `{"key":"0123456789abcdef","enforce_all":true}`,
			`"scheme":"sglang-gumbel","width":4`, []uint64{0x0123456789abcdef}, []string{"key of its own"},
		}, {
			"sglang on demand", interop.EngineSGLang, `{"key":"0123456789abcdef"}`,
			`"scheme":"sglang-gumbel","width":4`, nil, []string{"ask for it", "key of its own"},
		}, {
			"sglang dual", interop.EngineSGLang, `{"key":"0xFEDCBA9876543210","key_b":"fedcba9876543211","context_window":8,"mixing_probability":0.25,"max_probability":0.9,"default_enabled":true,"enforce_all":false}`,
			`"scheme":"sglang-dual-gumbel","width":8,"mixing":0.25`, []uint64{0xfedcba9876543210, 0xfedcba9876543211}, []string{"max_probability", "turn the mark off", "key of its own"},
		}, {
			"sglang flags", interop.EngineSGLang, "--model x --enable-watermark --watermark-key=fedcba9876543210 --watermark-context-window 6 --watermark-enforce-all",
			`"scheme":"sglang-gumbel","width":6`, nil, []string{"key of its own"},
		}, {
			"sglang command line", interop.EngineSGLang,
			"python -m sglang.launch_server --enable-watermark \\\n  --watermark-config '{\"key\": \"fedcba9876543210\", \"context_window\": 3, \"enforce_all\": true}' --port 1\n",
			`"scheme":"sglang-gumbel","width":3`, []uint64{0xfedcba9876543210}, []string{"key of its own"},
		}, {
			"sglang command line in double quotes", interop.EngineSGLang, `--watermark-config="{\"key\":\"fedcba9876543210\",\"enforce_all\":true}"`,
			`"scheme":"sglang-gumbel","width":4`, []uint64{0xfedcba9876543210}, []string{"key of its own"},
		}, {
			"transformers", interop.EngineTransformers, `{"bos_token_id":1,"eos_token_id":[2,3],"temperature":0.7,"watermarking_config":{"greenlist_ratio":0.5,"bias":2.5,"hashing_key":123456789012345,"seeding_scheme":"selfhash","context_width":4}}`,
			`"scheme":"hf-selfhash","width":4,"gamma":0.5,"delta":2.5,"bos":1`, []uint64{123456789012345}, []string{"48 bits", "GPU"},
		}, {
			"transformers defaults", interop.EngineTransformers, `{"watermarking_config":{"seeding_scheme":"lefthash","context_width":2}}`,
			`"scheme":"hf-lefthash","width":2`, []uint64{15485863}, []string{"documented default", "last token", "GPU", "48 bits"},
		}, {
			"transformers, nothing but defaults", interop.EngineTransformers, `{"watermarking_config":{}}`,
			`"scheme":"hf-lefthash","width":1`, []uint64{15485863}, []string{"documented default", "GPU", "48 bits"},
		}, {
			"transformers, a negative key", interop.EngineTransformers, `{"watermarking_config":{"hashing_key":-123456789012345}}`,
			`"scheme":"hf-lefthash","width":1`, []uint64{1<<64 - 1 - 123456789012345}, []string{"GPU"},
		}, {
			"transformers selfhash, a negative key", interop.EngineTransformers, `{"watermarking_config":{"hashing_key":-123456789012345,"seeding_scheme":"selfhash","context_width":4}}`,
			`"scheme":"hf-selfhash","width":4`, []uint64{1<<64 - 123456789012345}, []string{"GPU"},
		}, {
			"synthid, negative keys", interop.EngineTransformers, `{"ngram_len":5,"keys":[-9223372036854775808,-1,9223372036854775807]}`,
			`"scheme":"synthid-hf","width":4,"depth":3`, []uint64{1 << 63, 1<<64 - 1, 1<<63 - 1}, []string{"GPU"},
		}, {
			"transformers synthid", interop.EngineTransformers, `{"eos_token_id":2,"watermarking_config":{"ngram_len":5,"keys":` + synthidKeys + `,"sampling_table_size":65536,"sampling_table_seed":0,"context_history_size":1024,"skip_first_ngram_calls":false,"debug_mode":false}}`,
			`"scheme":"synthid-hf","width":4,"depth":9,"eos":2`, nil, []string{"GPU"},
		}, {
			"transformers synthid, several ends", interop.EngineTransformers, `{"eos_token_id":[2, 3],"watermarking_config":{"ngram_len":5,"keys":` + synthidKeys + `}}`,
			`"scheme":"synthid-hf","width":4,"depth":9,"eos":2`, nil, []string{"cut texts at the others", "GPU"},
		}, {
			"synthid-text 0.2.1", interop.EngineSynthID, `{"ngram_len":5,"keys":` + synthidKeys + `,"sampling_table_size":65536,"sampling_table_seed":0,"context_history_size":512,"device":"cpu"}`,
			`"scheme":"synthid-hf","width":4,"depth":9`, nil, []string{"GPU", "context_history_size is 512"},
		}, {
			"synthid-text head", interop.EngineSynthID, `{"ngram_len":3,"keys":` + synthidKeys + `,"num_leaves":3,"temperature":0.7,"top_k":40,"skip_first_ngram_calls":true}`,
			`"scheme":"synthid-deepmind","width":2,"depth":9,"leaves":3`, nil, []string{"June 2025", "first 2 tokens"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := interop.Import(c.engine, []byte(c.config), &interop.ImportOptions{Vocab: 1000})
			require.NoError(t, err)
			assert.Equal(t, parse(t, `{"isotope":1,"vocab":1000,"tokenizer":"none",`+c.want+`}`), got.Profile)
			if c.key != nil {
				assert.Equal(t, c.key, got.Key.Numbers(secretaccess.Allow()))
			}
			require.Len(t, got.Notes, len(c.notes), "%q", got.Notes)
			all := strings.Join(got.Notes, "\n")
			for _, note := range c.notes {
				assert.Contains(t, all, note)
			}
			_, err = got.Profile.Bind(got.Key)
			require.NoError(t, err)
		})
	}
}

func TestImportRefusals(t *testing.T) {
	const secret = "7316849502837465123"
	for _, c := range []struct{ name, engine, config, want string }{
		{"engine", "ollama", `{}`, "unknown"},
		{"not JSON", interop.EngineVLLM, `key=` + secret, "not a JSON object"},
		{"broken JSON", interop.EngineVLLM, `{"key":` + secret + `,"x"}`, "not JSON at byte"},
		{"no key", interop.EngineVLLM, `{}`, `"key" is missing`},
		{"negative key", interop.EngineVLLM, `{"key":-` + secret + `}`, "want uint64"},
		{"key as text", interop.EngineVLLM, `{"key":"` + secret + `"}`, "want uint64"},
		{"key with a fraction", interop.EngineVLLM, `{"key":1.5}`, "want uint64"},
		{"unknown field", interop.EngineVLLM, `{"key":` + secret + `,"salt":1}`, `"salt"`},
		{"repeated key", interop.EngineVLLM, `{"key":` + secret + `,"key":1}`, "twice"},
		{"algorithm", interop.EngineVLLM, `{"key":1,"algorithm":"synthid"}`, "synthid"},
		{"prf", interop.EngineVLLM, `{"key":1,"prf":"hmac"}`, "prf"},
		{"scope", interop.EngineVLLM, `{"key":1,"deduplicate_contexts":"some"}`, "deduplicate_contexts"},
		{"width", interop.EngineVLLM, `{"key":1,"context_width":20}`, "width"},
		{"sglang without a key", interop.EngineSGLang, `{"context_window":4}`, "clients"},
		{"sglang key", interop.EngineSGLang, `{"key":"` + secret + `"}`, "hex"},
		{"sglang window", interop.EngineSGLang, `{"key":"ab","context_window":32}`, "width"},
		{"sglang file", interop.EngineSGLang, `--watermark-config wm.json`, "import that file"},
		{"sglang flags without a mark", interop.EngineSGLang, `--model x --port 30000`, "neither"},
		{"sglang open quotation", interop.EngineSGLang, `--watermark-config '{"key":"` + secret + `"}`, "does not end"},
		{"sglang flag without value", interop.EngineSGLang, `--watermark-key`, "no value"},
		{"transformers without a mark", interop.EngineTransformers, `{"temperature":1}`, "neither a watermarking_config"},
		{"transformers without a field", interop.EngineTransformers, `{}`, "neither a watermarking_config"},
		{"transformers with null", interop.EngineTransformers, `{"eos_token_id":2,"watermarking_config":null}`, "neither a watermarking_config"},
		{"transformers unknown field", interop.EngineTransformers, `{"watermarking_config":{"salt":1}}`, `"salt"`},
		{"transformers unknown field alone", interop.EngineTransformers, `{"bias":1,"salt":1}`, `"salt"`},
		{"transformers ratio 0", interop.EngineTransformers, `{"watermarking_config":{"greenlist_ratio":0}}`, `"greenlist_ratio" is 0`},
		{"transformers bias 0", interop.EngineTransformers, `{"watermarking_config":{"bias":0.0}}`, `"bias" is 0`},
		{"transformers key", interop.EngineTransformers, `{"watermarking_config":{"hashing_key":-9` + secret + `0}}`, "whole numbers"},
		{"transformers scheme", interop.EngineTransformers, `{"watermarking_config":{"seeding_scheme":"both"}}`, "both"},
		{"synthid without keys", interop.EngineSynthID, `{"ngram_len":5}`, "needed"},
		{"synthid keys", interop.EngineSynthID, `{"ngram_len":5,"keys":[1,` + secret + `.5]}`, "whole numbers"},
		{"synthid table", interop.EngineSynthID, `{"ngram_len":5,"keys":[1],"sampling_table_size":0}`, `"sampling_table_size" is 0`},
		{"synthid leaves", interop.EngineSynthID, `{"ngram_len":5,"keys":[1],"num_leaves":0}`, `"num_leaves" is 0`},
		{"synthid length", interop.EngineSynthID, `{"ngram_len":18,"keys":[1]}`, "width"},
		{"synthid debug", interop.EngineSynthID, `{"ngram_len":5,"keys":[1],"debug_mode":true}`, "debug_mode"},
		{"long", interop.EngineVLLM, strings.Repeat(" ", 1<<20+1), "longer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := interop.Import(c.engine, []byte(c.config), &interop.ImportOptions{Vocab: 1000})
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), secret[:8])
		})
	}
}

// TestExport: an exported configuration reads back as the profile and key that it was made of.
func TestExport(t *testing.T) {
	epoch, err := watermark.ParseKey("isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, c := range nullProfiles {
		p := parse(t, c.text)
		t.Run(name(p), func(t *testing.T) {
			e, err := interop.Export(p, epoch)
			if p.Scheme == "tgi" {
				require.ErrorContains(t, err, "no export")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, p, e.Profile)
			assert.Equal(t, p.Numbers(), e.Key.Len())
			assert.False(t, e.Key.IsGuessable())
			again, err := interop.DeriveKey(p, epoch)
			require.NoError(t, err)
			assert.True(t, e.Key.Equal(again))
			other, err := interop.DeriveKey(p, epoch.Derive("other"))
			require.NoError(t, err)
			assert.False(t, e.Key.Equal(other))
			if strings.HasPrefix(p.Scheme, "synthid") || strings.HasPrefix(p.Scheme, "textseal") || strings.HasPrefix(p.Scheme, "hf") {
				assert.NotEmpty(t, e.Notes)
			}
			for _, note := range e.Notes {
				assert.NotContains(t, note, fmt.Sprint(e.Key.Numbers(secretaccess.Allow())[0]))
			}
			switch e.Engine {
			case interop.EngineVLLM, interop.EngineSGLang, interop.EngineTransformers, interop.EngineSynthID:
				seen[e.Engine] = true
				back, err := interop.Import(e.Engine, e.Config, &interop.ImportOptions{Vocab: p.Vocab})
				require.NoError(t, err)
				assert.True(t, e.Key.Equal(back.Key))
				want := *p
				want.Weighted = false // a choice of the test, which no engine records
				assert.Equal(t, &want, back.Profile)
			}
		})
	}
	assert.Len(t, seen, len(interop.Engines()))
	_, err = interop.Export(parse(t, nullProfiles[0].text), watermark.Key{})
	require.Error(t, err)
}

// TestDeriveKeyIsFixed: keys in use must not change.
func TestDeriveKeyIsFixed(t *testing.T) {
	epoch, err := watermark.ParseKey("isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	require.NoError(t, err)
	k, err := interop.DeriveKey(parse(t, `{"isotope":1,"scheme":"sglang-dual-gumbel","width":4,"mixing":0.5,"vocab":100,"tokenizer":"none"}`), epoch)
	require.NoError(t, err)
	// The first 16 digits of the leaves of the two paths.
	for i, path := range [][]string{{"engine", "sglang-dual-gumbel", "0"}, {"engine", "sglang-dual-gumbel", "1"}} {
		digits := strings.TrimPrefix(epoch.Derive(path...).Secret(secretaccess.Allow()), "isotope-secret-key-1:")[:16]
		assert.Equal(t, digits, fmt.Sprintf("%016x", k.Numbers(secretaccess.Allow())[i]))
	}
	assert.Equal(t, "14f627ee9b91b072", k.ID())
}

func FuzzImport(tf *testing.F) {
	f := mutate.New(tf)
	engine := func(name string) uint8 { return uint8(slices.Index(interop.Engines(), name)) }
	f.Add(engine(interop.EngineVLLM), []byte(`{"algorithm":"dual_key_gumbel","key":42,"alpha":0.1,"context_width":4}`))
	f.Add(engine(interop.EngineSGLang), []byte(`{"key":"0123456789abcdef","key_b":"1","mixing_probability":0.5}`))
	f.Add(engine(interop.EngineSGLang), []byte(`python -m x --watermark-config '{"key":"ab"}' --port 1`))
	f.Add(engine(interop.EngineSGLang), []byte(`--watermark-key ab --watermark-context-window 4`))
	f.Add(engine(interop.EngineTransformers), []byte(`{"eos_token_id":[2],"watermarking_config":{"hashing_key":7,"greenlist_ratio":0.25}}`))
	f.Add(engine(interop.EngineSynthID), []byte(`{"ngram_len":5,"keys":[1,2,3],"sampling_table_size":65536}`))
	f.Fuzz(func(t *testing.T, engine uint8, config []byte) {
		engines := interop.Engines()
		got, err := interop.Import(engines[int(engine)%len(engines)], config, &interop.ImportOptions{Vocab: 1000})
		if err != nil {
			return
		}
		text, err := got.Profile.MarshalJSON()
		require.NoError(t, err)
		again, err := interop.ParseProfile(text)
		require.NoError(t, err)
		require.Equal(t, got.Profile, again)
		_, err = again.Bind(got.Key)
		require.NoError(t, err)
	})
}

func FuzzProfile(tf *testing.F) {
	f := mutate.New(tf)
	for _, c := range nullProfiles {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := interop.ParseAny(text)
		if err != nil {
			return
		}
		canonical, err := d.MarshalJSON()
		require.NoError(t, err)
		again, err := interop.ParseAny(canonical)
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}

func FuzzKey(tf *testing.F) {
	f := mutate.New(tf)
	f.Add("integer-key-1:1,2,3")
	f.Add("isotope-secret-key-1:" + strings.Repeat("ab", 32))
	f.Fuzz(func(t *testing.T, text string) {
		k, err := interop.ParseAnyKey(text)
		if err != nil {
			return
		}
		secret := k.Engine.Secret(secretaccess.Allow()) + k.Native.Secret(secretaccess.Allow())
		require.Equal(t, strings.TrimSpace(text), secret)
	})
}
