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
	Fixed      = "fixed"      // all questions are asked, then the test is made once
	Sequential = "sequential" // a test that may stop the collection, and at its end the fixed one
)

// A Plan is what is declared of a test before anything is looked at. It holds no secret:
// keys by their ids. It has no default values: what is written is what is meant.
type Plan struct {
	Version   int       `json:"isotope_student"` // 1
	Question  string    `json:"question"`
	Key       string    `json:"key"` // id of the key that is tested
	Mark      string    `json:"mark"`
	Profile   string    `json:"profile"`
	Tokenizer string    `json:"tokenizer"`
	Registry  *Registry `json:"registry,omitempty"`
	// Provenance is a test of its own beside the statistics, made at the end.
	Provenance *Provenance `json:"provenance,omitempty"`
	Statistics []string    `json:"statistics"`
	Reference  string      `json:"reference,omitempty"` // the model of the second statistic
	Stopping   string      `json:"stopping"`
	Alpha      float64     `json:"alpha"`
	Tests      int64       `json:"tests"` // that this one belongs to, its own statistics apart
	C1         float64     `json:"c1"`    // 0: unknown
	Share      float64     `json:"share"` // of interest; without a c1 nothing depends on it
	Decoys     int         `json:"decoys"`
	RunKey     string      `json:"run_key"` // from which the decoys follow
	// PromptsUnmarked declares that the marked model wrote no prompt, so that contexts of
	// prompts stay in the test.
	PromptsUnmarked bool `json:"prompts_unmarked"`
}

// A Registry says which accounts are tested.
type Registry struct {
	Digest  string `json:"digest"`
	Root    string `json:"root"` // key id
	Epoch   string `json:"epoch"`
	Cohorts int    `json:"cohorts"`
	Tenants int    `json:"tenants"`
}

// A Declared is a plan with what it is about.
type Declared struct {
	Plan       Plan        `json:"plan"`
	Collection *Collection `json:"collection,omitempty"` // nil when outputs come from files
}

// A Collection is a collect.Declaration without what the plan says, and with the digest of
// its prompts in their place.
type Collection struct {
	Request collect.Request `json:"request"`
	Prompts string          `json:"prompts"`
	Number  int             `json:"number_of_prompts"`
	Asks    int             `json:"asks"`
	Batch   int             `json:"batch"`
	Budget  collect.Budget  `json:"budget,omitzero"`
}

// Declare returns the declaration of a collection, without its plan.
func Declare(d *collect.Declaration) *Declared {
	return &Declared{Collection: &Collection{
		Request: d.Request, Prompts: collect.DigestPrompts(d.Prompts), Number: len(d.Prompts), Asks: d.Asks, Batch: d.Batch, Budget: d.Budget,
	}}
}

// FromDeclaration reads what a journal declares.
func FromDeclaration(d *collect.Declaration) (*Declared, error) {
	out := Declare(d)
	if err := strictjson.Decode(d.Plan, &out.Plan); err != nil {
		return nil, fmt.Errorf("the journal's plan: %w", err)
	}
	return out, nil
}

// JSON returns the bytes that are hashed.
func (d *Declared) JSON() []byte {
	text, err := canonical.Encode(d)
	if err != nil {
		panic("audit: " + err.Error()) // plain values, and an Extra that was parsed
	}
	return text
}

// Digest names the plan: "sha256:" and the hash of its JSON.
func (d *Declared) Digest() string { return canonical.Digest(d.JSON()) }

// ParseDeclared reads the JSON of a plan. Unknown fields are an error.
func ParseDeclared(text []byte) (*Declared, error) {
	var out Declared
	if err := strictjson.Decode(text, &out); err != nil {
		return nil, fmt.Errorf("not a plan: %w", err)
	}
	if out.Plan.Version != 1 {
		return nil, fmt.Errorf("not a plan: isotope_student is %d and not 1", out.Plan.Version)
	}
	return &out, nil
}

// Same returns an error that says where two plans differ.
func (d *Declared) Same(e *Declared) error {
	changes, err := canonical.Compare(d.JSON(), e.JSON())
	if err != nil || len(changes) == 0 {
		return err
	}
	said := make([]string, len(changes))
	for i, c := range changes {
		said[i] = c.String()
	}
	return errors.New("not what was declared: " + strings.Join(said, "; "))
}

// RunKeyBytes returns the run key.
func (p *Plan) RunKeyBytes() (key [16]byte, err error) {
	b, err := hex.DecodeString(p.RunKey)
	if err != nil || len(b) != len(key) {
		return key, fmt.Errorf("a run key is %d hex digits", 2*len(key))
	}
	return [16]byte(b), nil
}

// RunKeyText is a run key as a plan holds it.
func RunKeyText(k [16]byte) string { return hex.EncodeToString(k[:]) }
