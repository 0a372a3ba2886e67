package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
	"github.com/spf13/pflag"
	"golang.org/x/mod/sumdb/note"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/provenance"
	"github.com/isotope-wm/isotope/watermark"
)

// An ownLog is a log that this call appends to. Other processes wait while it is held.
type ownLog struct {
	*provenance.Log
	dir    string
	signer note.Signer
	key    envelopeKey
	vkey   string
	unlock func() // nil: the log is not held
}

// logFlags name a log and the key that signs for it.
type logFlags struct{ log, signKey string }

func (o *logFlags) register(f *pflag.FlagSet) {
	f.StringVar(&o.log, "log", "", "`DIR` of the transparency log")
	f.StringVar(&o.signKey, "sign-key", "", "`FILE` of the key that signs for the log: of 'isotope log new', or an Ed25519 key of OpenSSH")
}

func (o *logFlags) rules() []rule {
	return []rule{
		noSecrets(o.log, o.signKey),
		{o.log == "", "--log DIR is missing: the log of the owner's keys and plans; 'isotope log new' makes one"},
		{o.signKey == "", "--sign-key FILE is missing: the key that signs for the log"},
	}
}

// openLog opens a log to append to it.
func (c *cli) openLog(o *logFlags) (*ownLog, error) {
	v, err := logVerifier(o.log)
	if err != nil {
		return nil, err
	}
	signer, err := c.readSigner(o.signKey, v.Name())
	if err != nil {
		return nil, err
	}
	vkey, err := textfile.Read(filepath.Join(o.log, verifierName), maxSignKey)
	if err != nil {
		return nil, err
	}
	if signer.Name() != v.Name() || signer.KeyHash() != v.KeyHash() {
		return nil, usagef("--sign-key %s does not sign for the log in %s; give the key that the log was made with", o.signKey, o.log)
	}
	l := &ownLog{dir: o.log, signer: signer, key: envelopeKey{signer, v}, vkey: strings.TrimSpace(string(vkey))}
	return l, l.hold(c)
}

// hold locks the log and reads it.
func (l *ownLog) hold(c *cli) error {
	waiting := time.AfterFunc(time.Second, func() { c.hint("waiting for another process that writes to %s", l.dir) })
	unlock, err := lockedfile.MutexAt(filepath.Join(l.dir, ".lock")).Lock()
	waiting.Stop()
	if err != nil {
		return fmt.Errorf("the log cannot be locked: %w", err)
	}
	l.Log, err = provenance.OpenLog(l.dir, l.key.verifier)
	if errors.Is(err, os.ErrNotExist) {
		l.Log, err = provenance.CreateLog(l.dir, l.key.verifier)
	}
	if err != nil {
		unlock()
		return err
	}
	l.unlock = unlock
	return nil
}

// close lets other processes append. It may be called again.
func (l *ownLog) close() {
	if l.unlock != nil {
		l.unlock()
		l.unlock = nil
	}
}

// append appends entries and returns the number of the first one.
func (l *ownLog) append(entries ...provenance.Entry) (int64, error) {
	return l.Append(l.signer, entries...)
}

// entry returns an entry of now.
func (c *cli) entry(kind provenance.Kind) provenance.Entry {
	return provenance.Entry{Kind: kind, Time: time.Now().UTC().Truncate(time.Second).Format(time.RFC3339)}
}

// A corpusFiles is the files of a declared corpus: their manifest, and where they are.
type corpusFiles struct {
	manifest provenance.Manifest
	paths    []string // in the order of the manifest
}

// readCorpus finds and hashes the files that arguments name, as a test of this verb finds them. Their
// names are those below the one directory that was named. Of several arguments, files keep their
// base names, and directories stand before the names of their files.
func (c *cli) readCorpus(ctx context.Context, test string, args []string) (*corpusFiles, error) {
	find := inputs.Find
	if test == "scan" {
		find = inputs.FindData
	}
	out := &corpusFiles{}
	names := map[string]string{}
	for _, arg := range args {
		if arg == inputs.Stdin {
			return nil, usagef("a declared corpus has files, and standard input is none; put it into a file")
		}
		list := find([]string{arg})
		for _, n := range list.Notes {
			c.hint("note: %s", n)
		}
		info, err := os.Stat(arg)
		dir := err == nil && info.IsDir()
		for _, file := range list.Files {
			name := filepath.Base(file)
			if dir {
				rel, err := filepath.Rel(arg, file)
				if err != nil {
					return nil, err
				}
				name = filepath.ToSlash(rel)
				if len(args) > 1 {
					name = path.Join(filepath.Base(filepath.Clean(arg)), name)
				}
			}
			if other, ok := names[name]; ok {
				return nil, usagef("%s and %s have the same name in the corpus, %s; name a directory that has both", other, file, quoted(name))
			}
			names[name] = file
		}
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	for _, name := range sorted {
		f, err := hashFile(ctx, names[name])
		if err != nil {
			return nil, err
		}
		f.Name = name
		out.manifest, out.paths = append(out.manifest, f), append(out.paths, names[name])
	}
	if len(out.manifest) == 0 {
		return nil, errors.New("the corpus has no file; name one")
	}
	return out, nil
}

// hashFile returns the size and the digest of the raw bytes of a file.
func hashFile(ctx context.Context, name string) (provenance.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return provenance.File{}, openError(err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, contextReader{ctx, f})
	if err != nil {
		return provenance.File{}, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	return provenance.File{Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// A contextReader stops reading when its context is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// same returns an error that lists how the files differ from those of a plan, or nil.
func (f *corpusFiles) same(declared provenance.Manifest) error {
	said := declared.Diff(f.manifest)
	if len(said) == 0 {
		return nil
	}
	if more := len(said) - 5; more > 0 {
		said = append(said[:5], fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("this is not the declared corpus: %s", strings.Join(said, "; "))
}

// read checks that the files were read as they were hashed, and gives them their names in the
// corpus.
func (f *corpusFiles) read(l *inputs.Ledger) error {
	if len(l.Files) != len(f.paths) {
		return fmt.Errorf("the corpus has %d files, and %d were read; this is a fault of the program", len(f.paths), len(l.Files))
	}
	names := map[string]string{}
	for i := range l.Files {
		x := &l.Files[i]
		if x.SHA256 != f.manifest[i].SHA256 {
			return fmt.Errorf("%s could not be read as a whole, or changed while it was tested; test it again, and leave out what cannot be read", f.paths[i])
		}
		names[x.Name] = f.manifest[i].Name
		x.Name = f.manifest[i].Name
	}
	for _, s := range l.Skips {
		s.Place.File = names[s.Place.File]
	}
	for i := range l.Notes {
		l.Notes[i].Place.File = names[l.Notes[i].Place.File]
	}
	return nil
}

// countsOf returns what a ledger counts, as a report has it.
func countsOf(l *inputs.Ledger) provenance.Counts {
	n := provenance.Counts{Found: l.Tested() + l.Skipped(), Tested: l.Tested(), Skipped: l.Skipped(), Reasons: []provenance.Count{}}
	for _, r := range l.Reasons() {
		n.Reasons = append(n.Reasons, provenance.Count{Name: r.Name, Count: r.Count})
	}
	return n
}

// declareFlags say how a test is declared beforehand and reported.
type declareFlags struct {
	logFlags
	declare, signed string
	clean           []string
	keys            []string // of a signed plan
}

func (o *declareFlags) register(f *pflag.FlagSet) {
	f.StringVar(&o.declare, "declare", "", "write the plan of this test to `FILE`, sign and log it, and score nothing")
	o.logFlags.register(f)
	f.StringVar(&o.signed, "signed-report", "", "write the signed report of a declared test to `FILE`")
}

// rules are those of a call with these flags. planned says that it has a signed plan.
func (o *declareFlags) rules(planned bool) []rule {
	rules := []rule{
		noSecrets(o.declare, o.signed, o.log, o.signKey),
		{o.declare != "" && planned, "--declare writes a plan, and --plan-file has one; give one of them"},
		{o.declare != "" && o.signed != "", "--declare scores nothing, so there is no --signed-report; leave it out"},
	}
	if o.declare == "" && !planned {
		return append(rules, rule{o.log != "" || o.signKey != "" || o.signed != "", "--log, --sign-key and --signed-report are for a declared test; give --declare, or a signed plan as --plan-file"})
	}
	rules = append(rules, o.logFlags.rules()...)
	return append(rules, rule{planned && o.signed == "", "--signed-report FILE is missing: a declared test ends with a report, whatever it finds"})
}

// committedPairs returns the keys of a plan for files of keys and of their profiles, and what the
// profiles score once.
func (l *ownLog) committedPairs(keys, profiles []string) (out []provenance.PlanKey, dedup string, err error) {
	var once []string
	for i, name := range profiles {
		p, err := readNativeProfile(name)
		if err != nil {
			return nil, "", err
		}
		if p.Variants > 1 || p.Selector != "" {
			return nil, "", usagef("%s has variants or a part of the contexts, and a declared test takes profiles without; give another --profile", name)
		}
		k, err := readNativeKey(keys[i])
		if err != nil {
			return nil, "", err
		}
		x, err := l.committed(p, k)
		if err != nil {
			return nil, "", err
		}
		out, once = append(out, x), append(once, p.Dedup)
	}
	return out, strings.Join(once, ", "), nil
}

// committed returns a key of a plan: its profile and its commitment in the log.
func (l *ownLog) committed(p *watermark.Profile, k watermark.Key) (provenance.PlanKey, error) {
	profile, err := p.MarshalJSON()
	if err != nil {
		return provenance.PlanKey{}, err
	}
	out := provenance.PlanKey{ID: k.ID(), Scheme: p.ID(), Profile: profile}
	if err := l.Keys().Check("", p.ID(), k); err != nil {
		return out, err
	}
	at := l.Find(func(e provenance.Entry) bool { return e.Scheme == p.ID() && e.Opens(k) })
	out.Epoch = l.Entry(at).Epoch
	out.Commitment, err = l.Evidence(at)
	return out, err
}

// newFile refuses to write over a file.
func newFile(flag, name string) error {
	if _, err := os.Lstat(name); err == nil {
		return usagef("--%s %s: the file exists, and evidence is never overwritten; choose another name", flag, name)
	}
	return nil
}

// writeNew writes a file that does not exist, and syncs it.
func writeNew(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return openError(err)
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(name)
		return fmt.Errorf("%s cannot be written: %w", name, err)
	}
	return nil
}

// declarePlan signs and logs a plan.
func (c *cli) declarePlan(ctx context.Context, o *declareFlags, l *ownLog, p *provenance.Plan) error {
	payload, err := p.Statement()
	if err != nil {
		return err
	}
	envelope, err := sign(ctx, payload, l.key)
	if err != nil {
		return err
	}
	if err := writeNew(o.declare, envelope); err != nil {
		return err
	}
	e := c.entry(provenance.KindPlan)
	e.Digest = provenance.Digest(payload)
	at, err := l.append(e)
	if err != nil {
		os.Remove(o.declare)
		return err
	}
	fmt.Fprintf(c.stdout, "plan %s\nentry %d of the log %s\n", e.Digest, at, l.Origin())
	c.hint("nothing was scored; send the file %s to somebody who keeps it, then test with --plan-file", filepath.Join(o.log, "checkpoint"))
	return nil
}

// A declaredTest is a test that was declared beforehand.
type declaredTest struct {
	plan     *provenance.Plan
	envelope []byte
	digest   string
	log      *ownLog // nil: a replay
	begun    int64
	files    *corpusFiles
	clean    *corpusFiles // nil: none
}

// openDeclared begins the test of a signed plan in a file: it opens the log, and checks that the log
// has the plan. The caller closes the log.
func (c *cli) openDeclared(ctx context.Context, o *declareFlags, file, test string) (*declaredTest, error) {
	if err := newFile("signed-report", o.signed); err != nil {
		return nil, err
	}
	text, err := textfile.Read(file, maxEnvelope)
	if err != nil {
		return nil, openError(err)
	}
	l, err := c.openLog(&o.logFlags)
	if err != nil {
		return nil, err
	}
	t, err := c.openPlan(ctx, text, test, l)
	if err != nil {
		l.close()
	}
	return t, err
}

// openPlan reads a signed plan and checks that the log has it.
func (c *cli) openPlan(ctx context.Context, text []byte, test string, l *ownLog) (*declaredTest, error) {
	payload, err := openEnvelope(ctx, text, l.key)
	if err != nil {
		return nil, fmt.Errorf("--plan-file: %w", err)
	}
	p, err := provenance.ParsePlan(payload)
	if err != nil {
		return nil, fmt.Errorf("--plan-file: %w", err)
	}
	if p.Test != test {
		return nil, usagef("--plan-file has a plan of %s, and this is %s; call isotope %s", p.Test, test, p.Test)
	}
	if p.Tool != toolVersion() {
		return nil, fmt.Errorf("the plan declares the program %s, and this is %s; test with that program, or declare a new plan", quoted(p.Tool), quoted(toolVersion()))
	}
	d := &declaredTest{plan: p, envelope: []byte(strings.TrimSpace(string(text))), digest: provenance.Digest(payload), log: l}
	if l.Find(d.isEntry(provenance.KindPlan)) < 0 {
		return nil, errors.New("the log does not have the plan; give the log of --declare, or declare the plan again")
	}
	return d, nil
}

func (d *declaredTest) isEntry(kind provenance.Kind) func(provenance.Entry) bool {
	return func(e provenance.Entry) bool { return e.Kind == kind && e.Digest == d.digest }
}

// keys returns the keys of a plan, in its order, from files that may name them in another one. In a
// test of the owner each key must still be in use.
func (d *declaredTest) keys(files []string) ([]watermark.Key, error) {
	byID := map[string]watermark.Key{}
	for _, name := range files {
		k, err := readNativeKey(name)
		if err != nil {
			return nil, err
		}
		byID[k.ID()] = k
	}
	var keys []watermark.Key
	for _, x := range d.plan.Keys {
		k, ok := byID[x.ID]
		if !ok {
			return nil, usagef("the plan tests the key %s, and no --key has it; give the file of that key", x.ID)
		}
		if err := d.plan.CheckKey(k); err != nil {
			return nil, err
		}
		if d.log != nil {
			if err := d.log.Keys().Check(x.Epoch, x.Scheme, k); err != nil {
				return nil, err
			}
		}
		delete(byID, x.ID)
		keys = append(keys, k)
	}
	for id := range byID {
		return nil, usagef("the plan does not test the key %s; leave out its --key", id)
	}
	return keys, nil
}

// open finds the corpus of a plan.
func (d *declaredTest) open(ctx context.Context, c *cli, args, clean []string) (err error) {
	if d.files, err = c.readCorpus(ctx, d.plan.Test, args); err != nil {
		return err
	}
	if err := d.files.same(d.plan.Files); err != nil {
		return err
	}
	if len(d.plan.Clean) == 0 {
		return nil
	}
	if len(clean) == 0 {
		return usagef("the plan has a clean corpus; give it with --clean")
	}
	if d.clean, err = c.readCorpus(ctx, d.plan.Test, clean); err != nil {
		return err
	}
	if err := d.clean.same(d.plan.Clean); err != nil {
		return fmt.Errorf("--clean: %w", err)
	}
	return nil
}

// begin logs that the test begins. Nothing has been scored before.
func (d *declaredTest) begin(c *cli) (err error) {
	if d.log == nil {
		return nil
	}
	e := c.entry(provenance.KindTest)
	e.Digest = d.digest
	d.begun, err = d.log.append(e)
	return err
}

// resume finds the beginning of a test that a journal goes on with. Without one it begins the test.
func (d *declaredTest) resume(c *cli, journaled bool) error {
	if d.log == nil || !journaled {
		return d.begin(c)
	}
	// The last beginning, since each report of a plan has one of its own.
	for i := d.log.Size() - 1; i >= 0; i-- {
		if d.isEntry(provenance.KindTest)(d.log.Entry(i)) {
			d.begun = i
			return nil
		}
	}
	return errors.New("the journal was begun before the log had the beginning of this test; name another journal")
}

// pause lets others append to the log while a test takes its time.
func (d *declaredTest) pause() {
	if d.log != nil {
		d.log.close()
	}
}

// report signs the report of an outcome, logs and writes it.
func (d *declaredTest) report(ctx context.Context, c *cli, o *declareFlags, outcome *provenance.Outcome) (digest string, err error) {
	text, err := outcome.JSON()
	if err != nil {
		return "", err
	}
	if d.log.unlock == nil {
		if err := d.log.hold(c); err != nil {
			return "", err
		}
	}
	if d.begun >= d.log.Size() || !d.isEntry(provenance.KindTest)(d.log.Entry(d.begun)) {
		return "", errors.New("the log does not have the beginning of this test any more; find out who changed it")
	}
	r := &provenance.Report{
		Version: 1, Plan: d.envelope, PlanDigest: d.digest, Outcome: *outcome, Digest: provenance.Digest(text), Claims: provenance.NewClaims(outcome),
	}
	if r.Planned, err = d.log.Evidence(d.log.Find(d.isEntry(provenance.KindPlan))); err != nil {
		return "", err
	}
	if r.Begun, err = d.log.Evidence(d.begun); err != nil {
		return "", err
	}
	proofs := []provenance.Evidence{r.Planned, r.Begun}
	for _, k := range d.plan.Keys {
		proofs = append(proofs, k.Commitment)
	}
	if r.Growth, err = d.log.Growth(proofs...); err != nil {
		return "", err
	}
	payload, err := r.Statement()
	if err != nil {
		return "", err
	}
	envelope, err := sign(ctx, payload, d.log.key)
	if err != nil {
		return "", err
	}
	digest = provenance.Digest(payload)
	e := c.entry(provenance.KindReport)
	e.Digest = digest
	if _, err := d.log.append(e); err != nil {
		return "", err
	}
	return digest, writeNew(o.signed, envelope)
}
