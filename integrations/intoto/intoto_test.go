package intoto

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"context"

	intotov1 "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
)

// root is the directory of the main module.
const root = "../.."

// A publicKey verifies envelopes with the key that the owner of a log published. It is written from
// the formats alone: the line of a verifier key ends with 1 and an Ed25519 key in base64.
type publicKey struct {
	id  string
	key ed25519.PublicKey
}

func parsePublicKey(t *testing.T, line string) *publicKey {
	t.Helper()
	parts := strings.SplitN(strings.TrimSpace(line), "+", 3)
	require.Len(t, parts, 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	require.Len(t, raw, 1+ed25519.PublicKeySize)
	require.EqualValues(t, 1, raw[0])
	return &publicKey{parts[0] + "+" + parts[1], raw[1:]}
}

func (k *publicKey) Verify(_ context.Context, data, sig []byte) error {
	if !ed25519.Verify(k.key, data, sig) {
		return errors.New("the signature is wrong")
	}
	return nil
}

func (k *publicKey) KeyID() (string, error)   { return k.id, nil }
func (k *publicKey) Public() crypto.PublicKey { return k.key }

// A shop makes signed files with the program, in a directory of its own.
type shop struct {
	t       *testing.T
	program string
	dir     string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, dir: t.TempDir()}
	s.program = filepath.Join(s.dir, "isotope.exe")
	build := exec.Command("go", "build", "-o", s.program, "./cmd/isotope")
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for from, to := range map[string]string{"throwaway.key": "my.key", "profile.json": "my.json", "base_marked.txt": "text.txt", "O06_ref.jsonl": "out.jsonl"} {
		text, err := os.ReadFile(filepath.Join(root, "internal/corpus/testdata/field", from))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, to), text, 0o600))
	}
	return s
}

func (s *shop) run(line string) string {
	s.t.Helper()
	cmd := exec.Command(s.program, strings.Fields(line)...)
	cmd.Dir = s.dir
	var says strings.Builder
	cmd.Stderr = &says
	out, err := cmd.Output()
	require.NoError(s.t, err, "%s: %s", line, says.String())
	return string(out)
}

func (s *shop) read(name string) []byte {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	require.NoError(s.t, err)
	return text
}

// TestStatements declares and makes a test with each verb, and reads its plan and its report as
// somebody does who has no line of this project.
func TestStatements(t *testing.T) {
	s := newShop(t)
	const log = " --log log --sign-key sign.key "
	key := parsePublicKey(t, s.run("log new --name example.com/acme --sign-key sign.key log"))
	s.run("commit -q --profile my.json --epoch 2026-11 my.key" + log)
	verifier, err := dsse.NewEnvelopeVerifier(key)
	require.NoError(t, err)
	for _, c := range []struct{ verb, flags, file string }{
		{"detect", "", "text.txt"},
		{"scan", "", "out.jsonl"},
		{"audit", "--reference none --decoys 100", "out.jsonl"},
	} {
		t.Run(c.verb, func(t *testing.T) {
			s.t = t
			plan, report := c.verb+"-plan.json", c.verb+"-report.json"
			s.run(c.verb + " -q --declare " + plan + " --key my.key --profile my.json " + c.flags + log + c.file)
			s.run(c.verb + " -q --plan-file " + plan + " --key my.key --signed-report " + report + log + c.file)
			for name, predicate := range map[string]string{plan: "plan", report: "report"} {
				var e dsse.Envelope
				require.NoError(t, json.Unmarshal(s.read(name), &e))
				accepted, err := verifier.Verify(t.Context(), &e)
				require.NoError(t, err, name)
				require.Len(t, accepted, 1)
				assert.Equal(t, key.id, accepted[0].KeyID)
				payload, err := e.DecodeB64Payload()
				require.NoError(t, err)
				var statement intotov1.Statement
				require.NoError(t, protojson.Unmarshal(payload, &statement), name)
				require.NoError(t, statement.Validate())
				assert.Equal(t, "https://github.com/isotope-wm/isotope/"+predicate+"/v1", statement.PredicateType)
				require.Len(t, statement.Subject, 1)
				assert.Equal(t, c.file, statement.Subject[0].Name)
				assert.Len(t, statement.Subject[0].Digest["sha256"], 64)
				assert.Contains(t, statement.Predicate.Fields, "isotope_"+predicate)

				e.Payload = base64.StdEncoding.EncodeToString(append([]byte(" "), payload...))
				_, err = verifier.Verify(t.Context(), &e)
				assert.Error(t, err, "the signature covers every byte")
			}
		})
	}
}
