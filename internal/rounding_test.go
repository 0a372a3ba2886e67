package internal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// alike are the packages whose numbers have the same bits on every machine: p-values, and what
// results and reports hold beside them. A stranger repeats a test on another processor.
var alike = []string{
	"detect", "detect/informed", "detect/internal/evidence", "detect/internal/null", "detect/plan", "detect/sequential",
	"detect/student", "internal/scan", "internal/tail", "cmd/isotope", "cmd/isotope/internal/audit",
}

// unlike are files of these packages that compute plans and evaluations, which nobody repeats, and files
// that print numbers for people.
var unlike = map[string]bool{
	"detect/plan/draw.go": true, "detect/plan/mass.go": true, "detect/plan/text.go": true,
	"cmd/isotope/detect_print.go": true, "cmd/isotope/eval_compare.go": true, "cmd/isotope/eval_page.go": true,
	"cmd/isotope/plan_draw.go": true, "cmd/isotope/plan_print.go": true, "cmd/isotope/profile_explain.go": true,
}

// differing matches the functions of package math that differ between machines: some have assembly
// on some processors, and others are compiled with fused multiply-add.
var differing = regexp.MustCompile(`^(Acosh?|Asinh?|Atan2?|Atanh|Cbrt|Cosh?|Erf\w*|Exp\w*|Gamma|Hypot|J[01n]|Lgamma|Log\w*|Pow|Sin\w*|Tanh?|Y[01n])$`)

// TestRoundsAlike finds functions of package math that round differently on other processors.
func TestRoundsAlike(t *testing.T) {
	for _, p := range alike {
		files, err := filepath.Glob(filepath.Join("..", p, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files, p)
		for _, file := range files {
			name := filepath.ToSlash(strings.TrimPrefix(file, ".."+string(filepath.Separator)))
			if strings.HasSuffix(name, "_test.go") || unlike[name] {
				continue
			}
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			ast.Inspect(parsed, func(n ast.Node) bool {
				if x, ok := n.(*ast.SelectorExpr); ok {
					if of, ok := x.X.(*ast.Ident); ok && of.Name == "math" {
						assert.NotRegexp(t, differing, x.Sel.Name, "%s: package tail has such a function, with the same bits everywhere", set.Position(n.Pos()))
					}
				}
				return true
			})
		}
	}
}

// TestFusesNothing compiles for ARM and finds products that the compiler fuses with a sum, which
// rounds once where other processors round twice. A conversion of the product forbids it (Go
// specification, "Floating-point operators"). `make cross` sets ISOTOPE_CROSS, since this compiles the
// standard library.
func TestFusesNothing(t *testing.T) {
	if os.Getenv("ISOTOPE_CROSS") == "" {
		t.Skip("ISOTOPE_CROSS is not set; make cross sets it")
	}
	lines := make(map[string][]string)
	fused := regexp.MustCompile(`\(([^()]+\.go):([0-9]+)\)\s+FN?M(ADD|SUB)[DS]\b`)
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	found := 0
	for _, p := range alike {
		build := exec.Command("go", "build", "-gcflags=-S", "./"+p)
		build.Dir = root
		build.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0")
		out, err := build.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "TEXT", "the compiler wrote its assembly")
		for _, m := range fused.FindAllStringSubmatch(string(out), -1) {
			name, err := filepath.Rel(root, m[1])
			require.NoError(t, err)
			name = filepath.ToSlash(name)
			if !isAlike(name) || unlike[name] {
				continue // inlined from elsewhere
			}
			if lines[name] == nil {
				text, err := fs.ReadFile(os.DirFS(root), name)
				require.NoError(t, err)
				lines[name] = strings.Split(string(text), "\n")
			}
			n, err := strconv.Atoi(m[2])
			require.NoError(t, err)
			if line := lines[name][n-1]; strings.Contains(line, "math.FMA(") {
				found++
			} else {
				assert.Fail(t, "a product is fused with a sum: convert it", "%s:%d: %s", name, n, strings.TrimSpace(line))
			}
		}
	}
	assert.Positive(t, found, "the test sees the fused operations that package tail asks for")
}

func isAlike(file string) bool {
	for _, p := range alike {
		if filepath.ToSlash(filepath.Dir(file)) == p {
			return true
		}
	}
	return false
}
