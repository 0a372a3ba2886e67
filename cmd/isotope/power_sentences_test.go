package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// powerSentence finds what is printed about how often something is detected.
var powerSentence = regexp.MustCompile(`with (a )?probability (of about |0\.9|%)|would (have )?(been|be) (detected|named|shown)|would have (shown|detected)|would have been (detected|named)|too few to (detect|promise)|would be detected`)

// powerSentences names the test of each printed statement of power: it draws texts that fulfil the
// condition of the statement, and finds them as often as it says, or compares it with the exact law.
var powerSentences = []struct{ begins, dir, test string }{
	{"a text like this one of which", "detect", "TestSilenceIsSaidWhereDetectionWasLikely"},
	{"%d scored tokens are too few to detect even a text that is marked throughout with", "detect", "TestTooFewAreTooFew"},
	{"%d scored tokens are too few to promise", "detect", "TestTooFewAreTooFew"},
	{"a mean higher by", "detect", "TestPowerOfDraws"},
	{"in the best case, a text of which", "detect", "TestBestCaseIsFound"},
	{"%s; a text of the stated rate of which", "detect", "TestSilenceIsSaidWhereDetectionWasLikely"},
	{"not_detected: neither a document nor the pile", "detect", "TestSilenceIsSaidWhereDetectionWasLikely"},
	{", or when a share of", "detect/student", "TestFutileShareIsFound"},
	{"the share of interest would have been detected", "detect/student", "TestFutileShareIsFound"},
	{"A share of %g of marked training text would", "detect/student", "TestStatedShareIsFound"},
	{"a share of %.4g of marked training text", "detect/student", "TestStatedShareIsFound"},
	{"no share of marked training text", "detect/student", "TestStatedShareIsFound"},
	{"an excess of green of", "detect", "TestBestCaseIsFound"},
	{"no excess of green", "detect", "TestTooFewAreTooFew"},
	{"%.2g of the effect would have been named", "detect/student", "TestResolutionIsNamed"},
	{"\nstudent: %.0f scored tokens show a share", "detect/plan", "TestStudentPlan"},
	{": detected at p <= %g with probability", "detect/plan", "TestPlanTokensIsTheSmallest"},
	{"The unmarked text is called not_detected because", "detect", "TestSilenceIsSaidWhereDetectionWasLikely"},
	{"The test would have detected ", "detect/student", "TestStatedShareIsFound"}, // what follows is one of those above
}

// TestPowerSentences: every statement of power in the program is in the list, with a test that exists.
func TestPowerSentences(t *testing.T) {
	found := map[string]int{}
	for _, root := range []string{".", "../../detect", "../../provenance", "../../internal"} {
		require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if f, ok := call.Fun.(*ast.Ident); ok && f.Name == "panic" {
						return false
					}
				}
				x, ok := n.(*ast.BasicLit)
				if !ok || x.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(x.Value)
				if err != nil || len(text) > 600 || !powerSentence.MatchString(text) || strings.HasPrefix(text, "Chance alone") {
					return true // a text of that length is a help page
				}
				for i, s := range powerSentences {
					if strings.HasPrefix(text, s.begins) {
						found[powerSentences[i].begins]++
						return true
					}
				}
				assert.Fail(t, "a statement of power without a test: write one, and add it to powerSentences", "%s: %q", path, text)
				return true
			})
			return nil
		}))
	}
	for _, s := range powerSentences {
		assert.Positive(t, found[s.begins], "nobody prints %q any more", s.begins)
		files, err := filepath.Glob(filepath.Join("../..", s.dir, "*_test.go"))
		require.NoError(t, err)
		there := false
		for _, f := range files {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			there = there || strings.Contains(string(text), "\nfunc "+s.test+"(t *testing.T)")
		}
		assert.True(t, there, "%s has no %s", s.dir, s.test)
	}
}
