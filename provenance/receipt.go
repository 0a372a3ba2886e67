package provenance

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/isotope-wm/isotope/internal/strictjson"
)

// A Receipt says that a server marked an answer. The log has its salted digest alone, so nobody can
// tell what it is of without the salt. Whoever forgets the salt erases it.
type Receipt struct {
	Version int      `json:"isotope_receipt"` // 1
	ID      string   `json:"id"`              // of the answer, at most 100 bytes
	Time    string   `json:"time"`            // in UTC and whole seconds, as the server says
	Model   string   `json:"model"`           // digest of the model, or "none"
	Keys    []string `json:"keys"`            // ids of the keys that marked, 1 to 8
	Text    string   `json:"text"`            // digest of the bytes of the answer
	Salt    string   `json:"salt"`            // 32 hex digits
}

// maxReceiptKeys is the largest number of keys of a receipt.
const maxReceiptKeys = 8

// NewReceipt returns the receipt of an answer with a new salt. text is the SHA-256 of its bytes.
func NewReceipt(id, model string, keys []string, text [sha256.Size]byte, now time.Time) *Receipt {
	var salt [16]byte
	rand.Read(salt[:])
	return &Receipt{
		Version: 1, ID: id, Time: formatTime(now), Model: model, Keys: keys, Text: "sha256:" + hex.EncodeToString(text[:]), Salt: hex.EncodeToString(salt[:]),
	}
}

func (r *Receipt) check() error {
	_, err := time.Parse(time.RFC3339, r.Time)
	ok := r.Version == 1 && err == nil && len(r.ID) <= 100 && (r.Model == "none" || isDigest(r.Model)) && len(r.Keys) > 0 && len(r.Keys) <= maxReceiptKeys &&
		!slices.ContainsFunc(r.Keys, func(k string) bool { return !isKeyID(k) }) && isDigest(r.Text) && len(r.Salt) == 32 && isLowerHex(r.Salt)
	return unless(ok, "the receipt is not valid")
}

// Leaf returns the bytes of the receipt in the tree of its batch:
//
//	SHA-256("isotope/1 receipt" 00, then for the salt, id, time, model, text and each key
//	        its u32le(length) and bytes)
func (r *Receipt) Leaf() [sha256.Size]byte {
	var space [512]byte
	b := append(space[:0], "isotope/1 receipt\x00"...)
	add := func(field string) {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(field)))
		b = append(b, field...)
	}
	for _, field := range [...]string{r.Salt, r.ID, r.Time, r.Model, r.Text} {
		add(field)
	}
	for _, k := range r.Keys {
		add(k)
	}
	return sha256.Sum256(b)
}

// A Batch is the receipts of a second. One entry of a log stands for all of them.
type Batch struct {
	leaves [][sha256.Size]byte
	hashes []tlog.Hash // by tlog.StoredHashIndex
}

// maxBatch is the largest number of receipts of a batch.
const maxBatch = 1 << 24

// NewBatch returns the batch of leaves, of which there are 1 to 2^24.
func NewBatch(leaves [][sha256.Size]byte) (*Batch, error) {
	if len(leaves) == 0 || len(leaves) > maxBatch {
		return nil, fmt.Errorf("provenance: a batch has 1 to %d receipts, and this one has %d", maxBatch, len(leaves))
	}
	b := &Batch{leaves: leaves}
	for i := range leaves {
		more, err := tlog.StoredHashes(int64(i), leaves[i][:], b)
		if err != nil {
			return nil, fmt.Errorf("provenance: %w", err)
		}
		b.hashes = append(b.hashes, more...)
	}
	return b, nil
}

// ReadHashes implements [tlog.HashReader].
func (b *Batch) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = b.hashes[x]
	}
	return out, nil
}

// Root returns the hash of the batch's tree.
func (b *Batch) Root() (tlog.Hash, error) { return tlog.TreeHash(int64(len(b.leaves)), b) }

// Entry returns the entry of the batch in a log.
func (b *Batch) Entry(now time.Time) (Entry, error) {
	root, err := b.Root()
	return Entry{Version: 1, Kind: KindReceipt, Time: formatTime(now), Digest: batchDigest(int64(len(b.leaves)), root)}, err
}

// batchDigest names a batch: by the digest of its size and its root.
func batchDigest(size int64, root tlog.Hash) string {
	return Digest(fmt.Appendf(nil, "isotope/1 receipts\n%d\n%s\n", size, base64.StdEncoding.EncodeToString(root[:])))
}

// A ReceiptProof shows somebody who has nothing else that a log has a receipt.
type ReceiptProof struct {
	Version int      `json:"isotope_receipt_proof"` // 1
	Receipt *Receipt `json:"receipt"`
	Size    int64    `json:"size"`   // receipts of the batch
	Index   int64    `json:"index"`  // of the receipt in it, from 0
	Root    string   `json:"root"`   // of the batch, in base64
	Hashes  string   `json:"hashes"` // of its tree that lead there, one after the other, in base64
	Batch   Evidence `json:"batch"`  // the entry of the log
}

// Prove returns the proof of a receipt of the batch. batch is the evidence of its entry.
func (b *Batch) Prove(r *Receipt, batch Evidence) (*ReceiptProof, error) {
	leaf := r.Leaf()
	index := int64(slices.Index(b.leaves, leaf))
	if index < 0 {
		return nil, errors.New("provenance: the batch does not have the receipt")
	}
	root, err := b.Root()
	if err != nil {
		return nil, err
	}
	list, err := tlog.ProveRecord(int64(len(b.leaves)), index, b)
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	var hashes []byte
	for _, h := range list {
		hashes = append(hashes, h[:]...)
	}
	return &ReceiptProof{
		Version: 1, Receipt: r, Size: int64(len(b.leaves)), Index: index, Root: base64.StdEncoding.EncodeToString(root[:]),
		Hashes: base64.StdEncoding.EncodeToString(hashes), Batch: batch,
	}, nil
}

// JSON returns the proof on one line.
func (p *ReceiptProof) JSON() ([]byte, error) { return encode(p) }

// maxReceiptProof is the longest proof of a receipt in bytes.
const maxReceiptProof = 1 << 15

// ParseReceiptProof parses a proof, strictly. It checks the form alone.
func ParseReceiptProof(text []byte) (*ReceiptProof, error) {
	if len(text) > maxReceiptProof {
		return nil, fmt.Errorf("provenance: the proof of a receipt has more than %d bytes", maxReceiptProof)
	}
	var p ReceiptProof
	if err := strictjson.Decode(text, &p); err != nil {
		return nil, fmt.Errorf("provenance: not the proof of a receipt: %w", err)
	}
	if p.Version != 1 {
		return nil, fmt.Errorf("provenance: the proof has version %d, and this program reads 1", p.Version)
	}
	if p.Receipt == nil || p.Size < 1 || p.Size > maxBatch || p.Index < 0 || p.Index >= p.Size {
		return nil, errors.New("provenance: the proof has no receipt, or a number outside its range")
	}
	return &p, p.Receipt.check()
}

// Check returns the checkpoint under which the proof shows its receipt, or an error if it does not.
func (p *ReceiptProof) Check(verifier note.Verifier) (Checkpoint, error) {
	root, ok := parseHash(p.Root)
	raw, err := base64.StdEncoding.Strict().DecodeString(p.Hashes)
	if !ok || err != nil || len(raw)%tlog.HashSize != 0 || len(raw) > 64*tlog.HashSize {
		return Checkpoint{}, errors.New("provenance: the hashes of the batch are not valid")
	}
	var list tlog.RecordProof
	for h := range slices.Chunk(raw, tlog.HashSize) {
		list = append(list, tlog.Hash(h))
	}
	leaf := p.Receipt.Leaf()
	if err := tlog.CheckRecord(list, p.Size, root, p.Index, tlog.RecordHash(leaf[:])); err != nil {
		return Checkpoint{}, errors.New("provenance: the batch does not have the receipt: it was changed, or its salt is another")
	}
	e, err := ParseEntry([]byte(p.Batch.Entry))
	if err != nil {
		return Checkpoint{}, err
	}
	if e.Kind != KindReceipt || e.Digest != batchDigest(p.Size, root) {
		return Checkpoint{}, errors.New("provenance: the entry of the log is not that of the batch")
	}
	proof, err := ParseProof([]byte(p.Batch.Proof))
	if err != nil {
		return Checkpoint{}, err
	}
	return proof.Check([]byte(p.Batch.Entry), verifier)
}
