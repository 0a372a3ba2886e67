//go:build ignore

// Make writes the files of a landed version with the program of that version: journals,
// reports, plans, profiles, a registry, a keyring and reading files, and what the program
// says about each of them. TestLanded reads them with today's code.
//
//	go run cmd/isotope/testdata/landed/make.go -isotope PROGRAM -out DIR
//
// The suspect is a server inside this process, which the program reaches through a proxy, so
// that every journal names the same endpoint. Its answers are text that PROGRAM generates.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// A landedCase is a call of the program and what it printed.
type landedCase struct {
	Name   string   `json:"name"`
	Args   []string `json:"args"`
	Status int      `json:"status"`
	Stdout string   `json:"stdout"` // name of a file
	// Resumes is a journal that the call adds to.
	Resumes string `json:"resumes,omitempty"`
}

// A response is what the suspect says to a prompt.
type response struct {
	Content   string `json:"content,omitempty"`
	Reasoning string `json:"reasoning,omitempty"`
	Refusal   string `json:"refusal,omitempty"`
	Tool      bool   `json:"tool,omitempty"`
	Status    int    `json:"status,omitempty"` // 0 is 200
	Raw       string `json:"raw,omitempty"`    // in place of an answer
}

const (
	endpoint = "http://suspect.test/v1"
	key      = "isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	drawKey  = "isotope-secret-key-1:ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	runKey   = "07070707070707070707070707070707"
	asks     = 12
)

type maker struct {
	program, dir, cache, proxy string
	answers                    map[string]map[string]response // by model and prompt
	left                       atomic.Int64                   // questions before the suspect is down
	cases                      []landedCase
}

func main() {
	log.SetFlags(0)
	m := &maker{answers: make(map[string]map[string]response)}
	flag.StringVar(&m.program, "isotope", "", "the program")
	flag.StringVar(&m.dir, "out", "", "directory of the files")
	flag.Parse()
	var err error
	if m.program, err = filepath.Abs(m.program); err != nil {
		log.Fatal(err)
	}
	if m.cache, err = os.MkdirTemp("", "isotope-landed-"); err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(m.cache)
	server := httptest.NewServer(http.HandlerFunc(m.suspect))
	defer server.Close()
	m.proxy = server.URL
	m.left.Store(1 << 40)

	m.keysAndCorpus()
	m.profiles()
	m.texts()
	m.keyring()
	m.student()
	m.journals()
	m.readings()
	m.plans()
	m.write("answers.json", indented(m.answers))
	m.write("cases.json", indented(m.cases))
}

func (m *maker) path(name string) string { return filepath.Join(m.dir, name) }

func (m *maker) write(name string, text []byte) {
	if err := os.MkdirAll(filepath.Dir(m.path(name)), 0o755); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(m.path(name), text, 0o600); err != nil {
		log.Fatal(err)
	}
}

func indented(v any) []byte {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		log.Fatal(err)
	}
	return append(text, '\n')
}

// call runs the program in the directory.
func (m *maker) call(args ...string) (stdout []byte, status int) {
	cmd := exec.Command(m.program, args...)
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+m.cache, "HTTP_PROXY="+m.proxy, "ISOTOPE_API_KEY=")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		log.Fatal(err)
	}
	status = cmd.ProcessState.ExitCode()
	log.Printf("%d  isotope %s\n%s", status, strings.Join(args, " "), errs.String())
	if status == 1 || status == 2 {
		log.Fatal("the call failed")
	}
	return out.Bytes(), status
}

// keep runs a call whose output today's program must reproduce.
func (m *maker) keep(name string, args ...string) {
	out, status := m.call(args...)
	file := "results/" + name + ".json"
	m.write(file, out)
	m.cases = append(m.cases, landedCase{Name: name, Args: args, Status: status, Stdout: file})
}

// make runs a call and keeps what it printed as a file.
func (m *maker) make(file string, args ...string) {
	out, _ := m.call(args...)
	m.write(file, out)
}

const corpusWords = "river mountain library engine garden letter window market teacher painter captain village bridge forest kitchen station " +
	"theatre watches follows repairs visits crosses paints opens answers measures carries builds hears old quiet bright narrow green early broken " +
	"famous hidden the a near and of under behind"

func (m *maker) keysAndCorpus() {
	m.write("my.key", []byte(key+"\n"))
	m.write("draw.key", []byte(drawKey+"\n"))
	m.make("selector.id", "keygen", "selector.key", "--from", "my.key", "--label", "selector")
	m.make("acme.id", "keygen", "acme.key", "--from", "my.key", "--label", "tenant", "--label", "acme")
	rng := rand.New(rand.NewPCG(3, 4))
	words := strings.Fields(corpusWords)
	var b strings.Builder
	for range 240 {
		for range 3 + rng.IntN(20) {
			b.WriteString(words[rng.IntN(len(words))] + " ")
		}
		b.WriteString("\n\n")
	}
	m.write("corpus/words.txt", []byte(b.String()))
}

// schemes are the options of profiles: each kind of mark, and each field.
var schemes = []struct {
	name string
	args []string
}{
	{"trace", nil},
	{"o200k", []string{"--tokenizer", "o200k_base", "--gamma", "0.25", "--delta", "1.5"}},
	{"kl", []string{"--kl", "0.05", "--text", "chat"}},
	{"ids", []string{"--tokenizer", "none", "--vocab", "100"}},
	{"band", []string{"--band", "0,32768", "--selector", "selector.key"}},
	{"payload", []string{"--payload", "12", "--delta", "4"}},
	{"context", []string{"--mask", "context", "--width", "4"}},
	{"dedup", []string{"--dedup", "context", "--no-prompt-context"}},
	{"exempt", []string{"--exempt", "3,4,100", "--width", "1"}},
	{"lane", []string{"--group", "7", "--lane", "5"}},
	{"draw", []string{"--scheme", "gumbelmax"}},
	{"dual", []string{"--scheme", "gumbelmax", "--dual", "0.25", "--variants", "4"}},
	{"unmasked", []string{"--scheme", "gumbelmax", "--mask", "none", "--dedup", "context"}},
	{"tournament", []string{"--scheme", "tournament", "--depth", "20"}},
	{"candidates", []string{"--scheme", "tournament", "--candidates", "4", "--width", "3"}},
}

func (m *maker) profiles() {
	ids := rand.New(rand.NewPCG(5, 6))
	var list []string
	for i := range 600 {
		list = append(list, fmt.Sprint(ids.IntN(12+80*(i%7/6))))
	}
	m.write("ids.txt", []byte(strings.Join(list, " ")+"\n"))
	for _, s := range schemes {
		m.make("profiles/"+s.name+".json", append([]string{"profile"}, s.args...)...)
		args := []string{"detect", "--json", "--key", "my.key", "--profile", "profiles/" + s.name + ".json", "--tokens", "ids.txt"}
		if s.name == "band" {
			args = append(args, "--selector", "selector.key")
		}
		m.keep("profile-"+s.name, args...)
	}
}

func (m *maker) generate(profile string, tokens int, seed int, more ...string) string {
	args := append([]string{"generate", "--corpus", "corpus", "--tokens", fmt.Sprint(tokens), "--seed", fmt.Sprint(seed), "-q"}, more...)
	if profile == "" {
		args = append(args, "--unmarked")
	} else {
		args = append(args, "--key", "my.key", "--profile", "profiles/"+profile+".json")
	}
	out, _ := m.call(args...)
	return string(out)
}

func (m *maker) texts() {
	m.write("marked.txt", []byte(m.generate("trace", 500, 1)))
	m.write("mixed.txt", []byte(m.generate("", 300, 2)+m.generate("trace", 400, 3)+m.generate("", 300, 4)))
	m.write("message.txt", []byte(m.generate("payload", 800, 5, "--message", "1234")))
	m.write("dual.txt", []byte(m.generate("dual", 400, 6)))
	both, _ := m.call("generate", "--corpus", "corpus", "--tokens", "600", "--seed", "7", "-q", "--profile", "profiles/trace.json", "--key", "my.key", "--profile", "profiles/draw.json", "--key", "draw.key")
	m.write("both.txt", both)
	detect := func(profile string) []string {
		return []string{"detect", "--json", "--key", "my.key", "--profile", "profiles/" + profile + ".json"}
	}
	m.keep("detect", append(detect("trace"), "marked.txt")...)
	m.keep("detect-spans", append(detect("trace"), "--spans", "--normalize", "--report", "detect.html", "mixed.txt")...)
	m.keep("detect-message", append(detect("payload"), "message.txt")...)
	m.keep("detect-variants", append(detect("dual"), "dual.txt")...)
	m.keep("detect-bands", append(detect("trace"), "--key", "draw.key", "--profile", "profiles/draw.json", "--report", "bands.html", "both.txt")...)
}

func (m *maker) keyring() {
	m.write("keyring.txt", []byte("# One path a line.\ntenant/globex\ntenant/acme\n\ntenant/initech\ntenant\n"))
	out, _ := m.call("generate", "--corpus", "corpus", "--tokens", "400", "--seed", "8", "-q", "--key", "acme.key", "--profile", "profiles/trace.json")
	m.write("acme.txt", out)
	m.keep("keyring", "detect", "--json", "--key", "my.key", "--profile", "profiles/trace.json", "--keyring", "keyring.txt", "acme.txt")

	type entry map[string]any
	registry := entry{"isotope_registry": 1, "root": strings.TrimSpace(string(m.keyID())), "epochs": []entry{{"id": "e1", "master": "", "selector": ""}}}
	cohorts, tenants := []entry{{"id": "big", "epoch": "e1", "path": ""}}, []entry{
		{"id": "acme", "cohort": "big", "epoch": "e1", "path": "tenant/acme"},
		{"id": "globex", "cohort": "big", "epoch": "e1", "path": "", "lane": entry{"group": 1, "index": 3}},
		{"id": "initech", "epoch": "e1", "path": "old/initech"},
	}
	for i := range 100 {
		name := fmt.Sprintf("decoy-%d", i+1)
		cohorts = append(cohorts, entry{"id": name, "epoch": "e1", "path": "", "decoy": true})
		tenants = append(tenants, entry{"id": name, "epoch": "e1", "path": "", "decoy": true})
	}
	registry["cohorts"], registry["tenants"] = cohorts, tenants
	text, err := json.Marshal(registry)
	if err != nil {
		log.Fatal(err)
	}
	m.write("registry.json", append(text, '\n'))
}

// keyID returns the id of my.key, which detect prints.
func (m *maker) keyID() string {
	out, _ := m.call("detect", "--json", "--key", "my.key", "--profile", "profiles/ids.json", "--tokens", "ids.txt")
	var r struct {
		Key string `json:"key_id"`
	}
	if err := json.Unmarshal(out, &r); err != nil {
		log.Fatal(err)
	}
	return r.Key
}

// suspectArgs begin every call about a suspect.
func suspectArgs(more ...string) []string {
	return append([]string{"student", "--json", "-q", "--key", "my.key", "--profile", "profiles/trace.json"}, more...)
}

func declared(more ...string) []string {
	return suspectArgs(append([]string{"--decoys", "100", "--run-key", runKey}, more...)...)
}

func (m *maker) student() {
	var lines bytes.Buffer
	line := func(v any) {
		text, err := json.Marshal(v)
		if err != nil {
			log.Fatal(err)
		}
		lines.Write(append(text, '\n'))
	}
	for i := range 6 {
		line(map[string]string{"prompt": fmt.Sprintf("Tell me about the river %d.", i), "output": m.generate("trace", 100, 20+i)})
	}
	line(map[string]string{"prompt": "Nothing?", "output": " "})
	line(map[string]any{"prompt": []int{5, 6}, "output": []int{791, 4996, 14198, 35308}})
	lines.WriteString("no JSON\n{\"prompt\":\"only\"}\n")
	m.write("outputs.jsonl", lines.Bytes())
	m.keep("student-files", declared("--corpus", "corpus", "--c1", "0.2", "--share", "0.2", "--report", "student.html", "outputs.jsonl", "marked.txt")...)

	m.make("plan.json", declared("--reference", "none", "--tests", "3", "--question", "Was it trained on ours?", "--dry-run")...)
	m.keep("student-plan", suspectArgs("--reference", "none", "--decoys", "100", "--tests", "3", "--question", "Was it trained on ours?", "--plan", "plan.json", "outputs.jsonl")...)
	m.keep("student-accounts", declared("--reference", "none", "--registry", "registry.json", "--epoch", "e1", "outputs.jsonl")...)
}

// suspect is the endpoint.
func (m *maker) suspect(w http.ResponseWriter, r *http.Request) {
	if m.left.Add(-1) < 0 {
		http.Error(w, `{"error":{"message":"overloaded"}}`, http.StatusServiceUnavailable)
		return
	}
	var q struct {
		Model    string
		Prompt   string
		Stream   bool
		Messages []struct{ Content string }
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		log.Print(err)
	}
	prompt := q.Prompt
	if n := len(q.Messages); n > 0 {
		prompt = q.Messages[n-1].Content
	}
	a, ok := m.answers[q.Model][prompt]
	if !ok {
		log.Fatalf("no answer of %q to %q", q.Model, prompt)
	}
	answer(w, a, q.Model, len(q.Messages) > 0, q.Stream)
}

// answer sends a response as an endpoint does.
func answer(w http.ResponseWriter, a response, model string, chat, stream bool) {
	if a.Status != 0 {
		w.WriteHeader(a.Status)
	}
	if a.Raw != "" {
		w.Write([]byte(a.Raw))
		return
	}
	said := map[string]any{"role": "assistant", "content": a.Content}
	if a.Reasoning != "" {
		said["reasoning_content"] = a.Reasoning
	}
	if a.Refusal != "" {
		said["content"], said["refusal"] = nil, a.Refusal
	}
	if a.Tool {
		said["content"], said["tool_calls"] = nil, []any{map[string]string{"id": "call"}}
	}
	usage := map[string]any{"prompt_tokens": 9, "completion_tokens": len(strings.Fields(a.Content + " " + a.Reasoning))}
	choice := map[string]any{"index": 0, "finish_reason": "stop"}
	switch {
	case !chat:
		choice["text"] = a.Content
	case stream:
		choice["delta"] = said
	default:
		choice["message"] = said
	}
	whole := map[string]any{"id": "chatcmpl-1", "model": model + "-2026", "choices": []any{choice}, "usage": usage}
	text, err := json.Marshal(whole)
	if err != nil {
		log.Fatal(err)
	}
	if stream {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: %s\n\ndata: [DONE]\n\n", text)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text)
}

func (m *maker) journals() {
	var prompts []string
	for i := range asks {
		prompts = append(prompts, fmt.Sprintf("Describe the old bridge in %d words.", 50+i))
	}
	m.write("prompts.txt", []byte(strings.Join(prompts, "\n")+"\n"))
	trained, clean := make(map[string]response), make(map[string]response)
	for i, p := range prompts {
		trained[p] = response{Content: m.generate("trace", 80, 100+i)}
		clean[p] = response{Content: m.generate("", 80, 100+i)}
	}
	m.answers["trained"], m.answers["clean"] = trained, clean
	odd, proxy := make(map[string]response), make(map[string]response)
	for i, p := range prompts {
		odd[p] = response{Content: m.answers["trained"][p].Content, Reasoning: m.generate("trace", 30, 200+i)}
		out, _ := m.call("generate", "--corpus", "corpus", "--tokens", "80", "--seed", fmt.Sprint(300+i), "-q",
			"--profile", "profiles/trace.json", "--key", "my.key", "--profile", "profiles/draw.json", "--key", "draw.key")
		proxy[p] = response{Content: string(out)}
	}
	odd[prompts[1]] = response{Refusal: "I cannot"}
	odd[prompts[3]] = response{Tool: true}
	odd[prompts[5]] = response{Content: " "}
	odd[prompts[7]] = response{Raw: "data: {\"choices\n\n"}
	odd[prompts[9]] = response{Status: http.StatusBadRequest, Raw: `{"error":{"message":"no"}}`}
	odd[prompts[10]] = response{Raw: "data: {\"choices\":[{\"delta\":{\"content\":\"\xff\xfe\"}}]}\n\ndata: [DONE]\n\n"}
	m.answers["odd"], m.answers["proxy"] = odd, proxy

	collect := func(model, journal string, more ...string) []string {
		return declared(append([]string{
			"--endpoint", endpoint, "--model", model, "--journal", "journals/" + journal + ".jsonl", "--prompts", "prompts.txt",
			"--max-tokens", "200", "--batch", "4", "--concurrency", "1", "--retries", "0",
		}, more...)...)
	}
	if err := os.MkdirAll(m.path("journals"), 0o755); err != nil {
		log.Fatal(err)
	}
	replay := func(journal string, more ...string) {
		m.keep("journal-"+journal, suspectArgs(append([]string{"--journal", "journals/" + journal + ".jsonl"}, more...)...)...)
	}
	remove := func(journal string) { os.Remove(m.path("journals/" + journal + ".jsonl")) }

	remove("complete")
	m.call(collect("trained", "complete", "--fixed", "--corpus", "corpus", "--temperature", "0.9", "--top-p", "0.95")...)
	replay("complete", "--corpus", "corpus")

	remove("resumed")
	resumed := collect("clean", "resumed", "--reference", "none", "--c1", "1", "--share", "0.3", "--budget-tokens", "100000")
	m.left.Store(2)
	m.call(resumed...) // the endpoint fails: status 4
	m.left.Store(1 << 40)
	m.tear("journals/resumed.jsonl")
	m.call(resumed...)
	replay("resumed")

	remove("stopped")
	m.call(collect("trained", "stopped", "--reference", "none", "--api", "completions")...)
	replay("stopped")

	remove("reasoning")
	m.call(collect("odd", "reasoning", "--reference", "none", "--fixed", "--stream", "--system", "Be long.", "--extra", `{"top_k":40,"documents":[{"text":"<b>a stone</b>"}]}`)...)
	replay("reasoning")

	remove("spent")
	m.call(collect("clean", "spent", "--reference", "none", "--budget-tokens", "700")...)
	replay("spent")

	var live bytes.Buffer
	for i := range 6 {
		out, _ := m.call("generate", "--corpus", "corpus", "--tokens", "100", "--seed", fmt.Sprint(400+i), "-q",
			"--profile", "profiles/trace.json", "--key", "my.key", "--profile", "profiles/draw.json", "--key", "draw.key")
		text, _ := json.Marshal(map[string]string{"prompt": "Go on.", "output": string(out)})
		live.Write(append(text, '\n'))
	}
	m.write("live.jsonl", live.Bytes())
	band := []string{"--provenance-profile", "profiles/draw.json", "--provenance-key", "draw.key"}
	remove("provenance")
	m.call(collect("proxy", "provenance", append(band, "--reference", "none", "--fixed", "--live", "live.jsonl")...)...)
	replay("provenance", band...)

	// A journal that is not complete, and what the same call makes of it.
	remove("open")
	open := collect("trained", "open", "--reference", "none", "--fixed")
	m.left.Store(5)
	m.call(open...)
	m.left.Store(1 << 40)
	m.tear("journals/open.jsonl")
	replay("open")
	before, err := os.ReadFile(m.path("journals/open.jsonl"))
	if err != nil {
		log.Fatal(err)
	}
	m.keep("journal-open-resumed", open...)
	m.cases[len(m.cases)-1].Resumes = "journals/open.jsonl"
	m.write("journals/open.jsonl", before)
}

// tear appends half a record, as a kill leaves it: the beginning of the line that comes next.
func (m *maker) tear(journal string) {
	text, err := os.ReadFile(m.path(journal))
	if err != nil {
		log.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	var last struct{ Hash string }
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil {
		log.Fatal(err)
	}
	m.write(journal, fmt.Appendf(text, `{"seq":%d,"prev":"%s","kind":"ans`, len(lines), last.Hash))
}

// readings writes what a model with a vocabulary of 100 ids would say next.
func (m *maker) readings() {
	rng := rand.New(rand.NewPCG(9, 9))
	row := func() map[string]any {
		a, b := rng.IntN(50), 50+rng.IntN(50)
		return map[string]any{"ids": []int{a, b}, "p": []float64{0.5, 0.25}}
	}
	for _, kind := range []string{"choices", "marked", "mass", "difference"} {
		header := map[string]any{"isotope_reading": 1, "kind": kind, "vocab": 100, "tokenizer": "none", "model": "suspect", "note": "throw-away"}
		switch kind {
		case "marked":
			header["kind"], header["marked"] = "choices", true
		case "difference":
			header["base"] = "public"
		}
		lines := []any{header}
		for range 6 {
			var tokens, choices, rows, base []any
			for i := range 40 {
				tokens, choices, rows, base = append(tokens, rng.IntN(100)), append(choices, rng.IntN(100)), append(rows, row()), append(base, row())
				if i == 7 {
					choices[i], rows[i], base[i] = -1, nil, nil
				}
			}
			line := map[string]any{"tokens": tokens}
			switch kind {
			case "choices", "marked":
				line["choices"] = choices
			case "difference":
				line["base"] = base
				fallthrough
			default:
				line["rows"] = rows
			}
			lines = append(lines, line)
		}
		var b bytes.Buffer
		for _, l := range lines {
			text, err := json.Marshal(l)
			if err != nil {
				log.Fatal(err)
			}
			b.Write(append(text, '\n'))
		}
		m.write("readings/"+kind+".jsonl", b.Bytes())
		m.keep("reading-"+kind, "student", "--json", "-q", "--key", "my.key", "--profile", "profiles/ids.json", "--decoys", "100", "--run-key", runKey,
			"--reading", "readings/"+kind+".jsonl")
	}
}

func (m *maker) plans() {
	m.keep("plan", "plan", "--json")
	m.keep("plan-tokens", "plan", "--json", "--profile", "profiles/o200k.json", "--text", "chat", "--share", "0.5", "--tokens", "800")
	m.keep("plan-student", "plan", "--json", "--c1", "0.13", "--student-share", "0.05")
	m.keep("plan-probabilities", "plan", "--json", "--probabilities", "0.9,0.1", "--kl", "0.01")
}
