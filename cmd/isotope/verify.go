package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/provenance"
)

const verifyHelp = `Verify checks a signed report, without a network. It checks the signatures of report and
plan, and the proofs that the log has the commitments, the plan and the beginning of the
test. It also checks their order, the digests, the counts, and that the report claims what
its parts show. It prints a line for each check. A check that fails is named, and then the
exit status is 1.

Give --log-key with the verifier key that the owner published. Without it, Verify takes the
key that the report names, and everybody can make a report with a key of their own.

--checkpoint has a checkpoint that somebody kept since the owner published it. It shows by
when the keys and the plan were fixed. --log has a copy of the whole log, which shows what
else was declared and tested, and whether a key was out before the test.

A report on the answers of an endpoint names the end of their journal. --journal checks the
file of that journal. Nothing is asked again.

--replay repeats the test on the corpus in PATH, with keys that the owner disclosed. It must
give the same bytes, except for the last digits of numbers. If these differ, a note says so.
This needs the files of the corpus, and nobody's word.`

// verifyFlags are the flags of verify.
type verifyFlags struct {
	logKey, log, journal           string
	checkpoints, keys, clean, toks []string
	replay, json                   bool
}

func (c *cli) verifyCommand() *cobra.Command {
	var o verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [--replay] REPORT [PATH...]",
		Short: "Check a signed report, and repeat its test",
		Long:  verifyHelp,
		Example: `  isotope verify --log-key owner.txt --checkpoint kept-since-march report.json
  isotope verify --replay --log-key owner.txt --key disclosed.key report.json corpus/`,
		Args: func(_ *cobra.Command, args []string) error {
			return check([]rule{
				{len(args) == 0, "REPORT is missing: the file of a signed report"},
				noSecrets(args...),
			})
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := check([]rule{
				noSecrets(append(append(append([]string{o.logKey, o.log, o.journal}, o.checkpoints...), o.keys...), o.clean...)...),
				{!o.replay && len(args) > 1, "PATH is the corpus of --replay; give --replay, or leave it out"},
				{o.replay && len(args) < 2, "PATH is missing: the files of the corpus that was tested"},
				{o.replay && len(o.keys) == 0, "--key FILE is missing: a replay needs each key of the plan, which the owner discloses with 'isotope reveal'"},
				{o.replay && o.journal != "", "--replay takes the journal as PATH; leave out --journal"},
				{!o.replay && len(o.clean) > 0, "--clean is for --replay; leave it out"},
			}); err != nil {
				return err
			}
			return c.verify(cmd.Context(), &o, args[0], args[1:])
		},
	}
	f := cmd.Flags()
	registerLogKey(f, &o.logKey)
	f.StringArrayVar(&o.checkpoints, "checkpoint", nil, "`FILE` of a checkpoint that somebody kept since it was published; repeat it for more")
	f.StringVar(&o.log, "log", "", "`DIR` with a copy of the whole log")
	f.StringVar(&o.journal, "journal", "", "`FILE` of the journal that the report is of: check that it is whole, and made after the test was declared")
	f.StringArrayVarP(&o.keys, "key", "k", nil, "`FILE` of a key that the owner disclosed; repeat it for each key of the plan")
	f.BoolVar(&o.replay, "replay", false, "repeat the test on the corpus in PATH, and compare every byte of the result")
	f.StringArrayVar(&o.clean, "clean", nil, "`PATH` of the clean corpus of the plan; repeat it for more")
	registerTokenizers(f, &o.toks)
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	return cmd
}

// verifyJSON is the JSON object of verify.
type verifyJSON struct {
	envelope
	OK      bool                 `json:"ok"`
	Report  string               `json:"report"`  // digest of the signed report
	Plan    string               `json:"plan"`    // digest of the plan
	LogKey  string               `json:"log_key"` // name of the key
	Given   bool                 `json:"log_key_given"`
	Verdict string               `json:"verdict"`
	Claims  *provenance.Claims   `json:"claims"` // null: the report cannot be read
	Checks  []provenance.Finding `json:"checks"`
	Notes   []string             `json:"notes"`
}

// verify checks a report.
func (c *cli) verify(ctx context.Context, o *verifyFlags, file string, corpus []string) error {
	text, err := textfile.Read(file, maxEnvelope)
	if err != nil {
		return openError(err)
	}
	v := &verification{cli: c, flags: o, checked: &provenance.Checked{}}
	v.out = verifyJSON{envelope: newEnvelope("verify"), Notes: []string{}}
	v.run(ctx, bytes.TrimSpace(text), corpus)
	v.out.Checks = v.checked.Findings
	failed := v.checked.Findings.Err()
	v.out.OK = failed == nil
	if o.json {
		err = writeJSON(c.stdout, v.out)
	} else {
		err = v.print()
	}
	return errors.Join(err, failed)
}

// A verification is one call of verify.
type verification struct {
	*cli
	flags   *verifyFlags
	checked *provenance.Checked
	out     verifyJSON
}

// run makes all checks, as far as one leads to the next.
func (v *verification) run(ctx context.Context, text []byte, corpus []string) {
	_, payload, err := parseEnvelope(text)
	add := func(name string, err error, says string) bool {
		v.checked.Add(name, err, says)
		return err == nil
	}
	if !add("report envelope", err, "the report is an envelope of DSSE with one signature") {
		return
	}
	v.out.Report = provenance.Digest(payload)
	report, err := provenance.ParseReport(payload)
	if !add("report", err, "the report is well formed: "+v.out.Report) {
		return
	}
	v.out.Plan, v.out.Claims, v.out.Verdict = report.PlanDigest, &report.Claims, report.Outcome.Verdict
	_, planned, err := parseEnvelope(report.Plan)
	if !add("plan envelope", err, "the plan is an envelope of DSSE with one signature") {
		return
	}
	key, err := v.key(planned)
	says := "the key of the log is the one of --log-key"
	if !v.out.Given {
		says = "the key of the log is the one that the report names; nobody else has vouched for it"
	}
	if !add("log key", err, says) {
		return
	}
	k := envelopeKey{verifier: key}
	v.out.LogKey, _ = k.KeyID()
	_, err = openEnvelope(ctx, text, k)
	add("report signature", err, "the key "+v.out.LogKey+" signed the report")
	_, err = openEnvelope(ctx, report.Plan, k)
	add("plan signature", err, "the key "+v.out.LogKey+" signed the plan")
	before := v.checked.Findings
	v.checked = provenance.Check(report, planned, key)
	v.checked.Findings = append(before, v.checked.Findings...)
	if v.checked.Plan == nil {
		return
	}
	if len(v.checked.Order) == 2 {
		v.out.Notes = append(v.out.Notes, fmt.Sprintf("the log has %d entries before the plan, so the owner chose the keys among at most as many; for text that may be older than the commitments, multiply the p-value by that number", v.checked.Order[0]))
	}
	v.beyond(ctx)
	if plan := v.checked.Plan; plan.Journal != "" && v.flags.replay && len(corpus) > 0 {
		v.flags.journal = corpus[0]
	}
	if v.flags.journal != "" {
		says, err := checkJournal(ctx, v.flags.journal, report, v.checked.Plan)
		add("journal", err, says)
	} else if v.checked.Plan.Journal != "" {
		v.out.Notes = append(v.out.Notes, "the journal of the answers was not checked; --journal with its file shows that it is whole")
	}
	if v.flags.replay {
		v.replay(ctx, corpus)
	}
}

// key returns the verifier key of the owner: that of the flag, or else the one that the plan names.
func (v *verification) key(plan []byte) (note.Verifier, error) {
	if v.flags.logKey != "" {
		v.out.Given = true
		return readVerifier(v.flags.logKey)
	}
	p, err := provenance.ParsePlan(plan)
	if err != nil {
		return nil, err
	}
	v.out.Notes = append(v.out.Notes, "the signatures were checked with the key that the report names; compare it with the key that the owner published, or give that key with --log-key")
	return note.NewVerifier(p.Log)
}

// beyond makes the checks that need more than the report.
func (v *verification) beyond(ctx context.Context) {
	for _, name := range v.flags.checkpoints {
		text, err := textfile.Read(name, maxSignKey)
		if err != nil {
			v.checked.Add("published checkpoint", openError(err), "")
			continue
		}
		v.checked.CheckPublished(text)
	}
	if len(v.flags.checkpoints) == 0 {
		v.out.Notes = append(v.out.Notes, "the order of the entries is proven, and their dates are the owner's word; --checkpoint with a copy that somebody else kept shows by when they were there")
	}
	if v.flags.log != "" {
		l, err := openReadOnly(v.flags.log, v.checked.Plan.Log)
		if err != nil {
			v.checked.Add("log copy", err, "")
		} else {
			v.checked.CheckLog(l)
		}
	} else {
		v.out.Notes = append(v.out.Notes, "the report does not show which other tests the owner declared; --log with a copy of the log does")
	}
	for _, name := range v.flags.keys {
		k, err := readNativeKey(name)
		if err != nil {
			v.checked.Add("key", err, "")
			continue
		}
		v.checked.CheckKey(k)
	}
	if len(v.flags.keys) == 0 {
		v.out.Notes = append(v.out.Notes, "no key was given, so it was not checked what the commitments are of, and the test was not repeated; --replay with disclosed keys and the corpus does both")
	}
}

// replay repeats the test of a report.
func (v *verification) replay(ctx context.Context, corpus []string) {
	if v.checked.Findings.Err() != nil {
		v.checked.Add("replay", errors.New("the test was not repeated, since the report does not hold"), "")
		return
	}
	plan := v.checked.Plan
	if plan.Tool != toolVersion() {
		v.out.Notes = append(v.out.Notes, fmt.Sprintf("the test was made with %s, and repeated with %s", quoted(plan.Tool), quoted(toolVersion())))
	}
	t := &declaredTest{plan: plan}
	var outcome *provenance.Outcome
	var err error
	switch plan.Test {
	case "detect":
		o := &detectFlags{keys: v.flags.keys, tokenizers: v.flags.toks}
		o.evidence.clean = v.flags.clean
		_, outcome, err = v.runDetect(ctx, o, t, corpus)
	case "scan":
		o := &scanFlags{}
		o.mark.keys, o.mark.tokenizers, o.mark.evidence.clean = v.flags.keys, v.flags.toks, v.flags.clean
		var out *scanOutput
		if out, _, outcome, err = v.runScan(ctx, o, t, corpus); err == nil {
			out.close()
		}
	case "audit":
		o := &studentFlags{tokenizers: v.flags.toks}
		o.evidence.keys = v.flags.keys
		_, outcome, err = v.runAudit(ctx, o, t, corpus)
	}
	what := "bytes"
	if err == nil {
		var r canonical.Rounding
		r, err = sameOutcome(&v.checked.Report.Outcome, outcome)
		if r.Numbers > 0 {
			what = "result"
			v.out.Notes = append(v.out.Notes, fmt.Sprintf("%s in the repeated test, by at most %.0e; versions of the program and processors round differently, and a difference above %.0e would fail",
				plural(int64(r.Numbers), "1 number has other last digits", "%d numbers have other last digits"), r.Largest, canonical.Tolerance))
		}
	}
	v.checked.Add("replay", err, "the test was repeated, and gave the same "+what+": "+v.checked.Report.Digest)
}

// sameOutcome returns an error that lists how two outcomes differ, or nil if they are the same but
// for the rounding of numbers. They are the same bytes if no number was rounded.
func sameOutcome(reported, repeated *provenance.Outcome) (r canonical.Rounding, err error) {
	a, err := reported.JSON()
	if err != nil {
		return r, err
	}
	b, err := repeated.JSON()
	if err != nil {
		return r, err
	}
	if bytes.Equal(a, b) {
		return r, nil
	}
	if r, same, err := canonical.Rounded(a, b); err == nil && same && r.Numbers > 0 {
		return r, nil
	}
	changes, err := canonical.Compare(a, b)
	if err != nil || len(changes) == 0 {
		return r, errors.Join(err, errors.New("the result is not written as the test writes it"))
	}
	said := make([]string, 0, 5)
	for i, x := range changes {
		if i == 5 {
			said = append(said, fmt.Sprintf("and %d more", len(changes)-5))
			break
		}
		said = append(said, x.String())
	}
	return r, fmt.Errorf("the repeated test gave another result: %s", strings.ReplaceAll(strings.Join(said, "; "), "was declared as", "was reported as"))
}

// print prints the checks for people.
func (v *verification) print() error {
	var b strings.Builder
	for _, f := range v.checked.Findings {
		word := "ok    "
		if !f.OK {
			word = "FAILED"
		}
		fmt.Fprintf(&b, "%s  %-20s %s\n", word, f.Name, f.Says)
	}
	switch x := v.out.Claims; {
	case v.checked.Findings.Err() != nil:
		fmt.Fprint(&b, "\nThe report does not hold. Do not rely on anything that it claims.\n")
	case x != nil:
		fmt.Fprintf(&b, "\nThe report claims this level: %s. Its verdict is %s.\n", x.Level, v.out.Verdict)
		for _, line := range [][2]string{{"dependence", x.Dependence}, {"priority", x.Priority}, {"integrity", x.Integrity}, {"attribution", x.Attribution}} {
			fmt.Fprintf(&b, "  %-12s %s\n", line[0], line[1])
		}
	}
	for _, n := range v.out.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	_, err := fmt.Fprint(v.stdout, b.String())
	return err
}
