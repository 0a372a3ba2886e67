package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/isotope-wm/isotope/internal/agefile"
	"github.com/isotope-wm/isotope/internal/openaiserver"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/provenance"
)

// keyOptions holds the flags of where keys come from, and of which may mark.
type keyOptions struct {
	helper       string
	rotate       bool
	overlap      time.Duration
	committed    string
	commit       string
	signKey      string
	passphraseFD int
	receipts     string

	process *provenance.Process // of -root-helper
}

func (k *keyOptions) register(f *flag.FlagSet) {
	f.StringVar(&k.helper, "root-helper", "", "`PROGRAM` with its arguments that keeps the root key, in place of -root")
	f.BoolVar(&k.rotate, "rotate", false, "take the keys of a new epoch at the beginning of each month in UTC, in place of the epoch of -tenants")
	f.DurationVar(&k.overlap, "overlap", 48*time.Hour, "with -rotate: how long the epoch before counts as current besides, at most 28 days")
	f.StringVar(&k.committed, "committed", "", "mark only with keys that the log in `DIR` has, and that were neither revoked nor revealed")
	f.StringVar(&k.commit, "commit-epoch", "", "add commitments to all keys of the epoch `NAME` to the log of -committed, and exit")
	f.StringVar(&k.receipts, "receipts", "", "put a salted digest of each marked answer into the log in `DIR`, which is for receipts alone (default none)")
	f.StringVar(&k.signKey, "sign-key", "", "`FILE` of the key that signs for the log of -commit-epoch or -receipts, as 'isotope log new' makes it")
	f.IntVar(&k.passphraseFD, "passphrase-fd", -1, "read the passphrase of an encrypted root key from file descriptor `N`")
}

// rotating reports whether the keys come from a provenance.Root, and not from a key in memory.
func (k *keyOptions) rotating() bool { return k.helper != "" || k.rotate || k.committed != "" }

// check returns an error for flags that do not go together.
func (k *keyOptions) check(o *options) error {
	switch {
	case k.helper != "" && o.root != "":
		return errors.New("-root and -root-helper are two roots; give one of them")
	case o.unmarked && k.rotating():
		return errors.New("-rotate and -committed are for marked answers; leave out -unmarked")
	case k.commit != "" && (k.committed == "" || k.signKey == ""):
		return errors.New("-commit-epoch needs -committed DIR and -sign-key FILE: the log, and the key that signs for it")
	case k.commit != "" && k.receipts != "":
		return errors.New("-commit-epoch serves nothing, so there are no receipts; leave out -receipts")
	case k.receipts != "" && (o.unmarked || k.signKey == ""):
		return errors.New("-receipts are of marked answers, and need -sign-key FILE")
	case k.receipts != "" && k.receipts == k.committed:
		return errors.New("-receipts and -committed name the same log; make one for each")
	case k.signKey != "" && k.commit == "" && k.receipts == "":
		return errors.New("-sign-key is for -commit-epoch and -receipts; leave it out")
	case k.overlap < 0 || k.overlap > 28*24*time.Hour:
		return errors.New("-overlap is outside 0 to 672h (28 days)")
	}
	return nil
}

// close ends the helper.
func (k *keyOptions) close() error {
	if k.process == nil {
		return nil
	}
	return k.process.Close()
}

// maxPassphrase is the longest passphrase in bytes.
const maxPassphrase = 1 << 10

// decrypt decrypts an encrypted key file.
func (k *keyOptions) decrypt(path string, text []byte) ([]byte, error) {
	if k.passphraseFD < 0 {
		return nil, errors.New("it is encrypted; give its passphrase with -passphrase-fd")
	}
	f := os.NewFile(uintptr(k.passphraseFD), "the passphrase")
	if f == nil {
		return nil, fmt.Errorf("-passphrase-fd %d is not an open file descriptor", k.passphraseFD)
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, maxPassphrase)).ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return nil, fmt.Errorf("the passphrase of %s cannot be read from -passphrase-fd %d: %w", path, k.passphraseFD, err)
	}
	return agefile.Decrypt(text, line)
}

// openRoot opens the root of a call. The options close it.
func (o *options) openRoot(ctx context.Context) (provenance.Root, error) {
	words := strings.Fields(o.keys.helper)
	if len(words) == 0 {
		return provenance.OpenKeyFile(o.root)
	}
	// The helper must not end with the interrupt: answers on their way may still need a key.
	p, err := provenance.StartProcess(context.WithoutCancel(ctx), os.Stderr, words[0], words[1:]...)
	if err != nil {
		return nil, err
	}
	o.keys.process = p
	return p, nil
}

// rotatingMarker returns the marker of a root that need not be in memory.
func (o *options) rotatingMarker(ctx context.Context) (*openaiserver.Marker, error) {
	root, err := o.openRoot(ctx)
	if err != nil {
		return nil, err
	}
	source := openaiserver.KeySource{Root: root, Epoch: o.config.Tenants.Epoch, Schedule: provenance.Schedule{Overlap: o.keys.overlap}}
	if o.keys.rotate {
		source.Epoch = ""
	}
	if o.keys.committed != "" {
		log, err := openaiserver.OpenLogKeys(o.keys.committed, nil)
		if err != nil {
			return nil, err
		}
		source.Keys = log.Book
	}
	return openaiserver.NewRotatingMarker(context.WithoutCancel(ctx), source, o.config.Tenants, o.scheme, o.config.Model.Info())
}

// openReceipts opens the log of receipts and begins to sign checkpoints. done ends that.
func (o *options) openReceipts() (done func() error, err error) {
	signer, err := readSigner(o.keys.signKey)
	if err != nil {
		return nil, err
	}
	r, err := openaiserver.OpenReceipts(o.keys.receipts, signer, nil)
	if err != nil {
		return nil, err
	}
	o.config.Receipts = r
	ctx, stop := context.WithCancel(context.Background())
	ticks := time.NewTicker(openaiserver.FlushEvery)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx, ticks.C, func(err error) { o.config.Log.Error("receipts", "error", err.Error()) })
	}()
	return func() error {
		ticks.Stop()
		stop()
		<-ended
		return r.Close()
	}, nil
}

// maxSignKey is the longest file of a signing key in bytes.
const maxSignKey = 1 << 12

// readSigner reads the key that signs for a log.
func readSigner(path string) (note.Signer, error) {
	text, err := secret.ReadFile(path, maxSignKey)
	if err != nil {
		return nil, fmt.Errorf("-sign-key: %w", err)
	}
	s, err := note.NewSigner(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("-sign-key %s: this is not a signing key of 'isotope log new'", path)
	}
	return s, nil
}

// commitEpoch adds the commitments to the keys of an epoch to the log. The model is loaded for its
// vocabulary, which the profiles of the keys name.
func (o *options) commitEpoch(ctx context.Context) (err error) {
	if o.config.Tenants, err = openaiserver.ReadTenants(o.tenants); err != nil {
		return err
	}
	signer, err := readSigner(o.keys.signKey)
	if err != nil {
		return err
	}
	closeModel, err := o.loadModel(ctx)
	if err != nil {
		return err
	}
	defer closeModel()
	root, err := o.openRoot(ctx)
	if err != nil {
		return err
	}
	n, err := openaiserver.CommitEpoch(ctx, o.keys.committed, signer, root, o.config.Tenants, o.scheme, o.config.Model.Info(), o.keys.commit)
	if err != nil {
		return err
	}
	o.config.Log.Info("committed", "epoch", o.keys.commit, "entries", n, "log", o.keys.committed)
	return nil
}
