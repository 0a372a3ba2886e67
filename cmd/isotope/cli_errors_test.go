package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestInvocations has calls as people make them, with what they read: what happened, then what to
// do. K stands for a key file, P for a profile, T for a text and D for a directory with one text.
func TestInvocations(t *testing.T) {
	dir := newDir(t)
	t.Chdir(dir.path)
	dir.file("my.key", secretOf("5a")+"\n")
	dir.file("my.json", mustRun(t, "profile", "new", "-q"))
	dir.file("text.txt", "The harbour wakes before the town, and the boats leave one after the other.")
	require.NoError(t, mkdir("texts"))
	dir.file("texts/a.txt", "The harbour wakes before the town.")
	require.NoError(t, mkdir("empty"))
	dir.file("chats.jsonl", `{"messages":[{"role":"user","content":"p"},{"role":"assistant","content":"The harbour wakes before the town."}]}`+"\n")
	dir.file("odd.jsonl", `{"title":"a","body":{"html":"b"}}`+"\n")
	for _, c := range []struct {
		call   string // K, P, T: --key my.key, --profile my.json, text.txt
		status int
		says   string // on stdout or stderr
	}{
		// The verb.
		{"detct T", exitUsage, "unknown command \"detct\""},
		{"detct T", exitUsage, "Did you mean this?\n\tdetect"},
		{"help detekt", exitUsage, `there is no verb "detekt"; 'isotope help' lists the verbs`},
		{"help detect", exitOK, "Usage:\n  isotope detect"},
		{"help key derive", exitOK, "Usage:\n  isotope key derive"},
		{"--version", exitOK, "wire format isotope/1"},
		{"key nix", exitUsage, `key has no verb "nix"; it has derive, id and new`},
		{"profile my.json", exitUsage, `profile has no verb "my.json"; it has explain, id and new`},
		{"keygen", exitUsage, "FILE is missing: the name of the file that keygen writes"},
		{"key new", exitUsage, "FILE is missing: the name of the file that new writes"},
		{"key new my.key", exitError, "my.key exists"},
		{"version x", exitUsage, `version takes no argument, and "x" was given`},

		// Flags.
		{"detect --keys my.key T", exitUsage, "unknown flag --keys; did you mean --key?"},
		{"detect -z T", exitUsage, "unknown flag -z; the flags with one letter are -k, -p, -o, -q, -h"},
		{"detect --key", exitUsage, "--key needs a value: --key FILE"},
		{"detect T", exitUsage, "--key FILE is missing: the file of the key that marked the text; 'isotope key new FILE' makes a key"},
		{"detect --key my.key T", exitUsage, "--profile FILE is missing; 'isotope profile new > FILE' writes the default one"},
		{"detect K P --alpha 5 T", exitUsage, "--alpha 5 is outside (0,1); write 0.05 for 5 %"},
		{"detect K P --alpha 1% T", exitUsage, `--alpha "1%" is not a number, such as 0.9 or 1e-6; write 0.01 for 1%`},
		{"detect K P --fail-on inconclusive T", exitUsage, `the one verdict that it takes is "detected"`},
		{"detect K P K T", exitUsage, "--key was given 2 times and --profile once; give each profile its key"},
		{"plan --power 90", exitUsage, "--power 90 is outside (0,1); write 0.9 for 90 %"},
		{"generate --unmarked --length 1e3x", exitUsage, `--length "1e3x" is not a whole number`},
		{"generate --unmarked --length 1e9", exitUsage, `--length "1e9" is not a whole number; write 1000000000`},
		{"profile new --gamma 0.3", exitUsage, "nearest"},
		{"profile new --scheme synthid", exitUsage, "not one of greenlist, gumbelmax, tournament; this program calls it tournament"},
		{"profile new --scheme kgw", exitUsage, "this program calls it greenlist"},
		{"profile new --tokenizer llama-3", exitUsage, `the tokenizer "llama-3" is not known, and there is no such file; its tokenizer is not built in; give the file tokenizer.json or tokenizer.model`},
		{"profile new --vocab 100256", exitUsage, "--vocab 100256: the rows leave out tokens: 100256 rows hold ids up to 100255, and cl100k_base has ids up to 100276, among them <|endoftext|> (100257)"},
		{"profile new --vocab 100352", exitOK, "75 of the 100352 ids have no token"},
		{"profile new --tokenizer gpt-9", exitUsage, `the tokenizer "gpt-9" is not known, and there is no such file; the known ones are cl100k_base, `},
		{"profile new --tokenizer gpt-4o -q", exitOK, `"tokenizer":"o200k_base"`},
		{"student", exitUsage, "--key FILE is missing"},
		{"audit K P", exitUsage, "there is nothing to test; give files of outputs, --endpoint, --journal or --reading"},
		{"audit K P --journal j --format json", exitUsage, "--format says how files are read, and the call names no file; leave it out"},

		// Files.
		{"detect --key nope.key P T", exitError, "there is no key file nope.key; 'isotope key new FILE' makes a key"},
		{"detect K --profile nope.json T", exitError, "there is no profile file nope.json; 'isotope profile new > FILE' writes the default one"},
		{"detect --key my.json --profile my.key T", exitError, "my.key is a key file and not a profile; were --key and --profile swapped?"},
		{"detect K P none.txt", exitError, "nothing was tested: none.txt: there is no file of this name (unreadable)"},
		{"detect K P *.nosuch", exitError, "nothing was tested: *.nosuch: there is no file of this name (unreadable)"},
		{"detect K P https://example.org/a.txt", exitError, "this is an address and not a file; download it, and give the file (unreadable)"},
		{`detect K P ""`, exitError, `nothing was tested: "": the name of the file is empty (unreadable)`},
		{"detect K P -", exitError, "nothing was tested: standard input: "},
		{"detect K P", exitError, "nothing was tested: standard input: "},
		{"detect K P empty", exitError, "nothing was tested: no file was found"},
		{"detect K P texts", exitOK, "inconclusive: too little text to tell"},
		{"detect K P T texts", exitOK, "nothing was detected in 2 texts"},
		{"detect K P T none.txt", exitIncomplete, "not complete: 1 file could not be read"},
		{"detect K P T odd.jsonl", exitOK, "(1 of 2 rows were tested, and 1 skipped)"},
		{"detect K P --max-skipped 0 T odd.jsonl", exitIncomplete, "not complete: 1 of 2 rows were tested, and 1 skipped, and --max-skipped is 0"},
		{"detect K P odd.jsonl", exitError, "odd.jsonl:1: "},
		{"detect K P --field body.html odd.jsonl", exitOK, "inconclusive"},
		{"detect K P --prompt-file write.txt T", exitError, "--prompt-file: write.txt: there is no file of this name"},
		{"detect K P --ids text.txt", exitError, `number 1: "The" is not a token id`},
		{"detect K P --report my.key T", exitError, "my.key exists and is not an HTML page"},
		{"detect K P --report no/x.html T", exitError, "the report cannot be written to no/x.html: there is no directory no; make it, or name another file"},
		{"detect K P --skipped text.txt odd.jsonl", exitError, "text.txt exists and is not such a list; choose another name"},
		{"audit K P --reference none --decoys 100 odd.jsonl", exitError, "nothing was tested: odd.jsonl:1: "},
		{"audit K P --reference none --decoys 100 -", exitError, "nothing was tested: standard input: "},
		{"audit K P --reference none --decoys 100 chats.jsonl", exitOK, "responses 1: 1 tested"},
		{"audit K P --reference none --decoys 10 chats.jsonl", exitUsage, "--decoys 10 is outside 100 to 1000000"},
		{"audit K P --reference none --endpoint localhost:8090 --model m --dry-run", exitUsage, "such as https://host/v1"},
		{"tokenize none.txt", exitError, "there is no file of this name"},
	} {
		t.Run(c.call, func(t *testing.T) {
			words := map[string]string{"K": "--key my.key", "P": "--profile my.json", "T": "text.txt", `""`: ""}
			var args []string
			for _, word := range strings.Fields(c.call) {
				switch with, ok := words[word]; {
				case word == `""`:
					args = append(args, "")
				case ok:
					args = append(args, strings.Fields(with)...)
				default:
					args = append(args, word)
				}
			}
			status, out, errs := isotope(args...)
			assert.Equal(t, c.status, status, out+errs)
			assert.Contains(t, out+errs, c.says)
			for _, inner := range []string{"strconv", "accepts", "watermark:", "tokenize:", "corpus:", "open ", "stat ", "no such file or directory", "runtime error"} {
				assert.NotContains(t, errs, inner, "words of a library")
			}
			if status == exitUsage {
				assert.Contains(t, errs, "--help' for usage.")
			}
		})
	}
}
