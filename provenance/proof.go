package provenance

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	// maxCheckpoint is the longest signed checkpoint in bytes. There is room for witnesses.
	maxCheckpoint = 16 << 10
	// maxProof is the longest proof in bytes.
	maxProof = maxCheckpoint + 8<<10
)

// A Checkpoint is what the owner of a log signs: its name, its size, and the hash of all entries.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

func (c *Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

func signCheckpoint(c Checkpoint, signer note.Signer) ([]byte, error) {
	text, err := note.Sign(&note.Note{Text: c.text()}, signer)
	if err != nil {
		return nil, fmt.Errorf("provenance: the checkpoint cannot be signed: %w", err)
	}
	return text, nil
}

// OpenCheckpoint checks the signature of a checkpoint and parses it. A note may have signatures of
// others, such as witnesses. They are not looked at. The log's name is that of the verifier.
func OpenCheckpoint(text []byte, verifier note.Verifier) (Checkpoint, error) {
	if len(text) > maxCheckpoint {
		return Checkpoint{}, fmt.Errorf("provenance: a checkpoint has more than %d bytes", maxCheckpoint)
	}
	n, err := note.Open(text, note.VerifierList(verifier))
	var unsigned *note.UnverifiedNoteError
	var wrong *note.InvalidSignatureError
	switch {
	case errors.As(err, &unsigned):
		return Checkpoint{}, fmt.Errorf("provenance: the checkpoint does not have a signature of %s", keyName(verifier))
	case errors.As(err, &wrong):
		return Checkpoint{}, fmt.Errorf("provenance: the signature of the checkpoint by %s is wrong", keyName(verifier))
	case err != nil:
		return Checkpoint{}, fmt.Errorf("provenance: not a checkpoint: %w", err)
	}
	c, err := parseCheckpoint(n.Text)
	if err == nil && c.Origin != verifier.Name() {
		err = fmt.Errorf("provenance: the checkpoint is of the log %q, and the key is of %q", c.Origin, verifier.Name())
	}
	return c, err
}

func parseCheckpoint(text string) (Checkpoint, error) {
	c, ok := Checkpoint{}, false
	if lines := strings.Split(text, "\n"); len(lines) == 4 && lines[3] == "" {
		c.Origin = lines[0]
		c.Size, ok = parseIndex(lines[1])
		if ok {
			c.Root, ok = parseHash(lines[2])
		}
	}
	if !ok || c.Size > MaxEntries {
		return Checkpoint{}, errors.New("provenance: a checkpoint has three lines: a name, a size and a hash")
	}
	return c, nil
}

// A Proof shows that a log has an entry. Its text form is c2sp.org/tlog-proof@v1, about 1 KB. It can
// be checked without the log.
type Proof struct {
	Index      int64 // of the entry, from 0
	Hashes     []tlog.Hash
	Checkpoint []byte // signed
}

// proofTitle is the first line of a proof.
const proofTitle = "c2sp.org/tlog-proof@v1"

// Text returns the text form of the proof.
func (p *Proof) Text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nindex %d\n", proofTitle, p.Index)
	for _, h := range p.Hashes {
		fmt.Fprintln(&b, base64.StdEncoding.EncodeToString(h[:]))
	}
	b.WriteByte('\n')
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// ParseProof parses the text form of a proof. It checks nothing; see [Proof.Check].
func ParseProof(text []byte) (*Proof, error) {
	if len(text) > maxProof {
		return nil, fmt.Errorf("provenance: a proof has more than %d bytes", maxProof)
	}
	head, checkpoint, ok := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || lines[0] != proofTitle {
		return nil, fmt.Errorf("provenance: not a proof: its first line is not %s", proofTitle)
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:] // nobody vouches for it
	}
	p := &Proof{Checkpoint: bytes.Clone(checkpoint)}
	digits := ""
	if len(lines) > 0 {
		digits, ok = strings.CutPrefix(lines[0], "index ")
	}
	if len(lines) == 0 || !ok {
		return nil, errors.New("provenance: not a proof: the index is missing")
	}
	if p.Index, ok = parseIndex(digits); !ok {
		return nil, errors.New("provenance: not a proof: the index is not a number")
	}
	if len(lines) > 64 {
		return nil, errors.New("provenance: not a proof: it has more hashes than a log can have")
	}
	for _, line := range lines[1:] {
		h, ok := parseHash(line)
		if !ok {
			return nil, errors.New("provenance: not a proof: a line is not a hash in base64")
		}
		p.Hashes = append(p.Hashes, h)
	}
	return p, nil
}

// Check returns the checkpoint under which the proof shows a line, or an error if it does not show
// it.
func (p *Proof) Check(line []byte, verifier note.Verifier) (Checkpoint, error) {
	c, err := OpenCheckpoint(p.Checkpoint, verifier)
	if err != nil {
		return c, err
	}
	if p.Index < 0 || p.Index >= c.Size {
		return c, fmt.Errorf("provenance: the proof is of entry %d, and the checkpoint has %d entries", p.Index, c.Size)
	}
	if err := tlog.CheckRecord(p.Hashes, c.Size, c.Root, p.Index, tlog.RecordHash(line)); err != nil {
		return c, errors.New("provenance: the proof does not show that the log has the entry")
	}
	return c, nil
}

// parseIndex parses a number of at most 18 digits, without a sign and without zeros before it.
func parseIndex(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && len(s) <= 18 && n >= 0 && strconv.FormatInt(n, 10) == s
}

func parseHash(s string) (h tlog.Hash, ok bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(h) || base64.StdEncoding.EncodeToString(b) != s {
		return h, false
	}
	return tlog.Hash(b), true
}

// keyName names a key as notes do: by the name of the log and four bytes of its hash.
func keyName(k interface {
	Name() string
	KeyHash() uint32
}) string {
	return fmt.Sprintf("%s+%08x", k.Name(), k.KeyHash())
}
