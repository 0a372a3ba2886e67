package openaiserver

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/provenance"
)

// isModelDigest reports whether a receipt can name a model by this digest.
var isModelDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString

// Receipts keep what a server marked: a salted digest of each answer in a log, and the receipts with
// their salts in a file of each tenant. The log shows to others that the receipts are not younger than
// its checkpoints, and tells nothing of them. Whoever forgets a salt erases the receipt.
//
// The directory is a log of its own, which nobody else appends to, with two folders besides:
//
//	batches/<digest>   leaves of a batch, 32 bytes each; the entry of the log has the digest
//	accounts/<tenant>  lines of JSON with receipts, which name the batch
//
// Receipts are safe for concurrent use.
type Receipts struct {
	dir      string
	signer   note.Signer
	verifier note.Verifier
	now      func() time.Time
	unlock   func()

	mu      sync.Mutex
	pending []pendingReceipt

	flushing sync.Mutex // of what follows
	log      *provenance.Log
}

type pendingReceipt struct {
	tenant  string
	receipt *provenance.Receipt
	leaf    [sha256.Size]byte
}

// A keptReceipt is a line of the file of a tenant.
type keptReceipt struct {
	Batch   string              `json:"batch"` // digest
	Receipt *provenance.Receipt `json:"receipt"`
}

// FlushEvery is how often [Receipts.Run] signs a checkpoint.
const FlushEvery = time.Second

// OpenReceipts opens the log of receipts in a directory, which 'isotope log new' made, and keeps it
// locked. now may be nil.
func OpenReceipts(dir string, signer note.Signer, now func() time.Time) (*Receipts, error) {
	if now == nil {
		now = time.Now
	}
	for _, name := range []string{"batches", "accounts"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("receipts: %w", err)
		}
	}
	v, err := LogVerifier(dir)
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	if signer.Name() != v.Name() || signer.KeyHash() != v.KeyHash() {
		return nil, fmt.Errorf("receipts: the key does not sign for the log in %s; give the key that the log was made with", dir)
	}
	log, unlock, err := lockLog(dir)
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	log.Brief()
	return &Receipts{dir: dir, signer: signer, verifier: v, now: now, unlock: sync.OnceFunc(unlock), log: log}, nil
}

// Add takes the receipt of an answer. text is the SHA-256 of its bytes. The receipt is in the log
// after the next [Receipts.Flush].
func (r *Receipts) Add(tenant, id, model string, keys []string, text [sha256.Size]byte) {
	x := provenance.NewReceipt(id, model, keys, text, r.now())
	p := pendingReceipt{tenant, x, x.Leaf()}
	r.mu.Lock()
	r.pending = append(r.pending, p)
	r.mu.Unlock()
}

// Flush puts the receipts since the last call into the log, under one signed checkpoint. Everything is
// on disk when it returns. After an error they wait for the next call.
func (r *Receipts) Flush() error {
	r.flushing.Lock()
	defer r.flushing.Unlock()
	r.mu.Lock()
	list := r.pending
	r.pending = nil
	r.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	if err := r.flush(list); err != nil {
		r.mu.Lock()
		r.pending = append(list, r.pending...)
		r.mu.Unlock()
		return fmt.Errorf("receipts: %w", err)
	}
	return nil
}

func (r *Receipts) flush(list []pendingReceipt) error {
	leaves := make([][sha256.Size]byte, len(list))
	var raw []byte
	lines := map[string][]byte{}
	for i := range list {
		leaves[i] = list[i].leaf
		raw = append(raw, list[i].leaf[:]...)
	}
	b, err := provenance.NewBatch(leaves)
	if err != nil {
		return err
	}
	e, err := b.Entry(r.now())
	if err != nil {
		return err
	}
	// A crash in between leaves files that no entry names, and a retry writes the same ones again.
	if err := writeSynced(r.batchFile(e.Digest), os.O_TRUNC, raw); err != nil {
		return err
	}
	for _, p := range list {
		line, err := json.Marshal(keptReceipt{e.Digest, p.receipt})
		if err != nil {
			return err
		}
		lines[p.tenant] = append(append(lines[p.tenant], line...), '\n')
	}
	if _, err := r.log.Append(r.signer, e); err != nil {
		if again, openErr := provenance.OpenLog(r.dir, r.verifier); openErr == nil {
			again.Brief()
			r.log = again
		}
		return err
	}
	for tenant, text := range lines {
		if err := writeSynced(r.accountFile(tenant), os.O_APPEND, text); err != nil {
			return err
		}
	}
	return nil
}

func (r *Receipts) batchFile(digest string) string {
	return filepath.Join(r.dir, "batches", strings.TrimPrefix(digest, "sha256:"))
}

func (r *Receipts) accountFile(tenant string) string {
	return filepath.Join(r.dir, "accounts", tenant)
}

// writeSynced writes a file and syncs it.
func writeSynced(name string, flag int, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|flag, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// Run flushes at each tick until ctx is done, and once more then. failed gets errors.
func (r *Receipts) Run(ctx context.Context, ticks <-chan time.Time, failed func(error)) {
	for {
		select {
		case <-ticks:
			if err := r.Flush(); err != nil {
				failed(err)
			}
		case <-ctx.Done():
			if err := r.Flush(); err != nil {
				failed(err)
			}
			return
		}
	}
}

// Close flushes, and lets other programs use the log. It may be called again.
func (r *Receipts) Close() error {
	err := r.Flush()
	r.unlock()
	return err
}

// ErrNoReceipt is wrapped by errors about a receipt that is not there: it was never made, was
// forgotten, or is not in the log yet.
var ErrNoReceipt = errors.New("there is no receipt of this id, or it is not in the log yet")

// Prove returns the proof of a tenant's receipt.
func (r *Receipts) Prove(tenant, id string) (*provenance.ReceiptProof, error) {
	r.flushing.Lock()
	defer r.flushing.Unlock()
	list, err := r.kept(tenant)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(k keptReceipt) bool { return k.Receipt.ID == id })
	if i < 0 {
		return nil, ErrNoReceipt
	}
	raw, err := os.ReadFile(r.batchFile(list[i].Batch))
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	var leaves [][sha256.Size]byte
	for leaf := range slices.Chunk(raw, sha256.Size) {
		if len(leaf) == sha256.Size {
			leaves = append(leaves, [sha256.Size]byte(leaf))
		}
	}
	b, err := provenance.NewBatch(leaves)
	if err != nil {
		return nil, err
	}
	at := r.log.Find(func(e provenance.Entry) bool {
		return e.Kind == provenance.KindReceipt && e.Digest == list[i].Batch
	})
	evidence, err := r.log.Evidence(at)
	if err != nil {
		return nil, err
	}
	return b.Prove(list[i].Receipt, evidence)
}

// Forget erases the salts of a tenant's receipts with these ids, or of all of them. What stays in the
// log can then not be told from random numbers. It returns how many receipts it erased.
func (r *Receipts) Forget(tenant string, ids ...string) (n int, err error) {
	if err := r.Flush(); err != nil { // what waits would come back
		return 0, err
	}
	r.flushing.Lock()
	defer r.flushing.Unlock()
	list, err := r.kept(tenant)
	if err != nil {
		return 0, err
	}
	var text []byte
	for _, k := range list {
		if len(ids) == 0 || slices.Contains(ids, k.Receipt.ID) {
			n++
			continue
		}
		line, err := json.Marshal(k)
		if err != nil {
			return 0, err
		}
		text = append(append(text, line...), '\n')
	}
	if n == 0 {
		return 0, ErrNoReceipt
	}
	name := r.accountFile(tenant)
	if err := writeSynced(name+".new", os.O_TRUNC, text); err != nil {
		return 0, fmt.Errorf("receipts: %w", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		return 0, fmt.Errorf("receipts: %w", err)
	}
	return n, secret.SyncDir(filepath.Dir(name))
}

// kept reads the receipts of a tenant. A line that a crash cut short is not one.
func (r *Receipts) kept(tenant string) (list []keptReceipt, err error) {
	if !isLabel(tenant) {
		return nil, ErrNoReceipt
	}
	text, err := os.ReadFile(r.accountFile(tenant))
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoReceipt
	}
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var k keptReceipt
		if json.Unmarshal(lines.Bytes(), &k) == nil && k.Receipt != nil {
			list = append(list, k)
		}
	}
	return list, nil
}

// errNoReceipt is what a client gets for an id without a receipt.
var errNoReceipt = &apiError{http.StatusNotFound, "invalid_request_error", "receipt_not_found", "id", "There is no receipt of this id, or it is not in the log yet. Ask again after a second."}

// getReceipt answers with the proof of a receipt of the tenant who asks.
func (s *Server) getReceipt(w http.ResponseWriter, r *http.Request, rec *record) error {
	p, err := s.config.Receipts.Prove(rec.tenant.ID, r.PathValue("id"))
	if errors.Is(err, ErrNoReceipt) {
		return errNoReceipt
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, p)
}

// Operator returns a handler with which an operator has receipts forgotten: DELETE /receipts/TENANT,
// and DELETE /receipts/TENANT/ID. Serve it to the operator alone. Tenants do not reach it, since a
// receipt is evidence of what an account got.
func (r *Receipts) Operator() http.Handler {
	forget := func(w http.ResponseWriter, req *http.Request) {
		var ids []string
		if id := req.PathValue("id"); id != "" {
			ids = append(ids, id)
		}
		n, err := r.Forget(req.PathValue("tenant"), ids...)
		switch {
		case errors.Is(err, ErrNoReceipt):
			http.Error(w, err.Error(), http.StatusNotFound)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			_ = writeJSON(w, http.StatusOK, map[string]int{"forgotten": n})
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("DELETE /receipts/{tenant}", forget)
	mux.HandleFunc("DELETE /receipts/{tenant}/{id}", forget)
	return mux
}
