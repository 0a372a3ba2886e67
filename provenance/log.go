package provenance

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/isotope-wm/isotope/internal/secret"
)

// tileHeight is the height of a tile: it has the hashes of 256 entries.
const tileHeight = 8

// tileWidth is the number of entries in a full tile.
const tileWidth = 1 << tileHeight

// MaxEntries is the largest number of entries of a log.
const MaxEntries = 1 << 24

// A Log is a transparency log in a directory, with the files of c2sp.org/tlog-tiles: entries, tiles
// of hashes, and a checkpoint, which is a signed note. Its entries can only be added to. Somebody
// who has an older checkpoint can tell whether the log still begins as it did.
//
// A Log is in memory as a whole, with some 800 bytes an entry. It is not safe for concurrent use, and one
// process at a time may append to a directory.
type Log struct {
	dir        string
	verifier   note.Verifier
	lines      [][]byte
	entries    []Entry
	hashes     []tlog.Hash // by tlog.StoredHashIndex
	checkpoint []byte      // nil: none was written
	last       time.Time   // of the last entry
	brief      bool        // older checkpoints are not kept
}

// Brief lets later calls of Append keep no older checkpoints in the directory. It is for a log with a
// checkpoint each second. Proofs are then under the newest checkpoint.
func (l *Log) Brief() { l.brief = true }

// checkpointName is the name of the checkpoint in the directory.
const checkpointName = "checkpoint"

// historyName is the directory of all checkpoints, by their sizes. It is not part of the format.
const historyName = "checkpoints"

// ErrLog is wrapped by errors about a log whose files are not those that were signed.
var ErrLog = errors.New("the log was changed after it was signed, or is damaged")

// CreateLog returns a new log in a directory, which is made if need be. The origin of the log is
// the name of the verifier. It returns an error if the directory has a log. Nothing is written
// before [Log.Append].
func CreateLog(dir string, verifier note.Verifier) (*Log, error) {
	_, err := os.Stat(filepath.Join(dir, checkpointName))
	if err == nil {
		return nil, fmt.Errorf("provenance: %s has a log already; open it, or name another directory", dir)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	return &Log{dir: dir, verifier: verifier}, nil
}

// OpenLog reads a log and checks all of it: the signature of the checkpoint, every hash up to the
// root, and the order of the times. Errors about what does not fit wrap [ErrLog]. What a crash left
// behind the checkpoint is not part of the log. If there is no log the error wraps
// [os.ErrNotExist].
func OpenLog(dir string, verifier note.Verifier) (*Log, error) {
	text, err := readFile(filepath.Join(dir, checkpointName), maxCheckpoint)
	if err != nil {
		return nil, fmt.Errorf("provenance: the checkpoint of a log: %w", err)
	}
	c, err := OpenCheckpoint(text, verifier)
	if err != nil {
		return nil, err
	}
	l := &Log{dir: dir, verifier: verifier}
	for first := int64(0); first < c.Size; first += tileWidth {
		width := int(min(tileWidth, c.Size-first))
		bundle, err := readFile(l.path(entryTile(first, width)), tileWidth*(maxEntry+2))
		if err != nil {
			return nil, fmt.Errorf("provenance: entries of a log: %w: %w", ErrLog, err)
		}
		lines, err := parseBundle(bundle, width)
		if err != nil {
			return nil, fmt.Errorf("provenance: entries from %d on: %w: %w", first, ErrLog, err)
		}
		for i, line := range lines {
			if err := l.add(line); err != nil {
				return nil, fmt.Errorf("provenance: entry %d: %w: %w", first+int64(i), ErrLog, err)
			}
		}
	}
	root, err := l.root(c.Size)
	if err != nil {
		return nil, err
	}
	if root != c.Root {
		return nil, fmt.Errorf("provenance: the entries do not have the hash of the checkpoint: %w", ErrLog)
	}
	l.checkpoint = text
	return l, l.checkTiles()
}

// checkTiles compares the tiles of hashes, which others read, with the entries.
func (l *Log) checkTiles() error {
	for _, t := range tlog.NewTiles(tileHeight, 0, l.Size()) {
		want, err := tlog.ReadTileData(t, l)
		if err != nil {
			return fmt.Errorf("provenance: %w", err)
		}
		got, err := readFile(l.path(t), tileWidth*tlog.HashSize)
		if err != nil {
			return fmt.Errorf("provenance: a tile of a log: %w: %w", ErrLog, err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("provenance: the tile %s does not have the hashes of the entries: %w", tilePath(t), ErrLog)
		}
	}
	return nil
}

// add adds a line to the memory of the log.
func (l *Log) add(line []byte) error {
	e, err := ParseEntry(line)
	if err != nil {
		return err
	}
	when, err := e.when()
	if err != nil {
		return err
	}
	if when.Before(l.last) {
		return fmt.Errorf("provenance: its time is %s, and the entry before has %s; set the clock", e.Time, formatTime(l.last))
	}
	hashes, err := tlog.StoredHashes(l.Size(), line, l)
	if err != nil {
		return fmt.Errorf("provenance: %w", err)
	}
	l.lines, l.entries, l.hashes, l.last = append(l.lines, line), append(l.entries, e), append(l.hashes, hashes...), when
	return nil
}

// ReadHashes implements [tlog.HashReader].
func (l *Log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("provenance: the log has no hash %d", x)
		}
		out[i] = l.hashes[x]
	}
	return out, nil
}

// Origin returns the name of the log.
func (l *Log) Origin() string { return l.verifier.Name() }

// Size returns the number of entries.
func (l *Log) Size() int64 { return int64(len(l.lines)) }

// Line returns the bytes of an entry, counted from 0. The caller does not change them.
func (l *Log) Line(i int64) []byte { return l.lines[i] }

// Entry returns an entry, counted from 0.
func (l *Log) Entry(i int64) Entry { return l.entries[i] }

// Checkpoint returns the signed checkpoint of the whole log, or nil for an empty one.
func (l *Log) Checkpoint() []byte { return bytes.Clone(l.checkpoint) }

func (l *Log) root(size int64) (tlog.Hash, error) {
	root, err := tlog.TreeHash(size, l)
	if err != nil {
		err = fmt.Errorf("provenance: %w", err)
	}
	return root, err
}

// Append adds entries, signs a checkpoint of the whole log and returns the number of the first one.
// Everything is on disk when it returns. The signer belongs to the log's verifier. After an error
// the log on disk is the one before, or the one after, and the caller opens it again.
func (l *Log) Append(signer note.Signer, entries ...Entry) (first int64, err error) {
	if signer.Name() != l.verifier.Name() || signer.KeyHash() != l.verifier.KeyHash() {
		return 0, fmt.Errorf("provenance: the log belongs to %s, and this key is of %s; give the key of the log", keyName(l.verifier), keyName(signer))
	}
	if len(entries) == 0 {
		return 0, errors.New("provenance: there is no entry to append")
	}
	if l.Size()+int64(len(entries)) > MaxEntries {
		return 0, fmt.Errorf("provenance: a log has at most %d entries; begin another one", MaxEntries)
	}
	// Another process may have appended in between, and its signed entries must stay.
	now, err := readFile(filepath.Join(l.dir, checkpointName), maxCheckpoint)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("provenance: %w", err)
	}
	if !bytes.Equal(now, l.checkpoint) {
		return 0, errors.New("provenance: another program has appended to the log; run this again")
	}
	old := l.Size()
	for _, e := range entries {
		line, err := e.Line()
		if err != nil {
			return 0, err
		}
		if err := l.add(line); err != nil {
			return 0, err
		}
	}
	if err := l.write(old); err != nil {
		return 0, err
	}
	root, err := l.root(l.Size())
	if err != nil {
		return 0, err
	}
	text, err := signCheckpoint(Checkpoint{Origin: l.Origin(), Size: l.Size(), Root: root}, signer)
	if err != nil {
		return 0, err
	}
	if !l.brief {
		if err := writeFile(filepath.Join(l.dir, historyName, strconv.FormatInt(l.Size(), 10)), text); err != nil {
			return 0, err
		}
	}
	if err := writeFile(filepath.Join(l.dir, checkpointName), text); err != nil {
		return 0, err
	}
	l.checkpoint = text
	l.prune(old)
	return old, nil
}

// write writes the entries and tiles that are new since a size.
func (l *Log) write(old int64) error {
	for first := old / tileWidth * tileWidth; first < l.Size(); first += tileWidth {
		width := int(min(tileWidth, l.Size()-first))
		var bundle []byte
		for _, line := range l.lines[first : first+int64(width)] {
			bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(line)))
			bundle = append(bundle, line...)
		}
		if err := writeFile(l.path(entryTile(first, width)), bundle); err != nil {
			return err
		}
	}
	for _, t := range tlog.NewTiles(tileHeight, old, l.Size()) {
		data, err := tlog.ReadTileData(t, l)
		if err != nil {
			return fmt.Errorf("provenance: %w", err)
		}
		if err := writeFile(l.path(t), data); err != nil {
			return err
		}
	}
	return nil
}

// prune removes the partial tiles that full ones have replaced. They are of no use any more, so an
// error leaves them.
func (l *Log) prune(old int64) {
	for level, a, b := 0, old, l.Size(); a != b; level, a, b = level+1, a>>tileHeight, b>>tileHeight {
		for n := a >> tileHeight; n < b>>tileHeight; n++ {
			full := tlog.Tile{H: tileHeight, L: level, N: n, W: tileWidth}
			_ = os.RemoveAll(l.path(full) + ".p")
			if level == 0 {
				full.L = -1
				_ = os.RemoveAll(l.path(full) + ".p")
			}
		}
	}
}

// Prove returns the proof that the log has an entry, counted from 0, under its checkpoint.
func (l *Log) Prove(i int64) (*Proof, error) {
	if i < 0 || i >= l.Size() {
		return nil, fmt.Errorf("provenance: the log has no entry %d", i)
	}
	hashes, err := tlog.ProveRecord(l.Size(), i, l)
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	return &Proof{Index: i, Hashes: hashes, Checkpoint: l.Checkpoint()}, nil
}

// ProveEarly returns the proof that the log has an entry under the first checkpoint that has it:
// the one that could be published at once. It needs the older checkpoints of the directory. Where
// one is missing, a later one takes its place.
func (l *Log) ProveEarly(i int64) (*Proof, error) {
	names, err := os.ReadDir(filepath.Join(l.dir, historyName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	best := Checkpoint{}
	var text []byte
	for _, name := range names {
		size, ok := parseIndex(name.Name())
		if !ok || size <= i || size > l.Size() || best.Size > 0 && size >= best.Size {
			continue
		}
		old, err := readFile(filepath.Join(l.dir, historyName, name.Name()), maxCheckpoint)
		if err != nil {
			continue
		}
		c, err := OpenCheckpoint(old, l.verifier)
		if err != nil || c.Size != size {
			continue
		}
		if root, err := l.root(size); err != nil || root != c.Root {
			continue // a crash left it
		}
		best, text = c, old
	}
	if text == nil {
		return l.Prove(i)
	}
	hashes, err := tlog.ProveRecord(best.Size, i, l)
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	return &Proof{Index: i, Hashes: hashes, Checkpoint: text}, nil
}

// Evidence returns an entry with its proof under the first checkpoint that has it.
func (l *Log) Evidence(i int64) (Evidence, error) {
	if i < 0 || i >= l.Size() {
		return Evidence{}, fmt.Errorf("provenance: the log has no entry %d", i)
	}
	p, err := l.ProveEarly(i)
	if err != nil {
		return Evidence{}, err
	}
	return Evidence{Entry: string(l.Line(i)), Proof: string(p.Text())}, nil
}

// Growth returns what shows that the checkpoints of some proofs belong to one log.
func (l *Log) Growth(list ...Evidence) ([]Growth, error) {
	var sizes []int64
	for _, x := range list {
		p, err := ParseProof([]byte(x.Proof))
		if err != nil {
			return nil, err
		}
		c, err := OpenCheckpoint(p.Checkpoint, l.verifier)
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, c.Size)
	}
	slices.Sort(sizes)
	sizes = slices.Compact(sizes)
	out := []Growth{}
	for i := range sizes[:max(len(sizes)-1, 0)] {
		hashes, err := tlog.ProveTree(sizes[i+1], sizes[i], l)
		if err != nil {
			return nil, fmt.Errorf("provenance: %w", err)
		}
		g := Growth{From: sizes[i], To: sizes[i+1], Hashes: []string{}}
		for _, h := range hashes {
			g.Hashes = append(g.Hashes, base64.StdEncoding.EncodeToString(h[:]))
		}
		out = append(out, g)
	}
	return out, nil
}

// Find returns the number of the first entry that is so, or -1.
func (l *Log) Find(is func(e Entry) bool) int64 {
	for i := range l.Size() {
		if is(l.Entry(i)) {
			return i
		}
	}
	return -1
}

// ProveGrowth returns the hashes that show that the log begins with the first entries of an older
// one. They are those of RFC 6962, section 2.1.2.
func (l *Log) ProveGrowth(old int64) ([]tlog.Hash, error) {
	if old < 1 || old > l.Size() {
		return nil, fmt.Errorf("provenance: the log has %d entries, and did not have %d before", l.Size(), old)
	}
	hashes, err := tlog.ProveTree(l.Size(), old, l)
	if err != nil {
		err = fmt.Errorf("provenance: %w", err)
	}
	return hashes, err
}

// CheckGrowth returns an error unless the log begins with the entries of an older checkpoint of it.
func (l *Log) CheckGrowth(checkpoint []byte) error {
	c, err := OpenCheckpoint(checkpoint, l.verifier)
	if err != nil {
		return err
	}
	if c.Size > l.Size() {
		return fmt.Errorf("provenance: the checkpoint has %d entries and the log has %d: entries were removed", c.Size, l.Size())
	}
	root, err := l.root(c.Size)
	if err != nil {
		return err
	}
	if root != c.Root {
		return fmt.Errorf("provenance: the first %d entries are not those of the checkpoint: the log was written anew", c.Size)
	}
	return nil
}

// entryTile returns the tile of entries that begins with an entry.
func entryTile(first int64, width int) tlog.Tile {
	return tlog.Tile{H: tileHeight, L: -1, N: first / tileWidth, W: width}
}

// tilePath returns the name of a tile in c2sp.org/tlog-tiles, whose tiles have one height.
func tilePath(t tlog.Tile) string {
	rest := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	if data, ok := strings.CutPrefix(rest, "data/"); ok {
		rest = "entries/" + data
	}
	return "tile/" + rest
}

func (l *Log) path(t tlog.Tile) string { return filepath.Join(l.dir, filepath.FromSlash(tilePath(t))) }

// parseBundle parses entries, each after its length in two bytes, the higher one first.
func parseBundle(text []byte, width int) ([][]byte, error) {
	lines := make([][]byte, 0, width)
	for len(lines) < width {
		if len(text) < 2 {
			return nil, errors.New("entries are missing")
		}
		n := int(binary.BigEndian.Uint16(text))
		if len(text) < 2+n {
			return nil, errors.New("an entry is cut off")
		}
		lines, text = append(lines, text[2:2+n]), text[2+n:]
	}
	if len(text) > 0 {
		return nil, errors.New("something follows the last entry")
	}
	return lines, nil
}

// readFile reads a file of at most so many bytes.
func readFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return os.ReadFile(path)
}

// writeFile puts a file in place as a whole, and syncs it and its directory.
func writeFile(path string, text []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("provenance: the log cannot be written: %w", err)
		}
	}()
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return secret.SyncDir(dir)
}
