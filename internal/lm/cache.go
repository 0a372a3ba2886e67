package lm

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A cache file, little-endian:
//
//	magic        16 bytes
//	key          32 bytes, hash of everything that the model depends on
//	model, rest  2 x u64, the lengths of the two parts
//	hashes       2 x 32 bytes, SHA-256 of the two parts
//	hash         32 bytes, SHA-256 of the header up to here
//	model        see encode.go
//	rest         tokens of the corpus, documents, files: 3 x u64
//	             name: length u32 and bytes
//	             held-out documents: number u32, then for each its length u32 and ids
//
// The hashes cover every byte, so decoding finds damaged and truncated files.
const (
	cacheMagic  = "isotope lm cache"
	headerSize  = 16 + 32 + 16 + 64 + 32
	cachePrefix = "lm-"
	cacheSuffix = ".bin"

	// keepCached is the number of models that stay in the cache. sweep removes the least
	// recently used beyond it. A model takes about 40 MB.
	keepCached = 4
)

var errCache = errors.New("damaged cache file")

// cacheKey returns a hash of everything that the model depends on.
func cacheKey(corpus, tokenizer string, vocab, order int) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "isotope/lm %d %d\n%s\n%s\n%d %d\n",
		modelVersion, bundleVersion, corpus, tokenizer, vocab, order))
}

// anyCached reports whether the directory holds a model of any key.
func anyCached(dir string) bool {
	list, _ := os.ReadDir(dir)
	return slices.ContainsFunc(list, func(e os.DirEntry) bool {
		return strings.HasPrefix(e.Name(), cachePrefix) && filepath.Ext(e.Name()) == cacheSuffix
	})
}

func cacheFile(dir string, key [32]byte) string {
	return filepath.Join(dir, cachePrefix+hex.EncodeToString(key[:16])+cacheSuffix)
}

// readCache returns the bundle stored under key. If there is no file, the error wraps os.ErrNotExist.
func readCache(dir string, key [32]byte) (*Bundle, error) {
	name := cacheFile(dir, key)
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	b, err := decodeBundle(data, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	// Mark the file as used. If that fails, sweep removes it earlier.
	now := time.Now()
	_ = os.Chtimes(name, now, now)
	return b, nil
}

// writeCache stores the bundle under key. A reader sees the whole old file or the whole new one, and
// two writers do not disturb each other.
func writeCache(dir string, key [32]byte, b *Bundle) error {
	data, err := encodeBundle(b, key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, cachePrefix+"*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), cacheFile(dir, key))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	sweep(dir)
	return nil
}

// sweep removes the least recently used models, and temporary files of interrupted writers. It only
// removes files whose names this package writes. A failure does no harm.
func sweep(dir string) {
	type entry struct {
		name string
		used time.Time
	}
	var models []entry
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !strings.HasPrefix(e.Name(), cachePrefix) {
			continue
		}
		name := filepath.Join(dir, e.Name())
		switch filepath.Ext(name) {
		case cacheSuffix:
			models = append(models, entry{name, info.ModTime()})
		case ".tmp":
			if time.Since(info.ModTime()) > time.Hour {
				_ = os.Remove(name)
			}
		}
	}
	slices.SortFunc(models, func(a, b entry) int {
		return cmp.Or(b.used.Compare(a.used), strings.Compare(a.name, b.name))
	})
	for _, e := range models[min(len(models), keepCached):] {
		_ = os.Remove(e.name)
	}
}

func encodeBundle(b *Bundle, key [32]byte) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, headerSize, headerSize+b.Model.encodedSize()+1<<20))
	if err := b.Model.encode(buf); err != nil {
		return nil, err
	}
	model := buf.Len() - headerSize

	e := &encoder{w: buf}
	e.u64(uint64(b.Tokens))
	e.u64(uint64(b.Documents))
	e.u64(uint64(b.Files))
	e.u32(uint32(len(b.Corpus)))
	e.bytes([]byte(b.Corpus))
	e.u32(uint32(len(b.HeldOut)))
	for _, doc := range b.HeldOut {
		e.u32(uint32(len(doc)))
		e.ids(doc)
	}
	if err := e.flush(); err != nil {
		return nil, err
	}

	data := buf.Bytes()
	h := append(data[:0], cacheMagic...)
	h = append(h, key[:]...)
	h = binary.LittleEndian.AppendUint64(h, uint64(model))
	h = binary.LittleEndian.AppendUint64(h, uint64(len(data)-headerSize-model))
	for _, part := range [][]byte{data[headerSize:][:model], data[headerSize+model:]} {
		s := sha256.Sum256(part)
		h = append(h, s[:]...)
	}
	s := sha256.Sum256(h)
	_ = append(h, s[:]...)
	return data, nil
}

func decodeBundle(data []byte, key [32]byte) (*Bundle, error) {
	if len(data) < headerSize {
		return nil, fmt.Errorf("%w: truncated", errCache)
	}
	h := data[:headerSize]
	sum := sha256.Sum256(h[:headerSize-32])
	if !bytes.Equal(sum[:], h[headerSize-32:]) || string(h[:16]) != cacheMagic {
		return nil, fmt.Errorf("%w: wrong header", errCache)
	}
	if !bytes.Equal(h[16:48], key[:]) {
		return nil, fmt.Errorf("%w: it holds another model", errCache)
	}
	model, rest := binary.LittleEndian.Uint64(h[48:]), binary.LittleEndian.Uint64(h[56:])
	size := uint64(len(data) - headerSize)
	if model > size || rest != size-model {
		return nil, fmt.Errorf("%w: %d bytes, want %d", errCache, size, model+rest)
	}
	modelPart, restPart := data[headerSize:][:model], data[headerSize+model:]
	// decodeModel hashes its input, so this check needs no second pass.
	m, err := decodeModel(modelPart)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCache, err)
	}
	if m.digest != "sha256:"+hex.EncodeToString(h[64:96]) {
		return nil, fmt.Errorf("%w: wrong hash of the model", errCache)
	}
	if sum := sha256.Sum256(restPart); !bytes.Equal(sum[:], h[96:128]) {
		return nil, fmt.Errorf("%w: wrong hash of the documents", errCache)
	}
	return decodeRest(restPart, m)
}

func decodeRest(b []byte, m *Model) (*Bundle, error) {
	d := &decoder{b: b}
	tokens, documents, files := d.u64(), d.u64(), d.u64()
	name := d.take(uint64(d.u32()))
	n := d.u32()
	if d.bad || uint64(n) > uint64(len(d.b))/4 || max(tokens, documents, files) > math.MaxInt64 {
		return nil, fmt.Errorf("%w: truncated", errCache)
	}
	out := &Bundle{
		Model:     m,
		Corpus:    string(name),
		Tokens:    int64(tokens),
		Documents: int64(documents),
		Files:     int64(files),
		HeldOut:   make([][]int32, n),
	}
	for i := range out.HeldOut {
		doc := d.ids(d.u32())
		for _, id := range doc {
			if uint32(id) >= uint32(m.vocab) {
				return nil, fmt.Errorf("%w: id %d is outside the vocabulary", errCache, id)
			}
		}
		out.HeldOut[i] = doc
	}
	if d.bad || len(d.b) != 0 {
		return nil, fmt.Errorf("%w: truncated, or with bytes after its end", errCache)
	}
	return out, nil
}
