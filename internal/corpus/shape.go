package corpus

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/internal/corpus/row"
)

// The names of fields that are known. Within a group the first that is there is taken.
// docs/formats/inputs.md has the same lists, and a test compares them.
var (
	conversationFields = []string{"messages", "conversations", "conversation", "chat_messages", "dialogue", "dialog", "turns", "chat", "contents"}
	pairFields         = []string{"chosen", "rejected", "preferred_output", "non_preferred_output"}
	answerFields       = []string{
		"output", "response", "completion", "answer", "generation", "generated_text", "reply",
		"outputs", "responses", "completions", "answers", "generations", "resps",
	}
	plainFields     = []string{"text", "content"}
	promptFields    = []string{"prompt", "instruction", "input", "question", "query", "problem", "context", "prompts", "inputs"}
	systemFields    = []string{"system", "system_prompt", "instructions"}
	reasoningFields = []string{"reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks", "thinking_content", "reasoning_text", "thoughts", "chain_of_thought"}
	idFields        = []string{"output_ids", "token_ids", "input_ids"}
	turnTexts       = []string{"content", "value", "text", "parts"}
	roleFields      = []string{"role", "from", "sender", "author", "speaker"}
)

// roles are the names of who speaks in a conversation.
var roles = map[string]Kind{
	"assistant": Answer, "gpt": Answer, "chatgpt": Answer, "model": Answer, "bot": Answer, "ai": Answer, "chatbot": Answer,
	"claude": Answer, "bard": Answer, "bing": Answer, "gemini": Answer, "llm": Answer, "chosen": Answer, "rejected": Answer,
	"user": Prompt, "human": Prompt, "prompter": Prompt, "instruction": Prompt, "input": Prompt, "customer": Prompt,
	"system": System, "developer": System, "context": System,
	"tool": Tool, "function": Tool, "observation": Tool, "tool_response": Tool, "tool_result": Tool, "ipython": Tool, "environment": Tool,
}

// isField tells the fields that hold texts from others.
var isField = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range fieldName {
		m[n] = n != "request" && n != "error" && n != "type" && !contains(roleFields, n)
	}
	return m
}()

// fieldNumber numbers the known fields, so that an object is gone through once.
var fieldNumber, fieldName = func() (map[string]int, []string) {
	number := map[string]int{}
	var name []string
	for _, group := range [][]string{
		conversationFields, pairFields, answerFields, plainFields, promptFields, systemFields, reasoningFields, idFields,
		{"choices", "mapping", "message", "candidates", "body", "result", "request", "error"}, roleFields, {"type"},
	} {
		for _, n := range group {
			if _, ok := number[n]; !ok {
				number[n] = len(name)
				name = append(name, n)
			}
		}
	}
	return number, name
}()

const maxFields = 80

// A fieldSet has the known fields of an object.
type fieldSet struct {
	values [maxFields]row.Value
	used   [maxFields]bool
	order  [maxFields]uint8 // of the object
	n      int
}

func (f *fieldSet) collect(v row.Value) {
	for k, x := range v.Members() {
		if i, ok := fieldNumber[string(k.Raw())]; ok || k.Escaped() {
			if k.Escaped() {
				if i, ok = fieldNumber[k.Text()]; !ok {
					continue
				}
			}
			f.values[i] = x
			f.order[f.n] = uint8(i)
			f.n++
		}
	}
}

// A field is a known field.
type field struct {
	name   string
	number int
}

func known(names ...string) []field {
	list := make([]field, len(names))
	for i, n := range names {
		list[i] = field{n, fieldNumber[n]}
	}
	return list
}

// The groups of fields with their numbers.
var (
	knownConversations = known(conversationFields...)
	knownPairs         = known(pairFields...)
	knownAnswers       = [2][]field{known(answerFields...), known(plainFields...)}
	knownReasoning     = known(reasoningFields...)
	knownIDs           = known(idFields...)
	knownRoles         = known(append([]string{"type"}, roleFields...)...)
	knownFailures      = known("choices", "output", "message", "content", "text")

	fieldChoices, fieldMapping, fieldMessage = known("choices")[0], known("mapping")[0], known("message")[0]
	fieldCandidates, fieldBody, fieldResult  = known("candidates")[0], known("body")[0], known("result")[0]
	fieldRequest, fieldError                 = known("request")[0], known("error")[0]
	fieldResponse, fieldMessages             = known("response")[0], known("messages")[0]
	fieldInput, fieldOutput                  = known("input")[0], known("output")[0]
)

func (f *fieldSet) get(k field) row.Value { return f.values[k.number] }
func (f *fieldSet) use(k field)           { f.used[k.number] = true }

// hasRole reports whether the object has a field that may say who speaks.
func (f *fieldSet) hasRole() bool {
	for _, k := range knownRoles {
		if f.values[k.number].Kind() != row.None {
			return true
		}
	}
	return false
}

// shape finds the texts of a row by its fields, and emits the row. Base is the offset of
// the row's source in the stream, or -1 where values have no offsets.
func (r *run) shape(p Place, root row.Value, base int64) error {
	return r.shapeOf(p, root, base, nil)
}

// shapeOf is shape for a row of which not all fields were read, with the names of all.
func (r *run) shapeOf(p Place, root row.Value, base int64, names []string) error {
	r.rows.begin()
	s := shaper{run: r, rowState: &r.rows, base: base}
	s.root(root)
	return r.finish(p, func() []string {
		if names != nil {
			return clipNames(names)
		}
		return fieldNames(root)
	})
}

// A shaper collects the texts of one row.
type shaper struct {
	*run
	*rowState
	base int64
}

const maxFieldNames = 24

// fieldNames lists the names of an object, as far as a message may be.
func fieldNames(v row.Value) []string {
	var names []string
	for k := range v.Members() {
		if len(names) == maxFieldNames {
			names = append(names, "...")
			break
		}
		name := k.Text()
		if len(name) > 60 {
			name = name[:57] + "..."
		}
		names = append(names, name)
	}
	return names
}

func (s *shaper) root(v row.Value) {
	if len(s.fields_()) > 0 {
		s.byHand(v)
		return
	}
	switch v.Kind() {
	case row.Object:
		s.object(v, "")
		s.caseVariants(v)
		if len(s.texts) == 0 {
			s.advise(v)
		}
	case row.String:
		s.text(Plain, "", "", v)
	case row.Array:
		switch {
		case isTurns(v):
			s.turns(v, "", false)
		case v.Len() > 0 && allIDs(v):
			s.ids(Plain, "", "", v)
		default:
			s.list(Plain, "", v)
		}
		if len(s.texts) == 0 {
			s.none(WrongType, "the row is a list without any text; write one object for each text")
		}
	default:
		s.none(WrongType, "the row is %v and no object; write an object with a field for the text", v.Kind())
	}
}

func (s *shaper) fields_() [][]string { return s.Corpus.fields }

// answered reports whether a text from the nth on may be a model's own.
func (s *rowState) answered(n int) bool {
	for i := n; i < len(s.texts); i++ {
		if s.texts[i].kind.Tested() {
			return true
		}
	}
	return false
}

// object finds the texts of an object. The path is that of the object in its row.
func (s *shaper) object(v row.Value, path string) {
	from := len(s.texts)
	var f fieldSet
	f.collect(v)
	// Wrappers first: files of results of batches, and logs of requests.
	if s.wrapped(&f, v, path) {
		return
	}
	if f.hasRole() && isTurn(v) {
		s.turn(v, path, "", false)
		return
	}
	if m := f.get(fieldMapping); m.Kind() == row.Object {
		s.tree(m, join(path, "mapping"))
		f.use(fieldMapping)
	}
	// Prompts stand before answers in the row of a document, whatever the order in the
	// file, as they did for the model.
	s.prompts(&f, v, path)
	for _, k := range knownPairs {
		x := f.get(k)
		if kind := x.Kind(); kind != row.None && kind != row.Null {
			f.use(k)
			s.answer(x, join(path, k.name), "")
		}
	}
	if !s.answered(from) {
		for _, k := range knownConversations {
			x := f.get(k)
			if x.Kind() != row.Array || !isTurns(x) && !isEmpty(x) {
				continue
			}
			f.use(k)
			s.turns(x, join(path, k.name), false)
		}
	}
	if !s.answered(from) {
		if x := f.get(fieldChoices); x.Kind() == row.Array {
			f.use(fieldChoices)
			s.choices(x, join(path, "choices"))
		}
		if x := f.get(fieldCandidates); x.Kind() == row.Array {
			f.use(fieldCandidates)
			s.candidates(x, join(path, "candidates"))
		}
		if x := f.get(fieldMessage); x.Kind() == row.Object {
			f.use(fieldMessage)
			s.turn(x, join(path, "message"), "assistant", false)
		}
	}
	if !s.answered(from) {
		s.fieldsOfAnswer(&f, v, path)
	}
	// What might be text and was left lying is said, unless it repeats what was read.
	if len(s.texts) == from {
		return
	}
	for _, i := range f.order[:f.n] {
		if f.used[i] || !isField[fieldName[i]] {
			continue
		}
		switch x := f.values[i]; x.Kind() {
		case row.String, row.Array:
			s.leave(join(path, fieldName[i]), "%v that was not read, since another field holds the answer", x.Kind())
		}
	}
}

// fieldsOfAnswer reads the first field that is named as one that holds an answer.
func (s *shaper) fieldsOfAnswer(f *fieldSet, v row.Value, path string) {
	s.reasoning(v, path, "", f)
	had := len(s.texts)
	for i, group := range knownAnswers {
		for _, k := range group {
			x, name := f.get(k), k.name
			if x.Kind() == row.None {
				continue
			}
			if x.Kind() == row.Null {
				s.none(Empty, "the value of %q is null; there is nothing to test", join(path, name))
				continue
			}
			f.use(k)
			kind := [...]Kind{Answer, Plain}[i]
			n, unread := len(s.texts), len(s.unread)
			s.value(kind, "", join(path, name), x)
			if len(s.texts) == n && len(s.unread) == unread {
				s.none(WrongType, "the value of %q is %v and no text; name the field that holds the text", join(path, name), x.Kind())
			}
			break
		}
		if len(s.texts) > had || s.why != "" {
			return
		}
	}
	for _, k := range knownIDs {
		if x := f.get(k); x.Kind() == row.Array && allIDs(x) {
			f.use(k)
			s.ids(Answer, "", join(path, k.name), x)
			return
		}
	}
}

// wrapped reads what holds the answer of a server in a field of its own, and reports
// whether the object is that.
func (s *shaper) wrapped(f *fieldSet, v row.Value, path string) bool {
	response, result, body := f.get(fieldResponse), f.get(fieldResult), f.get(fieldBody)
	switch {
	case f.get(fieldInput).Kind() == row.Object && f.get(fieldOutput).Kind() == row.Object && v.Get("schemaType").Is("ModelInvocationLog"):
		s.invocation(v, f.get(fieldInput).Get("inputBodyJson"), f.get(fieldOutput).Get("outputBodyJson"), path)
		return true
	case response.Kind() == row.Object:
		if req := f.get(fieldRequest); req.Kind() == row.Object {
			s.request(req, join(path, "request"))
		} else {
			s.prompts(f, v, path)
			if x := f.get(fieldMessages); isTurns(x) {
				s.turns(x, join(path, "messages"), true)
			}
		}
		at := join(path, "response")
		if b := response.Get("body"); b.Kind() == row.Object {
			response, at = b, join(at, "body")
		} else if b.Kind() == row.String {
			s.none(WrongType, "the value of %q is a string that holds an answer of a server; write it as an object", join(at, "body"))
			return true
		}
		s.object(response, at)
	case result.Kind() == row.Object && (result.Get("message").Kind() == row.Object || result.Get("type").Kind() == row.String):
		if m := result.Get("message"); m.Kind() == row.Object {
			s.turn(m, join(join(path, "result"), "message"), "assistant", false)
		}
	case body.Kind() == row.Object && (body.Get("choices").Kind() == row.Array || body.Get("output").Kind() == row.Array || body.Get("content").Kind() == row.Array):
		s.object(body, join(path, "body"))
	default:
		if e := f.get(fieldError); e.Kind() == row.Object || e.Kind() == row.String {
			for _, other := range knownFailures {
				if k := f.get(other).Kind(); k != row.None && k != row.Null {
					return false
				}
			}
			s.none(NoAnswer, "the row reports an error of the server in place of an answer; there is nothing to test")
			return true
		}
		return false
	}
	if len(s.texts) == 0 {
		s.none(NoAnswer, "the row holds the failure of a request in place of an answer; there is nothing to test")
	}
	return true
}

// invocation reads a record of the invocation log of Amazon Bedrock: what a model was sent, and what it
// answered. Models differ in the fields of both. A record whose prompt is not found is not tested, since
// what it quotes would count as the model's own.
func (s *shaper) invocation(v, in, out row.Value, path string) {
	if in.Kind() != row.Object || out.Kind() != row.Object {
		s.none(WrongType, `the record of a model's invocation does not have one object each at "input.inputBodyJson" and "output.outputBodyJson"; write its prompt and its answer as the fields "prompt" and "output"`)
		return
	}
	from := len(s.texts)
	if len(s.Corpus.prompt) > 0 {
		s.along(v, "", s.Corpus.prompt, func(x row.Value, path string) { s.prompt(Prompt, x, path) })
	} else {
		s.request(in, join(join(path, "input"), "inputBodyJson"))
	}
	at := join(join(path, "output"), "outputBodyJson")
	if len(s.texts) == from {
		s.none(WrongType, `no prompt was found at "input.inputBodyJson"; name its field and that of the answer`)
		return
	}
	if m := out.Get("output").Get("message"); m.Kind() == row.Object {
		s.turn(m, join(join(at, "output"), "message"), "assistant", false)
		return
	}
	s.object(out, at)
}

// advise says what to do with a row of a known kind in which no text was found.
func (s *shaper) advise(v row.Value) {
	isList := func(name string) bool { x := v.Get(name); return x.Kind() == row.Array && x.Len() > 0 }
	switch {
	case isList("conversation_a") && isList("conversation_b"):
		s.why, s.detail = WrongType, "the row has the answers of two models; name the field of the suspect, with --field conversation_a or --field conversation_b"
	case isList("cells") && v.Get("nbformat").Kind() == row.Number:
		s.why, s.detail = WrongType, "the file is a notebook, and does not say which of its cells a model wrote; save the text of those to a file"
	case v.Get("run_type").Kind() == row.String && v.Get("outputs").Kind() == row.Object:
		s.why, s.detail = WrongType, `the row is a traced run whose texts are in lists of lists; write its prompt and its answer as the fields "prompt" and "output"`
	case isList("data"):
		s.why, s.detail = WrongType, `the rows may be in the list "data"; write one row for each of its items, with: jq -c '.data[]'`
	}
}

// request reads the prompts of a request to a server.
func (s *shaper) request(v row.Value, path string) {
	if b := v.Get("body"); b.Kind() == row.Object {
		v, path = b, join(path, "body")
	}
	if x := v.Get("messages"); isTurns(x) {
		s.turns(x, join(path, "messages"), true)
	}
	var f fieldSet
	f.collect(v)
	s.prompts(&f, v, path)
}

// promptKind has the kinds of the fields that a model was asked with, by number, and Plain
// for others.
var promptKind = func() (kinds [maxFields]Kind) {
	for _, n := range promptFields {
		kinds[fieldNumber[n]] = Prompt
	}
	for _, n := range systemFields {
		kinds[fieldNumber[n]] = System
	}
	return kinds
}()

// prompts reads the fields that a model was asked with.
func (s *shaper) prompts(f *fieldSet, v row.Value, path string) {
	if len(s.Corpus.prompt) > 0 && path == "" {
		s.along(v, "", s.Corpus.prompt, func(x row.Value, path string) { s.prompt(Prompt, x, path) })
		return
	}
	for _, i := range f.order[:f.n] {
		if kind := promptKind[i]; kind != Plain {
			f.used[i] = true
			s.prompt(kind, f.values[i], join(path, fieldName[i]))
		}
	}
}

// prompt reads a prompt of any type. What is no text is left, since the answer counts.
func (s *shaper) prompt(kind Kind, x row.Value, path string) {
	switch {
	case isTurns(x):
		s.turns(x, path, true)
	case x.Kind() == row.Object:
		if m := x.Get("messages"); isTurns(m) {
			s.turns(m, join(path, "messages"), true)
		}
	case x.Kind() == row.String:
		s.text(kind, "", path, x)
	case x.Kind() == row.Array && x.Len() > 0 && allIDs(x):
		s.ids(kind, "", path, x)
	case x.Kind() == row.Array:
		i := 0
		for item := range x.Items() {
			if item.Kind() == row.String {
				s.text(kind, "", index(path, i), item)
			}
			i++
		}
	}
}

// answer reads what one of a pair of answers is: a text, or turns.
func (s *shaper) answer(x row.Value, path, role string) {
	switch {
	case isTurns(x):
		s.turns(x, path, false)
	case isTurn(x):
		s.turn(x, path, "", false)
	default:
		s.value(Answer, role, path, x)
	}
}

// value reads a text, a list of texts, parts of a text or token ids.
func (s *shaper) value(kind Kind, role, path string, x row.Value) {
	switch x.Kind() {
	case row.String:
		s.text(kind, role, path, x)
	case row.Array:
		switch {
		case allIDs(x):
			s.ids(kind, role, path, x)
		case isParts(x):
			if hasItems(x) {
				s.items(x, path)
			} else {
				s.parts(kind, role, path, x)
			}
		case isTurns(x):
			s.turns(x, path, false)
		default:
			s.list(kind, path, x)
		}
	case row.Object:
		switch {
		case isTurn(x):
			s.turn(x, path, "", false)
		case x.Get("message").Kind() == row.Object:
			s.turn(x.Get("message"), join(path, "message"), "assistant", false)
		default:
			for _, name := range []string{"text", "content", "generated_text", "parts", "value", "output", "response", "answer"} {
				if y := x.Get(name); y.Kind() == row.String || y.Kind() == row.Array {
					s.reasoning(x, path, role, nil)
					s.value(kind, role, join(path, name), y)
					return
				}
			}
			s.leave(path, "an object without a text")
			s.none(WrongType, "the value of %q is an object without a text; name the field that holds the text", path)
		}
	}
}

// list reads the elements of a list that is neither turns nor parts.
func (s *shaper) list(kind Kind, path string, x row.Value) {
	i := 0
	for item := range x.Items() {
		at := index(path, i)
		i++
		switch item.Kind() {
		case row.String:
			s.text(kind, "", at, item)
		case row.Object:
			s.value(kind, "", at, item)
		case row.Array:
			if item.Len() > 0 && allIDs(item) {
				s.ids(kind, "", at, item)
				continue
			}
			if isTurns(item) {
				s.turns(item, at, false)
				continue
			}
			if hasTexts(item) { // several answers to each question, as harnesses of evaluations write them
				s.list(kind, at, item)
				continue
			}
			s.leave(at, "a list in a list")
			s.none(WrongType, "the value of %q is a list in a list; name the field that holds the text", at)
		case row.Null:
		default:
			s.leave(at, "%v in a list", item.Kind())
			s.none(WrongType, "the value of %q is %v and no text; name the field that holds the text", at, item.Kind())
		}
	}
	if i == 0 {
		s.none(Empty, "%sis an empty list; there is nothing to test", subject(path))
	}
}

// choices reads the answers of a chat completion or of a completion of the old kind.
func (s *shaper) choices(x row.Value, path string) {
	i := 0
	for c := range x.Items() {
		at := index(path, i)
		i++
		switch {
		case c.Get("message").Kind() == row.Object:
			s.turn(c.Get("message"), join(at, "message"), "assistant", false)
		case c.Get("text").Kind() == row.String:
			s.reasoning(c, at, "", nil)
			s.text(Answer, "", join(at, "text"), c.Get("text"))
		case c.Get("turns").Kind() == row.Array && hasTexts(c.Get("turns")):
			s.list(Answer, join(at, "turns"), c.Get("turns"))
		case c.Get("delta").Kind() == row.Object:
			s.none(Unsupported, "the row is a piece of a stream, and no whole answer; put the pieces of each answer together")
		default:
			s.leave(at, "a choice without a message or a text")
		}
	}
	if len(s.texts) == 0 {
		s.none(NoAnswer, "the value of %q holds no answer; there is nothing to test", path)
	}
}

// hasTexts reports whether a list has strings alone, and at least one.
func hasTexts(x row.Value) bool {
	for item := range x.Items() {
		if item.Kind() != row.String {
			return false
		}
	}
	return x.Len() > 0
}

// candidates reads the answers of Gemini.
func (s *shaper) candidates(x row.Value, path string) {
	i := 0
	for c := range x.Items() {
		if content := c.Get("content"); content.Kind() == row.Object {
			s.turn(content, join(index(path, i), "content"), "model", false)
		}
		i++
	}
	if len(s.texts) == 0 {
		s.none(NoAnswer, "the value of %q holds no answer; there is nothing to test", path)
	}
}

// hasItems reports whether a list holds items of the Responses API, and no parts.
func hasItems(x row.Value) bool {
	for item := range x.Items() {
		switch t := intern(item.Get("type")); {
		case t == "message", strings.HasSuffix(t, "_call"), t == "reasoning" && item.Get("text").Kind() == row.None:
			return true
		}
	}
	return false
}

// items reads the output of the Responses API.
func (s *shaper) items(x row.Value, path string) {
	i := 0
	for item := range x.Items() {
		at := index(path, i)
		i++
		switch t := intern(item.Get("type")); t {
		case "message":
			s.turn(item, at, "assistant", false)
		case "reasoning":
			s.details(item.Get("summary"), join(at, "summary"), "")
			s.details(item.Get("content"), join(at, "content"), "")
			if item.Get("encrypted_content").Kind() == row.String {
				s.leave(join(at, "encrypted_content"), "reasoning that the server encrypted")
			}
		default:
			s.leave(at, "an item of the type %.40q, which is no text", t)
		}
	}
	if len(s.texts) == 0 {
		s.none(NoAnswer, "the value of %q holds no message; there is nothing to test", path)
	}
}

// isEmpty reports whether a list has no elements.
func isEmpty(x row.Value) bool {
	for range x.Items() {
		return false
	}
	return true
}

// isTurns reports whether a value is a list of turns: objects that say who speaks.
func isTurns(x row.Value) bool {
	n := 0
	for item := range x.Items() {
		if item.Kind() != row.Object {
			return false
		}
		if role, _, _ := speaker(item); role == "" {
			return false
		}
		n++
	}
	return n > 0
}

// isTurn reports whether an object is a turn of a known role.
func isTurn(x row.Value) bool {
	role, _, ok := speaker(x)
	if !ok {
		return false
	}
	if _, known := roles[strings.ToLower(role)]; !known {
		return false
	}
	for _, name := range turnTexts {
		if x.Get(name).Kind() != row.None {
			return true
		}
	}
	return false
}

// speaker returns who speaks in a turn, the field that says so, and whether it is one of
// the fields that say nothing else.
func speaker(x row.Value) (role, field string, sure bool) {
	for i, name := range roleFields {
		v := x.Get(name)
		switch v.Kind() {
		case row.String:
			return intern(v), name, i < 3
		case row.Object:
			if r := v.Get("role"); r.Kind() == row.String {
				return r.Text(), name, true
			}
		}
	}
	if t := x.Get("type"); t.Kind() == row.String { // LangChain
		switch t.Text() {
		case "human", "ai", "system", "tool", "function":
			return t.Text(), "type", true
		}
	}
	return "", "", false
}

// interned has the names that occur all the time, so that they take no memory each time.
var interned = func() map[string]string {
	m := map[string]string{}
	for _, s := range []string{"text", "output_text", "input_text", "message", "reasoning", "thinking", "summary_text", "reasoning_text", "tool_use", "tool_result", "image_url"} {
		m[s] = s
	}
	for s := range roles {
		m[s] = s
	}
	return m
}()

// intern returns the text of a short string.
func intern(v row.Value) string {
	if s, ok := interned[string(v.Raw())]; ok {
		return s
	}
	return v.Text()
}

// kindOf returns whose words the turns of a role are.
func (s *shaper) kindOf(role string) (Kind, bool) {
	if s.Corpus.roles != nil {
		if s.Corpus.roles[role] {
			return Answer, true
		}
		if k, ok := roles[strings.ToLower(role)]; ok && k != Answer {
			return k, true
		}
		return Prompt, true
	}
	k, ok := roles[role]
	if !ok {
		k, ok = roles[strings.ToLower(role)]
	}
	return k, ok
}

// turns reads a conversation. In a prompt, the turns of the assistant are prompt, too.
func (s *shaper) turns(x row.Value, path string, prompt bool) {
	i, answers := 0, 0
	var others []string
	for item := range x.Items() {
		before := len(s.texts)
		role := s.turn(item, index(path, i), "", prompt)
		for _, t := range s.texts[before:] {
			if t.kind.Tested() {
				answers++
			}
		}
		if role != "" && !contains(others, role) && len(others) < maxFieldNames {
			others = append(others, role)
		}
		i++
	}
	if answers == 0 && !prompt {
		wanted := "assistant"
		if len(s.o.Roles) > 0 {
			wanted = strings.Join(s.o.Roles, " or ")
		}
		if len(others) == 0 {
			s.none(Empty, "the conversation in %q is empty; there is nothing to test", path)
		} else {
			s.none(NoAnswer, "the conversation has no turn of the role %s with a text; its roles are %s", wanted, quotedList(others))
		}
	}
}

// turn reads one turn and returns its role, or the role it is said to have.
func (s *shaper) turn(x row.Value, path, role string, prompt bool) string {
	if said, _, _ := speaker(x); said != "" {
		role = said
	}
	kind, known := s.kindOf(role)
	if !known {
		s.leave(path, "a turn of the role %.40q, which is not known; name it if it is the model", role)
		return role
	}
	if prompt && kind == Answer {
		kind = Prompt
	}
	before := len(s.texts)
	if kind == Answer {
		s.reasoning(x, path, role, nil)
	}
	for _, name := range turnTexts {
		v := x.Get(name)
		if v.Kind() == row.None || v.Kind() == row.Null {
			continue
		}
		at := join(path, name)
		n := len(s.texts)
		switch v.Kind() {
		case row.String:
			s.text(kind, role, at, v)
		case row.Array:
			switch {
			case v.Len() > 0 && allIDs(v):
				s.ids(kind, role, at, v)
			default:
				s.parts(kind, role, at, v)
			}
		case row.Object:
			s.content(kind, role, at, v)
		default:
			s.leave(at, "%v where a text should stand", v.Kind())
			s.none(WrongType, "the value of %q is %v and no text; write the text as a string", at, v.Kind())
		}
		if len(s.texts) > n && !blankText(s.rowState, n) {
			break // exports have the text twice, as content and as text
		}
		s.texts = s.texts[:n]
	}
	if v := x.Get("refusal"); v.Kind() == row.String && kind == Answer {
		s.text(kind, role, join(path, "refusal"), v)
	}
	if calls := x.Get("tool_calls"); calls.Kind() == row.Array && calls.Len() > 0 && kind == Answer {
		s.leave(join(path, "tool_calls"), "calls of tools, which are no text")
	}
	if len(s.texts) == before && kind == Answer && s.why == "" {
		fields := slices.Concat(turnTexts, []string{"tool_calls", "function_call", "refusal"})
		if slices.ContainsFunc(fields, func(name string) bool { return x.Get(name).Kind() != row.None }) {
			s.none(Empty, "the turn in %q is empty; there is nothing to test", path)
		} else {
			s.none(MissingField, "no field of the turn in %q holds a text; name the field that does", path)
		}
	}
	return role
}

// blankText reports whether all texts from the nth on are blank.
func blankText(s *rowState, n int) bool {
	for i := n; i < len(s.texts); i++ {
		if s.texts[i].ids != nil || len(strings.TrimSpace(string(s.bytes(&s.texts[i])))) > 0 {
			return false
		}
	}
	return true
}

// content reads an object that is the content of a turn, as ChatGPT exports it.
func (s *shaper) content(kind Kind, role, path string, x row.Value) {
	switch t := x.Get("content_type").Text(); t {
	case "thoughts":
		i := 0
		for item := range x.Get("thoughts").Items() {
			at := index(join(path, "thoughts"), i)
			if c := item.Get("content"); c.Kind() == row.String && kind == Answer {
				s.text(Reasoning, role, join(at, "content"), c)
			}
			i++
		}
		return
	case "reasoning_recap", "model_editable_context", "user_editable_context":
		return
	case "execution_output", "tether_quote", "tether_browsing_display":
		kind = Tool
	}
	for _, name := range []string{"parts", "text", "content", "result"} {
		switch v := x.Get(name); v.Kind() {
		case row.String:
			s.text(kind, role, join(path, name), v)
			return
		case row.Array:
			s.parts(kind, role, join(path, name), v)
			return
		}
	}
	s.leave(path, "an object without a text")
	if kind.Tested() {
		s.none(WrongType, "the value of %q is an object without a text; name the field that holds it, or write the text as a string", path)
	}
}

// isParts reports whether a list is made of parts: objects with a type, at least one.
func isParts(x row.Value) bool {
	n := 0
	for item := range x.Items() {
		if item.Kind() != row.Object || item.Get("type").Kind() != row.String || item.Get("role").Kind() != row.None && item.Get("type").Text() != "message" {
			return false
		}
		n++
	}
	return n > 0
}

// parts reads the parts of one text. Parts that follow each other are one text, since
// servers cut texts into parts, at citations for example, that the model wrote as one.
func (s *shaper) parts(kind Kind, role, path string, x row.Value) {
	i, last := 0, -1
	add := func(k Kind, at string, v row.Value) {
		n := len(s.texts)
		if !s.text(k, role, at, v) {
			return
		}
		if last >= 0 && last == n-1 && s.texts[last].kind == k && s.texts[last].text == nil && s.texts[last].to == s.texts[n].from {
			s.texts[last].to = s.texts[n].to
			s.texts[last].lone += s.texts[n].lone
			s.texts[last].field = path
			s.texts = s.texts[:n]
			return
		}
		last = n
	}
	for item := range x.Items() {
		at := index(path, i)
		i++
		if item.Kind() == row.String {
			add(kind, at, item)
			continue
		}
		if item.Kind() != row.Object {
			if item.Kind() != row.Null {
				s.leave(at, "%v among the parts of a text", item.Kind())
			}
			continue
		}
		switch t := intern(item.Get("type")); t {
		case "", "text", "output_text", "input_text":
			k := kind
			if item.Get("thought").True() && kind == Answer { // Gemini
				k = Reasoning
			}
			v := item.Get("text")
			switch v.Kind() {
			case row.String:
				add(k, join(at, "text"), v)
			case row.Object:
				if y := v.Get("value"); y.Kind() == row.String {
					add(k, join(join(at, "text"), "value"), y)
				}
			default:
				s.leave(at, "a part without a text")
			}
		case "thinking", "reasoning", "reasoning_text", "summary_text", "reasoning_content":
			if kind != Answer {
				continue
			}
			found := false
			for _, name := range []string{"thinking", "text", "reasoning", "content", "reasoning_text", "reasoning_content"} {
				switch v := item.Get(name); v.Kind() {
				case row.String:
					add(Reasoning, join(at, name), v)
					found = true
				case row.Array:
					s.details(v, join(at, name), role)
					found = true
				case row.Object: // Bedrock
					if y := v.Get("text"); y.Kind() == row.String {
						add(Reasoning, join(join(at, name), "text"), y)
						found = true
					}
				}
				if found {
					break
				}
			}
			if !found {
				s.leave(at, "reasoning without a text")
			}
		case "refusal":
			if v := item.Get("refusal"); v.Kind() == row.String {
				add(kind, join(at, "refusal"), v)
			}
		case "redacted_thinking":
			s.leave(at, "reasoning that the server encrypted")
		default:
			s.leave(at, "a part of the type %.40q, which is no text", t)
		}
	}
	if i == 0 && kind.Tested() {
		s.none(Empty, "%sis an empty list; there is nothing to test", subject(path))
	}
}

// reasoning reads the reasoning that stands beside an answer, under all names that servers
// give it. Some give it under two names: a text that was read already is not read again.
func (s *shaper) reasoning(x row.Value, path, role string, f *fieldSet) {
	first := len(s.texts)
	for _, k := range knownReasoning {
		var v row.Value
		name := k.name
		if f != nil {
			v = f.get(k)
		} else {
			v = x.Get(name)
		}
		n := len(s.texts)
		switch v.Kind() {
		case row.String:
			if f != nil {
				f.use(k)
			}
			s.text(Reasoning, role, join(path, name), v)
		case row.Array:
			if f != nil {
				f.use(k)
			}
			s.details(v, join(path, name), role)
		default:
			continue
		}
		if n > first && repeats(s.rowState, first, n) {
			s.texts = s.texts[:n]
		}
	}
}

// repeats reports whether the texts from n on are, one after the other, those from first
// to n.
func repeats(s *rowState, first, n int) bool {
	var a, b strings.Builder
	for i := first; i < len(s.texts); i++ {
		if s.texts[i].ids != nil {
			return false
		}
		if i < n {
			a.Write(s.bytes(&s.texts[i]))
		} else {
			b.Write(s.bytes(&s.texts[i]))
		}
	}
	return a.String() == b.String()
}

// details reads a list of pieces of reasoning.
func (s *shaper) details(x row.Value, path, role string) {
	if x.Kind() == row.String {
		s.text(Reasoning, role, path, x)
		return
	}
	i := 0
	for item := range x.Items() {
		at := index(path, i)
		i++
		if item.Kind() == row.String {
			s.text(Reasoning, role, at, item)
			continue
		}
		found := false
		for _, name := range []string{"text", "thinking", "summary", "content"} {
			if v := item.Get(name); v.Kind() == row.String {
				s.text(Reasoning, role, join(at, name), v)
				found = true
				break
			}
		}
		if !found && item.Get("data").Kind() == row.String {
			s.leave(at, "reasoning that the server encrypted")
		}
	}
}

// tree reads a conversation that ChatGPT exported: nodes with a parent and children, in the
// order of the tree, with all branches, since each of them was written by the model.
func (s *shaper) tree(m row.Value, path string) {
	nodes := map[string]row.Value{}
	var order []string
	for k, v := range m.Members() {
		id := k.Text()
		nodes[id] = v
		order = append(order, id)
	}
	seen := map[string]bool{}
	var stack []string
	visit := func(root string) {
		stack = append(stack[:0], root)
		for len(stack) > 0 {
			id := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			node, ok := nodes[id]
			if !ok || seen[id] {
				continue
			}
			seen[id] = true
			s.node(node, join(path, id))
			var children []string
			for c := range node.Get("children").Items() {
				children = append(children, c.Text())
			}
			for i := len(children) - 1; i >= 0; i-- {
				stack = append(stack, children[i])
			}
		}
	}
	for _, id := range order {
		if parent := nodes[id].Get("parent"); parent.Kind() != row.String || nodes[parent.Text()].Kind() == row.None {
			visit(id)
		}
	}
	for _, id := range order { // nodes that no root leads to
		visit(id)
	}
	for i := range s.texts {
		if s.texts[i].kind.Tested() {
			return
		}
	}
	s.none(NoAnswer, "the conversation in %q has no turn of the assistant; there is nothing to test", path)
}

func (s *shaper) node(v row.Value, path string) {
	m := v.Get("message")
	if m.Kind() != row.Object {
		return
	}
	if to := m.Get("recipient"); to.Kind() == row.String && to.Text() != "all" && !to.Is("") {
		s.leave(join(path, "message"), "a call of a tool, which is no text")
		return
	}
	if role, _, _ := speaker(m); role != "" {
		if c := m.Get("content"); c.Kind() == row.Object {
			if kind, ok := s.kindOf(role); ok {
				s.content(kind, role, join(join(path, "message"), "content"), c)
				return
			}
		}
	}
	s.turn(m, join(path, "message"), "", false)
}

// byHand reads the fields that the caller named.
func (s *shaper) byHand(v row.Value) {
	s.promptsBesides(v)
	for i, path := range s.Corpus.fields {
		found := false
		s.along(v, "", path, func(x row.Value, at string) {
			found = true
			switch {
			case x.Kind() == row.Null:
				s.none(Empty, "the value of %q is null; there is nothing to test", at)
			case isTurns(x):
				s.turns(x, at, false)
			case x.Kind() == row.String || x.Kind() == row.Array || x.Kind() == row.Object:
				n, unread := len(s.texts), len(s.unread)
				s.value(Answer, "", at, x)
				if len(s.texts) == n && len(s.unread) == unread {
					s.none(WrongType, "the value of %q is %v without a text; name the field that holds the text", at, x.Kind())
				}
			default:
				s.leave(at, "%v where a text should stand", x.Kind())
				s.none(WrongType, "the value of %q is %v and no text; name the field that holds the text", at, x.Kind())
			}
		})
		if !found {
			s.missing(v, s.o.Fields[i])
		}
	}
}

// promptsBesides reads the prompts of a row whose texts are named by hand.
func (s *shaper) promptsBesides(v row.Value) {
	if len(s.Corpus.prompt) > 0 {
		s.along(v, "", s.Corpus.prompt, func(x row.Value, path string) { s.prompt(Prompt, x, path) })
		return
	}
	for k, x := range v.Members() {
		name := k.Text()
		if !contains(promptFields, name) && !contains(systemFields, name) {
			continue
		}
		named := false
		for _, path := range s.Corpus.fields {
			named = named || path[0] == name || strings.Join(path, ".") == name
		}
		if !named {
			s.prompt(Prompt, x, name)
		}
	}
}

// missing notes that a field is not there, and whether one in another case is.
func (s *shaper) missing(v row.Value, want string) {
	near := ""
	for k := range v.Members() {
		if name := k.Text(); name != want && strings.EqualFold(name, want) {
			near = fmt.Sprintf(" (%.60q is another field, since names are exact)", name)
		}
	}
	s.none(MissingField, "there is no field %q%s", want, near)
}

// caseVariants names fields that differ from a known one in case alone, where they matter:
// they were not read.
func (s *shaper) caseVariants(v row.Value) {
	for k, x := range v.Members() {
		if !hasUpper(k.Raw()) || x.Kind() != row.String && x.Kind() != row.Array {
			continue
		}
		name := k.Text()
		lower := strings.ToLower(name)
		if lower == name || !isField[lower] {
			continue
		}
		if s.answered(0) {
			s.leave(name, "another field than %q, since names are exact", lower)
		} else {
			s.none(MissingField, "%.60q is another field than %q, since names are exact; name it if it holds the text", name, lower)
		}
	}
}

// hasUpper reports whether b has an upper-case letter of ASCII, or an escape.
func hasUpper(b []byte) bool {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' || c == '\\' {
			return true
		}
	}
	return false
}

// along calls f for each value that a path leads to. Lists are gone through. A field whose
// own name has dots is found, too.
func (s *shaper) along(v row.Value, at string, path []string, f func(row.Value, string)) {
	if v.Kind() == row.Array && len(path) > 0 {
		i := 0
		for item := range v.Items() {
			if path[0] == strconv.Itoa(i) {
				s.along(item, index(at, i), path[1:], f)
			} else {
				s.along(item, index(at, i), path, f)
			}
			i++
		}
		return
	}
	if len(path) == 0 {
		f(v, at)
		return
	}
	for n := len(path); n > 0; n-- {
		name := strings.Join(path[:n], ".")
		if x := v.Get(name); x.Kind() != row.None {
			s.along(x, join(at, name), path[n:], f)
			return
		}
	}
}

// text adds the text of a string, and reports whether there was one.
func (s *shaper) text(kind Kind, role, field string, v row.Value) bool {
	if v.Kind() != row.String {
		return false
	}
	from := len(s.data)
	var lone int
	s.data, lone = v.AppendText(s.data)
	offset := int64(-1)
	if s.base >= 0 {
		offset = s.base + int64(v.Offset())
	}
	s.add(pending{kind: kind, role: role, field: field, from: from, to: len(s.data), offset: offset, lone: lone})
	return true
}

// allIDs reports whether a list holds whole numbers alone. An empty list does.
func allIDs(v row.Value) bool {
	if v.Kind() != row.Array {
		return false
	}
	for item := range v.Items() {
		if item.Kind() != row.Number || strings.ContainsAny(string(item.Raw()), ".eENI") {
			return false
		}
	}
	return true
}

// ids adds token ids. What fits no vocabulary becomes -1.
func (s *shaper) ids(kind Kind, role, field string, v row.Value) {
	list := make([]int32, 0, v.Len())
	for item := range v.Items() {
		n, ok := item.Int()
		if !ok || n < 0 || n > 1<<31-1 {
			n = -1
		}
		list = append(list, int32(n))
	}
	offset := int64(-1)
	if s.base >= 0 {
		offset = s.base + int64(v.Offset())
	}
	s.add(pending{kind: kind, role: role, field: field, ids: list, offset: offset})
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
