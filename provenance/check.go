package provenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/isotope-wm/isotope/watermark"
)

// A Level is how far a report goes. Each level needs those before it.
type Level string

// The levels, from the lowest on.
const (
	LevelNone        Level = "none"
	LevelDependence  Level = "dependence"  // the text depends on the key
	LevelPriority    Level = "priority"    // the key was fixed before the test was declared
	LevelIntegrity   Level = "integrity"   // corpus, plan and result are these bytes
	LevelAttribution Level = "attribution" // who obtained the text; no report of this version shows it
)

// Claims say how far a report goes and what each level rests on.
type Claims struct {
	Level       Level  `json:"level"`
	Dependence  string `json:"dependence"`
	Priority    string `json:"priority"`
	Integrity   string `json:"integrity"`
	Attribution string `json:"attribution"`
}

// NewClaims returns the claims of an outcome whose plan has its keys committed.
func NewClaims(o *Outcome) Claims {
	c := Claims{
		Level:       LevelNone,
		Dependence:  "not shown: the test did not detect the mark",
		Priority:    "the log has a commitment to each key before the plan, and the plan before the test; the dates are those of the copies of the checkpoints that others hold",
		Integrity:   "the plan fixes the bytes of the corpus and all rules of the test, and the log has the plan before anything was scored; a replay with the keys must give the same bytes",
		Attribution: "not shown: who obtained the text; that needs keys of single accounts, receipts or records of the accounts, and a test against forged marks",
	}
	if o.Verdict == "detected" {
		c.Level = LevelIntegrity
		c.Dependence = "shown: the test detected the mark of a key of the plan, at the level alpha"
	}
	return c
}

// A Finding is one check of a report.
type Finding struct {
	Name string `json:"check"` // one word or two, always the same
	OK   bool   `json:"ok"`
	Says string `json:"says"` // what was found, in a sentence
}

// ErrReport is wrapped by an error about a report that does not hold.
var ErrReport = errors.New("the report does not hold")

// Findings are all checks of a report, in their order.
type Findings []Finding

// Err returns an error that names the checks that failed, or nil.
func (f Findings) Err() error {
	var names []string
	for _, x := range f {
		if !x.OK {
			names = append(names, x.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrReport, strings.Join(names, ", "))
}

func (f *Findings) add(name string, err error, says string) bool {
	if err != nil {
		says = strings.TrimPrefix(err.Error(), "provenance: ")
	}
	*f = append(*f, Finding{name, err == nil, says})
	return err == nil
}

// Check makes all checks of a report that need neither keys nor the corpus nor a network. The
// caller has checked the signatures of both envelopes with the key of the verifier. plan is the
// payload of the envelope in the report.
func Check(report *Report, plan []byte, verifier note.Verifier) *Checked {
	out := &Checked{Report: report}
	f := &out.Findings
	p, err := ParsePlan(plan)
	if !f.add("plan", err, "the plan is well formed") {
		return out
	}
	out.Plan = p
	c := checker{report: report, plan: p, verifier: verifier, roots: map[int64]tlog.Hash{}}
	digest := Digest(plan)
	f.add("plan digest", unless(report.PlanDigest == digest, "the report names the plan %s, and has the plan %s", report.PlanDigest, digest), "the report has the plan that it names: "+digest)
	f.add("log", c.log(), "plan, proofs and signatures are of the log "+verifier.Name())
	f.add("profiles", c.profiles(), "each profile has the identity that its key is committed for")
	f.add("commitments", c.commitments(), fmt.Sprintf("the log has a commitment to each of %d keys", len(p.Keys)))
	f.add("plan entry", c.entry(report.Planned, KindPlan, digest, &c.planned), "the log has the plan")
	f.add("test entry", c.entry(report.Begun, KindTest, digest, &c.begun), "the log has the beginning of the test")
	f.add("order", c.order(), "the keys were committed before the plan was logged, and the plan before the test began")
	f.add("growth", c.growth(), "the checkpoints belong to one log, to which entries were only added")
	f.add("corpus", c.corpus(), c.corpusSays())
	f.add("counts", c.counts(), "every row that was found was tested or skipped with its reason")
	f.add("rules", c.rules(), "alpha is that of the plan, and the verdict is that of the result")
	says := fmt.Sprintf("the result has all of the %d control keys", p.Controls.Keys)
	if o := &report.Outcome; len(o.Controls) == 0 {
		says = "the result has no comparison with control keys: " + o.NoControls
	}
	f.add("control keys", c.controls(), says)
	f.add("result digest", c.digest(), "the result has the digest that the report names")
	f.add("claims", unless(report.Claims == NewClaims(&report.Outcome), "the report claims more, less or something else than its parts show"), "the report claims what its parts show: "+string(report.Claims.Level))
	out.Order, out.roots, out.verifier = []int64{c.planned.index, c.begun.index}, c.roots, verifier
	out.commits = c.commits
	return out
}

// A Checked is a report whose parts were checked.
type Checked struct {
	Report   *Report
	Plan     *Plan // nil: it is not well formed
	Findings Findings
	Order    []int64 // the entries of the plan and of the test in the log

	commits  []place
	roots    map[int64]tlog.Hash
	verifier note.Verifier
}

// CheckPublished adds the finding of a checkpoint that somebody has held since the owner published
// it. The dates of a report are those of such copies.
func (c *Checked) CheckPublished(checkpoint []byte) {
	held, err := OpenCheckpoint(checkpoint, c.verifier)
	if err != nil {
		c.Findings.add("published checkpoint", err, "")
		return
	}
	var sizes []int64
	for size := range c.roots {
		sizes = append(sizes, size)
	}
	slices.Sort(sizes)
	root, ok := c.roots[held.Size]
	switch {
	case !ok:
		err = fmt.Errorf("provenance: the checkpoint has %d entries, and those of the report have %v; ask the owner for one of these", held.Size, sizes)
	case root != held.Root:
		err = fmt.Errorf("provenance: the checkpoint of %d entries is not that of the report: the owner signed two logs", held.Size)
	}
	has := 0
	for _, at := range c.commits {
		if at.index < held.Size {
			has++
		}
	}
	says := fmt.Sprintf("the checkpoint of %d entries that was held is one of the report; it has the commitments to %d of %d keys", held.Size, has, len(c.commits))
	if len(c.Order) == 2 && c.Order[0] < held.Size {
		says += ", and the plan"
	}
	c.Findings.add("published checkpoint", err, says)
}

// CheckLog adds the findings of a copy of the whole log: that it has the entries of the report, and
// that no key was revealed or revoked before the test.
func (c *Checked) CheckLog(l *Log) {
	if c.Plan == nil || len(c.Order) != 2 {
		c.Findings.add("log copy", errors.New("provenance: the report has no order to compare"), "")
		return
	}
	var err error
	for size, root := range c.roots {
		have, e := tlog.Hash{}, error(nil)
		if size <= l.Size() {
			have, e = l.root(size)
		}
		if e != nil || size > l.Size() || have != root {
			err = fmt.Errorf("provenance: the copy of the log does not begin with the %d entries of the report", size)
		}
	}
	tests := 0
	for i := range l.Size() {
		e := l.Entry(i)
		if e.Kind == KindTest {
			tests++
		}
		if (e.Kind == KindReveal || e.Kind == KindRevoke) && i < c.Order[1] && err == nil {
			for _, k := range c.Plan.Keys {
				if k.ID == e.Key {
					err = fmt.Errorf("provenance: key %s has an entry of kind %s before the test, in entry %d: others may have marked with it", e.Key, e.Kind, i)
				}
			}
		}
	}
	c.Findings.add("log copy", err, fmt.Sprintf("the log has the entries of the report, and no key was revealed or revoked before the test; %d tests were begun in all, and the owner can be asked for the report of each", tests))
}

// CheckKey adds the finding of a key that was disclosed.
func (c *Checked) CheckKey(k watermark.Key) {
	if c.Plan == nil {
		return
	}
	c.Findings.add("key "+k.ID(), c.Plan.CheckKey(k), "the key opens its commitment")
}

// Add adds a finding of the caller: err, or what was found.
func (c *Checked) Add(name string, err error, says string) { c.Findings.add(name, err, says) }

// A checker holds what the checks of a report have in common.
type checker struct {
	report   *Report
	plan     *Plan
	verifier note.Verifier
	roots    map[int64]tlog.Hash // of the checkpoints, by size
	commits  []place
	planned  place
	begun    place
}

// A place is where an entry stands in the log.
type place struct {
	index int64
	size  int64 // of the checkpoint of its proof
	time  time.Time
	known bool
}

func unless(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("provenance: "+format, args...)
}

func (c *checker) log() error {
	v, err := note.NewVerifier(c.plan.Log)
	if err != nil {
		return fmt.Errorf("provenance: the plan does not have the key of a log")
	}
	return unless(v.Name() == c.verifier.Name() && v.KeyHash() == c.verifier.KeyHash(), "the plan is of the log %s, and the key is of %s", keyName(v), keyName(c.verifier))
}

func (c *checker) profiles() error {
	for _, k := range c.plan.Keys {
		p, err := watermark.ParseProfile(k.Profile)
		if err != nil {
			return fmt.Errorf("provenance: the profile of key %s: %w", k.ID, err)
		}
		if p.ID() != k.Scheme {
			return fmt.Errorf("provenance: the profile of key %s has the identity %s, and the plan says %s", k.ID, p.ID(), k.Scheme)
		}
	}
	return nil
}

// evidence checks a proof and returns its entry and where it stands.
func (c *checker) evidence(x Evidence) (Entry, place, error) {
	proof, err := ParseProof([]byte(x.Proof))
	if err != nil {
		return Entry{}, place{}, err
	}
	e, err := ParseEntry([]byte(x.Entry))
	if err != nil {
		return Entry{}, place{}, err
	}
	checkpoint, err := proof.Check([]byte(x.Entry), c.verifier)
	if err != nil {
		return Entry{}, place{}, err
	}
	if root, ok := c.roots[checkpoint.Size]; ok && root != checkpoint.Root {
		return Entry{}, place{}, fmt.Errorf("provenance: two checkpoints of %d entries have different hashes: the owner signed two logs", checkpoint.Size)
	}
	c.roots[checkpoint.Size] = checkpoint.Root
	when, err := e.when()
	return e, place{proof.Index, checkpoint.Size, when, true}, err
}

func (c *checker) commitments() error {
	for _, k := range c.plan.Keys {
		e, at, err := c.evidence(k.Commitment)
		if err != nil {
			return fmt.Errorf("provenance: key %s: %w", k.ID, err)
		}
		if e.Kind != KindCommit || e.Key != k.ID || e.Scheme != k.Scheme || e.Epoch != k.Epoch {
			return fmt.Errorf("provenance: key %s: the entry is not the commitment to this key for its epoch and profile", k.ID)
		}
		c.commits = append(c.commits, at)
	}
	return nil
}

func (c *checker) entry(x Evidence, kind Kind, digest string, at *place) error {
	e, where, err := c.evidence(x)
	if err != nil {
		return err
	}
	*at = where
	return unless(e.Kind == kind && e.Digest == digest, "the entry is not that of the plan %s, of kind %s", digest, kind)
}

func (c *checker) order() error {
	if !c.planned.known || !c.begun.known || len(c.commits) != len(c.plan.Keys) {
		return errors.New("provenance: it cannot be told, since a proof is missing")
	}
	for i, at := range c.commits {
		// The plan can only have come after a checkpoint that it holds.
		if at.index >= c.planned.index || at.time.After(c.planned.time) || at.size > c.planned.index {
			return fmt.Errorf("provenance: key %s was committed in entry %d, and the plan is entry %d: the commitment is not older than the plan", c.plan.Keys[i].ID, at.index, c.planned.index)
		}
	}
	return unless(c.planned.index < c.begun.index && !c.planned.time.After(c.begun.time), "the test began in entry %d, and the plan is entry %d: the plan is not older than the test", c.begun.index, c.planned.index)
}

// growth checks that the checkpoints of all proofs, in the order of their sizes, belong together.
func (c *checker) growth() error {
	sizes := make([]int64, 0, len(c.roots))
	for size := range c.roots {
		sizes = append(sizes, size)
	}
	slices.Sort(sizes)
	have := map[[2]int64][]string{}
	for _, g := range c.report.Growth {
		have[[2]int64{g.From, g.To}] = g.Hashes
	}
	for i := range sizes[:max(len(sizes)-1, 0)] {
		from, to := sizes[i], sizes[i+1]
		hashes, ok := have[[2]int64{from, to}]
		if !ok {
			return fmt.Errorf("provenance: nothing shows that the log of %d entries begins with that of %d", to, from)
		}
		var proof tlog.TreeProof
		for _, text := range hashes {
			h, ok := parseHash(text)
			if !ok || len(proof) >= 64 {
				return errors.New("provenance: a hash of the growth of the log is not valid")
			}
			proof = append(proof, h)
		}
		if err := tlog.CheckTree(proof, to, c.roots[to], from, c.roots[from]); err != nil {
			return fmt.Errorf("provenance: the log of %d entries does not begin with that of %d: entries were changed or removed", to, from)
		}
	}
	return unless(len(sizes) > 0, "the report has no proof that holds")
}

// corpusSays words what corpus has found.
func (c *checker) corpusSays() string {
	switch j := c.report.Outcome.Journal; {
	case j == nil:
		return fmt.Sprintf("the files that were tested are the %d of the plan", len(c.plan.Files))
	case c.plan.Journal == JournalMade:
		return fmt.Sprintf("the test made one journal of %d records, under the questions of the plan", j.Records)
	default:
		return fmt.Sprintf("the journal that was tested is the one of the plan, with %d records", j.Records)
	}
}

func (c *checker) corpus() error {
	o := &c.report.Outcome
	if (o.Journal != nil) != (c.plan.Journal != "") {
		return errors.New("provenance: the plan and the result do not agree on a journal")
	}
	if o.Journal != nil && (o.Journal.Records < 1 || !isDigest(o.Journal.Head) || len(o.Files) != 1) {
		return errors.New("provenance: the end of the journal is not valid")
	}
	if c.plan.Journal == JournalMade {
		return nil // the journal did not exist when the plan was logged
	}
	return unless(len(c.plan.Files.Diff(c.report.Outcome.Files)) == 0, "%s", joinReasons(c.plan.Files.Diff(c.report.Outcome.Files)))
}

func (c *checker) counts() error {
	n := c.report.Outcome.Counts
	skipped := int64(0)
	for _, r := range n.Reasons {
		if r.Count < 0 {
			return errors.New("provenance: a count is negative")
		}
		skipped += r.Count
	}
	return unless(n.Tested >= 0 && n.Found == n.Tested+n.Skipped && n.Skipped == skipped, "%d rows were found, %d tested and %d skipped, of which %d have a reason", n.Found, n.Tested, n.Skipped, skipped)
}

func (c *checker) rules() error {
	o := &c.report.Outcome
	if o.Alpha != c.plan.Alpha {
		return fmt.Errorf("provenance: the plan declares alpha %g, and the result has %g", c.plan.Alpha, o.Alpha)
	}
	if !slices.Contains([]string{"detected", "not_detected", "inconclusive"}, o.Verdict) {
		return fmt.Errorf("provenance: the verdict is not one of the three")
	}
	var inner struct {
		Verdict *string `json:"verdict"`
	}
	if json.Unmarshal(o.Result, &inner) != nil || inner.Verdict == nil || *inner.Verdict != o.Verdict {
		return errors.New("provenance: the verdict of the report is not that of its result")
	}
	return nil
}

func (c *checker) controls() error {
	o := &c.report.Outcome
	// A replay shows whether the reason holds. Only a scan can detect without a pile to compare.
	if len(o.Controls) == 0 && o.NoControls != "" && (o.Verdict != "detected" || c.plan.Test == "scan") {
		return nil
	}
	if len(o.Controls) != len(c.plan.Keys) {
		return fmt.Errorf("provenance: the plan has %d keys, and the result compares %d with control keys", len(c.plan.Keys), len(o.Controls))
	}
	for i, x := range o.Controls {
		rank := 1
		for _, p := range x.Keys {
			if p <= x.Log10P {
				rank++
			}
		}
		switch {
		case x.Key != c.plan.Keys[i].ID:
			return fmt.Errorf("provenance: the result compares key %s, and the plan has %s", x.Key, c.plan.Keys[i].ID)
		case len(x.Keys) != c.plan.Controls.Keys:
			return fmt.Errorf("provenance: the plan declares %d control keys, and the result has %d", c.plan.Controls.Keys, len(x.Keys))
		case !sort.Float64sAreSorted(x.Keys):
			return errors.New("provenance: the p-values of the control keys are not in order")
		case x.Rank != rank:
			return fmt.Errorf("provenance: the rank of key %s is %d, and the result says %d", x.Key, rank, x.Rank)
		case (x.Clean != nil) != (len(c.plan.Clean) > 0):
			return errors.New("provenance: the plan and the result do not agree on the clean corpus")
		}
	}
	return nil
}

func (c *checker) digest() error {
	text, err := c.report.Outcome.JSON()
	if err != nil {
		return err
	}
	got := Digest(text)
	return unless(got == c.report.Digest, "the result has the digest %s, and the report names %s", got, c.report.Digest)
}

// CheckKey returns an error unless the key opens the commitment of a key of the plan.
func (p *Plan) CheckKey(k watermark.Key) error {
	for _, x := range p.Keys {
		if x.ID != k.ID() {
			continue
		}
		e, err := ParseEntry([]byte(x.Commitment.Entry))
		if err != nil {
			return err
		}
		return unless(e.Opens(k), "%v does not open its commitment", k)
	}
	return fmt.Errorf("provenance: the plan does not have %v", k)
}
