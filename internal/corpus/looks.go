package corpus

import (
	"bytes"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/internal/corpus/row"
)

// baseName is the name without folders, and without the endings that decompressors,
// rotation of logs, editors and downloads leave behind, in lower case.
func baseName(name string) string {
	name = strings.ToLower(path.Base(strings.ReplaceAll(name, `\`, "/")))
	for {
		ext := path.Ext(name)
		switch ext {
		case ".gz", ".gzip", ".zst", ".zstd", ".xz", ".bz2", ".bak", ".old", ".orig", ".tmp", ".part", ".download", ".txt~", ".copy":
		default:
			if strings.Trim(ext, ".0123456789") != "" || ext == "" || ext == name {
				return strings.TrimSuffix(name, "~")
			}
		}
		name = strings.TrimSuffix(name, ext)
	}
}

// named returns the format that a name says, or Auto.
func named(name string) Format {
	switch path.Ext(baseName(name)) {
	case ".jsonl", ".ndjson", ".ldjson", ".jsonlines":
		return FormatJSONL
	case ".json", ".geojson", ".json5":
		return FormatJSON
	case ".csv":
		return FormatCSV
	case ".tsv", ".tab":
		return FormatTSV
	case ".html", ".htm", ".xhtml", ".mhtml":
		return FormatHTML
	case ".eml":
		return FormatMail
	case ".mbox", ".mbx":
		return FormatMbox
	case ".txt", ".text", ".md", ".markdown", ".rst", ".tex", ".org", ".adoc":
		return FormatText
	}
	return FormatAuto
}

// looks returns the format of text that begins so, what decided it ("content" or "name"),
// and a refusal in place of a format that is known and not read. The head is UTF-8 as far
// as it is text, and whole when the file ends with it.
func looks(head []byte, whole bool, name, contentType string) (f Format, by string, no *refusal) {
	trimmed := bytes.TrimLeft(head, " \t\r\n\x1e\ufeff")
	byName := named(name)
	switch contentType {
	case "text/html", "application/xhtml+xml":
		return FormatHTML, "content", nil
	case "application/json", "application/x-ndjson", "application/jsonl":
		return FormatJSON, "content", nil
	case "text/csv":
		return FormatCSV, "content", nil
	case "text/tab-separated-values":
		return FormatTSV, "content", nil
	case "message/rfc822":
		return FormatMail, "content", nil
	}
	if len(trimmed) == 0 {
		if byName != FormatAuto && byName != FormatMail && byName != FormatMbox {
			return byName, "name", nil
		}
		return FormatText, "content", nil // blanks, which the reader of texts skips as such
	}
	if verdict := looksJSON(trimmed, whole); verdict == jsonYes || verdict == jsonIDs {
		if verdict == jsonIDs {
			return FormatIDs, "content", nil
		}
		if byName == FormatJSONL {
			return FormatJSONL, "content", nil
		}
		return FormatJSON, "content", nil
	} else if verdict == jsonLike {
		return FormatAuto, "", &refusal{Invalid, "JSON or a value of Python and is neither JSON lines nor a list",
			"write it as JSON, with double quotes, or ask for the format text if it is one text"}
	}
	if looksHTML(trimmed, byName) {
		return FormatHTML, "content", nil
	}
	switch {
	case bytes.HasPrefix(trimmed, []byte("<?xml")), bytes.HasPrefix(trimmed, []byte("<svg")), bytes.HasPrefix(trimmed, []byte("<rss")),
		bytes.HasPrefix(trimmed, []byte("<mediawiki")):
		return FormatAuto, "", &refusal{Unsupported, "XML", "extract its texts as JSON lines or plain text, or ask for the format html to read what stands between the tags"}
	case looksMbox(trimmed):
		return FormatMbox, "content", nil
	case looksMail(trimmed):
		return FormatMail, "content", nil
	case looksEvents(trimmed):
		return FormatAuto, "", &refusal{Unsupported, "a recorded event stream, whose answers are in pieces", "put the pieces of each answer together, as JSON lines"}
	case looksIDs(trimmed):
		return FormatIDs, "content", nil
	case looksEncoded(trimmed):
		return FormatAuto, "", &refusal{Unsupported, "data in base64 or another encoding of bytes", "decode it first"}
	case looksPercent(trimmed):
		return FormatAuto, "", &refusal{Unsupported, "text in percent-encoding, as addresses have it", "decode it first"}
	case looksQuoted(trimmed):
		return FormatAuto, "", &refusal{Unsupported, "text in quoted-printable, as mail has it", "decode it first, or give the whole message"}
	case looksLog(trimmed):
		return FormatAuto, "", &refusal{Unsupported, "the log of a server, in which prompts and answers stand side by side", "write the answers and prompts as JSON lines, or ask for the format text if it is one text"}
	case looksSQL(trimmed):
		return FormatAuto, "", &refusal{Unsupported, "a dump of a database", "export the texts as CSV or JSON lines, or ask for the format text if it is one text"}
	case looksSettings(trimmed):
		return FormatAuto, "", &refusal{Unsupported, "YAML or TOML with prompts and answers", "write it as JSON lines, or ask for the format text if it is one text"}
	}
	table := looksCSV(trimmed, whole)
	if table != csvYes && (byName == FormatCSV || byName == FormatTSV) {
		return byName, "name", nil
	}
	switch table {
	case csvYes:
		return FormatCSV, "content", nil
	case csvLike:
		if byName != FormatText || knownHeader(trimmed) {
			return FormatAuto, "", &refusal{Unsupported, "a table, whose columns were not recognised", "ask for the format csv or tsv and name the column, or for the format text if it is one text"}
		}
	case csvColumn:
		return FormatAuto, "", &refusal{Unsupported, "a column of a table, since its first line is the name of one", "ask for the format csv or text"}
	}
	switch byName {
	case FormatJSON, FormatJSONL:
		return FormatJSONL, "name", nil // each line is a row, and skipped unless it is JSON
	case FormatHTML, FormatMail, FormatMbox, FormatText:
		return byName, "name", nil
	}
	if mostlyJSONLines(trimmed) {
		return FormatJSONL, "content", nil
	}
	return FormatText, "content", nil
}

const (
	jsonNo   = iota
	jsonYes  // values of JSON
	jsonIDs  // lists of whole numbers
	jsonLike // something in brackets that is meant as data
)

// looksJSON looks at text that does not begin with a blank.
func looksJSON(b []byte, whole bool) int {
	// The value with which the text begins: whole, or cut by the end of the head, or with
	// an error of grammar.
	parse := func() (n int, cut, ok bool) {
		var r row.Row
		n, err := r.Parse(b, row.Limits{Depth: 1 << 10, Values: 1 << 16})
		if err == nil {
			return n, false, true
		}
		switch err.(*row.Error).Fault {
		case row.CutShort:
			return n, !whole, false
		case row.TooMany, row.TooDeep:
			return n, true, false
		case row.Repeated:
			return n, false, true
		}
		return n, false, false
	}
	next := bytes.TrimLeft(b[1:], " \t\r\n")
	switch b[0] {
	case '{':
		switch {
		case len(next) == 0, next[0] == '"', next[0] == '}' && len(bytes.TrimLeft(next[1:], " \t\r\n")) == 0:
			return jsonYes
		case next[0] == '}':
			if after := bytes.TrimLeft(next[1:], " \t\r\n,"); len(after) > 0 && after[0] == '{' {
				return jsonYes
			}
		case next[0] == '\'':
			return jsonLike
		case bareName(next):
			return jsonLike
		}
	case '[':
		switch {
		case len(next) == 0:
			return jsonNo
		case next[0] == '{':
			if inner := bytes.TrimLeft(next[1:], " \t\r\n"); len(inner) > 0 && (inner[0] == '\'' || bareName(inner)) {
				return jsonLike
			}
			if inner := bytes.TrimLeft(next[1:], " \t\r\n"); len(inner) == 0 || inner[0] == '"' || inner[0] == '}' {
				return jsonYes
			}
		case next[0] == '\'':
			return jsonLike
		case next[0] == '"', next[0] == '[', next[0] == ']', next[0] == '-', '0' <= next[0] && next[0] <= '9':
			n, cut, ok := parse()
			if !ok && !cut {
				if next[0] == '"' || next[0] == '[' && looksNested(next) {
					return jsonYes // broken, and its rows will say so
				}
				if idsOnly(b) {
					return jsonIDs
				}
				return jsonNo // "[12] as the authors say", "[-- a comment --]"
			}
			rest := bytes.TrimLeft(b[min(n, len(b)):], " \t\r\n,")
			if ok && len(rest) > 0 && rest[0] != '[' && rest[0] != '{' {
				if next[0] == '"' {
					return jsonYes
				}
				return jsonNo // "[1] a footnote"
			}
			if idsOnly(b) {
				return jsonIDs
			}
			return jsonYes
		case hasWord(next, "true"), hasWord(next, "false"), hasWord(next, "null"), hasWord(next, "NaN"), hasWord(next, "Infinity"):
			return jsonYes
		}
	case '"':
		// A text may begin with a quotation. Lines that are strings of JSON have escapes,
		// which prose has not, or end right after the quote.
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line = b[:i]
		}
		var r row.Row
		n, err := r.Parse(line, row.Limits{Depth: 1, Values: 2})
		if err == nil && len(bytes.Trim(line[n:], " \t\r,")) == 0 && bytes.ContainsRune(line[:n], '\\') {
			return jsonYes
		}
	}
	return jsonNo
}

func hasWord(b []byte, w string) bool {
	rest, ok := bytes.CutPrefix(b, []byte(w))
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return ok && (len(rest) == 0 || rest[0] == ',' || rest[0] == ']')
}

// looksNested reports whether "[[" begins a list of values, and no link of a wiki.
func looksNested(b []byte) bool {
	b = bytes.TrimLeft(b, "[ \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '"' || b[0] == '-' || '0' <= b[0] && b[0] <= '9')
}

// bareName reports whether the bytes begin with a name and a colon, as an object of
// JavaScript does.
func bareName(b []byte) bool {
	i := 0
	for i < len(b) && (b[i] == '_' || b[i] == '$' || 'a' <= b[i]|0x20 && b[i]|0x20 <= 'z' || i > 0 && '0' <= b[i] && b[i] <= '9') {
		i++
	}
	if i == 0 || i == len(b) || b[i] != ':' {
		return false
	}
	after := bytes.TrimLeft(b[i+1:], " \t\r\n")
	return len(after) > 0 && bytes.IndexByte([]byte("\"'{[-0123456789tfn"), after[0]) >= 0
}

// idsOnly reports whether there is nothing but numbers, brackets, commas and blanks.
func idsOnly(b []byte) bool {
	digits := false
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			digits = true
		case bytes.IndexByte([]byte(" \t\r\n,[]-+"), c) < 0:
			return false
		}
	}
	return digits
}

// looksIDs reports whether the text is numbers alone, at least three of them, or the print
// of a tensor.
func looksIDs(b []byte) bool {
	for _, p := range []string{"tensor(", "array(", "Tensor("} {
		if rest, ok := bytes.CutPrefix(b, []byte(p)); ok {
			return len(rest) > 0 && rest[0] == '['
		}
	}
	return idsOnly(b) && len(bytes.FieldsFunc(b, func(r rune) bool { return r < '0' || r > '9' })) >= 3
}

// minEncoded is the length of the shortest run without blanks that looks encoded, if it is all there is.
const minEncoded = 100

// isEncoded reports whether there is nothing but base64 or hexadecimal digits, over any number of
// lines. A long word of one kind of letters is a word.
func isEncoded(b []byte) bool {
	var lower, upper, digits, hex, n int
	for _, c := range bytes.TrimRight(b, " \t\r\n") {
		switch {
		case 'a' <= c && c <= 'z':
			lower++
		case 'A' <= c && c <= 'Z':
			upper++
		case '0' <= c && c <= '9':
			digits++
		case c == '+', c == '/', c == '=', c == '-', c == '_':
		case c == '\r', c == '\n':
			continue
		default:
			return false
		}
		n++
		if '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' {
			hex++
		}
	}
	return n >= minEncoded && digits > n/20 && (hex == n && lower+upper > 0 || lower > n/10 && upper > n/10)
}

// looksPercent reports whether the text has escapes of addresses in place of blanks.
func looksPercent(b []byte) bool {
	b = bytes.TrimRight(b[:min(len(b), 4096)], " \t\r\n")
	if len(b) < minEncoded || bytes.ContainsAny(b, " \t") {
		return false
	}
	return bytes.Count(b, []byte("%20"))+bytes.Count(b, []byte("%0A")) > len(b)/50
}

// looksQuoted reports whether at least two lines, and half of the long ones, end with the mark of
// quoted-printable for a line that goes on.
func looksQuoted(b []byte) bool {
	long, soft := 0, 0
	for line := range bytes.Lines(b[:min(len(b), 1<<14)]) {
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 76 {
			return false
		} else if len(line) > 70 {
			long++
			if line[len(line)-1] == '=' {
				soft++
			}
		}
	}
	return soft >= 2 && 2*soft >= long
}

// logStart is how a line of a log begins: with a time, a level or a date.
var logStart = regexp.MustCompile(`^\W{0,2}(\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:|\d\d:\d\d:\d\d|(INFO|DEBUG|WARN|WARNING|ERROR|TRACE)\b|[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d|time=|ts=|level=)`)

// logPrompt is how a log shows what a model was asked.
var logPrompt = regexp.MustCompile(`(?i)\b(prompt|messages|input|inputs|question|query|instruction|request)"?\s?[:=]\s?['"\[{]`)

// looksLog reports whether the text is a log with prompts. They would be tested as if the model had
// written them.
func looksLog(b []byte) bool {
	return logStart.Match(b) && logPrompt.Match(b)
}

// sqlStart is how a dump of a database begins, after comments.
var sqlStart = regexp.MustCompile(`(?i)^(?:--[^\n]*\n|/\*.*?\*/;?\s|\s|(?:SET|PRAGMA|BEGIN|USE|DROP|START)\b[^;\n]*;)*(?:CREATE TABLE|INSERT INTO)\s+\S`)

// looksSQL reports whether the text is a dump of a database.
func looksSQL(b []byte) bool { return sqlStart.Match(b) }

// settingLine is a line of YAML or TOML with a field and a value.
var settingLine = regexp.MustCompile(`(?m)^[ \t]*(?:- +)?["']?([a-z_]+)["']? ?[:=](?:[ \t]|$)`)

// settingsStart is how YAML or TOML begins, after comments.
var settingsStart = regexp.MustCompile(`^(?:#[^\n]*\n|\s*\n|%YAML[^\n]*\n|---[^\n]*\n)*(?:\[\[?[\w."-]+\]\]?|[ \t]*(?:- +)?["']?[A-Za-z_][\w-]*["']? ?[:=](?:[ \t]|\r?\n))`)

// looksSettings reports whether the text is YAML or TOML that has a known field of a prompt, or a role,
// and one of an answer. Its prompts would be tested as if the model had written them.
func looksSettings(b []byte) bool {
	if !settingsStart.Match(b) {
		return false
	}
	asked, answered := false, false
	for _, m := range settingLine.FindAllSubmatch(b, -1) {
		name := string(m[1])
		asked = asked || contains(promptFields, name) || contains(roleFields, name) || contains(conversationFields, name)
		answered = answered || contains(answerFields, name) || contains(turnTexts, name) || contains(pairFields, name)
	}
	return asked && answered
}

// looksEncoded reports whether the text is uuencoded, base64, hexadecimal or PEM.
func looksEncoded(b []byte) bool {
	if bytes.HasPrefix(b, []byte("begin 6")) || bytes.HasPrefix(b, []byte("begin-base64 ")) || isEncoded(b) {
		return true
	}
	lines := bytes.Split(b[:min(len(b), 4096)], []byte("\n"))
	if bytes.HasPrefix(b, []byte("-----BEGIN ")) && len(lines) > 2 {
		lines = lines[1:]
	}
	if len(lines) < 6 {
		return false
	}
	length := len(bytes.TrimRight(lines[0], "\r"))
	if length < 40 {
		return false
	}
	for _, l := range lines[:5] {
		l = bytes.TrimRight(l, "\r")
		if len(l) != length {
			return false
		}
		for _, c := range l {
			if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '=') {
				return false
			}
		}
	}
	return true
}

func looksHTML(b []byte, byName Format) bool {
	if b[0] != '<' {
		return false
	}
	lower := bytes.ToLower(b[:min(len(b), 4096)])
	// Comments and declarations may stand first.
	for {
		rest, ok := bytes.CutPrefix(lower, []byte("<!--"))
		if !ok {
			break
		}
		i := bytes.Index(rest, []byte("-->"))
		if i < 0 {
			break
		}
		lower = bytes.TrimLeft(rest[i+3:], " \t\r\n")
	}
	for _, p := range []string{"<!doctype html", "<html", "<head>", "<body"} {
		if bytes.HasPrefix(lower, []byte(p)) {
			return true
		}
	}
	if bytes.HasPrefix(lower, []byte("<?xml")) {
		return bytes.Contains(lower, []byte("<html")) || bytes.Contains(lower, []byte("<!doctype html"))
	}
	if byName == FormatText {
		return false // Markdown may begin with a tag
	}
	for _, tag := range []string{"p", "div", "span", "article", "section", "main", "table", "ul", "ol", "h1", "h2", "h3", "title", "meta", "link", "script", "style", "br", "a", "b", "i", "em", "strong", "blockquote", "pre"} {
		if rest, ok := bytes.CutPrefix(lower, []byte("<"+tag)); ok && len(rest) > 0 && (rest[0] == '>' || rest[0] == ' ' || rest[0] == '\n' || rest[0] == '/') {
			return bytes.Contains(lower, []byte("</")) || tag == "br" || tag == "meta" || tag == "link"
		}
	}
	return false
}

// knownHeaders are the fields of a header that begin nothing but a message.
var knownHeaders = []string{
	"return-path", "received", "delivered-to", "message-id", "mime-version", "date", "from", "to", "subject", "content-type",
	"x-mailer", "reply-to", "cc", "dkim-signature", "list-id", "content-transfer-encoding", "sender", "references", "in-reply-to", "x-original-to",
	"authentication-results", "arc-seal", "user-agent", "importance", "thread-topic", "x-gmail-labels", "x-gm-thrid",
}

// looksMail reports whether the text begins with a header of a message: lines of fields, at
// least three of which are known and one of which no letter has.
func looksMail(b []byte) bool {
	known, sure := 0, false
	for i := 0; i < 200 && len(b) > 0; i++ {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		b = rest
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if i == 0 {
				return false
			}
			continue
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || bytes.ContainsAny(line[:colon], " \t") {
			return false
		}
		name := strings.ToLower(string(line[:colon]))
		for _, k := range knownHeaders {
			if name == k {
				known++
			}
		}
		switch name {
		case "return-path", "received", "message-id", "mime-version", "delivered-to", "dkim-signature":
			sure = true
		}
	}
	return known >= 2 && sure || known >= 4
}

// looksMbox reports whether the text begins with the line that separates messages.
func looksMbox(b []byte) bool {
	line, rest, ok := bytes.Cut(b, []byte("\n"))
	return ok && bytes.HasPrefix(line, []byte("From ")) && looksMail(rest)
}

// looksEvents reports whether the text is a stream of server-sent events.
func looksEvents(b []byte) bool {
	for i := 0; i < 4 && len(b) > 0; i++ {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		if data, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data = bytes.TrimLeft(data, " ")
			return len(data) > 0 && data[0] == '{' || bytes.HasPrefix(data, []byte("[DONE]"))
		}
		if len(bytes.TrimSpace(line)) > 0 && !bytes.HasPrefix(line, []byte("event:")) && !bytes.HasPrefix(line, []byte("id:")) && !bytes.HasPrefix(line, []byte(":")) {
			return false
		}
		b = rest
	}
	return false
}

// mostlyJSONLines reports whether at least half of the first lines are objects of JSON, as
// when the first line of a file was cut off.
func mostlyJSONLines(b []byte) bool {
	lines, objects := 0, 0
	for i := 0; i < 40 && len(b) > 0; i++ {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		lines++
		if bytes.HasPrefix(line, []byte(`{"`)) && (line[len(line)-1] == '}' || len(rest) == 0) {
			objects++
		}
	}
	return objects > 0 && 2*objects >= lines
}

// notText returns what is wrong with bytes that cannot be text, or "". It is for the first
// bytes of a file; each text is looked at as a whole later on.
func notText(head []byte) string {
	var e examined
	e.look(head)
	if bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte{0x1e}) { // RFC 7464 sets values of JSON off so
		e.control -= bytes.Count(head, []byte{0x1e})
	}
	switch {
	case e.nul > 0:
		if hint := wide(head); hint != "" {
			return "it has NULs and looks like " + hint + " without a byte order mark; name the encoding if it is"
		}
		return "it has NULs, as binary files do; extract its text first"
	case e.control > 2 && e.control > len(head)/256:
		return "it has control characters that no text has; extract its text first"
	}
	return ""
}

// wide returns the name of the encoding of 2 or 4 bytes that the bytes look like, or "".
func wide(head []byte) string {
	head = head[:min(len(head), 4096)&^3]
	if len(head) < 8 {
		return ""
	}
	var zero [4]int
	for i, c := range head {
		if c == 0 {
			zero[i%4]++
		}
	}
	n := len(head) / 4
	most := func(i int) bool { return zero[i] > n*3/4 }
	few := func(i int) bool { return zero[i] < n/8 }
	switch {
	case few(0) && most(2) && most(3):
		return "UTF-32 (utf-32le)"
	case few(3) && most(0) && most(1):
		return "UTF-32 (utf-32be)"
	case few(0) && few(2) && most(1) && most(3):
		return "UTF-16 (utf-16le)"
	case few(1) && few(3) && most(0) && most(2):
		return "UTF-16 (utf-16be)"
	}
	return ""
}

// cutRune returns b without an incomplete rune at its end.
func cutRune(b []byte) []byte {
	for i := 1; i <= min(3, len(b)); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if c >= 0xc0 && !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}
