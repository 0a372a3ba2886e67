package tokenize

import "strings"

// A family is models whose names begin alike.
type family struct {
	prefix string
	says   string // the name of an encoding, or what to give instead
}

// ownEncodings are the models whose encoding this package has. A name is that of the model, or goes on with
// a hyphen, such as that before a date. The names are those of OpenAI's tiktoken 0.14.0.
var ownEncodings = []family{
	{"gpt2", "r50k_base"}, {"gpt-2", "r50k_base"},
	{"gpt-oss", "o200k_harmony"},
	{"gpt-3.5", "cl100k_base"}, {"gpt-35-turbo", "cl100k_base"}, {"gpt-4", "cl100k_base"},
	{"gpt-4o", "o200k_base"}, {"chatgpt-4o", "o200k_base"}, {"gpt-4.1", "o200k_base"},
	{"gpt-4.5", "o200k_base"}, {"gpt-5", "o200k_base"},
	{"o1", "o200k_base"}, {"o3", "o200k_base"}, {"o4-mini", "o200k_base"},
}

// encodingOf returns the encoding of a model, or the name itself.
func encodingOf(name string) string {
	for _, f := range ownEncodings {
		if rest, ok := strings.CutPrefix(name, f.prefix); ok && (rest == "" || rest[0] == '-') {
			return f.says
		}
	}
	return name
}

const (
	fileJSON   = "tokenizer.json from the directory of the model's weights, or its GGUF file"
	fileEither = "tokenizer.json or tokenizer.model from the directory of the model's weights, or its GGUF file"
)

// files are the families whose tokenizer is in a file. Upper and lower case count as the same, and an owner
// before a slash does not matter.
var files = []family{
	{"llama", fileEither}, {"meta-llama", fileEither}, {"codellama", fileEither}, {"tinyllama", fileEither},
	{"mistral", "tekken.json, tokenizer.json or tokenizer.model.v3 from the directory of the model's weights"},
	{"ministral", "tekken.json or tokenizer.json from the directory of the model's weights"},
	{"magistral", "tekken.json or tokenizer.json from the directory of the model's weights"},
	{"mixtral", "tokenizer.json or tokenizer.model.v3 from the directory of the model's weights"},
	{"qwen", "tokenizer.json from the directory of the model's weights, its GGUF file, or qwen.tiktoken"},
	{"qwq", fileJSON}, {"deepseek", fileJSON}, {"gemma", fileEither}, {"smollm", fileJSON},
}

// fileOf says which file has the tokenizer of a model, or returns "".
func fileOf(name string) string {
	model := strings.ToLower(name[strings.LastIndexByte(name, '/')+1:])
	for _, f := range files {
		if strings.HasPrefix(model, f.prefix) {
			return "its tokenizer is not built in; give the file " + f.says
		}
	}
	return ""
}
