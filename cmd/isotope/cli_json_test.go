package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// jsonSchema compiles docs/json.schema.json. The strict one takes no field that the schema does not
// name, so that a new field must be written down.
func jsonSchema(t *testing.T, strict bool) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../docs/json.schema.json")
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	if strict {
		closeObjects(doc)
	}
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("schema.json", doc))
	s, err := c.Compile("schema.json")
	require.NoError(t, err)
	return s
}

// closeObjects forbids the fields that a schema does not name.
func closeObjects(schema any) {
	switch x := schema.(type) {
	case map[string]any:
		if _, ok := x["properties"]; ok && x["type"] == "object" {
			x["additionalProperties"] = false
		}
		for _, v := range x {
			closeObjects(v)
		}
	case []any:
		for _, v := range x {
			closeObjects(v)
		}
	}
}

// TestJSONHasOneShape compares what the program prints with the schema.
func TestJSONHasOneShape(t *testing.T) {
	schema := jsonSchema(t, true)
	dir := newDir(t)
	key := dir.file("my.key", secretOf("5a")+"\n")
	other := dir.file("other.key", secretOf("5b")+"\n")
	green := dir.file("green.json", mustRun(t, "profile", "-q"))
	draw := dir.file("draw.json", mustRun(t, "profile", "-q", "--scheme", "gumbelmax"))
	payload := dir.file("payload.json", mustRun(t, "profile", "-q", "--payload", "4"))
	ids := dir.file("ids.json", `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":1,"vocab":500,"tokenizer":"none"}`)
	paths := dir.file("paths", "tenant/a\ntenant/b\n")
	list := dir.file("list", `[{"path":"tenant/a"},{"key_file":"other.key","profile":"draw.json"}]`)
	prose := strings.Repeat("The harbour wakes before the town, and the boats leave one after the other. ", 4)
	text := dir.file("a.txt", prose)
	odd := dir.file("odd.jsonl", `{"prompt":"p","output":"`+prose+`","note":"`+prose+`"}`+"\n{\"id\":7}\nnot json\n")
	png := dir.file("b.png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	numbers := dir.file("numbers", "["+strings.Repeat("1, 2, 3, 700, 5, ", 50)+"9]")
	one := []string{"detect", "--json", "--key", key, "--profile", green}
	student := []string{"audit", "--json", "-q", "--key", key, "--profile", green, "--reference", "none", "--decoys", "100"}
	for _, c := range []struct {
		name   string
		args   []string
		status int
	}{
		{"one text", append(one, text), exitOK},
		{"rows, some of them skipped", append(one, odd), exitOK},
		{"several files", append(one, "--fdr", "0.1", text, odd, png), exitOK},
		{"not complete", append(one, "--max-skipped", "0", text, png), exitIncomplete},
		{"nothing tested", append(one, png), exitError},
		{"a file that is not there", append(one, dir.of("none"), text), exitIncomplete},
		{"forms and spans", append(one, "--normalize", "--spans", "--alpha", "0.9", text), exitOK},
		{"a payload", []string{"detect", "--json", "--key", key, "--profile", payload, text}, exitOK},
		{"token ids", []string{"detect", "--json", "--key", key, "--profile", ids, "--ids", numbers, "--spans", "--alpha", "0.99"}, exitOK},
		{"bands", append(one, "--key", other, "--profile", draw, text), exitOK},
		{"bands of several texts", append(one, "--key", other, "--profile", draw, text, odd), exitOK},
		{"one of several marks", append(one, "--any", "--key", other, "--profile", draw, text), exitOK},
		{"paths", append(one, "--keyring", paths, text), exitOK},
		{"a keyring", append(one, "--any="+list, text, odd), exitOK},
		{"an audit", append(student, odd, text), exitOK},
		{"an audit of nothing", append(student, png), exitError},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, out, errs := isotope(c.args...)
			require.Equal(t, c.status, status, errs)
			require.Equal(t, 1, strings.Count(out, "\n"), "one line")
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
			require.NoError(t, err)
			assert.NoError(t, schema.Validate(v))
			var j struct {
				Verdict *string
				Alpha   *float64
				Inputs  []struct{ Rows, Tested, Skipped int64 }
				Rows    struct {
					Found, Tested, Skipped int64
					Reasons                []struct{ Count int64 }
				}
			}
			require.NoError(t, json.Unmarshal([]byte(out), &j))
			assert.Equal(t, j.Rows.Found, j.Rows.Tested+j.Rows.Skipped)
			assert.Equal(t, j.Rows.Tested == 0, j.Verdict == nil, "a verdict needs text")
			var rows, reasons int64
			for _, x := range j.Inputs {
				assert.Equal(t, x.Rows, x.Tested+x.Skipped)
				rows += x.Rows
			}
			for _, x := range j.Rows.Reasons {
				reasons += x.Count
			}
			assert.Equal(t, j.Rows.Found, rows)
			assert.Equal(t, j.Rows.Skipped, reasons)
		})
	}
	assert.Error(t, schema.Validate(map[string]any{"version": 1}), "the schema refuses what is not a result")
}

// TestEvalJSONHasOneShape compares what eval and its comparison print with the schema.
func TestEvalJSONHasOneShape(t *testing.T) {
	schema := jsonSchema(t, true)
	dir := newDir(t)
	run := mustRun(t, "eval", "-q", "--rows", dir.file("rows.jsonl", evalRows), "--rows-tokenizer", "r50k_base", "--texts", "4", "--length", "120", "--edited", "50", "--scheme", "gumbelmax,width=1", "--scheme", "greenlist,delta=3,width=1", "--json")
	file := dir.file("a.json", run)
	for _, out := range []string{run, mustRun(t, "eval", "compare", "--json", file, file)} {
		require.Equal(t, 1, strings.Count(out, "\n"), "one line")
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
		require.NoError(t, err)
		assert.NoError(t, schema.Validate(v))
	}
}

// TestJSONTakesNewFields: the schema is for today's program, and new fields do not break it.
func TestJSONTakesNewFields(t *testing.T) {
	dir := newDir(t)
	key := dir.file("my.key", secretOf("5b"))
	profile := dir.file("p.json", mustRun(t, "profile", "-q"))
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, "detect", "--json", "--key", key, "--profile", profile, dir.file("a.txt", "Some words of a text."))), &v))
	v["new"] = 1.0
	assert.NoError(t, jsonSchema(t, false).Validate(v))
	assert.Error(t, jsonSchema(t, true).Validate(v))
}
