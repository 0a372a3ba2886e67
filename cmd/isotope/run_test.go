package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestUsageErrors has calls that cannot be right, whatever the files hold: status 2.
// The scripts see failures of all kinds; only here is the status looked at.
func TestUsageErrors(t *testing.T) {
	for args, says := range map[string]string{
		"nonsense":                                          "unknown command",
		"--nonsense":                                        "unknown flag",
		"detect":                                            "--key FILE is missing",
		"detect --key k":                                    "--profile FILE is missing",
		"detect --key k --profile p a b":                    "at most 1 arg",
		"detect --key k --profile p --alpha 0 a":            "outside (0,1)",
		"detect --key k --profile p --alpha x a":            "invalid argument",
		"detect --key k --profile p --min-share 2 a":        "outside (0,1]",
		"detect --key k --profile p --tokens t a":           "two inputs",
		"detect --key k --profile p --tokens t --normalize": "for text",
		"detect --key k --profile p --fail-on weather a":    "weather",
		"detect --key k --profile p --keyring r --spans a":  "--keyring goes with neither",
		"generate":                       "--key FILE is missing",
		"generate --unmarked --key k":    "uses no key",
		"generate --unmarked --tokens 0": "outside 1 to",
		"generate extra":                 "unknown command",
		"keygen":                         "accepts 1 arg",
		"keygen a --from b":              "belong together",
		"keygen a --label b":             "belong together",
		"profile --gamma 0.3":            "nearest",
		"profile --delta -1":             "delta",
		"profile --tokenizer gpt9":       "cl100k_base",
		"profile --tokenizer none":       "--vocab",
		"profile --band 1":               "LO,HI",
		"profile --band 0,0":             "empty",
		"profile --band 0,5":             "key id",
		"profile --exempt 5,4":           "ascending",
	} {
		var out, err bytes.Buffer
		status := run(context.Background(), strings.Fields(args), strings.NewReader(""), &out, &err)
		assert.Equal(t, exitUsage, status, "%s\n%s", args, &err)
		assert.Contains(t, err.String(), says, args)
		assert.Empty(t, out.String(), "stdout is data: %s", args)
	}
}

func TestStatuses(t *testing.T) {
	for args, want := range map[string]int{
		"version":                          exitOK,
		"detect --key none --profile none": exitError,
	} {
		var out, err bytes.Buffer
		assert.Equal(t, want, run(context.Background(), strings.Fields(args), strings.NewReader(""), &out, &err), args)
	}
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, err bytes.Buffer
	status := run(ctx, []string{"generate", "--unmarked", "--corpus", t.TempDir()}, strings.NewReader(""), &out, &err)
	assert.Equal(t, exitError, status)
}

func TestNormalizeUndoesPasting(t *testing.T) {
	assert.Equal(t, "a\nb\nc \"d\" 'e' f g", string(normalize([]byte("a\r\nb\rc \u201cd\u201d \u2018e\u2019\u00a0f\u202fg"))))
	assert.Equal(t, "\xff\xfe", string(normalize([]byte("\xff\xfe"))), "bytes that are no text stay")
}
