package provenance

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
)

// paths are derivation paths.
var paths = [][]string{nil, {""}, {"a"}, {"ab", "c"}, {"a", "bc"}, {"model", "m1", "2026-11"}, {strings.Repeat("x", 3000)}, {"é\x00\n"}}

// TestDerive compares derivation through a Root with that of a key in memory.
func TestDerive(t *testing.T) {
	k := testKey(7)
	root, err := KeyRoot(k)
	require.NoError(t, err)
	for _, labels := range paths {
		t.Run(strings.Join(labels, "/")[:min(len(strings.Join(labels, "/")), 20)], func(t *testing.T) {
			got, err := Derive(t.Context(), root, labels...)
			require.NoError(t, err)
			assert.True(t, got.Equal(k.Derive(labels...)))
		})
	}
	id, err := RootID(t.Context(), root)
	require.NoError(t, err)
	assert.Equal(t, k.ID(), id)
	_, err = Derive(t.Context(), root, strings.Repeat("x", MaxMessage))
	assert.ErrorContains(t, err, "shorten them")
	_, err = KeyRoot(watermark.Key{})
	assert.Error(t, err)
}

// TestDeriveVectors reads the vectors of the wire format.
func TestDeriveVectors(t *testing.T) {
	text, err := os.ReadFile("../testdata/vectors/commitments.json")
	require.NoError(t, err)
	var vectors struct {
		Cases []struct {
			Root, ID, Key, Epoch, Scheme, KeyID, Commitment string
			Labels                                          []string
		}
	}
	require.NoError(t, json.Unmarshal(text, &vectors))
	require.NotEmpty(t, vectors.Cases)
	for _, v := range vectors.Cases {
		t.Run(v.KeyID, func(t *testing.T) {
			k, err := watermark.ParseKey(v.Root)
			require.NoError(t, err)
			root, err := KeyRoot(k)
			require.NoError(t, err)
			id, err := RootID(t.Context(), root)
			require.NoError(t, err)
			assert.Equal(t, v.ID, id)
			leaf, err := Derive(t.Context(), root, v.Labels...)
			require.NoError(t, err)
			assert.Equal(t, v.Key, hex.EncodeToString(leafOf(leaf)))
			assert.Equal(t, v.KeyID, leaf.ID())
			e, err := NewCommitment(leaf, v.Epoch, v.Scheme, noon)
			require.NoError(t, err)
			assert.Equal(t, v.Commitment, e.Commitment)
			assert.True(t, e.Opens(leaf))
		})
	}
}

func startHelper(t *testing.T, ctx context.Context, mode string) (*Process, error) {
	t.Setenv(helperEnv, mode)
	return StartProcess(ctx, nil, os.Args[0])
}

func TestProcess(t *testing.T) {
	p, err := startHelper(t, t.Context(), "works")
	require.NoError(t, err)
	for _, labels := range paths {
		got, err := Derive(t.Context(), p, labels...)
		require.NoError(t, err)
		assert.True(t, got.Equal(testKey(7).Derive(labels...)))
	}
	id, err := RootID(t.Context(), p)
	require.NoError(t, err)
	assert.Equal(t, testKey(7).ID(), id)
	_, err = p.MAC(t.Context(), make([]byte, MaxMessage+1))
	assert.Error(t, err)
	require.NoError(t, p.Close())
	_, err = p.MAC(t.Context(), nil)
	assert.ErrorContains(t, err, "closed")
}

func TestProcessOutOfOrder(t *testing.T) {
	for _, c := range []struct{ mode, wants string }{
		{"silent", "not ready: it ended"},
		{"other hello", "not ready: its first line is not"},
		{"refuses", `says: "the session has ended"`},
		{"short", "64 lower-case hex digits"},
		{"capitals", "64 lower-case hex digits"},
		{"long", "more than 1024 bytes"},
		{"half", "within a line"},
		{"ends", "it ended"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			p, err := startHelper(t, t.Context(), c.mode)
			if err == nil {
				_, err = p.MAC(t.Context(), []byte("m"))
				_, again := p.MAC(t.Context(), []byte("m"))
				assert.Error(t, again)
				_ = p.Close()
			}
			assert.ErrorContains(t, err, c.wants)
		})
	}
	t.Run("no such program", func(t *testing.T) {
		_, err := StartProcess(t.Context(), nil, filepath.Join(t.TempDir(), "none"))
		assert.ErrorContains(t, err, "cannot be started")
	})
	t.Run("hangs", func(t *testing.T) {
		p, err := startHelper(t, t.Context(), "hangs")
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err = p.MAC(ctx, []byte("m"))
		assert.ErrorIs(t, err, context.Canceled)
		_ = p.Close()
	})
}

func FuzzParseAnswer(tf *testing.F) {
	f := mutate.New(tf)
	for _, line := range []string{"ok " + strings.Repeat("0a", 32), "error no", "ok", "", "error ", "ok 00"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		testmark.InTime(t, []byte(line), func(data []byte) {
			sum, err := parseAnswer(string(data))
			if err == nil && string(data) != "ok "+hex.EncodeToString(sum[:]) {
				t.Errorf("%q was taken", data)
			}
		})
	})
}

// TestHardwareModule derives keys from a root in SoftHSM, a PKCS#11 module, through the helper
// script of the documentation.
func TestHardwareModule(t *testing.T) {
	module := ""
	for _, path := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so", "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(path); err == nil {
			module = path
		}
	}
	_, errTool := exec.LookPath("pkcs11-tool")
	_, errUtil := exec.LookPath("softhsm2-util")
	if module == "" || errTool != nil || errUtil != nil {
		if os.Getenv("ISOTOPE_REQUIRE_TOOLS") != "" {
			t.Fatal("softhsm2 or opensc is not installed")
		}
		t.Skip("NOT TESTED with a hardware module: softhsm2 and opensc are not installed")
	}
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "tokens"), 0o700))
	config := filepath.Join(dir, "softhsm2.conf")
	require.NoError(t, os.WriteFile(config, []byte("directories.tokendir = "+filepath.Join(dir, "tokens")+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600))
	t.Setenv("SOFTHSM2_CONF", config)
	t.Setenv("ISOTOPE_PKCS11_MODULE", module)
	t.Setenv("ISOTOPE_PKCS11_TOKEN", "isotope")
	t.Setenv("ISOTOPE_PKCS11_KEY", "root")
	pin := filepath.Join(dir, "pin")
	require.NoError(t, os.WriteFile(pin, []byte("1234"), 0o600))
	t.Setenv("ISOTOPE_PKCS11_PIN_FILE", pin)
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, leafOf(testKey(7)), 0o600))
	for _, args := range [][]string{
		{"softhsm2-util", "--init-token", "--free", "--label", "isotope", "--pin", "1234", "--so-pin", "1234"},
		{"pkcs11-tool", "--module", module, "--token-label", "isotope", "--login", "--pin", "1234", "--write-object", secret, "--type", "secrkey", "--label", "root", "--usage-sign"},
	} {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		require.NoError(t, err, "%v: %s", args, out)
	}
	p, err := StartProcess(t.Context(), os.Stderr, "sh", filepath.Join("..", "examples", "root-pkcs11", "helper.sh"))
	require.NoError(t, err)
	id, err := RootID(t.Context(), p)
	require.NoError(t, err)
	assert.Equal(t, testKey(7).ID(), id)
	for _, labels := range [][]string{{"model", "m1", "2026-11"}, {"a\x00b"}} {
		k, err := Derive(t.Context(), p, labels...)
		require.NoError(t, err)
		assert.True(t, k.Equal(testKey(7).Derive(labels...)))
	}
	require.NoError(t, p.Close())
}
