package inputs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/internal/corpus"
)

// Stdin is the name that stands for standard input.
const Stdin = "-"

// A List is the files of a call, in the order in which they are read.
type List struct {
	Files []string // names for the system, or Stdin
	Notes []string // what directories hold and the list does not
}

// Find returns the files that arguments name: files, directories with all that is below them,
// patterns of a shell that the shell left as they are, and Stdin. Below a directory, files come in
// the order of their names. Hidden files, links to directories, and what is neither a file nor a
// link to one are left out there, and Notes count them. A file that cannot be read stays in the
// list, so that reading it is a skip with its reason.
func Find(args []string) *List {
	l := &List{}
	for _, arg := range args {
		if arg == Stdin {
			l.Files = append(l.Files, arg)
			continue
		}
		info, err := os.Stat(arg)
		switch {
		case err == nil && info.IsDir():
			l.walk(arg)
		case err != nil && strings.ContainsAny(arg, "*?["):
			names, bad := filepath.Glob(arg)
			if bad != nil || len(names) == 0 {
				l.Files = append(l.Files, arg) // a file of this name, which is not there
				continue
			}
			slices.Sort(names)
			for _, name := range names {
				if info, err := os.Stat(name); err == nil && info.IsDir() {
					l.walk(name)
				} else {
					l.Files = append(l.Files, name)
				}
			}
		default:
			l.Files = append(l.Files, arg)
		}
	}
	return l
}

// walk adds the files below a directory.
func (l *List) walk(dir string) {
	hidden, links, others, files := 0, 0, 0, 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			// The file or directory cannot be read: its reader says why.
			l.Files = append(l.Files, name)
			files++
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case name == dir:
			return nil
		case strings.HasPrefix(d.Name(), "."):
			hidden++
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		mode := d.Type()
		if mode&fs.ModeSymlink != 0 {
			info, err := os.Stat(name)
			if err == nil && info.IsDir() {
				links++
				return nil
			}
			if err == nil {
				mode = info.Mode().Type()
			} else {
				mode = 0 // a link to nowhere, whose reader says so
			}
		}
		if mode != 0 {
			others++
			return nil
		}
		l.Files = append(l.Files, name)
		files++
		return nil
	})
	if err != nil {
		l.Files = append(l.Files, dir)
	}
	in := place(corpus.Place{File: dir}) + ": "
	for _, x := range []struct {
		n         int
		one, many string
	}{
		{hidden, "a hidden file or directory was left out; name it to read it", "%d hidden files and directories were left out; name them to read them"},
		{links, "a link to a directory was not followed; name the directory", "%d links to directories were not followed; name the directories"},
		{others, "a device, pipe or socket was left out", "%d devices, pipes and sockets were left out"},
	} {
		switch {
		case x.n == 1:
			l.Notes = append(l.Notes, in+x.one)
		case x.n > 1:
			l.Notes = append(l.Notes, in+fmt.Sprintf(x.many, x.n))
		}
	}
	if files == 0 {
		l.Notes = append(l.Notes, in+"there is no file below this directory")
	}
}

// shard matches the names of the files of a data set, such as train-00000-of-00003.parquet.
var shard = regexp.MustCompile(`-\d{4,6}-of-\d{4,6}(?:-[0-9a-f]+)?\.[a-z.]+$`)

// besides matches what stands in the folder of a data set beside its data.
var besides = regexp.MustCompile(`^(?i:readme(\..*)?|licen[cs]e(\..*)?|dataset_infos?\.json|dataset_dict\.json|state\.json|.*\.py)$`)

// FindData is Find for corpora. Of a folder of the Hugging Face Hub it takes the data: the snapshots
// of a cache, without their blobs again, and not the cards, licences and scripts beside shards.
func FindData(args []string) *List {
	l := Find(args)
	named := map[string]bool{}
	for _, a := range args {
		named[a] = true
	}
	isData := map[string]bool{} // folders that hold shards, and those above them
	isCache := map[string]bool{}
	for _, f := range l.Files {
		dir, base := filepath.Split(f)
		if shard.MatchString(base) || strings.HasSuffix(base, ".parquet") {
			for dir = filepath.Clean(dir); !isData[dir]; dir = filepath.Dir(dir) {
				isData[dir] = true
			}
		}
		if root, _, ok := strings.Cut(filepath.ToSlash(f), "/snapshots/"); ok {
			if info, err := os.Stat(filepath.Join(root, "blobs")); err == nil && info.IsDir() {
				isCache[filepath.FromSlash(root)] = true
			}
		}
	}
	kept, cards, blobs := l.Files[:0], 0, 0
	for _, f := range l.Files {
		dir, base := filepath.Split(f)
		dir = filepath.Clean(dir)
		switch {
		case named[f]:
			kept = append(kept, f)
		case isData[dir] && besides.MatchString(base):
			cards++
		case (filepath.Base(dir) == "blobs" || filepath.Base(dir) == "refs") && isCache[filepath.Dir(dir)]:
			blobs++
		default:
			kept = append(kept, f)
		}
	}
	l.Files = kept
	if cards > 0 {
		l.Notes = append(l.Notes, fmt.Sprintf("beside a data set %s left out; name it to read it", plural(int64(cards), "a card, licence or script was", "%d cards, licences and scripts were")))
	}
	if blobs > 0 {
		l.Notes = append(l.Notes, fmt.Sprintf("of a cache of the Hub the snapshots were read, and %s left out", plural(int64(blobs), "1 other file was", "%d other files were")))
	}
	return l
}
