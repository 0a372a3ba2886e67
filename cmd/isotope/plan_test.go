package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPlanUsageErrors(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"extra", `takes no argument, and "extra" was given`},
		{"--text poetry", "not one of code, chat, web, best"},
		{"--text chat --entropy 1", "--text and --entropy describe the same text twice"},
		{"--excess 0.1 --c 0.2", "--c and --excess describe the same text twice"},
		{"--kl 0.1 --delta 1", "picks delta"},
		{"--profile p --gamma 0.5", "has gamma and delta"},
		{"--excess 0.1 --delta 1", "leave out --delta"},
		{"--histogram h --temperature 1", "has its temperature"},
		{"--gamma 0", "--gamma 0"},
		{"--gamma NaN", "outside (0,1)"},
		{"--delta 0", "--delta 0"},
		{"--delta +Inf", "positive"},
		{"--kl -1", "--kl -1"},
		{"--temperature 0", "--temperature 0"},
		{"--entropy 8", "[0,7.5]"},
		{"--probabilities 0.5,-1", "numbers of at least 0"},
		{"--probabilities x", "is not a list of numbers"},
		{"--probabilities 0", "positive sum"},
		{"--c 0", "(0,1]"},
		{"--excess 0", "--excess 0"},
		{"--excess 0.6", "--excess 0.6"},
		{"--share 0", "--share 0"},
		{"--alpha 0.6", "(0,0.5]"},
		{"--tests 0", "below 1"},
		{"--power 1", "(0,1)"},
		{"--tokens 0", "outside 1 to 10^15"},
		{"--tokens 2000000000000000", "10^15"},
		{"--tokens 5 --power 0.8", "asks for the power"},
		{"--c1 0", "--c1"},
		{"--c1 0 --tokens 5", "positive"},
		{"--c1 1", "either"},
		{"--c1 1 --tokens 5 --student-share 0.1", "either"},
		{"--student-share 0.1", "needs --c1"},
		{"--c1 1 --student-share 2", "(0,1]"},
		{"--c1 1 --student-share 0.1 --delta 2", "stands for the mark"},
		{"--scheme weather", "not one of greenlist, gumbelmax, tournament"},
		{"--scheme gumbelmax --delta 1", "leave out --delta"},
		{"--scheme gumbelmax --text best", "no best kind"},
		{"--scheme gumbelmax --depth 3", "--depth is for --scheme tournament"},
		{"--dual 0.5", "--dual is for --scheme gumbelmax"},
		{"--scheme tournament --depth 40", "outside 1 to 32"},
		{"--scheme gumbelmax --profile p", "leave out --scheme"},
		{"--kind poetry", "not one of chat, reasoning, code"},
		{"--kind chat --text chat", "--text and --kind describe the same text twice"},
		{"--kind chat --temperature 1", "measured at temperature 0.7"},
		{"--kind chat --gamma 0.25", "measured for gamma 0.5"},
		{"--kind chat --scheme gumbelmax", "leave out --kind"},
	} {
		t.Run(c.args, func(t *testing.T) {
			status, out, errs := isotope(append([]string{"plan"}, strings.Fields(c.args)...)...)
			assert.Equal(t, exitUsage, status)
			assert.Contains(t, errs, c.says)
			assert.Empty(t, out, "stdout is data")
		})
	}
}

func TestPlanJSON(t *testing.T) {
	plan := func(args string) (p planJSON) {
		t.Helper()
		d := json.NewDecoder(strings.NewReader(mustRun(t, strings.Fields("plan --json "+args)...)))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&p))
		require.Equal(t, 1, p.Version)
		return p
	}
	p := plan("")
	require.Len(t, p.Rows, 4)
	assert.Equal(t, "best", p.Rows[0].Text)
	assert.InDelta(t, 0.8808, *p.Rows[0].Green, 1e-4)
	for _, r := range p.Rows {
		assert.GreaterOrEqual(t, r.Power, 0.9)
		assert.Equal(t, r.Power, plan("--tokens " + itoa(r.Tokens) + " --text " + r.Text).Rows[0].Power, "and back")
		again := plan("--text " + r.Text + " --kl " + ftoa(*r.KL)).Rows[0]
		assert.InDelta(t, 2, *again.Delta, 1e-9)
	}
	// A lower temperature makes the bias larger, half a mark a quarter of the evidence.
	assert.InDelta(t, *plan("--delta 4 --text best").Rows[0].Green, *plan("--delta 2 --temperature 0.5 --text best").Rows[0].Green, 1e-12)
	assert.InEpsilon(t, 4, float64(plan("--excess 0.01 --share 0.5").Rows[0].Tokens)/float64(plan("--excess 0.01").Rows[0].Tokens), 0.01)
	r := plan("--probabilities 0.9,0.1 --gamma 0.25").Rows[0]
	assert.InDelta(t, 0.3317572330, *r.Green, 1e-10)
	r = plan("--c 0.2 --gamma 0.25 --kl 0.001").Rows[0]
	assert.InDelta(t, 0.001, *r.KL, 1e-15)
	r = plan("--excess 0.02 --gamma 0.25").Rows[0]
	assert.Nil(t, r.KL)
	assert.Nil(t, r.Delta)
	r = plan("--entropy 0 --tokens 50").Rows[0]
	assert.Nil(t, r.Sequential, "never")

	s := plan("--c1 0.64 --student-share 0.05").Student
	assert.InEpsilon(t, 35.6e3, s.Tokens, 0.01)
	assert.InEpsilon(t, 0.05, plan("--c1 0.64 --tokens "+itoa(int64(s.Tokens))).Student.Share, 1e-3)
}

// TestPlansThatCannotBe asks for what no number of tokens shows, and for a small delta
// that is not small.
func TestPlansThatCannotBe(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"--c1 1e-200 --student-share 0.01", "no number of tokens that could be counted is enough"},
		{"--c1 1e-12 --student-share 1e-6 --json", "no number of tokens that could be counted is enough"},
		{"--c 1", "at 2 its law passes 0.881, the green rate of a model"},
		{"--c 0.3 --delta 100", "at 100 its law passes 1, the green rate of a model"},
		{"--c 0.3 --kl 5", "its law passes"},
		{"--c 0.3 --delta 1 --temperature 0.1", "its law passes"},
		{"--c 0.3 --delta 40 --gamma 0.25 --json", "its law passes"},
		{"--c 1 --delta 0.1 --gamma 0.75", ""},
		{"--c 1 --delta 0.5", ""},
		{"--c 1 --delta 0.1 --gamma 0.25 --json", ""},
		{"--c 0.3", ""},
		{"--c1 0.1 --student-share 0.0001 --json", ""},
		{"--c 0.01 --delta 1 --tokens 10 --json", ""},
		{"--c 0.9 --delta 0.5 --temperature 1.5", ""},
		{"--c 0.2 --gamma 0.25 --kl 0.001 --json ", ""},
	} {
		t.Run(c.args, func(t *testing.T) {
			status, out, errs := isotope(append([]string{"plan"}, strings.Fields(c.args)...)...)
			assert.Equal(t, c.says != "", status != exitOK, errs)
			assert.Contains(t, errs, c.says)
			assert.Equal(t, c.says != "", out == "")
		})
	}
}

func itoa(n int64) string   { return string(must(json.Marshal(n))) }
func ftoa(x float64) string { return string(must(json.Marshal(x))) }

func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}

// TestPlanKind: a plan for a kind of real text is that of its histogram, and says where it is from. So does
// the explanation of a profile, whose bias is divided by the temperature of the measurement.
func TestPlanKind(t *testing.T) {
	var p, histogram planJSON
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, "plan", "--json", "--kind", "code", "--delta", "2")), &p))
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, "plan", "--json", "--histogram", "../../detect/plan/measured/code.json", "--delta", "2")), &histogram))
	require.Len(t, p.Rows, 1)
	assert.Equal(t, "code", p.Rows[0].Text)
	assert.EqualValues(t, 259, p.Rows[0].Tokens)
	assert.Equal(t, &planMeasured{Model: "SmolLM2-135M-Instruct", Temperature: 0.7, Steps: 3000}, p.Measured)
	assert.Nil(t, histogram.Measured)
	p.Rows[0].Text = histogram.Rows[0].Text
	assert.Equal(t, histogram.Rows, p.Rows)
	assert.Contains(t, mustRun(t, "plan", "--kind", "code"), "Measured on SmolLM2-135M-Instruct at temperature 0.7, over 3000 steps")

	for _, c := range []struct {
		name  string
		flags []string
		says  string
	}{
		{"a bias", []string{"--delta", "2"}, "code, measured          0.2546      x1.290            259"},
		{"another gamma", []string{"--gamma", "0.25"}, ""},
		{"a keyed draw", []string{"--scheme", "gumbelmax"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := newDir(t)
			says := mustRun(t, "profile", "explain", dir.file("p.json", mustRun(t, append([]string{"profile", "new"}, c.flags...)...)))
			if c.says == "" {
				assert.NotContains(t, says, "measured rows")
				return
			}
			assert.Contains(t, says, c.says)
			assert.Contains(t, says, "The measured rows are of SmolLM2-135M-Instruct at temperature 0.7")
		})
	}
}

// TestPlanDraws: a keyed draw is planned as 'profile new --explain' does, and a part of a text needs
// more.
func TestPlanDraws(t *testing.T) {
	plan := func(args string) (p planJSON) {
		t.Helper()
		require.NoError(t, json.Unmarshal([]byte(mustRun(t, append(strings.Fields("plan --json"), strings.Fields(args)...)...)), &p))
		return p
	}
	whole := plan("--scheme gumbelmax")
	require.Len(t, whole.Rows, 3)
	assert.Equal(t, []int64{48, 271, 2241}, []int64{whole.Rows[0].Tokens, whole.Rows[1].Tokens, whole.Rows[2].Tokens}, "web, chat, code as in docs/schemes.md")
	assert.Nil(t, whole.Rows[0].Green)
	assert.Zero(t, *whole.Rows[0].KL)
	half := plan("--scheme gumbelmax --share 0.5 --text chat")
	require.Len(t, half.Rows, 1)
	assert.Greater(t, half.Rows[0].Tokens, 3*whole.Rows[1].Tokens, "half of the effect needs four times as many, and less noise is marked")
	assert.Less(t, half.Rows[0].Tokens, 5*whole.Rows[1].Tokens)
	back := plan("--scheme gumbelmax --text chat --length 271")
	assert.InDelta(t, 0.9, back.Rows[0].Power, 0.005)
	mixture := plan("--scheme gumbelmax --dual 0.5 --text chat")
	assert.EqualValues(t, 464, mixture.Rows[0].Tokens)

	dir := newDir(t)
	profile := dir.file("p.json", mustRun(t, "profile", "new", "-q", "--scheme", "gumbelmax", "--variants", "16"))
	keys := plan("--profile " + profile + " --text chat --csv " + dir.of("plan.csv"))
	assert.EqualValues(t, 318, keys.Rows[0].Tokens, "16 keys are 16 tests")
	csv, err := os.ReadFile(dir.of("plan.csv"))
	require.NoError(t, err)
	assert.Equal(t, "text,delta,green,nats,tokens,power,until_detected\nchat,,,0,318,0.9,\n", string(csv))
	mustRun(t, "plan", "--csv", dir.of("green.csv"))
	csv, err = os.ReadFile(dir.of("green.csv"))
	require.NoError(t, err)
	assert.Contains(t, string(csv), "best,2,0.880797,0.327813,")
}

// TestProfileAims: --for writes the recommended scheme, the same as its flags do.
func TestProfileAims(t *testing.T) {
	for _, c := range []struct{ aim, flags string }{
		{"compliance", "--scheme gumbelmax --width 2"},
		{"forensics", "--scheme gumbelmax --width 4"},
		{"students", "--gamma 0.5 --delta 2 --width 2"},
	} {
		t.Run(c.aim, func(t *testing.T) {
			want := mustRun(t, append([]string{"profile", "new", "-q"}, strings.Fields(c.flags)...)...)
			assert.Equal(t, want, mustRun(t, "profile", "new", "-q", "--for", c.aim))
			assert.Equal(t, want, mustRun(t, "profile", "-q", "--for", c.aim))
			page, err := os.ReadFile("../../docs/which-mark.md")
			require.NoError(t, err)
			assert.Contains(t, string(page), "isotope profile new --for "+c.aim)
		})
	}
	for _, c := range []struct{ args, says string }{
		{"--for weather", "not one of compliance, forensics, students"},
		{"--for students --delta 1", "leave out --delta"},
		{"--for compliance --scheme greenlist", "leave out --scheme"},
	} {
		_, _, errs := isotope(append([]string{"profile", "new"}, strings.Fields(c.args)...)...)
		assert.Contains(t, errs, c.says)
	}
}
