package internal

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// userPackages returns the directories, relative to the root of the module, of the packages that
// users import.
func userPackages(t *testing.T) []string {
	var packages []string
	for _, wing := range []string{"watermark", "detect", "tokenize"} {
		err := filepath.WalkDir(filepath.Join("..", wing), func(dir string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if slices.Contains([]string{"internal", "testdata"}, d.Name()) || strings.HasPrefix(d.Name(), "_") {
				return fs.SkipDir
			}
			files, err := filepath.Glob(filepath.Join(dir, "*.go"))
			if slices.ContainsFunc(files, func(name string) bool { return !strings.HasSuffix(name, "_test.go") }) {
				rel, _ := filepath.Rel("..", dir)
				packages = append(packages, filepath.ToSlash(rel))
			}
			return err
		})
		require.NoError(t, err)
	}
	return packages
}

// TestPackagesHaveExamples: each package that users import has an example_test.go whose examples are
// programs that a reader can run, among them one of the package.
func TestPackagesHaveExamples(t *testing.T) {
	packages := userPackages(t)
	require.GreaterOrEqual(t, len(packages), 8, "packages: %v", packages)
	for _, pkg := range packages {
		t.Run(pkg, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(pkg), "example_test.go"))
			require.NoError(t, err, "write the examples of package %s", pkg)
			for _, fault := range exampleFaults(t, pkg, src) {
				t.Error(fault)
			}
		})
	}
}

// exampleFaults returns what is wrong with the example_test.go of a package.
func exampleFaults(t *testing.T, pkg string, src []byte) []string {
	file, err := parser.ParseFile(token.NewFileSet(), "example_test.go", src, parser.ParseComments)
	require.NoError(t, err)
	var faults []string
	if !strings.HasSuffix(file.Name.Name, "_test") {
		faults = append(faults, "the file is a part of the package: name its package "+file.Name.Name+"_test")
	}
	local := ""
	for _, imp := range file.Imports {
		name, err := strconv.Unquote(imp.Path.Value)
		require.NoError(t, err)
		if strings.Contains(name+"/", "/internal/") {
			faults = append(faults, "it imports "+name+", which users cannot")
		}
		if name == module+pkg {
			local = name[strings.LastIndex(name, "/")+1:]
			if imp.Name != nil {
				local = imp.Name.Name
			}
		}
	}
	packageExample := false
	for _, e := range doc.Examples(file) {
		name := "Example" + e.Name
		switch {
		case e.Output == "" && !e.EmptyOutput:
			faults = append(faults, name+" has no output, so no test runs it")
		case e.Play == nil:
			faults = append(faults, name+" needs names of other files, so a reader cannot run it")
		case !selects(e.Play, local):
			faults = append(faults, name+" does not use the package")
		case e.Name == "":
			packageExample = true
		}
	}
	if !packageExample {
		faults = append(faults, "there is no sound func Example() for the package")
	}
	return faults
}

// selects reports whether a program uses a name of an imported package.
func selects(program *ast.File, local string) bool {
	found := false
	ast.Inspect(program, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			x, ok := s.X.(*ast.Ident)
			found = found || ok && local != "" && x.Name == local
		}
		return !found
	})
	return found
}

// TestExampleFaultsAreFound breaks a sound file in each way.
func TestExampleFaultsAreFound(t *testing.T) {
	const sound = `package detect_test

import (
	"fmt"

	"github.com/isotope-wm/isotope/detect"
)

func Example() {
	fmt.Println(detect.Detected)
	// Output: detected
}
`
	assert.Empty(t, exampleFaults(t, "detect", []byte(sound)))
	for _, c := range []struct{ name, old, new, says string }{
		{"a part of the package", "package detect_test", "package detect", "part of the package"},
		{"an internal import", `"fmt"`, "\"fmt\"\n\t_ \"github.com/isotope-wm/isotope/internal/lm\"", "internal/lm"},
		{"no output", "	// Output: detected\n", "", "no output"},
		{"a helper elsewhere", "detect.Detected)", "detect.Detected, helper())", "names of other files"},
		{"not about the package", "detect.Detected", `"detected"`, "does not use the package"},
		{"no package example", "func Example()", "func ExampleVerdict()", "no sound func Example()"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, sound, c.old)
			faults := exampleFaults(t, "detect", []byte(strings.Replace(sound, c.old, c.new, 1)))
			assert.Contains(t, strings.Join(faults, "\n"), c.says)
		})
	}
}
