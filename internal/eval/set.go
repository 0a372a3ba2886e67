package eval

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/watermark"
)

// Recommended returns the schemes that profiles are recommended for, and their neighbours.
func Recommended() []Scheme {
	return []Scheme{
		GumbelMax(2), GumbelMax(4),
		GreenList(0.5, 2, 2), GreenList(0.5, 1, 2), GreenList(0.5, 2, 1), GreenList(0.5, 2, 0),
		Native("tournament depth=30 width=4", watermark.Tournament{Depth: 30, Width: 4}),
	}
}

// Widths returns draws and biases with contexts of 0 to 8 tokens.
func Widths() (list []Scheme) {
	for _, k := range []int{1, 2, 4, 8} {
		list = append(list, GumbelMax(k))
	}
	for _, delta := range []float64{1, 2} {
		for _, k := range []int{0, 1, 2, 4} {
			list = append(list, GreenList(0.5, delta, k))
		}
	}
	for _, k := range []int{1, 2, 4} {
		list = append(list, Native(fmt.Sprintf("tournament depth=30 width=%d", k), watermark.Tournament{Depth: 30, Width: k}))
	}
	return list
}

// Peers returns the families of other projects.
func Peers() []Scheme {
	green := watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}
	gated := green
	gated.Gate = 0.9
	list := []Scheme{
		GreenList(0.5, 1, 1), GreenList(0.5, 1, 2), GreenList(0.5, 1, 4),
		GreenList(0.5, 2, 1), GreenList(0.5, 2, 2), GreenList(0.5, 2, 4), GreenList(0.25, 2, 1),
		GreenList(0.5, 2, 0),
		SWEET("SWEET 1/2 delta=2 width=1 gate=0.9", gated),
		EWD("EWD 1/2 delta=2 width=1", green),
		Window{Label: "minhash 1/4 delta=2 window=4", Gamma: 0.25, Delta: 2, Width: 4},
		Window{Label: "selfhash 1/4 delta=2 window=4", Gamma: 0.25, Delta: 2, Width: 4, Self: true},
		GumbelMax(1), GumbelMax(2), GumbelMax(4), GumbelMax(8),
		Native("dual 0.9 fused width=4", watermark.GumbelMax{Width: 4, Dual: 230.0 / 256}),
		Native("dual 0.5 fused width=4", watermark.GumbelMax{Width: 4, Dual: 0.5}),
		Routed{Label: "dual 0.5 routed width=4", Width: 4},
		Unweighted("SynthID depth=30 width=4 mean", watermark.Tournament{Depth: 30, Width: 4}),
		Native("SynthID depth=30 width=4 weighted", watermark.Tournament{Depth: 30, Width: 4}),
		EntropyWeighted("gumbelmax width=4 entropy weights", watermark.GumbelMax{Width: 4}),
		Informed("gumbelmax width=4 informed", watermark.GumbelMax{Width: 4}),
		Variants("gumbelmax width=4 16 keys", watermark.GumbelMax{Width: 4}, 16),
	}
	return list
}

// GumbelMax returns a keyed draw of a width.
func GumbelMax(width int) Scheme {
	return Native(fmt.Sprintf("gumbelmax width=%d", width), watermark.GumbelMax{Width: width})
}

// GreenList returns a bias.
func GreenList(gamma, delta float64, width int) Scheme {
	return Native(fmt.Sprintf("greenlist %s delta=%s width=%d", fraction(gamma), number(delta), width), watermark.GreenList{Gamma: gamma, Delta: delta, Width: width})
}

func fraction(gamma float64) string {
	if inverse := 1 / gamma; inverse == math.Trunc(inverse) {
		return fmt.Sprintf("1/%d", int(inverse))
	}
	return number(gamma)
}

// families are the schemes of Parse, with their parameters and defaults.
var families = map[string]map[string]float64{
	"greenlist":  {"gamma": 0.5, "delta": 2, "width": 2, "gate": 0, "kl": 0},
	"sweet":      {"gamma": 0.5, "delta": 2, "width": 1, "gate": 0.9, "kl": 0},
	"ewd":        {"gamma": 0.5, "delta": 2, "width": 1, "kl": 0},
	"minhash":    {"gamma": 0.25, "delta": 2, "width": 4, "kl": 0},
	"selfhash":   {"gamma": 0.25, "delta": 2, "width": 4, "kl": 0},
	"gumbelmax":  {"width": 4, "dual": 0, "variants": 1},
	"informed":   {"width": 4},
	"routed":     {"width": 4},
	"tournament": {"depth": 30, "width": 4},
}

// Families returns the names that Parse knows.
func Families() (names []string) {
	for name := range families {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Parse reads a scheme such as "greenlist,delta=1,width=0". The text becomes its name. Instead of a
// delta, kl names a cost in nats a token on given rows; rows may be nil without it.
func Parse(text string, rows *Fixed) (Scheme, error) {
	parts := strings.Split(text, ",")
	defaults, ok := families[parts[0]]
	if !ok {
		return nil, fmt.Errorf("the scheme %q is not one of %s", parts[0], strings.Join(Families(), ", "))
	}
	p := map[string]float64{}
	for name, v := range defaults {
		p[name] = v
	}
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(part, "=")
		if _, ok := defaults[name]; !ok {
			return nil, fmt.Errorf("%s has no parameter %q", parts[0], name)
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > 1e6 {
			return nil, fmt.Errorf("%s=%q is not a number", name, value)
		}
		p[name] = v
	}
	if p["kl"] != 0 {
		switch {
		case strings.Contains(text, "delta="):
			return nil, errors.New("kl picks delta; leave out one of them")
		case rows == nil:
			return nil, errors.New("kl needs the rows of one file; give --rows once")
		}
		var err error
		if p["delta"], err = rows.AtKL(p["gamma"], p["gate"], p["kl"], 1); err != nil {
			return nil, err
		}
	}
	width := int(p["width"])
	green := watermark.GreenList{Gamma: p["gamma"], Delta: p["delta"], Width: width, Gate: p["gate"]}
	switch parts[0] {
	case "greenlist":
		return Native(text, green), nil
	case "sweet":
		return SWEET(text, green), nil
	case "ewd":
		return EWD(text, green), nil
	case "minhash", "selfhash":
		self := parts[0] == "selfhash"
		if width < 1 || width > watermark.MaxWidth || self && width < 2 {
			return nil, fmt.Errorf("width=%d is outside the windows that %s knows", width, parts[0])
		}
		return Window{text, p["gamma"], p["delta"], width, self}, nil
	case "gumbelmax":
		g := watermark.GumbelMax{Width: width, Dual: p["dual"]}
		if keys := int(p["variants"]); keys > 1 {
			return Variants(text, g, min(keys, watermark.MaxVariants)), nil
		}
		return Native(text, g), nil
	case "informed":
		return Informed(text, watermark.GumbelMax{Width: width}), nil
	case "routed":
		return Routed{text, width}, nil
	}
	return Native(text, watermark.Tournament{Depth: int(p["depth"]), Width: width}), nil
}

// AtKL returns the delta of a bias of a gamma that costs nats a token on average in given rows, for
// rows with an entropy above gate. Each row has random colours, which follow from the seed.
func (f *Fixed) AtKL(gamma, gate, nats float64, seed uint64) (float64, error) {
	rng := rand.New(rand.NewPCG(seed, 7))
	var masses []float64
	positions := 0
	for _, text := range f.rows {
		for _, row := range text {
			positions++
			if row.Entropy() <= gate && gate > 0 {
				continue
			}
			for range 4 {
				mass := 0.0
				for _, p := range row.Probs {
					if rng.Float64() < gamma {
						mass += float64(p)
					}
				}
				masses = append(masses, min(mass, 1))
			}
		}
	}
	cost := func(delta float64) float64 {
		var sum float64
		for _, m := range masses {
			_, kl := plan.Tilt(m, delta)
			sum += kl
		}
		return sum / float64(4*positions)
	}
	lo, hi := 0.0, 20.0
	if cost(hi) < nats {
		return 0, fmt.Errorf("no bias costs %v nats a token in these rows", nats)
	}
	for range 40 {
		if mid := (lo + hi) / 2; cost(mid) < nats {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo, nil
}

// OfProfile returns the scheme of a profile of isotope/1, with its variants. Its band, payload, lane
// and tokenizer do not count.
func OfProfile(name string, p *watermark.Profile) Scheme {
	return native{name: name, scheme: p.Scheme, variants: p.Variants}
}
