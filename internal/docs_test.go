package internal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A page is a Markdown file, with its fenced and indented code apart.
type page struct {
	name   string // from the root, with slashes
	prose  string // the text, code blocks left out
	blocks []block
}

// A block is a code block.
type block struct {
	lang string // after the fence; "" for an indented one
	text string
	line int
}

// pages reads every page that people read.
func pages(t *testing.T) []page {
	names := []string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md"}
	for _, root := range []string{"docs", "examples"} {
		require.NoError(t, filepath.WalkDir(filepath.Join("..", root), func(name string, d fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(name) == ".md" {
				rel, _ := filepath.Rel("..", name)
				names = append(names, filepath.ToSlash(rel))
			}
			return err
		}))
	}
	out := make([]page, 0, len(names))
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
		require.NoError(t, err)
		out = append(out, parsePage(name, string(text)))
	}
	require.Greater(t, len(out), 20, "the pages were not found")
	return out
}

func parsePage(name, text string) page {
	p := page{name: name}
	var prose strings.Builder
	var open *block
	fenced, before := false, ""
	number := 0
	for line := range strings.Lines(text) {
		number++
		plain := strings.TrimRight(line, "\r\n")
		fence, isFence := strings.CutPrefix(plain, "```")
		switch {
		case isFence && !fenced:
			fenced = true
			p.blocks = append(p.blocks, block{lang: strings.TrimSpace(fence), line: number})
			open = &p.blocks[len(p.blocks)-1]
		case isFence:
			fenced, open = false, nil
		case fenced:
			open.text += line
		case strings.HasPrefix(plain, "    ") && (open != nil || strings.TrimSpace(before) == "" || strings.HasPrefix(before, "#")):
			if open == nil {
				p.blocks = append(p.blocks, block{line: number})
				open = &p.blocks[len(p.blocks)-1]
			}
			open.text += strings.TrimPrefix(line, "    ")
		case open != nil && plain == "":
			open.text += line // a blank line within code, or after it
		default:
			open = nil
			prose.WriteString(line)
		}
		before = plain
	}
	p.prose = prose.String()
	return p
}

var (
	codeSpan = regexp.MustCompile("`[^`\n]*(?:\n[^`\n]+)?`")
	link     = regexp.MustCompile(`\[[^\[\]]*\]\(([^()\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.+?) *$`)
)

// anchors are the names that GitHub gives to the headings of a page.
func (p page) anchors() map[string]bool {
	out := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(p.prose, -1) {
		var slug strings.Builder
		for _, r := range strings.ToLower(link.ReplaceAllString(h[1], "")) {
			switch {
			case r == ' ' || r == '-':
				slug.WriteByte('-')
			case r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				slug.WriteRune(r)
			}
		}
		out[slug.String()] = true
	}
	return out
}

// TestDocsLinks follows every relative link of every page, anchors included.
func TestDocsLinks(t *testing.T) {
	all := pages(t)
	byName := map[string]page{}
	for _, p := range all {
		byName[p.name] = p
	}
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(p.prose, ""), -1) {
				target := m[1]
				if u, err := url.Parse(target); assert.NoError(t, err, target) && u.Scheme != "" {
					continue // the web is not tested here
				}
				file, anchor, _ := strings.Cut(target, "#")
				to := p.name
				if file != "" {
					to = filepath.ToSlash(filepath.Join(filepath.Dir(p.name), file))
				}
				_, err := os.Stat(filepath.Join("..", filepath.FromSlash(to)))
				assert.NoError(t, err, "the link %s leads nowhere", target)
				if anchor != "" {
					assert.True(t, byName[to].anchors()[anchor], "%s has no heading for the link %s", to, target)
				}
			}
		})
	}
}

// TestDocsIndex finds every page of docs in an index that a reader starts from.
func TestDocsIndex(t *testing.T) {
	linked := map[string]bool{}
	all := pages(t)
	for _, p := range all {
		if filepath.Base(p.name) == "README.md" {
			for _, m := range link.FindAllStringSubmatch(p.prose, -1) {
				file, _, _ := strings.Cut(m[1], "#")
				linked[filepath.ToSlash(filepath.Join(filepath.Dir(p.name), file))] = true
			}
		}
	}
	for _, p := range all {
		if strings.HasPrefix(p.name, "docs/") && filepath.Base(p.name) != "README.md" {
			assert.True(t, linked[p.name], "no README links %s", p.name)
		}
	}
}

// goFiles returns the Go source of this module and of its nested ones, by path.
func goFiles(t *testing.T) map[string]string {
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != ".." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if filepath.Ext(name) == ".go" {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel("..", name)
			files[filepath.ToSlash(rel)] = string(text)
		}
		return nil
	}))
	return files
}

// TestDocsGoBlocks finds each Go block of the pages in a file that compiles with the module.
func TestDocsGoBlocks(t *testing.T) {
	files := goFiles(t)
	var sources []string
	for name, text := range files {
		if !strings.HasPrefix(name, "internal/docs_test") {
			sources = append(sources, unindent(text))
		}
	}
	blocks := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.lang != "go" {
				continue
			}
			blocks++
			found := slices.ContainsFunc(sources, func(s string) bool { return strings.Contains(s, unindent(b.text)) })
			assert.True(t, found, "%s:%d: the Go code is in no file of the repository:\n%s", p.name, b.line, b.text)
		}
	}
	assert.Positive(t, blocks, "no page has Go code")
}

// unindent takes the white space off the beginning of every line, which a page may change.
func unindent(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(strings.TrimLeft(line, " \t"))
	}
	return out.String()
}

// packageDirs are the packages whose names pages may put before an identifier.
var packageDirs = map[string]string{
	"watermark": "watermark", "registry": "watermark/registry", "tokenize": "tokenize",
	"detect": "detect", "sequential": "detect/sequential", "student": "detect/student", "plan": "detect/plan", "scorertest": "detect/scorertest",
	"informed": "detect/informed", "provenance": "provenance",
	"interop": "watermark/interop", "openaiserver": "internal/openaiserver", "tail": "internal/tail",
}

// elsewhere are packages of the standard library that pages name.
var elsewhere = []string{"json", "os", "t", "testing"}

// oldNames are names that the changelog gives for what was renamed.
const oldNames = "CHANGELOG.md"

var (
	qualified = regexp.MustCompile(`^([a-z][a-z0-9]*)\.([A-Z]\w*)(?:\.([A-Z]\w*))?(?:\(.*\))?$`)
	member    = regexp.MustCompile(`^([A-Z]\w*)\.([A-Z]\w*)(?:\(.*\))?$`)
	testName  = regexp.MustCompile(`^(?:Test|Benchmark|Fuzz)[A-Z]\w*$`)
	pathName  = regexp.MustCompile(`^(?:internal|cmd|docs|benchmarks|examples|testdata|detect|watermark|tokenize)/[\w./-]*[\w-]$`)
)

// TestDocsNames finds every identifier, test and path that a page names in a code span.
func TestDocsNames(t *testing.T) {
	files := goFiles(t)
	declared := map[string]map[string]bool{} // by directory: Name, Type.Member
	members := map[string]bool{}             // Type.Member of any package
	tests := map[string]bool{}
	for name, text := range files {
		dir := filepath.ToSlash(filepath.Dir(name))
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		if declared[dir] == nil {
			declared[dir] = map[string]bool{}
		}
		for _, id := range declarations(f) {
			if strings.HasSuffix(name, "_test.go") {
				tests[id] = true
				continue
			}
			declared[dir][id] = true
			if strings.Contains(id, ".") {
				members[id] = true
			}
		}
	}
	for _, p := range pages(t) {
		t.Run(p.name, func(t *testing.T) {
			for _, span := range codeSpan.FindAllString(p.prose, -1) {
				name := strings.Join(strings.Fields(strings.Trim(span, "`")), " ")
				if m := qualified.FindStringSubmatch(name); m != nil {
					id := m[2]
					if m[3] != "" {
						id += "." + m[3]
					}
					dir, ok := packageDirs[m[1]]
					if p.name == oldNames || slices.Contains(elsewhere, m[1]) {
						continue
					}
					assert.True(t, ok && declared[dir][id], "%s is declared nowhere", name)
				} else if m := member.FindStringSubmatch(name); m != nil && p.name != oldNames {
					assert.True(t, members[m[1]+"."+m[2]], "no package has %s", name)
				} else if testName.MatchString(name) {
					assert.True(t, tests[name], "there is no test %s", name)
				} else if pathName.MatchString(name) {
					_, err := os.Stat(filepath.Join("..", filepath.FromSlash(name)))
					assert.NoError(t, err, "%s does not exist", name)
				}
			}
		})
	}
}

// declarations lists the names of a file: Name, and Type.Member of methods, fields and methods
// of interfaces.
func declarations(f *ast.File) []string {
	var out []string
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = receiver(d.Recv.List[0].Type) + "." + name
			}
			out = append(out, name)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.ValueSpec:
					for _, n := range s.Names {
						out = append(out, n.Name)
					}
				case *ast.TypeSpec:
					out = append(out, s.Name.Name)
					var fields *ast.FieldList
					switch x := s.Type.(type) {
					case *ast.StructType:
						fields = x.Fields
					case *ast.InterfaceType:
						fields = x.Methods
					}
					if fields != nil {
						for _, field := range fields.List {
							for _, n := range field.Names {
								out = append(out, s.Name.Name+"."+n.Name)
							}
						}
					}
				}
			}
		}
	}
	return out
}

func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}

// TestDocsMap compares the tables of packages in the architecture page with the packages that
// there are.
func TestDocsMap(t *testing.T) {
	text, err := os.ReadFile("../docs/ARCHITECTURE.md")
	require.NoError(t, err)
	_, tables, ok := strings.Cut(string(text), "\n## Packages\n")
	require.True(t, ok)
	tables, _, _ = strings.Cut(tables, "\n## ")
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(tables, -1) {
		listed[m[1]] = true
	}
	exists := map[string]bool{}
	eachFile(t, func(pkg, file string, _ []string) {
		if !strings.HasSuffix(file, "_test.go") {
			exists[pkg] = true
		}
	})
	for pkg := range exists {
		helper := strings.HasPrefix(pkg, "internal/testmark/")
		assert.True(t, helper || listed[pkg], "docs/ARCHITECTURE.md does not list package %s", pkg)
	}
	for pkg := range listed {
		_, err := os.Stat(filepath.Join("..", filepath.FromSlash(pkg)))
		assert.NoError(t, err, "docs/ARCHITECTURE.md lists %s, which does not exist", pkg)
	}
}
