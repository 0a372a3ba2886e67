package main

import (
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
	dir := newDir(t)
	keyFile := dir.file("key", secretOf("5a")+"\n") // one, so that the figures compared are always the same
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ name, fields string }{
		{"half the vocabulary", `"gamma":0.5,"width":2,"vocab":100277`},
		{"a quarter", `"gamma":0.25,"width":1,"vocab":128256`},
		{"contexts once", `"gamma":0.375,"width":4,"vocab":32000,"dedup":"context","mask":"context","exempt":[3,4,100]`},
		{"a lane", `"gamma":0.19921875,"width":6,"vocab":500,"exempt":[3,4],"group":7,"lane":5`},
		{"a payload", `"gamma":0.5,"width":2,"vocab":32000,"payload":7,"exempt":[3,4],"lane":90`},
	} {
		ids := make([]string, 3000)
		for j := range ids {
			ids[j] = fmt.Sprint(rng.IntN(12 + 400*(j%7/6)))
		}
		t.Run(c.name, func(t *testing.T) {
			profile := dir.file("profile", `{"isotope":1,"scheme":"greenlist","delta":2,"tokenizer":"none",`+c.fields+`}`)
			tokens := dir.file("tokens", strings.Join(ids, " "))
			prompt := dir.file("prompt", strings.Join(ids[100:140], " "))
			args := []string{"detect", "--tokens", tokens, "--key", keyFile, "--profile", profile, "--prompt", prompt}
			var got, want resultJSON
			require.NoError(t, json.Unmarshal([]byte(mustRun(t, append(args, "--json")...)), &got))
			second, err := exec.Command("python3", append([]string{filepath.Join("..", "..", "testdata", "vectors", "generate.py")}, args...)...).CombinedOutput()
			require.NoError(t, err, "%s", second)
			require.NoError(t, json.Unmarshal(second, &want), "%s", second)

			assert.Equal(t, want.Tokens, got.Tokens)
			assert.Equal(t, want.Scored, got.Scored)
			assert.Equal(t, want.Green, got.Green)
			assert.Equal(t, want.Skipped, got.Skipped)
			require.Equal(t, want.Payload == nil, got.Payload == nil)
			if want.Payload != nil {
				assert.Equal(t, want.Payload.Message, got.Payload.Message)
				assert.Equal(t, want.Payload.RunnerUp, got.Payload.RunnerUp)
				assert.Equal(t, want.Payload.Margin, got.Payload.Margin)
				assert.Equal(t, want.Payload.Scored, got.Payload.Scored)
				assert.InEpsilon(t, *want.Payload.Log10P, *got.Payload.Log10P, 1e-9)
			}
			require.NotNil(t, want.Log10P)
			assert.InEpsilon(t, *want.Log10P, *got.Log10P, 1e-9)
			assert.Greater(t, got.Scored, int64(100))
		})
	}
}
