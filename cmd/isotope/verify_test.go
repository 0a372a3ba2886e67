package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/mod/sumdb/note"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/provenance"
)

// A chain is what two parties have after a declared test. They share files alone.
type chain struct {
	t        *testing.T
	provider tempDir
	stranger tempDir
}

// at returns arguments in which names that begin with @ are files of a directory.
func at(d tempDir, args ...string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if name, ok := strings.CutPrefix(a, "@"); ok {
			out[i] = d.of(name)
		}
	}
	return out
}

// give copies files of the provider to the stranger.
func (c *chain) give(names ...string) {
	c.t.Helper()
	for _, name := range names {
		copyTree(c.t, c.provider.of(name), c.stranger.of(filepath.Base(name)))
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	require.NoError(t, err)
	if info.IsDir() {
		require.NoError(t, os.CopyFS(to, os.DirFS(from)))
		return
	}
	text, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, text, 0o600))
}

// newChain makes the files of a declared test: the provider commits, publishes a checkpoint, declares
// and tests a corpus of three files, and discloses the key.
func newChain(t *testing.T) *chain {
	t.Helper()
	c := &chain{t: t, provider: newDir(t), stranger: newDir(t)}
	p := c.provider
	copyTree(t, fieldFiles+"throwaway.key", p.of("my.key"))
	copyTree(t, fieldFiles+"profile.json", p.of("my.json"))
	require.NoError(t, os.Mkdir(p.of("corpus"), 0o755))
	require.NoError(t, os.Mkdir(p.of("clean"), 0o755))
	copyTree(t, fieldFiles+"base_marked.txt", p.of("corpus/a.txt"))
	copyTree(t, fieldFiles+"base_plain.txt", p.of("corpus/b.txt"))
	copyTree(t, fieldFiles+"base_plain.txt", p.of("clean/c.txt"))
	p.file("corpus/d.jsonl", "{\"output\":\"one\"}\nnot json\n")
	p.file("owner.txt", mustRun(t, at(p, "log", "new", "--name", "example.com/acme", "--sign-key", "@sign.key", "@log")...))
	log := at(p, "--log", "@log", "--sign-key", "@sign.key")
	mustRun(t, append(at(p, "commit", "-q", "--profile", "@my.json", "--epoch", "2026-11", "--proofs", "@proofs", "@my.key"), log...)...)
	copyTree(t, p.of("log/checkpoint"), p.of("kept"))
	mustRun(t, append(at(p, "detect", "-q", "--declare", "@plan.json", "--key", "@my.key", "--profile", "@my.json", "--clean", "@clean", "@corpus"), log...)...)
	mustRun(t, append(at(p, "detect", "-q", "--plan-file", "@plan.json", "--key", "@my.key", "--signed-report", "@report.json", "--report", "@page.html", "--clean", "@clean", "@corpus"), log...)...)
	id := strings.TrimSpace(mustRun(t, "key", "id", p.of("my.key")))
	mustRun(t, append(at(p, "reveal", "--key", "@my.key", "--reason", "case 17", "--confirm", id, "@leaf.key"), log...)...)
	c.give("owner.txt", "kept", "report.json", "corpus", "clean", "leaf.key", "log", "page.html")
	return c
}

// everything are the arguments of a check of all that a stranger has.
func everything() []string {
	return []string{"verify", "-q", "--replay", "--log-key", "@owner.txt", "--checkpoint", "@kept", "--log", "@log", "--key", "@leaf.key", "--clean", "@clean", "@report.json", "@corpus"}
}

// TestTheWholeChain has a provider and a stranger who share files only.
func TestTheWholeChain(t *testing.T) {
	c := newChain(t)
	require.NoError(t, os.Rename(c.provider.path, c.provider.path+"-gone"))
	t.Cleanup(func() { os.RemoveAll(c.provider.path + "-gone") })
	status, out, errs := isotope(at(c.stranger, everything()...)...)
	require.Zero(t, status, "%s%s", out, errs)
	assert.NotContains(t, out, "FAILED")
	for _, check := range []string{"report signature", "plan signature", "commitments", "order", "growth", "control keys", "published checkpoint", "log copy", "replay"} {
		assert.Regexp(t, `(?m)^ok +`+check+` `, out)
	}
	assert.Contains(t, out, "this level: integrity. Its verdict is detected.")
	assert.Contains(t, out, "attribution  not shown")

	_, out, _ = isotope(append(at(c.stranger, everything()...), "--json")...)
	var j verifyJSON
	require.NoError(t, json.Unmarshal([]byte(out), &j))
	assert.True(t, j.OK)
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
	require.NoError(t, err)
	assert.NoError(t, jsonSchema(t, true).Validate(v))
	page, err := os.ReadFile(c.stranger.of("page.html"))
	require.NoError(t, err)
	assert.Contains(t, string(page), j.Report, "the page has the digest of the signed report")
	assert.Contains(t, string(page), "isotope verify report.json")

	for _, name := range []string{"report.json", "kept", "owner.txt", "log/tile/entries/000.p/5", "page.html"} {
		text, err := os.ReadFile(c.stranger.of(name))
		require.NoError(t, err)
		assert.NotContains(t, string(text), "isotope-secret-key", name)
	}
	t.Logf("report %d bytes", len(fileText(t, c.stranger.of("report.json"))))
}

func fileText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// A forger is an owner who signs what is not so.
type forger struct {
	t        *testing.T
	dir      tempDir // of the stranger, whose files are changed
	signer   note.Signer
	verifier note.Verifier
}

// keys returns the keys of the provider's log.
func (c *chain) keys() (note.Signer, note.Verifier) {
	private, err := note.NewSigner(strings.TrimSpace(fileText(c.t, c.provider.of("sign.key"))))
	require.NoError(c.t, err)
	public, err := note.NewVerifier(strings.TrimSpace(fileText(c.t, c.provider.of("owner.txt"))))
	require.NoError(c.t, err)
	return private, public
}

func (f *forger) key() envelopeKey { return envelopeKey{f.signer, f.verifier} }

// edit changes a file as text.
func (f *forger) edit(name, old, new string) {
	f.t.Helper()
	text := fileText(f.t, f.dir.of(name))
	require.Contains(f.t, text, old)
	require.NoError(f.t, os.WriteFile(f.dir.of(name), []byte(strings.Replace(text, old, new, 1)), 0o600))
}

// envelope changes the envelope of the report.
func (f *forger) envelope(change func(e *dsse.Envelope)) {
	f.t.Helper()
	e, _, err := parseEnvelope([]byte(fileText(f.t, f.dir.of("report.json"))))
	require.NoError(f.t, err)
	change(e)
	text, err := json.Marshal(e)
	require.NoError(f.t, err)
	require.NoError(f.t, os.WriteFile(f.dir.of("report.json"), text, 0o600))
}

// payload changes the bytes of the report, and signs it anew.
func (f *forger) payload(change func(string) string) {
	f.t.Helper()
	_, payload, err := parseEnvelope([]byte(fileText(f.t, f.dir.of("report.json"))))
	require.NoError(f.t, err)
	other := change(string(payload))
	require.NotEqual(f.t, string(payload), other)
	text, err := sign(f.t.Context(), []byte(other), f.key())
	require.NoError(f.t, err)
	require.NoError(f.t, os.WriteFile(f.dir.of("report.json"), text, 0o600))
}

// report changes the report, computes its digest, and signs it anew.
func (f *forger) report(change func(r *provenance.Report)) {
	f.t.Helper()
	_, payload, err := parseEnvelope([]byte(fileText(f.t, f.dir.of("report.json"))))
	require.NoError(f.t, err)
	r, err := provenance.ParseReport(payload)
	require.NoError(f.t, err)
	change(r)
	text, err := r.Outcome.JSON()
	require.NoError(f.t, err)
	r.Digest = provenance.Digest(text)
	payload, err = r.Statement()
	require.NoError(f.t, err)
	text, err = sign(f.t.Context(), payload, f.key())
	require.NoError(f.t, err)
	require.NoError(f.t, os.WriteFile(f.dir.of("report.json"), text, 0o600))
}

// plan changes the plan of the report. The owner signs it, logs it anew in a log of the same name
// whose entries come in an order of choice, and makes all proofs.
func (f *forger) plan(change func(p *provenance.Plan), order ...provenance.Kind) {
	f.t.Helper()
	f.report(func(r *provenance.Report) {
		_, payload, err := parseEnvelope(r.Plan)
		require.NoError(f.t, err)
		p, err := provenance.ParsePlan(payload)
		require.NoError(f.t, err)
		old := p.Keys[0].Commitment
		commit, err := provenance.ParseEntry([]byte(old.Entry))
		require.NoError(f.t, err)
		l, err := provenance.CreateLog(f.dir.of("forged"), f.verifier)
		require.NoError(f.t, err)
		append1 := func(e provenance.Entry) provenance.Evidence {
			e.Time = commit.Time
			at, err := l.Append(f.signer, e)
			require.NoError(f.t, err)
			x, err := l.Evidence(at)
			require.NoError(f.t, err)
			return x
		}
		if order[0] != provenance.KindCommit {
			append1(provenance.Entry{Kind: provenance.KindReceipt, Digest: provenance.Digest(nil)})
		}
		x := append1(commit) // the plan needs the proof before it is signed
		p.Keys[0].Commitment = x
		change(p)
		payload, err = p.Statement()
		require.NoError(f.t, err)
		r.Plan, err = sign(f.t.Context(), payload, f.key())
		require.NoError(f.t, err)
		r.PlanDigest = provenance.Digest(payload)
		for _, kind := range order {
			switch kind {
			case provenance.KindPlan:
				r.Planned = append1(provenance.Entry{Kind: kind, Digest: r.PlanDigest})
			case provenance.KindTest:
				r.Begun = append1(provenance.Entry{Kind: kind, Digest: r.PlanDigest})
			}
		}
		r.Growth, err = l.Growth(r.Planned, r.Begun, x)
		require.NoError(f.t, err)
	})
}

// TestTampering changes what a stranger gets, in many ways, and finds each named.
func TestTampering(t *testing.T) {
	c := newChain(t)
	private, public := c.keys()
	basic := []string{"verify", "-q", "--log-key", "@owner.txt", "--checkpoint", "@kept", "--log", "@log", "--key", "@leaf.key", "@report.json"}
	unsigned := []string{"verify", "-q", "--log-key", "@owner.txt", "@report.json"}
	inOrder := []provenance.Kind{provenance.KindCommit, provenance.KindPlan, provenance.KindTest}
	replace := func(old, new string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, new, 1) }
	}
	for _, row := range []struct {
		name   string
		args   []string
		change func(f *forger)
		wants  string // the check that fails
		says   string
	}{
		// Somebody on the way, without the owner's key.
		{"a byte of the payload", unsigned, func(f *forger) {
			f.envelope(func(e *dsse.Envelope) { e.Payload = strings.Replace(e.Payload, "A", "B", 1) })
		}, "", ""},
		{"a digit of the p-value", unsigned, func(f *forger) {
			f.envelope(func(e *dsse.Envelope) {
				text, _ := base64.StdEncoding.DecodeString(e.Payload)
				e.Payload = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(text), `"alpha":0.000001,"complete"`, `"alpha":0.000002,"complete"`, 1)))
			})
		}, "report signature", "is wrong"},
		{"a byte of the signature", unsigned, func(f *forger) {
			f.envelope(func(e *dsse.Envelope) { e.Signatures[0].Sig = "AAAA" + e.Signatures[0].Sig[4:] })
		}, "report signature", "is wrong"},
		{"a signature of somebody else", unsigned, func(f *forger) {
			f.envelope(func(e *dsse.Envelope) { e.Signatures[0].KeyID = "example.com/acme+00000000" })
		}, "report signature", "the signature is of the key"},
		{"two signatures", unsigned, func(f *forger) {
			f.envelope(func(e *dsse.Envelope) { e.Signatures = append(e.Signatures, e.Signatures[0]) })
		}, "report envelope", "one signature"},
		{"no signature", unsigned, func(f *forger) {
			f.envelope(func(e *dsse.Envelope) { e.Signatures = []dsse.Signature{} })
		}, "report envelope", "one signature"},
		{"another type of payload", unsigned, func(f *forger) {
			f.envelope(func(e *dsse.Envelope) { e.PayloadType = "text/plain" })
		}, "report envelope", "payloadType"},
		{"a second field of the same name", unsigned, func(f *forger) { f.edit("report.json", `{"payloadType"`, `{"payload":"","payloadType"`) }, "report envelope", "occurs twice"},
		{"a field that nobody knows", unsigned, func(f *forger) { f.edit("report.json", `{"payloadType"`, `{"x":1,"payloadType"`) }, "report envelope", "unknown field"},
		{"something after the report", unsigned, func(f *forger) { f.edit("report.json", "}]}", "}]}{}") }, "report envelope", ""},
		{"a report that another log signed", unsigned, func(f *forger) {
			other, _, err := note.GenerateKey(ones{}, "example.com/acme")
			require.NoError(f.t, err)
			f.signer, err = note.NewSigner(other)
			require.NoError(f.t, err)
			f.payload(replace(`"isotope_report":1`, `"isotope_report": 1`))
		}, "report signature", "is wrong"},
		{"the owner's published key is another", unsigned, func(f *forger) {
			_, other, err := note.GenerateKey(ones{}, "example.com/acme")
			require.NoError(f.t, err)
			require.NoError(f.t, os.WriteFile(f.dir.of("owner.txt"), []byte(other), 0o600))
		}, "report signature", "the key of the log is"},

		// An owner who signs a report that is not so.
		{"the type of the statement", unsigned, func(f *forger) { f.payload(replace("Statement/v1", "Statement/v0.1")) }, "report", "_type"},
		{"the type of the predicate", unsigned, func(f *forger) { f.payload(replace("report/v1", "report/v2")) }, "report", "predicateType"},
		{"a subject", unsigned, func(f *forger) { f.payload(replace(`"name":"a.txt"`, `"name":"z.txt"`)) }, "report", "subjects"},
		{"another version", unsigned, func(f *forger) { f.payload(replace(`"isotope_report":1`, `"isotope_report":2`)) }, "report", "version 2"},
		{"the verdict of the report alone", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Outcome.Verdict = "inconclusive" })
		}, "rules", "not that of its result"},
		{"alpha", basic, func(f *forger) { f.report(func(r *provenance.Report) { r.Outcome.Alpha = 0.01 }) }, "rules", "declares alpha 1e-06"},
		{"one control key dropped", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Outcome.Controls[0].Keys = r.Outcome.Controls[0].Keys[1:] })
		}, "control keys", "declares 100 control keys, and the result has 99"},
		{"the comparison with control keys dropped", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Outcome.Controls = nil })
		}, "control keys", "compares 0"},
		{"a control key that is better than the key", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Outcome.Controls[0].Keys[0] = -999 })
		}, "control keys", "the rank of key"},
		{"control keys of another key", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Outcome.Controls[0].Key = "0011223344556677" })
		}, "control keys", "compares key"},
		{"the clean corpus dropped", basic, func(f *forger) { f.report(func(r *provenance.Report) { r.Outcome.Controls[0].Clean = nil }) }, "control keys", "clean corpus"},
		{"a skip left out", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Outcome.Counts.Reasons = nil })
		}, "counts", "have a reason"},
		{"a row that was not found", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Outcome.Counts.Found-- })
		}, "counts", "rows were found"},
		{"a file left out of the result", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Outcome.Files = r.Outcome.Files[1:] })
		}, "corpus", `"a.txt" is missing`},
		{"the digest of a file", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Outcome.Files[0].SHA256 = strings.Repeat("0", 64) })
		}, "corpus", `"a.txt" has changed`},
		{"the digest of the result", basic, func(f *forger) { f.payload(replace(`"outcome_digest":"sha256:`, `"outcome_digest":"sha256:0`)) }, "result digest", ""},
		{"a higher claim", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Claims.Level = provenance.LevelAttribution })
		}, "claims", "claims more"},
		{"words of a claim", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Claims.Attribution = "shown: tenant 7" })
		}, "claims", "claims more"},
		{"the name of the plan", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.PlanDigest = provenance.Digest(nil) })
		}, "plan digest", "the report names the plan"},
		{"the plan, without its signature", basic, func(f *forger) {
			f.report(func(r *provenance.Report) {
				e, payload, err := parseEnvelope(r.Plan)
				require.NoError(f.t, err)
				e.Payload = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(payload), `"alpha":0.000001`, `"alpha":0.01`, 1)))
				r.Plan, err = json.Marshal(e)
				require.NoError(f.t, err)
			})
		}, "plan signature", "is wrong"},
		{"the entry of the plan is another", basic, func(f *forger) { f.report(func(r *provenance.Report) { r.Planned = r.Begun }) }, "plan entry", "of kind plan"},
		{"the test is its plan", basic, func(f *forger) { f.report(func(r *provenance.Report) { r.Begun = r.Planned }) }, "test entry", "of kind test"},
		{"another number of an entry", basic, func(f *forger) {
			f.report(func(r *provenance.Report) {
				r.Planned.Proof = strings.Replace(r.Planned.Proof, "index 1", "index 0", 1)
			})
		}, "plan entry", "does not show"},
		{"the time of an entry", basic, func(f *forger) {
			f.report(func(r *provenance.Report) { r.Planned.Entry = strings.Replace(r.Planned.Entry, "20", "19", 1) })
		}, "plan entry", ""},
		{"the growth of the log left out", basic, func(f *forger) { f.report(func(r *provenance.Report) { r.Growth = nil }) }, "growth", "nothing shows"},
		{"the growth of another log", basic, func(f *forger) {
			f.report(func(r *provenance.Report) {
				r.Growth[0].Hashes[0] = base64.StdEncoding.EncodeToString(make([]byte, 32))
			})
		}, "growth", "entries were changed or removed"},

		// An owner who makes a log to suit.
		{"a plan that is younger than its test", unsigned, func(f *forger) {
			f.plan(func(*provenance.Plan) {}, provenance.KindCommit, provenance.KindTest, provenance.KindPlan)
		}, "order", "the plan is not older than the test"},
		{"a commitment with the proof of a younger log", unsigned, func(f *forger) {
			f.report(func(r *provenance.Report) {
				// The proof of the beginning of the test has a checkpoint that is younger than the plan.
				begun := r.Begun
				_, payload, err := parseEnvelope(r.Plan)
				require.NoError(f.t, err)
				p, err := provenance.ParsePlan(payload)
				require.NoError(f.t, err)
				p.Keys[0].Commitment = begun
				payload, err = p.Statement()
				require.NoError(f.t, err)
				r.Plan, err = sign(f.t.Context(), payload, f.key())
				require.NoError(f.t, err)
			})
		}, "commitments", "not the commitment to this key"},
		{"a profile that the key is not committed for", unsigned, func(f *forger) {
			f.plan(func(p *provenance.Plan) {
				p.Keys[0].Profile = []byte(strings.Replace(string(p.Keys[0].Profile), `"delta":`, `"delta":1`, 1))
			}, inOrder...)
		}, "profiles", "has the identity"},
		{"a profile with its own identity", unsigned, func(f *forger) {
			f.plan(func(p *provenance.Plan) { p.Keys[0].Scheme = "sha256:" + strings.Repeat("0", 64) }, inOrder...)
		}, "commitments", "not the commitment to this key"},
		{"another epoch", unsigned, func(f *forger) {
			f.plan(func(p *provenance.Plan) { p.Keys[0].Epoch = "2026-10" }, inOrder...)
		}, "commitments", "not the commitment to this key"},
		{"another key", unsigned, func(f *forger) {
			f.plan(func(p *provenance.Plan) { p.Keys[0].ID = "0011223344556677" }, inOrder...)
		}, "commitments", "not the commitment to this key"},
		{"a plan with another alpha, logged anew", basic, func(f *forger) {
			f.plan(func(p *provenance.Plan) { p.Alpha = 0.01 }, inOrder...)
		}, "rules", "declares alpha 0.01"},
		{"the whole log written anew", basic, func(f *forger) {
			f.plan(func(*provenance.Plan) {}, provenance.KindPlan, provenance.KindTest)
		}, "published checkpoint", "ask the owner"},
		{"a checkpoint of a second log that the owner signed", basic, func(f *forger) {
			l, err := provenance.CreateLog(f.dir.of("second"), f.verifier)
			require.NoError(f.t, err)
			_, err = l.Append(f.signer, provenance.Entry{Kind: provenance.KindReceipt, Time: "2026-11-30T09:00:00Z", Digest: provenance.Digest(nil)})
			require.NoError(f.t, err)
			require.NoError(f.t, os.WriteFile(f.dir.of("kept"), l.Checkpoint(), 0o600))
		}, "published checkpoint", "the owner signed two logs"},
		{"a checkpoint of another owner", basic, func(f *forger) { f.edit("kept", "— example.com/acme ", "— example.com/acne ") }, "published checkpoint", "signature"},
		{"a checkpoint of a size that the report does not have", basic, func(f *forger) { copyTree(f.t, f.dir.of("log/checkpoint"), f.dir.of("kept")) }, "published checkpoint", "ask the owner"},
		{"a reordered log", basic, func(f *forger) {
			name := f.dir.of("log/tile/entries/000.p/5")
			text := fileText(f.t, name)
			require.NoError(f.t, os.WriteFile(name, []byte(strings.Replace(text, `"kind":"plan"`, `"kind":"test"`, 1)), 0o600))
		}, "log copy", "changed after it was signed"},
		{"a log that was cut", basic, func(f *forger) { copyTree(f.t, f.dir.of("log/checkpoints/1"), f.dir.of("log/checkpoint")) }, "log copy", ""},
		{"a log without a tile", basic, func(f *forger) { require.NoError(f.t, os.Remove(f.dir.of("log/tile/0/000.p/5"))) }, "log copy", "tile"},
		{"the checkpoint of the log signed anew", basic, func(f *forger) {
			f.edit("log/checkpoint", "example.com/acme\n5\n", "example.com/acme\n4\n")
		}, "log copy", "signature"},

		// A corpus or key that is another.
		{"a byte of the corpus", everything(), func(f *forger) { f.edit("corpus/a.txt", "e", "f") }, "replay", `"a.txt" has changed`},
		{"a file of the corpus", everything(), func(f *forger) { require.NoError(f.t, os.Remove(f.dir.of("corpus/b.txt"))) }, "replay", `"b.txt" is missing`},
		{"a file more", everything(), func(f *forger) { f.dir.file("corpus/e.txt", "x") }, "replay", `"e.txt" was not declared`},
		{"a byte of the clean corpus", everything(), func(f *forger) { f.edit("clean/c.txt", "e", "f") }, "replay", "--clean"},
		{"another key disclosed", everything(), func(f *forger) { f.dir.file("leaf.key", secretOf("5a")+"\n") }, "key " + keyID(t, "5a"), "the plan does not have"},
		{"a number of the result", everything(), func(f *forger) {
			f.report(func(r *provenance.Report) {
				text := strings.Replace(string(r.Outcome.Result), `"scored":`, `"scored":1`, 1)
				r.Outcome.Result = []byte(text)
			})
		}, "replay", "result.scored was reported as"},
		{"a warning of the result", everything(), func(f *forger) {
			f.report(func(r *provenance.Report) {
				text := strings.Replace(string(r.Outcome.Result), `"warnings":[`, `"warnings":["none",`, 1)
				r.Outcome.Result = []byte(strings.Replace(text, `"none",]`, `"none"]`, 1))
			})
		}, "replay", "the repeated test gave another result"},
		{"a p-value of a control key", everything(), func(f *forger) {
			f.report(func(r *provenance.Report) { r.Outcome.Controls[0].Keys[99] = 0 })
		}, "replay", "controls"},
		{"the p-value of the clean corpus", everything(), func(f *forger) {
			f.report(func(r *provenance.Report) { *r.Outcome.Controls[0].Clean -= 1 })
		}, "replay", "controls"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if testing.Short() && row.args[2] == "--replay" {
				t.Skip("it repeats a test")
			}
			dir := newDir(t)
			require.NoError(t, os.CopyFS(dir.path, os.DirFS(c.stranger.path)))
			require.NoError(t, os.Chmod(dir.of("leaf.key"), 0o600))
			row.change(&forger{t, dir, private, public})
			requireFails(t, at(dir, row.args...), row.wants, row.says)
		})
	}
}

// requireFails makes a call of verify in which a check fails, and says so. An empty name is any
// check.
func requireFails(t *testing.T, args []string, check, says string) {
	t.Helper()
	status, out, errs := isotope(append(args, "--json")...)
	assert.Equal(t, exitError, status, "%s%s", out, errs)
	var j verifyJSON
	require.NoError(t, json.Unmarshal([]byte(out), &j), errs)
	assert.False(t, j.OK)
	if check == "" {
		return
	}
	i := slices.IndexFunc(j.Checks, func(f provenance.Finding) bool { return f.Name == check && !f.OK })
	if assert.GreaterOrEqual(t, i, 0, "%s did not fail: %s", check, out) {
		assert.Contains(t, j.Checks[i].Says, says)
		assert.Contains(t, errs, check)
	}
}

// ones reads as ones, so that keys of tests are fixed.
type ones struct{}

func (ones) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 1
	}
	return len(p), nil
}

func keyID(t *testing.T, hex string) string {
	t.Helper()
	return strings.TrimSpace(mustRun(t, "key", "id", newDir(t).file("k", secretOf(hex)+"\n")))
}

// TestSignedPlanTakesNothingElse tries what a signed plan does not declare.
func TestSignedPlanTakesNothingElse(t *testing.T) {
	c := newChain(t)
	p := c.provider
	run := at(p, "detect", "-q", "--plan-file", "@plan.json", "--key", "@my.key", "--signed-report", "@new.json", "--log", "@log", "--sign-key", "@sign.key", "--clean", "@clean")
	with := func(more ...string) []string { return append(slices.Clone(run), at(p, more...)...) }
	without := func(flag string) []string {
		i := slices.Index(run, flag)
		return append(slices.Delete(slices.Clone(run), i, i+2), p.of("corpus"))
	}
	edited := strings.Replace(fileText(t, p.of("plan.json")), "A", "B", 1)
	p.file("edited.json", edited)
	p.file("plain.json", "{}")
	require.NoError(t, os.Mkdir(p.of("other"), 0o755))
	copyTree(t, fieldFiles+"base_plain.txt", p.of("other/a.txt"))
	p.file("x.key", secretOf("5a")+"\n")
	mustRun(t, at(p, "log", "new", "--name", "example.com/acme", "--sign-key", "@sign.key", "@second")...)
	copyTree(t, p.of("log/checkpoint"), p.of("log/kept"))
	for _, row := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"another alpha", with("--alpha", "0.01", "@corpus"), exitUsage, "--alpha is declared in the plan"},
		{"spans", with("--spans", "@corpus"), exitUsage, "--spans is declared in the plan"},
		{"a profile", with("--profile", "@my.json", "@corpus"), exitUsage, "--profile is declared in the plan"},
		{"a prompt", with("--prompt-file", "@my.json", "@corpus"), exitUsage, "--prompt-file is declared"},
		{"a second plan", with("--declare", "@more.json", "@corpus"), exitUsage, "--declare writes a plan"},
		{"no report", without("--signed-report"), exitUsage, "a declared test ends with a report"},
		{"no log", without("--log"), exitUsage, "--log DIR is missing"},
		{"no corpus", run, exitUsage, "PATH is missing"},
		{"standard input", with("-"), exitUsage, "standard input"},
		{"a key that was revealed", with("@corpus"), exitError, "was revealed at"},
		{"the report of another test", append(at(p, "detect", "-q", "--plan-file", "@plan.json", "--key", "@my.key", "--signed-report", "@report.json", "--log", "@log", "--sign-key", "@sign.key"), p.of("corpus")), exitUsage, "evidence is never overwritten"},
		{"an edited plan", append(at(p, "detect", "-q", "--plan-file", "@edited.json", "--key", "@my.key", "--signed-report", "@new.json", "--log", "@log", "--sign-key", "@sign.key"), p.of("corpus")), exitError, "--plan-file: "},
		{"a plan that is not signed", append(at(p, "detect", "-q", "--plan-file", "@plain.json", "--key", "@my.key", "--signed-report", "@new.json", "--log", "@log", "--sign-key", "@sign.key"), p.of("corpus")), exitError, "not a signed plan"},
		{"a log without the plan", append(at(p, "detect", "-q", "--plan-file", "@plan.json", "--key", "@my.key", "--signed-report", "@new.json", "--log", "@second", "--sign-key", "@sign.key"), p.of("corpus")), exitError, "the log does not have the plan"},
		{"a plan of detect for audit", append(at(p, "audit", "-q", "--plan-file", "@plan.json", "--key", "@my.key", "--signed-report", "@new.json", "--log", "@log", "--sign-key", "@sign.key"), p.of("corpus")), exitUsage, "has a plan of detect"},
		{"a log without a declared test", append(at(p, "detect", "-q", "--key", "@my.key", "--profile", "@my.json", "--log", "@log"), p.of("corpus")), exitUsage, "are for a declared test"},
		{"a clean corpus without one", append(at(p, "detect", "-q", "--key", "@my.key", "--profile", "@my.json", "--clean", "@clean"), p.of("corpus")), exitUsage, "--clean is for a declared test"},
		{"a key that is not committed", at(p, "detect", "-q", "--declare", "@more.json", "--key", "@x.key", "--profile", "@my.json", "--log", "@log", "--sign-key", "@sign.key", "@corpus"), exitError, "has no commitment to key"},
		{"few control keys", at(p, "detect", "-q", "--declare", "@more.json", "--control-keys", "5", "--key", "@my.key", "--profile", "@my.json", "--log", "@log", "--sign-key", "@sign.key", "@corpus"), exitUsage, "below 100"},
		{"a keyring", at(p, "detect", "-q", "--declare", "@more.json", "--keyring", "@my.json", "--key", "@my.key", "--log", "@log", "--sign-key", "@sign.key", "@corpus"), exitUsage, "--keyring cannot be declared"},
	} {
		t.Run(row.name, func(t *testing.T) {
			size := len(mustRun(t, "log", "show", p.of("log")))
			status, out, errs := isotope(row.args...)
			assert.Equal(t, row.status, status, "%s%s", out, errs)
			assert.Contains(t, errs, row.says)
			assert.Empty(t, out, "nothing was scored")
			assert.Len(t, mustRun(t, "log", "show", p.of("log")), size, "nothing was logged")
			assert.NoFileExists(t, p.of("new.json"))
			assert.NoFileExists(t, p.of("more.json"))
		})
	}
}

// TestAuditChain declares a test of outputs, and repeats it.
func TestAuditChain(t *testing.T) {
	d := newDir(t)
	copyTree(t, fieldFiles+"throwaway.key", d.of("my.key"))
	copyTree(t, fieldFiles+"profile.json", d.of("my.json"))
	copyTree(t, fieldFiles+"O06_ref.jsonl", d.of("out.jsonl"))
	mustRun(t, at(d, "log", "new", "--name", "example.com/acme", "--sign-key", "@sign.key", "@log")...)
	log := at(d, "--log", "@log", "--sign-key", "@sign.key")
	mustRun(t, append(at(d, "commit", "-q", "--profile", "@my.json", "--epoch", "e", "@my.key"), log...)...)
	declare := append(at(d, "audit", "-q", "--declare", "@plan.json", "--key", "@my.key", "--profile", "@my.json", "--decoys", "100"), log...)
	status, _, errs := isotope(append(declare, d.of("out.jsonl"))...)
	assert.Equal(t, exitUsage, status)
	assert.Contains(t, errs, "--reference none is missing")
	mustRun(t, append(declare, "--reference", "none", d.of("out.jsonl"))...)
	test := append(at(d, "audit", "-q", "--plan-file", "@plan.json", "--key", "@my.key", "--signed-report", "@report.json", "--report", "@page.html"), log...)
	status, _, errs = isotope(append(test, "--decoys", "200", d.of("out.jsonl"))...)
	assert.Equal(t, exitUsage, status)
	assert.Contains(t, errs, "--decoys is declared in the plan")
	mustRun(t, append(test, d.of("out.jsonl"))...)
	assert.Contains(t, fileText(t, d.of("page.html")), "isotope verify report.json")
	replay := at(d, "verify", "--replay", "--key", "@my.key", "--log", "@log", "@report.json", "@out.jsonl")
	out := mustRun(t, replay...)
	assert.Regexp(t, `(?m)^ok +replay `, out)
	text := fileText(t, d.of("out.jsonl"))
	d.file("out.jsonl", text+"\n")
	status, out, _ = isotope(replay...)
	assert.Equal(t, exitError, status)
	assert.Contains(t, out, "has changed")
	assert.Contains(t, out, "The report does not hold")
}

// TestCommittedKeys marks with keys that a log has, and with others.
func TestCommittedKeys(t *testing.T) {
	d := newDir(t)
	corpus := writeWordCorpus(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	d.file("root.key", secretOf("07")+"\n")
	d.file("other.key", secretOf("08")+"\n")
	d.file("paths", "\ufefftenant/b\ntenant/a\ntenant/c\n") // a byte order mark is not a part of the path
	d.file("p.json", mustRun(t, "profile", "new", "-q"))
	mustRun(t, at(d, "log", "new", "--name", "example.com/acme", "--sign-key", "@sign.key", "@log")...)
	log := at(d, "--log", "@log", "--sign-key", "@sign.key")
	out := mustRun(t, append(at(d, "commit", "-q", "--profile", "@p.json", "--epoch", "e", "--root", "@root.key", "--paths", "@paths", "--proofs", "@proofs"), log...)...)
	assert.Equal(t, 3, strings.Count(out, "entry "))
	assert.Equal(t, 4, strings.Count(mustRun(t, "log", "show", d.of("log")), `"kind":"commit"`), "a power of two")
	mustRun(t, at(d, "key", "derive", "--from", "@root.key", "--path", "tenant/b", "@b.key")...)
	id := strings.TrimSpace(mustRun(t, "key", "id", d.of("b.key")))
	assert.FileExists(t, d.of(filepath.Join("proofs", id+".tlog-proof")))
	status, _, errs := isotope(append(at(d, "commit", "-q", "--profile", "@p.json", "--epoch", "e", "@b.key"), log...)...)
	assert.Equal(t, exitError, status)
	assert.Contains(t, errs, "already")
	generate := func(key string) []string {
		return at(d, "generate", "-q", "--corpus", corpus, "--length", "5", "--profile", "@p.json", "--committed", "@log", "--key", key)
	}
	mustRun(t, generate("@b.key")...)
	status, out, errs = isotope(generate("@other.key")...)
	assert.Equal(t, exitError, status)
	assert.Contains(t, errs, "commit the key before it marks")
	assert.Empty(t, out)
	mustRun(t, append(at(d, "log", "revoke", "--key-id", id, "--reason", "lost"), log...)...)
	status, _, errs = isotope(generate("@b.key")...)
	assert.Equal(t, exitError, status)
	assert.Contains(t, errs, "was revoked at")
	status, _, errs = isotope(append(at(d, "reveal", "--key", "@b.key", "--reason", "x", "--confirm", "0011223344556677", "@leaf.key"), log...)...)
	assert.Equal(t, exitUsage, status)
	assert.Contains(t, errs, "nothing was disclosed")
	assert.NoFileExists(t, d.of("leaf.key"))
}

// TestSSHKeySigns signs with an Ed25519 key of OpenSSH.
func TestSSHKeySigns(t *testing.T) {
	d := newDir(t)
	_, private, err := ed25519.GenerateKey(ones{})
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	d.file("id", string(pem.EncodeToMemory(block)))
	d.file("my.key", secretOf("07")+"\n")
	d.file("p.json", mustRun(t, "profile", "new", "-q"))
	out := mustRun(t, at(d, "log", "new", "--name", "example.com/acme", "--sign-key", "@id", "@log")...)
	want, err := note.NewEd25519VerifierKey("example.com/acme", private.Public().(ed25519.PublicKey))
	require.NoError(t, err)
	assert.Equal(t, want, strings.TrimSpace(out))
	mustRun(t, at(d, "commit", "-q", "--profile", "@p.json", "--epoch", "e", "--log", "@log", "--sign-key", "@id", "@my.key")...)
	mustRun(t, at(d, "log", "verify", "--log-key", want, "--checkpoint", "@log/checkpoint", "@log")...)
	status, _, errs := isotope(at(d, "log", "verify", "--log-key", "@id", "@log")...)
	assert.NotZero(t, status)
	assert.NotContains(t, errs, "OPENSSH")
}

// FuzzParseEnvelope has files that are signed plans and reports, or not.
func FuzzParseEnvelope(tf *testing.F) {
	f := mutate.New(tf)
	f.Add([]byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":"a+00000000","sig":"AA=="}]}`))
	f.Add([]byte(`{"payloadType":"x","payload":"","signatures":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		testmark.InTime(t, data, func(data []byte) {
			e, payload, err := parseEnvelope(data)
			if err == nil && base64.StdEncoding.EncodeToString(payload) != e.Payload {
				t.Errorf("%q was taken", data)
			}
			isEnvelope(data)
		})
	})
}
