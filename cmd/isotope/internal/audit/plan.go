package audit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/internal/strictjson"
)

// Values of Plan.Stopping.
const (
	Fixed      = "fixed"      // one test, after all questions were asked
	Sequential = "sequential" // a test that may end the collection, and the fixed one at its end
)

// A Plan declares a test before anybody looks at an output. It has ids of keys and no secret. No
// field has a default: the plan means what it says.
type Plan struct {
	Version   int       `json:"isotope_student"` // 1
	Question  string    `json:"question"`
	Key       string    `json:"key"` // id of the key that is tested
	Mark      string    `json:"mark"`
	Profile   string    `json:"profile"`
	Tokenizer string    `json:"tokenizer"`
	Registry  *Registry `json:"registry,omitempty"`
	// Provenance is a separate test, made at the end.
	Provenance *Provenance `json:"provenance,omitempty"`
	Statistics []string    `json:"statistics"`
	Reference  string      `json:"reference,omitempty"` // model of the residual
	Stopping   string      `json:"stopping"`
	Alpha      float64     `json:"alpha"`
	Tests      int64       `json:"tests"` // that this one belongs to, not counting its own statistics
	C1         float64     `json:"c1"`    // z-score of one scored token if all training text were marked; 0 is unknown
	Share      float64     `json:"share"` // of marked training text, in (0,1]; it has no effect if C1 is 0
	// C1Pairs is the number of scored distinct pairs at which C1 was measured, at least 0. Silence
	// is inconclusive beyond it, and if it is 0.
	C1Pairs int64  `json:"c1_pairs,omitempty"`
	Decoys  int    `json:"decoys"`
	RunKey  string `json:"run_key"` // 32 hex digits that determine the decoys
	// PromptsUnmarked declares that the marked model wrote no prompt. The contexts of prompts
	// then stay in the test.
	PromptsUnmarked bool `json:"prompts_unmarked"`
	// Input says how files are read. It is nil if their content alone says it.
	Input *Input `json:"input,omitempty"`
}

// An Input is what a call said about the files that it names. Another reading of the same files is
// another test.
type Input struct {
	Format      string   `json:"format,omitempty"`
	Encoding    string   `json:"encoding,omitempty"`
	Fields      []string `json:"fields,omitempty"`
	PromptField string   `json:"prompt_field,omitempty"`
	Roles       []string `json:"roles,omitempty"`
	// MaxSkipped is the number or share of rows from which on a test with skipped rows is not
	// complete. It is "" without such a limit.
	MaxSkipped string `json:"max_skipped,omitempty"`
}

// A Registry identifies the accounts that are tested.
type Registry struct {
	Digest  string `json:"digest"`
	Root    string `json:"root"` // key id
	Epoch   string `json:"epoch"`
	Cohorts int    `json:"cohorts"`
	Tenants int    `json:"tenants"`
}

// A DeclaredPlan is a plan and the collection that it is for.
type DeclaredPlan struct {
	Plan       Plan        `json:"plan"`
	Collection *Collection `json:"collection,omitempty"` // nil if outputs come from files
}

// A Collection is a [collect.Declaration] without its plan, and with a digest in place of its
// prompts.
type Collection struct {
	Request collect.Request `json:"request"`
	Prompts string          `json:"prompts"`
	Number  int             `json:"number_of_prompts"`
	Asks    int             `json:"asks"`
	Batch   int             `json:"batch"`
	Budget  collect.Budget  `json:"budget,omitzero"`
}

// Declare returns the declaration of a collection, without its plan.
func Declare(d *collect.Declaration) *DeclaredPlan {
	return &DeclaredPlan{Collection: &Collection{
		Request: d.Request, Prompts: collect.DigestPrompts(d.Prompts), Number: len(d.Prompts), Asks: d.Asks, Batch: d.Batch, Budget: d.Budget,
	}}
}

// FromDeclaration returns the plan of a journal, with its collection.
func FromDeclaration(d *collect.Declaration) (*DeclaredPlan, error) {
	out := Declare(d)
	if err := strictjson.Decode(d.Plan, &out.Plan); err != nil {
		return nil, fmt.Errorf("the journal does not have a plan: %w", err)
	}
	return out, nil
}

// JSON returns the canonical JSON of the declaration.
func (d *DeclaredPlan) JSON() []byte {
	text, err := canonical.Encode(d)
	if err != nil {
		panic("audit: " + err.Error()) // every field is plain, and Extra was parsed
	}
	return text
}

// Digest returns the name of the declaration: "sha256:" and the hash of its JSON.
func (d *DeclaredPlan) Digest() string { return canonical.Digest(d.JSON()) }

// ParseDeclared parses the JSON of a declaration, strictly.
func ParseDeclared(text []byte) (*DeclaredPlan, error) {
	var out DeclaredPlan
	if err := strictjson.Decode(text, &out); err != nil {
		return nil, fmt.Errorf("not a plan of 'isotope student --dry-run': %w", err)
	}
	if out.Plan.Version != 1 {
		return nil, fmt.Errorf("not a plan of this version: isotope_student is %d, and this program reads 1", out.Plan.Version)
	}
	return &out, nil
}

// Same returns an error that lists the fields in which e differs from the declaration d, or nil.
func (d *DeclaredPlan) Same(e *DeclaredPlan) error {
	changes, err := canonical.Compare(d.JSON(), e.JSON())
	if err != nil || len(changes) == 0 {
		return err
	}
	said := make([]string, len(changes))
	for i, c := range changes {
		said[i] = c.String()
	}
	return errors.New("this is not the declared plan: " + strings.Join(said, "; "))
}

// RunKeyBytes returns the bytes of the run key.
func (p *Plan) RunKeyBytes() (key [16]byte, err error) {
	b, err := hex.DecodeString(p.RunKey)
	if err != nil || len(b) != len(key) {
		return key, fmt.Errorf("a run key has %d hex digits", 2*len(key))
	}
	return [16]byte(b), nil
}

// RunKeyText returns a run key in hex digits, as a plan has it.
func RunKeyText(k [16]byte) string { return hex.EncodeToString(k[:]) }
