// Package internal holds the test of the one direction of imports.
package internal

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/isotope-wm/isotope/"

// mayImport lists, for each package, what it may import of this module and of others.
// The standard library is free for all. A package that is not listed fails: whoever
// adds one decides where it belongs.
var mayImport = map[string][]string{
	// The cellar: below every wing.
	"internal/kernel":     {"golang.org/x/sys/cpu"},
	"internal/prf":        {"internal/kernel"},
	"internal/tail":       {},
	"internal/tokset":     {"internal/prf"},
	"internal/secret":     {},
	"internal/strictjson": {"internal/secret"},
	"internal/nocore":     {"golang.org/x/sys/unix"},
	"internal/stoptext":   {},

	// The wings.
	"watermark/secretaccess":   {},
	"watermark":                {"watermark/secretaccess", "internal/prf", "internal/kernel", "internal/secret", "internal/strictjson", "internal/tail"},
	"watermark/registry":       {"watermark", "internal/secret", "internal/strictjson"},
	"watermark/interop":        {"watermark", "watermark/secretaccess", "internal/strictjson", "internal/prf", "internal/secret", "internal/tail"},
	"tokenize":                 {"internal/stoptext", "golang.org/x/text/unicode/norm"},
	"detect/internal/null":     {"watermark", "internal/tail"},
	"detect/internal/lawtest":  {"watermark"},
	"detect/internal/evidence": {"watermark", "internal/tokset", "detect/internal/null"},
	"detect":                   {"watermark", "internal/tail", "detect/internal/null", "detect/internal/evidence"},
	"detect/scorertest":        {"watermark", "internal/tail", "detect", "detect/internal/null", "detect/internal/evidence"},
	"detect/plan":              {"watermark", "internal/tail", "detect/internal/null"},
	"detect/sequential": {
		"watermark", "internal/tail", "detect", "detect/plan", "detect/internal/null", "detect/internal/evidence",
	},
	"detect/informed": {
		"watermark", "internal/tail", "detect", "detect/sequential", "detect/internal/null", "detect/internal/evidence",
	},
	"detect/student": {
		"watermark", "watermark/registry", "internal/tail", "internal/prf", "detect", "detect/plan", "detect/sequential",
		"detect/internal/null", "detect/internal/evidence",
	},

	// Evidence. Signatures of envelopes belong to the command.
	"provenance": {
		"watermark", "watermark/secretaccess", "internal/secret", "internal/strictjson",
		"golang.org/x/mod/sumdb/note", "golang.org/x/mod/sumdb/tlog",
	},

	// Readers of what people have.
	"internal/corpus/row":        {},
	"internal/corpus/forms":      {"internal/corpus/row", "golang.org/x/text"},
	"internal/corpus/parquet":    {"internal/corpus/row", "github.com/klauspost/compress", "github.com/andybalholm/brotli"},
	"internal/corpus/corpustest": {"internal/corpus", "github.com/klauspost/compress"},
	"internal/corpus": {
		"internal/corpus/row", "internal/corpus/forms", "internal/corpus/parquet", "github.com/klauspost/compress",
		"github.com/mikelolasagasti/xz", "github.com/andybalholm/brotli", "golang.org/x/text", "golang.org/x/net/html",
	},

	// Engines that the command, examples and nested modules share.
	"internal/scan": {
		"detect", "tokenize", "watermark", "watermark/interop", "internal/corpus", "internal/corpus/row", "internal/prf", "internal/secret", "internal/tail",
		"golang.org/x/sys/unix", "golang.org/x/sys/windows",
	},
	"internal/keyring": {"watermark", "watermark/interop", "internal/secret", "internal/strictjson"},
	"internal/lm":      {"watermark", "tokenize"},
	"internal/reading": {"detect/student", "watermark", "internal/secret", "internal/strictjson"},
	"internal/agefile": {"filippo.io/age", "filippo.io/age/armor"},
	"internal/openaiserver": {
		"watermark", "watermark/registry", "detect", "provenance", "internal/secret", "internal/stoptext", "internal/strictjson",
		"golang.org/x/mod/sumdb/note", "golang.org/x/mod/sumdb/tlog", "github.com/rogpeppe/go-internal/lockedfile",
	},
	"internal/eval": {
		"watermark", "tokenize", "detect", "detect/plan", "detect/informed", "internal/tail", "internal/lm", "internal/reading",
		"github.com/yuin/goldmark", "golang.org/x/net/html", "golang.org/x/text/unicode/norm",
	},
	"internal/llamacpp": {"watermark", "github.com/ardanlabs/jinja", "github.com/hybridgroup/yzma"},

	// Tests only.
	"internal/testmark":           {"watermark", "internal/kernel", "github.com/stretchr/testify"},
	"internal/testmark/nulltext":  {"internal/testmark", "internal/lm", "tokenize", "watermark", "github.com/stretchr/testify"},
	"internal/testmark/nullpanel": {"internal/tail", "watermark", "github.com/stretchr/testify"},
	"internal/testmark/race":      {},
	"internal/testmark/mutate":    {"github.com/stretchr/testify"},

	// Programs.
	"examples/quickstart": {"watermark", "detect"},
	"examples/server": {
		"watermark", "tokenize", "provenance", "internal/agefile", "internal/llamacpp", "internal/lm", "internal/nocore", "internal/openaiserver", "internal/secret",
		"golang.org/x/mod/sumdb/note",
	},
	"cmd/isotope/internal/canonical": {},
	"cmd/isotope/internal/textfile":  {},
	"cmd/isotope/internal/inputs":    {"internal/corpus", "internal/secret"},
	"cmd/isotope/internal/report":    {"detect", "detect/student", "internal/tail", "cmd/isotope/internal/canonical"},
	"cmd/isotope/internal/collect": {
		"github.com/rogpeppe/go-internal/lockedfile",
		"cmd/isotope/internal/canonical", "internal/secret", "internal/strictjson",
	},
	"cmd/isotope/internal/audit": {
		"detect", "detect/plan", "detect/student", "detect/sequential", "watermark", "tokenize",
		"internal/corpus", "internal/reading", "internal/strictjson", "internal/tail",
		"cmd/isotope/internal/canonical", "cmd/isotope/internal/collect", "cmd/isotope/internal/report",
	},
	"cmd/isotope/internal/visible": {},
	"cmd/isotope": {
		"golang.org/x/crypto/ssh", "golang.org/x/mod/sumdb/note", "github.com/secure-systems-lab/go-securesystemslib/dsse",
		"github.com/rogpeppe/go-internal/lockedfile", "provenance",
		"detect", "detect/informed", "detect/plan", "detect/student", "internal/llamacpp", "internal/reading", "watermark", "watermark/interop", "watermark/registry", "tokenize",
		"internal/agefile", "internal/corpus", "internal/corpus/forms", "internal/corpus/parquet", "internal/eval", "internal/keyring", "internal/lm", "internal/scan", "internal/secret", "internal/strictjson", "internal/tail",
		"cmd/isotope/internal/audit", "cmd/isotope/internal/canonical", "cmd/isotope/internal/collect",
		"cmd/isotope/internal/inputs", "cmd/isotope/internal/report", "cmd/isotope/internal/textfile", "cmd/isotope/internal/visible", "internal/nocore", "watermark/secretaccess",
		"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/schollz/progressbar/v3", "golang.org/x/term",
	},
}

func TestImportsPointOneWay(t *testing.T) {
	seen := map[string]bool{}
	eachFile(t, func(pkg, file string, imports []string) {
		if strings.HasSuffix(file, "_test.go") {
			return // tests may use whatever shows that the package is right
		}
		allowed, ok := mayImport[pkg]
		if !assert.True(t, ok, "package %s is in no layer: add it to mayImport", pkg) {
			return
		}
		seen[pkg] = true
		for _, imp := range imports {
			local, isLocal := strings.CutPrefix(imp, module)
			if !isLocal && !strings.Contains(strings.Split(imp, "/")[0], ".") {
				continue // the standard library
			}
			found := false
			for _, a := range allowed {
				found = found || imp == a || local == a || !isLocal && strings.HasPrefix(imp, a+"/")
			}
			assert.True(t, found, "%s imports %s", file, imp)
		}
	})
	for pkg := range mayImport {
		assert.True(t, seen[pkg], "package %s is listed and does not exist", pkg)
	}
}

// eachFile calls f for every Go file of this module.
func eachFile(t *testing.T, f func(pkg, file string, imports []string)) {
	root := ".."
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			nested, _ := filepath.Glob(filepath.Join(name, "go.mod"))
			if rel != "." && (len(nested) > 0 || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || strings.HasPrefix(d.Name(), "_")) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(rel) != ".go" || path.Dir(rel) == "internal" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, imp := range file.Imports {
			p, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, p)
		}
		f(path.Dir(rel), rel, imports)
		return nil
	})
	require.NoError(t, err)
}
