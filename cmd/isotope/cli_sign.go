package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"golang.org/x/crypto/ssh"
	"golang.org/x/mod/sumdb/note"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/provenance"
)

const (
	// maxSignKey is the longest file of a signing key, in bytes.
	maxSignKey = 1 << 16
	// maxEnvelope is the longest signed plan or report, in bytes.
	maxEnvelope = strictjson.MaxSize
	// notePrefix begins the text of a signing key of signed notes.
	notePrefix = "PRIVATE+KEY+"
)

// newSignKey writes a new signing key for a log of this name and returns its verifier key.
func newSignKey(path, name string) (verifier string, err error) {
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", fmt.Errorf("the key cannot be made: %w", err)
	}
	return public, secret.WriteFile(path, []byte(private+"\n"))
}

// readSigner reads a signing key: a key of signed notes, or an Ed25519 key of OpenSSH. The name is
// that of the log, which a key of OpenSSH does not have.
func (c *cli) readSigner(path, name string) (note.Signer, error) {
	text, err := secret.ReadFile(path, maxSignKey)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, wordedError{fmt.Sprintf("there is no signing key %s; 'isotope log new' makes one", path), err}
	case err != nil:
		return nil, fmt.Errorf("--sign-key: %w", err)
	}
	protectKeysNow()
	line := strings.TrimSpace(string(text))
	if !strings.HasPrefix(line, notePrefix) {
		if line, err = c.noteKeyOfSSH(path, text, name); err != nil {
			return nil, fmt.Errorf("--sign-key %s: %w", path, err)
		}
	}
	s, err := note.NewSigner(line)
	if err != nil {
		return nil, fmt.Errorf("--sign-key %s: this is not a signing key; 'isotope log new' makes one", path)
	}
	return s, nil
}

// protectKeysNow turns core dumps off, as reading a marking key does.
func protectKeysNow() { secret.Use("") }

// noteKeyOfSSH returns the key of signed notes that an Ed25519 key of OpenSSH is.
func (c *cli) noteKeyOfSSH(path string, text []byte, name string) (string, error) {
	raw, err := ssh.ParseRawPrivateKey(text)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		passphrase, e := c.readPassphrase(path)
		if e != nil {
			return "", e
		}
		raw, err = ssh.ParseRawPrivateKeyWithPassphrase(text, []byte(passphrase))
	}
	if err != nil {
		return "", errors.New("this is neither a signing key of 'isotope log new' nor a private key of OpenSSH, or the passphrase does not fit")
	}
	private, ok := raw.(*ed25519.PrivateKey)
	if !ok {
		return "", errors.New("this key of OpenSSH is not an Ed25519 key; make one with: ssh-keygen -t ed25519")
	}
	public, err := note.NewEd25519VerifierKey(name, private.Public().(ed25519.PublicKey))
	if err != nil {
		return "", fmt.Errorf("the log's name cannot be that of a key: %w", err)
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		return "", err
	}
	seed := append([]byte{1}, private.Seed()...) // 1 is Ed25519
	return fmt.Sprintf("%s%s+%08x+%s", notePrefix, name, v.KeyHash(), base64.StdEncoding.EncodeToString(seed)), nil
}

// verifierKeyOf returns the verifier key of a signer's file.
func (c *cli) verifierKeyOf(path, name string) (string, error) {
	text, err := secret.ReadFile(path, maxSignKey)
	if err != nil {
		return "", err
	}
	line := strings.TrimSpace(string(text))
	if !strings.HasPrefix(line, notePrefix) {
		if line, err = c.noteKeyOfSSH(path, text, name); err != nil {
			return "", err
		}
	}
	parts := strings.SplitN(strings.TrimPrefix(line, notePrefix), "+", 3)
	if len(parts) != 3 {
		return "", errors.New("this is not a signing key")
	}
	seed, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(seed) != 1+ed25519.SeedSize || seed[0] != 1 {
		return "", errors.New("this is not a signing key of Ed25519")
	}
	if parts[0] != name {
		return "", fmt.Errorf("the signing key is of the log %s, and --name is %s; give them the same name", quoted(parts[0]), quoted(name))
	}
	return note.NewEd25519VerifierKey(name, ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey))
}

// An envelopeKey signs and verifies envelopes with the key of a log.
type envelopeKey struct {
	signer   note.Signer // nil: it verifies alone
	verifier note.Verifier
}

func (k envelopeKey) Sign(_ context.Context, data []byte) ([]byte, error) { return k.signer.Sign(data) }

func (k envelopeKey) Verify(_ context.Context, data, sig []byte) error {
	if !k.verifier.Verify(data, sig) {
		return errors.New("the signature is wrong")
	}
	return nil
}

// KeyID names the key as signed notes do.
func (k envelopeKey) KeyID() (string, error) {
	return fmt.Sprintf("%s+%08x", k.verifier.Name(), k.verifier.KeyHash()), nil
}

func (k envelopeKey) Public() crypto.PublicKey { return nil }

// sign returns a payload in an envelope, on one line.
func sign(ctx context.Context, payload []byte, k envelopeKey) ([]byte, error) {
	if secret.Holds(payload) {
		return nil, errors.New("nothing is signed, because the file would show a secret key; look for the key in the question and in the names of files, and treat it as leaked")
	}
	s, err := dsse.NewEnvelopeSigner(k)
	if err != nil {
		return nil, err
	}
	e, err := s.SignPayload(ctx, provenance.PayloadType, payload)
	if err != nil {
		return nil, fmt.Errorf("the file cannot be signed: %w", err)
	}
	return canonical.Encode(e)
}

// parseEnvelope returns the payload of an envelope, whose signature it does not look at.
func parseEnvelope(text []byte) (*dsse.Envelope, []byte, error) {
	var e dsse.Envelope
	if err := strictjson.Decode(text, &e); err != nil {
		return nil, nil, fmt.Errorf("not a signed plan or report: %w", err)
	}
	switch {
	case e.PayloadType != provenance.PayloadType:
		return nil, nil, fmt.Errorf("not a signed plan or report: its payloadType is %s", quoted(e.PayloadType))
	case len(e.Signatures) != 1:
		return nil, nil, fmt.Errorf("a plan or report has one signature, and this has %d", len(e.Signatures))
	}
	payload, err := base64.StdEncoding.Strict().DecodeString(e.Payload)
	if err != nil {
		return nil, nil, errors.New("not a signed plan or report: the payload is not in base64")
	}
	return &e, payload, nil
}

// openEnvelope returns the payload of an envelope that a key has signed.
func openEnvelope(ctx context.Context, text []byte, k envelopeKey) ([]byte, error) {
	e, payload, err := parseEnvelope(text)
	if err != nil {
		return nil, err
	}
	v, err := dsse.NewEnvelopeVerifier(k)
	if err != nil {
		return nil, err
	}
	name, _ := k.KeyID()
	if e.Signatures[0].KeyID != name {
		return nil, fmt.Errorf("the signature is of the key %s, and the key of the log is %s", quoted(e.Signatures[0].KeyID), name)
	}
	if _, err := v.Verify(ctx, e); err != nil {
		return nil, fmt.Errorf("the signature of the key %s is wrong: the file was changed after it was signed, or somebody else signed it", name)
	}
	return payload, nil
}

// isEnvelope reports whether a file looks like a signed plan or report.
func isEnvelope(text []byte) bool {
	var e struct {
		PayloadType string `json:"payloadType"`
	}
	return json.Unmarshal(text, &e) == nil && e.PayloadType != ""
}

// readVerifier reads a verifier key from a file, or takes the text of one.
func readVerifier(value string) (note.Verifier, error) {
	text := value
	if _, err := os.Stat(value); err == nil || !strings.Contains(value, "+") {
		b, err := textfile.Read(value, maxSignKey)
		if err != nil {
			return nil, fmt.Errorf("--log-key: %w", err)
		}
		text = string(b)
	}
	if strings.Contains(text, notePrefix) {
		return nil, usagef("--log-key has a secret signing key; give the verifier key, which 'isotope log new' prints")
	}
	v, err := note.NewVerifier(strings.TrimSpace(text))
	if err != nil {
		return nil, usagef("--log-key is not a verifier key such as name+hash+key; give the file or the text that the owner of the log published")
	}
	return v, nil
}

// verifierName is the file of a log with its verifier key.
const verifierName = "verifier"

// logVerifier returns the verifier key in the directory of a log.
func logVerifier(dir string) (note.Verifier, error) {
	text, err := textfile.Read(filepath.Join(dir, verifierName), maxSignKey)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no log in %s; make one with: isotope log new", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("--log: %w", err)
	}
	v, err := note.NewVerifier(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil, fmt.Errorf("%s is not a verifier key: %w", filepath.Join(dir, verifierName), err)
	}
	return v, nil
}
