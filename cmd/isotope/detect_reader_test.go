package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// TestDetectAgreesWithASecondReader compares the program with the reading of
// docs/spec.md in testdata/vectors, which shares no code with it and takes its AES
// from OpenSSL.
func TestDetectAgreesWithASecondReader(t *testing.T) {
	for _, tool := range []string{"python3", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("ISOTOPE_REQUIRE_TOOLS") != "" {
				t.Fatalf("%s is not installed", tool)
			}
			t.Skipf("NOT COMPARED with the second reader: %s is not installed", tool)
		}
	}
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	key, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("5a", 32)) // one, so that the figures compared are always the same
	require.NoError(t, err)
	keyFile := file("key", key.Secret()+"\n")
	rng := rand.New(rand.NewPCG(1, 2))
	for i, fields := range []string{
		`"gamma":0.5,"width":2,"vocab":100277`,
		`"gamma":0.25,"width":1,"vocab":128256`,
		`"gamma":0.375,"width":4,"vocab":32000,"dedup":"context","mask":"context","exempt":[3,4,100]`,
		`"gamma":0.19921875,"width":6,"vocab":500,"exempt":[3,4],"group":7,"lane":5`,
		`"gamma":0.5,"width":2,"vocab":32000,"payload":7,"exempt":[3,4],"lane":90`,
	} {
		profile := file("profile", `{"isotope":1,"scheme":"greenlist","delta":2,"tokenizer":"none",`+fields+`}`)
		ids := make([]string, 3000)
		for j := range ids {
			ids[j] = fmt.Sprint(rng.IntN(12 + 400*(j%7/6)))
		}
		tokens := file("tokens", strings.Join(ids, " "))
		prompt := file("prompt", strings.Join(ids[100:140], " "))
		args := []string{"detect", "--tokens", tokens, "--key", keyFile, "--profile", profile, "--prompt", prompt}

		var out, errs bytes.Buffer
		require.Equal(t, exitOK, run(context.Background(), append(args, "--json"), strings.NewReader(""), &out, &errs), errs.String())
		var got resultJSON
		require.NoError(t, json.Unmarshal(out.Bytes(), &got))

		second, err := exec.Command("python3", append([]string{filepath.Join("..", "..", "testdata", "vectors", "generate.py")}, args...)...).CombinedOutput()
		require.NoError(t, err, "%s", second)
		var want resultJSON
		require.NoError(t, json.Unmarshal(second, &want), "%s", second)

		assert.Equal(t, want.Tokens, got.Tokens, i)
		assert.Equal(t, want.Scored, got.Scored, i)
		assert.Equal(t, want.Green, got.Green, i)
		assert.Equal(t, want.Skipped, got.Skipped, i)
		require.Equal(t, want.Payload == nil, got.Payload == nil, i)
		if want.Payload != nil {
			assert.Equal(t, want.Payload.Message, got.Payload.Message, i)
			assert.Equal(t, want.Payload.RunnerUp, got.Payload.RunnerUp, i)
			assert.Equal(t, want.Payload.Margin, got.Payload.Margin, i)
			assert.Equal(t, want.Payload.Scored, got.Payload.Scored, i)
			assert.InEpsilon(t, *want.Payload.Log10P, *got.Payload.Log10P, 1e-9, i)
		}
		require.NotNil(t, want.Log10P)
		assert.InEpsilon(t, *want.Log10P, *got.Log10P, 1e-9, i)
		assert.Greater(t, got.Scored, int64(100), i)
	}
}
