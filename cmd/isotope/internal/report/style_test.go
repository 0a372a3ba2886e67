package report

import (
	"math"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A colour is a colour of the style sheet, each part in [0,1].
type colour [3]float64

var variable = regexp.MustCompile(`--([a-z]+): #([0-9a-f]{6});`)

// palettes returns the colours of the style sheet by the palette and the name.
func palettes(t *testing.T) map[string]map[string]colour {
	t.Helper()
	all := map[string]map[string]colour{}
	roots := regexp.MustCompile(`(?m)^(?:@media ([^{]*) \{ )?:root \{([^}]*)\}`).FindAllStringSubmatch(styleSheet, -1)
	require.Len(t, roots, 3)
	for _, root := range roots {
		p := map[string]colour{}
		for _, v := range variable.FindAllStringSubmatch(root[2], -1) {
			n, err := strconv.ParseUint(v[2], 16, 32)
			require.NoError(t, err)
			p[v[1]] = colour{float64(n>>16) / 255, float64(n>>8&255) / 255, float64(n&255) / 255}
		}
		require.Len(t, p, 10, root[1])
		all[root[1]] = p
	}
	return all
}

// linear returns the parts of a colour as amounts of light, by sRGB.
func (c colour) linear() (out colour) {
	for i, v := range c {
		if out[i] = v / 12.92; v > 0.04045 {
			out[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return out
}

// luminance is that of WCAG 2.
func (c colour) luminance() float64 {
	l := c.linear()
	return 0.2126*l[0] + 0.7152*l[1] + 0.0722*l[2]
}

// contrast is the contrast ratio of WCAG 2, 1 to 21.
func contrast(a, b colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// seenBy returns how a colour looks without one kind of cone. The matrices are those of Viénot,
// Brettel and Mollon, "Digital video colourmaps for checking the legibility of displays by
// dichromats", Color Research and Application 24(4), 1999, for linear light.
func (c colour) seenBy(blindness string) colour {
	l := c.linear()
	m := map[string][3][3]float64{
		"protanopia":   {{0.11238, 0.88762, 0}, {0.11238, 0.88762, 0}, {0.00401, -0.00401, 1}},
		"deuteranopia": {{0.29275, 0.70725, 0}, {0.29275, 0.70725, 0}, {-0.02234, 0.02234, 1}},
		"grey":         {{0.2126, 0.7152, 0.0722}, {0.2126, 0.7152, 0.0722}, {0.2126, 0.7152, 0.0722}},
	}[blindness]
	var out colour
	for i := range out {
		v := max(m[i][0]*l[0]+m[i][1]*l[1]+m[i][2]*l[2], 0)
		if out[i] = 12.92 * v; v > 0.0031308 {
			out[i] = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
	}
	return out
}

// TestPaletteContrast: all text can be read, and green is told from not green in grey print and
// without one kind of cone, besides by its underline.
func TestPaletteContrast(t *testing.T) {
	for name, p := range palettes(t) {
		t.Run("palette "+name, func(t *testing.T) {
			for _, x := range []struct {
				text, ground string
				least        float64 // WCAG 2: 7 is AAA, 4.5 is AA, 3 is for graphics
			}{
				{"ink", "paper", 7}, {"ink", "wash", 7}, {"ink", "green", 5}, {"ink", "other", 7}, {"soft", "paper", 5}, {"soft", "wash", 5},
				{"key", "paper", 4.5}, {"key", "wash", 4.5}, {"strong", "paper", 4.5}, {"greenline", "green", 3}, {"strong", "rule", 3}, {"key", "rule", 3},
			} {
				assert.GreaterOrEqual(t, contrast(p[x.text], p[x.ground]), x.least, "%s on %s", x.text, x.ground)
			}
			for _, eye := range []string{"grey", "protanopia", "deuteranopia"} {
				got := contrast(p["green"].seenBy(eye), p["other"].seenBy(eye))
				assert.GreaterOrEqual(t, got, 1.4, "green and not green, %s", eye)
			}
		})
	}
	assert.Contains(t, styleSheet, ".g { background: var(--green); text-decoration: underline;", "green does not depend on colour")
}
