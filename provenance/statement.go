package provenance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/internal/strictjson"
)

// Types of the statements that this package reads and writes, as in-toto has them.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PlanType      = "https://github.com/isotope-wm/isotope/plan/v1"
	ReportType    = "https://github.com/isotope-wm/isotope/report/v1"
	// PayloadType is the type of the payload of the envelopes that hold statements.
	PayloadType = "application/vnd.in-toto+json"
)

// maxStatement is the longest statement in bytes.
const maxStatement = strictjson.MaxSize

// A statement is an in-toto Statement v1. Its subjects are the files of the tested corpus.
type statement[P any] struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     P         `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// encode returns v as JSON on one line. Structs keep the order of their fields, so the same value
// always gives the same bytes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Digest returns the name of a text: "sha256:" and 64 hex digits.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// A File is a file of a corpus, as its raw bytes are.
type File struct {
	Name   string `json:"name"`   // below the directory that was named, with slashes
	Bytes  int64  `json:"bytes"`  // at least 0
	SHA256 string `json:"sha256"` // 64 hex digits
}

// A Manifest lists the files of a corpus by their names, in ascending order.
type Manifest []File

// maxFiles is the largest number of files of a manifest.
const maxFiles = 1 << 20

// Digest returns the digest of the manifest: that of its JSON.
func (m Manifest) Digest() string {
	text, err := encode(m)
	if err != nil {
		panic(err.Error()) // unreachable: the fields are plain
	}
	return Digest(text)
}

// Check returns an error unless the manifest is in order and has at least one file.
func (m Manifest) Check() error {
	if len(m) == 0 || len(m) > maxFiles {
		return fmt.Errorf("provenance: a manifest has 1 to %d files, and this one has %d", maxFiles, len(m))
	}
	for i, f := range m {
		switch {
		case f.Name == "" || len(f.Name) > 4096 || f.Bytes < 0 || len(f.SHA256) != 64 || !isLowerHex(f.SHA256):
			return fmt.Errorf("provenance: file %d of the manifest is not valid", i)
		case i > 0 && m[i-1].Name >= f.Name:
			return fmt.Errorf("provenance: the files of the manifest are not in ascending order, or %s occurs twice", strictjson.Quote(f.Name))
		}
	}
	return nil
}

// Diff returns what differs in another manifest, in words, or nothing.
func (m Manifest) Diff(other Manifest) []string {
	var said []string
	have := make(map[string]File, len(other))
	for _, f := range other {
		have[f.Name] = f
	}
	for _, f := range m {
		g, ok := have[f.Name]
		delete(have, f.Name)
		switch {
		case !ok:
			said = append(said, fmt.Sprintf("%s is missing", strictjson.Quote(f.Name)))
		case f != g:
			said = append(said, fmt.Sprintf("%s has changed: it was declared with %d bytes and sha256:%s, and now has %d bytes and sha256:%s", strictjson.Quote(f.Name), f.Bytes, f.SHA256, g.Bytes, g.SHA256))
		}
	}
	for _, f := range other {
		if _, ok := have[f.Name]; ok {
			said = append(said, fmt.Sprintf("%s was not declared", strictjson.Quote(f.Name)))
		}
	}
	return said
}

func (m Manifest) subjects() []subject {
	out := make([]subject, len(m))
	for i, f := range m {
		out[i] = subject{f.Name, map[string]string{"sha256": f.SHA256}}
	}
	return out
}

// Evidence is an entry of a log with its proof.
type Evidence struct {
	Entry string `json:"entry"` // its line
	Proof string `json:"proof"` // c2sp.org/tlog-proof@v1
}

// A PlanKey is a key that a plan tests, with its commitment.
type PlanKey struct {
	ID         string          `json:"id"`
	Epoch      string          `json:"epoch"`
	Scheme     string          `json:"scheme"`  // identity of the profile
	Profile    json.RawMessage `json:"profile"` // whole
	Commitment Evidence        `json:"commitment"`
}

// Controls are the control keys of a plan: keys that marked nothing and follow from the run key.
type Controls struct {
	Keys   int    `json:"keys"`
	RunKey string `json:"run_key"` // 32 hex digits
}

// Values of Plan.Journal.
const (
	JournalMade  = "made"  // by the test: Files has the questions, and Outcome.Files the journal
	JournalGiven = "given" // Files has the journal
)

// A Plan declares a test before anything is scored. It has no secret. No field has a default.
type Plan struct {
	Version  int       `json:"isotope_plan"` // 1
	Test     string    `json:"test"`         // the verb: "detect", "scan" or "audit"
	Question string    `json:"question"`
	Log      string    `json:"log"` // verifier key of the log and of the signatures
	Keys     []PlanKey `json:"keys"`
	Corpus   string    `json:"corpus"` // digest of the manifest
	Files    Manifest  `json:"files"`
	// Journal says that the test is of a journal of answers of an endpoint, and which: JournalMade
	// or JournalGiven. It is empty for other files.
	Journal string `json:"journal,omitempty"`
	// Clean is a corpus that nobody marked and that is like the tested one. Its result shows what
	// the test says of such text. It may be empty.
	Clean        Manifest        `json:"clean,omitempty"`
	Unit         string          `json:"unit"`  // what has a p-value: "text" or "corpus"
	Dedup        string          `json:"dedup"` // of the profiles, in the order of the keys
	Statistics   []string        `json:"statistics"`
	Alpha        float64         `json:"alpha"`
	Multiplicity string          `json:"multiplicity"` // the rule, in words
	Tests        int64           `json:"tests"`        // that this one belongs to, at least 1
	Stopping     string          `json:"stopping"`     // "fixed": all files, once
	Controls     Controls        `json:"controls"`
	Tool         string          `json:"tool"`    // version of the program that makes the test
	Options      json.RawMessage `json:"options"` // of the verb
}

// Statement returns the plan as an in-toto Statement: the payload that is signed.
func (p *Plan) Statement() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return encode(statement[*Plan]{StatementType, p.Files.subjects(), PlanType, p})
}

// ParsePlan parses the payload of a signed plan, strictly.
func ParsePlan(payload []byte) (*Plan, error) {
	p, err := parseStatement[Plan](payload, PlanType, "plan")
	if err != nil {
		return nil, err
	}
	if p.Version != 1 {
		return nil, fmt.Errorf("provenance: the plan has version %d, and this program reads 1", p.Version)
	}
	return p, p.check()
}

func (p *Plan) check() error {
	if err := p.Files.Check(); err != nil {
		return err
	}
	if len(p.Clean) > 0 {
		if err := p.Clean.Check(); err != nil {
			return err
		}
	}
	switch {
	case p.Test != "detect" && p.Test != "scan" && p.Test != "audit":
		return fmt.Errorf("provenance: the plan is of the test %s, and a plan is of detect, scan or audit", strictjson.Quote(p.Test))
	case len(p.Keys) == 0 || len(p.Keys) > maxCommitments:
		return errors.New("provenance: the plan has no key, or too many")
	case p.Corpus != p.Files.Digest():
		return errors.New("provenance: the digest of the corpus is not that of the plan's files")
	case !(p.Alpha > 0 && p.Alpha < 1) || p.Tests < 1 || p.Controls.Keys < 0:
		return errors.New("provenance: a number of the plan is outside its range")
	}
	switch {
	case p.Journal == "":
	case p.Journal != JournalMade && p.Journal != JournalGiven || p.Test != "audit":
		return fmt.Errorf("provenance: the journal of the plan is %s, and it is %s or %s in a plan of audit", strictjson.Quote(p.Journal), JournalMade, JournalGiven)
	case len(p.Files) != 1:
		return fmt.Errorf("provenance: a plan with a journal has one file, and this one has %d", len(p.Files))
	}
	for _, k := range p.Keys {
		if !isKeyID(k.ID) || !isEpoch(k.Epoch) || !isDigest(k.Scheme) {
			return errors.New("provenance: a key of the plan is not valid")
		}
	}
	return nil
}

// Counts account for what was read: Found is Tested and Skipped together.
type Counts struct {
	Found   int64   `json:"found"`
	Tested  int64   `json:"tested"`
	Skipped int64   `json:"skipped"`
	Reasons []Count `json:"reasons"` // of the skips
}

// A Count is a named number.
type Count struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// A ControlResult compares a key with the control keys on the same texts.
type ControlResult struct {
	Key    string    `json:"key"`     // id
	Log10P float64   `json:"log10_p"` // of the key: the smallest of all texts, not adjusted
	Keys   []float64 `json:"keys"`    // the same of each control key, ascending
	Rank   int       `json:"rank"`    // of the key among all of them; 1 is the smallest p-value
	// Clean is the smallest log10 p of the key on the clean corpus, or nil without one.
	Clean *float64 `json:"clean_log10_p,omitempty"`
}

// A JournalHead is the end of a journal whose records are a chain of hashes.
type JournalHead struct {
	Records int64  `json:"records"`
	Head    string `json:"head"` // hash of the last record: "sha256:" and 64 hex digits
}

// An Outcome is the canonical part of a report: what anybody who has the plan, the keys and the
// corpus computes again, byte for byte.
type Outcome struct {
	Verdict  string          `json:"verdict"` // detected, not_detected or inconclusive
	Alpha    float64         `json:"alpha"`
	Files    Manifest        `json:"files"`             // that were read
	Journal  *JournalHead    `json:"journal,omitempty"` // of a test of a journal
	Counts   Counts          `json:"counts"`
	Controls []ControlResult `json:"controls"`
	// NoControls says why there is no comparison with control keys. It is empty if there is one.
	NoControls string          `json:"no_controls,omitempty"`
	Result     json.RawMessage `json:"result"` // of the verb, whole
}

// JSON returns the canonical bytes of the outcome.
func (o *Outcome) JSON() ([]byte, error) { return encode(o) }

// A Growth shows that a log of one size begins with the entries of a smaller one.
type Growth struct {
	From   int64    `json:"from"`
	To     int64    `json:"to"`
	Hashes []string `json:"hashes"` // base64, RFC 6962, section 2.1.2
}

// A Report is the result of a declared test with all that shows how it came about.
type Report struct {
	Version    int             `json:"isotope_report"` // 1
	Plan       json.RawMessage `json:"plan"`           // the signed envelope, whole
	PlanDigest string          `json:"plan_digest"`    // of the payload of the envelope
	Planned    Evidence        `json:"planned"`        // the entry of the plan
	Begun      Evidence        `json:"begun"`          // the entry of the test
	Growth     []Growth        `json:"growth"`         // between the checkpoints of all proofs
	Claims     Claims          `json:"claims"`
	Outcome    Outcome         `json:"outcome"`
	Digest     string          `json:"outcome_digest"` // of the canonical bytes of the outcome
}

// Statement returns the report as an in-toto Statement: the payload that is signed.
func (r *Report) Statement() ([]byte, error) {
	return encode(statement[*Report]{StatementType, r.Outcome.Files.subjects(), ReportType, r})
}

// ParseReport parses the payload of a signed report, strictly. It checks the form alone; see
// [Check].
func ParseReport(payload []byte) (*Report, error) {
	r, err := parseStatement[Report](payload, ReportType, "report")
	if err != nil {
		return nil, err
	}
	if r.Version != 1 {
		return nil, fmt.Errorf("provenance: the report has version %d, and this program reads 1", r.Version)
	}
	return r, r.Outcome.Files.Check()
}

// IsStatement reports whether a payload is a statement with this type of predicate, as far as its
// beginning tells.
func IsStatement(payload []byte, predicateType string) bool {
	var s struct {
		Type          string `json:"_type"`
		PredicateType string `json:"predicateType"`
	}
	return json.Unmarshal(payload, &s) == nil && s.Type == StatementType && s.PredicateType == predicateType
}

func parseStatement[P any](payload []byte, predicateType, what string) (*P, error) {
	if len(payload) > maxStatement {
		return nil, fmt.Errorf("provenance: the %s has more than %d bytes", what, maxStatement)
	}
	var s statement[*P]
	if err := strictjson.Decode(payload, &s); err != nil {
		return nil, fmt.Errorf("provenance: not a %s: %w", what, err)
	}
	switch {
	case s.Type != StatementType:
		return nil, fmt.Errorf("provenance: not a %s: its _type is %s", what, strictjson.Quote(s.Type))
	case s.PredicateType != predicateType:
		return nil, fmt.Errorf("provenance: not a %s: its predicateType is %s", what, strictjson.Quote(s.PredicateType))
	case s.Predicate == nil:
		return nil, fmt.Errorf("provenance: not a %s: it has no predicate", what)
	}
	var files Manifest
	switch p := any(s.Predicate).(type) {
	case *Plan:
		files = p.Files
	case *Report:
		files = p.Outcome.Files
	}
	if !slices.EqualFunc(s.Subject, files.subjects(), func(a, b subject) bool {
		return a.Name == b.Name && len(a.Digest) == 1 && a.Digest["sha256"] == b.Digest["sha256"]
	}) {
		return nil, fmt.Errorf("provenance: the subjects of the %s are not its files", what)
	}
	return s.Predicate, nil
}

// joinReasons lists what was said, at most five of it.
func joinReasons(said []string) string {
	if more := len(said) - 5; more > 0 {
		said = append(slices.Clone(said[:5]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(said, "; ")
}
