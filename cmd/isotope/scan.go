package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/scan"
)

const scanHelp = `Scan tests corpora of any size. It says which documents depend on a key, where they are, and
how much of the text is marked. PATH is a file, a directory with all files below it, or - for
standard input. Files are read as 'isotope detect' reads them.

Each row is one document, and is tested under every mark of the call. Give --key and
--profile several times, or --keyring FILE. Every test is counted. The answers and the
reasoning of a conversation are tested, and its prompts are left out. A document that occurs
several times is one document with a count.

The list has the documents that a false discovery rate of --fdr allows. On average, at most
this share of the list is there by chance. The rule is that of Benjamini and Yekutieli, which
holds for documents that share text. A document is called detected if chance would bring
about even one such document with a probability of at most --alpha.

The pile is one more test for each mark: all documents together, each pair of a context and
a token once. It finds a mark that is too thin for any single document. --rate says by how
much the mark raises the mean score of marked text. With it the pile also says what share of
the text is marked.

With --journal DIR the scan keeps what it found in the folder DIR. After a kill or an
interrupt the same call resumes there, and prints the same. The folder needs about 500 bytes
for each row, and 100 more while the results are sorted. --max-disk bounds it.

--declare FILE writes the plan of a scan, signs and logs it, and scores nothing. --plan-file
with a signed plan makes the scan that it declares, and no other. Its report is signed, and
'isotope verify --replay' repeats the scan. The log is free for others while the scan works.

--report FILE writes an HTML page: the p-values of all documents against chance, the pile under
control keys, and the top documents in colours. For their texts it reads their files once more.
--parquet FILE writes a row for each document.

'isotope map' does a part of a scan and 'isotope reduce' puts the parts together, for corpora
that take more than one machine.

Exit status 1 means that nothing could be tested. Status 3 is for --fail-on. Status 4 means
that the scan was interrupted, or that a file could not be read or changed meanwhile. It also
means that more rows were skipped than --max-skipped allows.`

const mapHelp = `Map tests the documents of some files of a corpus, and keeps what it found in a journal.
'isotope reduce' puts the journals of all files together and prints what 'isotope scan' would
have printed for all of them. Every call of map needs the same marks, options and --run-key.

A call that ends early resumes when it is made again. On success it prints one line of JSON
with the name of the journal and the number of rows.`

const reduceHelp = `Reduce puts the journals of 'isotope map' together, in any order and split, and prints what
'isotope scan' would have printed for all their files. It needs the keys and profiles of the
calls of map, since the pile is tested here. DIR is a folder that map made.`

func (c *cli) scanCommand() *cobra.Command {
	var o scanFlags
	cmd := &cobra.Command{
		Use:   "scan --key FILE --profile FILE PATH...",
		Short: "Test corpora for marks",
		Long:  scanHelp,
		Example: `  isotope scan --key my.key --profile my.json crawl/
  isotope scan --key my.key --profile my.json --journal crawl.scan --json crawl/ > found.ndjson
  isotope scan --key root.key --profile my.json --keyring tenants.txt answers.jsonl.zst
  find crawl -name '*.warc.gz' -print0 | isotope scan --key my.key --profile my.json --files0-from -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.changed = changedFlags(cmd.Flags())
			switch err := o.checkDeclared(args); {
			case err != nil:
				return err
			case o.plan != "":
				return c.scanPlanned(cmd.Context(), &o, args)
			case o.mark.evidence.declare != "":
				return c.declareScan(cmd.Context(), &o, args)
			}
			s, err := c.newScan(cmd.Context(), &o, args, scanAll)
			if err != nil {
				return err
			}
			return s.scan(cmd.Context())
		},
	}
	o.register(cmd, scanAll)
	return cmd
}

func (c *cli) mapCommand() *cobra.Command {
	var o scanFlags
	cmd := &cobra.Command{
		Use:   "map --key FILE --profile FILE --run-key DIGITS --journal DIR PATH...",
		Short: "Do a part of a scan",
		Long:  mapHelp,
		Example: `  isotope map --key my.key --profile my.json --run-key 0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c --journal parts/1 shard-1.jsonl.zst
  isotope map --key my.key --profile my.json --run-key 0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c --journal parts/2 shard-2.jsonl.zst
  isotope reduce --key my.key --profile my.json --json parts/1 parts/2`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := c.newScan(cmd.Context(), &o, args, scanMap)
			if err != nil {
				return err
			}
			return s.mapOnly(cmd.Context())
		},
	}
	o.register(cmd, scanMap)
	return cmd
}

func (c *cli) reduceCommand() *cobra.Command {
	var o scanFlags
	cmd := &cobra.Command{
		Use:     "reduce --key FILE --profile FILE DIR...",
		Short:   "Put the parts of a scan together",
		Long:    reduceHelp,
		Example: `  isotope reduce --key my.key --profile my.json parts/*`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := c.newScan(cmd.Context(), &o, args, scanReduce)
			if err != nil {
				return err
			}
			return s.reduce(cmd.Context(), args)
		},
	}
	o.register(cmd, scanReduce)
	return cmd
}

// A scanning is one call of scan, map or reduce.
type scanning struct {
	*cli
	flags   *scanFlags
	set     *candidateSet
	marks   []scan.Mark
	sources []markSource // of marks
	options scan.Options
	input   *scan.Input
	counts  *scan.Progress

	declared bool   // the test of a plan
	signed   string // digest of the signed report
}

// A markSource is where a mark comes from.
type markSource struct {
	candidate *candidate
	variant   int
}

// newScan checks a call and reads its keys and profiles.
func (c *cli) newScan(ctx context.Context, o *scanFlags, args []string, part scanPart) (*scanning, error) {
	d := &o.mark
	d.any.given = true // several pairs are candidates and not bands
	d.keys, d.profiles = filesFromEnv(d.keys, keyFileEnv), filesFromEnv(d.profiles, profileFileEnv)
	if err := o.check(args, part); err != nil {
		return nil, err
	}
	if err := errors.Join(checkReport(o.report), checkTable(o.parquet)); err != nil {
		return nil, err
	}
	s := &scanning{cli: c, flags: o}
	if err := c.loadTokenizers(d.tokenizers); err != nil {
		return nil, err
	}
	var err error
	if s.set, err = c.candidates(d); err != nil {
		return nil, err
	}
	if err := s.bind(); err != nil {
		return nil, err
	}
	if s.options, err = o.options(part, args); err != nil {
		return nil, err
	}
	if part != scanReduce {
		err = s.find(ctx, args)
	}
	return s, err
}

// bind makes the marks of the candidates.
func (s *scanning) bind() error {
	for _, c := range s.set.list {
		if !c.tests() {
			return usagef("the profile of %s makes no test, since it is for a comparison of numbers; leave it out, or give it the dedup pair or context", quoted(c.name()))
		}
		for i, b := range c.bound {
			m := scan.Mark{
				Label: c.label, KeyID: c.keyID, Profile: c.profile.ID(), Scheme: c.profile.Scheme(), Bound: b, Tokenizer: c.reader.tokenizer,
				Vocab: b.Scorer.Vocab(), Dedup: c.options.Dedup, Exempt: slices.Sorted(slices.Values(c.options.Exempt)), Rate: c.options.Rate,
			}
			s.marks, s.sources = append(s.marks, m), append(s.sources, markSource{c, i})
		}
	}
	return nil
}

// find finds the files of a call.
func (s *scanning) find(ctx context.Context, args []string) error {
	reader, err := corpus.New(s.flags.corpusOptions())
	if err != nil {
		return usageError{err}
	}
	in := &scan.Input{Corpus: reader, Stdin: s.stdin, Args: append([]string{}, args...), StdinName: s.flags.stdinName}
	named, err := s.fromLists()
	if err != nil {
		return err
	}
	list := inputs.FindData(args)
	in.Files, in.Notes = append(list.Files, named...), list.Notes
	if s.flags.filesFrom+s.flags.files0From != "" {
		in.Args = append(in.Args, named...)
	}
	s.terminalInput(in.Files)
	s.input = in
	return ctx.Err()
}

// fromLists reads the names of --files-from and --files0-from.
func (s *scanning) fromLists() ([]string, error) {
	name, end := s.flags.filesFrom, "\n"
	if s.flags.files0From != "" {
		name, end = s.flags.files0From, "\x00"
	}
	if name == "" {
		return nil, nil
	}
	text, err := s.readSmallFile(name, maxFileList)
	if err != nil {
		return nil, err
	}
	var names []string
	for n := range strings.SplitSeq(string(text), end) {
		if end == "\n" {
			n = strings.TrimSuffix(n, "\r")
		}
		if n == "" {
			continue
		}
		if n == inputs.Stdin {
			n = "./" + n // the name of a file: standard input is named in the call
		}
		names = append(names, n)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s names no file; write one name a line, or use --files0-from for names with a NUL after each", name)
	}
	return names, nil
}

// maxFileList is the size of the largest list of files, in bytes.
const maxFileList = 256 << 20

// work returns how a call works.
func (s *scanning) work() *scan.Work {
	return &scan.Work{Workers: s.flags.workers, Budget: s.flags.maxDisk.bytes, Progress: &scan.Progress{}}
}

// scan scans and prints.
func (s *scanning) scan(ctx context.Context) error {
	dir, done, err := s.journalDir()
	if err != nil {
		return err
	}
	defer done()
	if err := s.mapTo(ctx, dir); err != nil {
		return err
	}
	return s.reduce(ctx, []string{dir})
}

// journalDir returns the folder of the journal. Without --journal it is a temporary one, which done
// removes.
func (s *scanning) journalDir() (dir string, done func(), err error) {
	if s.flags.journal != "" {
		return s.flags.journal, func() {}, nil
	}
	temp, err := os.MkdirTemp("", "isotope-scan-")
	if err != nil {
		return "", nil, fmt.Errorf("there is no place for the journal: %w; name a folder with --journal", err)
	}
	return filepath.Join(temp, "journal"), func() { os.RemoveAll(temp) }, nil
}

// mapTo tests the files into a journal.
func (s *scanning) mapTo(ctx context.Context, dir string) error {
	w := s.work()
	stop := make(chan struct{})
	w.Stop = stop
	s.counts = w.Progress
	release := s.stopAtInterrupt(ctx, stop)
	finish := s.showProgress(w.Progress)
	err := scan.Map(ctx, dir, s.marks, s.options, s.input, w)
	finish()
	release()
	s.hintLater(dir)
	if errors.Is(err, scan.ErrStopped) {
		if s.flags.journal == "" {
			return errors.New("interrupted, and nothing is kept without --journal")
		}
		s.hint("interrupted after %d documents; the same call resumes", w.Progress.Documents())
		return errIncomplete
	}
	return scanError(err)
}

// hintLater tells of files that came after the journal began, but for those of the journal itself.
func (s *scanning) hintLater(dir string) {
	later := slices.DeleteFunc(slices.Clone(s.counts.Later()), func(name string) bool {
		return strings.HasPrefix(name, filepath.Clean(dir)+string(filepath.Separator))
	})
	if len(later) > 0 {
		s.hint("%s not there when the scan of this journal began, such as %s: not scanned; begin another journal for all files",
			plural(int64(len(later)), "1 file was", "%d files were"), placeOf(&scan.Place{File: later[0]}))
	}
}

// scanError says what to do about an error of the engine.
func scanError(err error) error {
	switch {
	case errors.Is(err, scan.ErrPlan):
		return fmt.Errorf("%w; make the call that began it, or name another journal", err)
	case errors.Is(err, os.ErrPermission):
		return openError(err)
	}
	return err
}

// stopAtInterrupt closes stop at the first interrupt, after which the scan saves what it has. The
// second one ends the program, whose journal goes on from the last checkpoint.
func (s *scanning) stopAtInterrupt(ctx context.Context, stop chan struct{}) (release func()) {
	signals, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-signals:
			case <-done:
				return
			case <-ctx.Done():
				return
			}
			if n > 0 {
				os.Exit(exitIncomplete)
			}
			s.hint("saving what was found; interrupt again to end at once")
			close(stop)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// showProgress draws a bar on a terminal until the function that it returns is called.
func (s *scanning) showProgress(p *scan.Progress) (finish func()) {
	if !s.onTerminal() {
		return func() {}
	}
	total := int64(0)
	for _, name := range s.input.Files {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		} else if name == inputs.Stdin {
			total = -1
			break
		}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		bar := progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(s.screen), progressbar.OptionShowBytes(true), progressbar.OptionSetPredictTime(true),
			progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish())
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				bar.Clear()
				return
			case <-tick.C:
				bar.Describe(fmt.Sprintf("%d documents, %d skipped, %d detected so far", p.Documents(), p.Skipped(), p.Detected()))
				bar.Set64(min(p.FileBytes(), max(total, 0)))
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// A mapJSON is what map prints.
type mapJSON struct {
	envelope
	Journal   string `json:"journal"`
	Files     int    `json:"files"`
	Documents int64  `json:"documents"` // that this call tested
	Skipped   int64  `json:"skipped"`   // rows that this call skipped
}

// mapOnly does a part of a scan.
func (s *scanning) mapOnly(ctx context.Context) error {
	if err := s.mapTo(ctx, s.flags.journal); err != nil {
		return err
	}
	return writeJSON(s.stdout, mapJSON{
		envelope: newEnvelope("map"), Journal: s.flags.journal, Files: s.counts.Files(), Documents: s.counts.Documents(), Skipped: s.counts.Skipped(),
	})
}

// reduce puts journals together and prints the result.
func (s *scanning) reduce(ctx context.Context, dirs []string) error {
	out, totals, err := s.merge(ctx, dirs)
	if err != nil {
		return err
	}
	defer out.close()
	return out.finish(ctx, totals)
}

// merge puts journals together. It prints documents where each has its line. The caller closes the
// output.
func (s *scanning) merge(ctx context.Context, dirs []string) (_ *scanOutput, _ *scan.Totals, err error) {
	out := &scanOutput{scanning: s}
	defer func() {
		if err != nil {
			out.close()
		}
	}()
	defer s.busy("sorting")()
	if s.flags.parquet != "" {
		if out.table, err = newTable(s.flags.parquet); err != nil {
			return nil, nil, err
		}
	}
	closeSidecar, err := out.openSidecar()
	if err != nil {
		return nil, nil, err
	}
	work := s.work()
	if s.flags.report != "" {
		out.report = &scanReport{}
		work.Controls = s.controls
	}
	if s.declared {
		out.digests = newScanDigests()
		work.Controls, work.EachControls = s.controls, true
	}
	totals, err := scan.Reduce(ctx, dirs, s.marks, s.options, out, work)
	if err = errors.Join(err, closeSidecar()); err != nil {
		return nil, nil, scanError(err)
	}
	return out, totals, nil
}

// finish prints what is said of all documents, and writes the files of the call.
func (o *scanOutput) finish(ctx context.Context, totals *scan.Totals) error {
	s, rows := o.scanning, &totals.Rows
	totals.Complete = totals.Complete && !s.flags.mark.read.maxSkipped.exceeded(rows.Skipped, rows.Found)
	if err := o.end(totals); err != nil {
		return err
	}
	if err := o.endFiles(ctx, totals); err != nil {
		return err
	}
	switch {
	case totals.Verdict == nil:
		return nothingScanned(totals)
	case s.flags.failOn != "" && *totals.Verdict == detect.Verdict(s.flags.failOn):
		return errVerdict
	case !totals.Complete:
		s.hint("not complete: %s", incompleteWords(totals, &s.flags.mark.read))
		return errIncomplete
	}
	return nil
}

// incompleteWords says why a scan is not complete.
func incompleteWords(t *scan.Totals, o *readFlags) string {
	var parts []string
	if t.Unreadable > 0 {
		parts = append(parts, plural(t.Unreadable, "1 file could not be read", "%d files could not be read"))
	}
	if t.Changed > 0 {
		parts = append(parts, plural(t.Changed, "1 file changed while it was read", "%d files changed while they were read"))
	}
	if o.maxSkipped.exceeded(t.Rows.Skipped, t.Rows.Found) {
		parts = append(parts, fmt.Sprintf("%d of %d rows were skipped, and --max-skipped is %s", t.Rows.Skipped, t.Rows.Found, o.maxSkipped.String()))
	}
	return strings.Join(parts, "; ")
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}

// nothingScanned is the error of a scan without any document.
func nothingScanned(t *scan.Totals) error {
	if t.Rows.Skipped == 0 {
		return errors.New("nothing was tested: no file with a row was found")
	}
	var first []string
	for _, s := range t.Rows.First {
		first = append(first, skipWords(&s))
	}
	return fmt.Errorf("nothing was tested: all %d rows were skipped (%s)\n  %s", t.Rows.Skipped, countWords(t.Rows.Reasons), strings.Join(first, "\n  "))
}

// countWords lists counts with their names.
func countWords(list []scan.Count) string {
	var out []string
	for _, c := range list {
		out = append(out, fmt.Sprintf("%d %s", c.Count, c.Name))
	}
	return strings.Join(out, ", ")
}

// placeOf words the place of a row.
func placeOf(p *scan.Place) string {
	x := corpus.Place{File: p.File, Members: p.Members, Row: p.Row, Line: p.Line, URL: p.URL, RecordID: p.RecordID, Offset: -1, Stored: -1, RowGroup: -1}
	return inputs.PlaceWords(x)
}

func skipWords(s *scan.Skip) string {
	return fmt.Sprintf("%s: %s (%s)", placeOf(&s.Place), s.Detail, s.Reason)
}
