//go:build ignore

// Evidence writes the encodings of what package detect accumulates: two parts, the whole
// that they merge into, and the numbers of the whole. It calls the library as it was at
// commit 1edb2f2, so run it in a checkout of that commit:
//
//	go run evidence.go DIR
//
// DIR is this directory, from which it takes ids.txt and to which it writes evidence/.
package main

import (
	"encoding"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/watermark"
)

const vocab = 100

func main() {
	dir := os.Args[1]
	text, err := os.ReadFile(filepath.Join(dir, "ids.txt"))
	check(err)
	var ids []watermark.Token
	for _, field := range strings.Fields(string(text)) {
		id, err := strconv.Atoi(field)
		check(err)
		ids = append(ids, watermark.Token(id))
	}
	key, err := watermark.ReadKeyFile(filepath.Join(dir, "my.key"))
	check(err)
	bind := func(scheme watermark.Scheme) func(watermark.Key) (detect.Scorer, error) {
		return func(k watermark.Key) (detect.Scorer, error) { return watermark.New(k, scheme, vocab) }
	}
	green := watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}
	mark, err := bind(green)(key)
	check(err)
	draw, err := bind(watermark.GumbelMax{Width: 4})(key)
	check(err)
	decoys, err := student.NewDecoys([16]byte{7}, 100, bind(green))
	check(err)

	halves := [][]watermark.Token{ids[:300], ids[300:]}
	numbers := make(map[string]map[string]float64)
	write := func(name string, v encoding.BinaryMarshaler) {
		data, err := v.MarshalBinary()
		check(err)
		check(os.MkdirAll(filepath.Join(dir, "evidence"), 0o755))
		check(os.WriteFile(filepath.Join(dir, "evidence", name+".bin"), data, 0o644))
	}

	for name, x := range map[string]struct {
		scorer detect.Scorer
		dedup  detect.Dedup
	}{"text": {mark, detect.DedupPair}, "text-context": {draw, detect.DedupContext}} {
		var parts []*detect.Accumulator
		for i, half := range halves {
			a := detect.NewAccumulator(x.scorer, &detect.Options{Dedup: x.dedup, Exempt: []watermark.Token{3}})
			a.Exclude(half[:6])
			a.Add(half)
			write(name+"-"+strconv.Itoa(i+1), a)
			parts = append(parts, a)
		}
		check(parts[0].Merge(parts[1]))
		write(name+"-merged", parts[0])
		r := parts[0].Result()
		numbers[name] = map[string]float64{"scored": float64(r.Scored), "sum": float64(r.Sum), "log10_p": r.Log10P}
	}

	var students []*student.Test
	for i, half := range halves {
		s := student.New(mark, decoys, nil)
		s.Add(half[:6], half[6:])
		write("student-"+strconv.Itoa(i+1), s)
		students = append(students, s)
	}
	check(students[0].Merge(students[1]))
	write("student-merged", students[0])
	s := students[0].Result()
	numbers["student"] = map[string]float64{"scored": float64(s.Pairs.Scored), "green": float64(s.Pairs.Green), "log10_p": s.Log10P}

	var choices []*student.Choices
	for i, half := range halves {
		r := student.NewChoices(mark, decoys, nil)
		check(r.Add(half, append(half[1:len(half):len(half)], -1)))
		write("choices-"+strconv.Itoa(i+1), r)
		choices = append(choices, r)
	}
	check(choices[0].Merge(choices[1]))
	write("choices-merged", choices[0])
	c := choices[0].Result()
	numbers["choices"] = map[string]float64{"scored": float64(c.Scored), "green": float64(c.Green), "log10_p": c.Log10P}

	for name, of := range map[string]func(detect.Scorer, *student.Decoys, *student.WeightsOptions) *student.Difference{
		"mass": student.NewMass, "difference": student.NewDifference,
	} {
		var parts []*student.Difference
		for i, half := range halves {
			d := of(mark, decoys, nil)
			model, base := make([]student.Row, len(half)), make([]student.Row, len(half))
			for j := range half[1:] {
				model[j] = student.Row{Tokens: []watermark.Token{half[j+1]}, Probs: []float32{0.5}}
				base[j] = student.Row{Tokens: []watermark.Token{99 - half[j+1]}, Probs: []float32{0.25}}
			}
			if name == "mass" {
				base = nil
			}
			check(d.Add(half, model, base))
			write(name+"-"+strconv.Itoa(i+1), d)
			parts = append(parts, d)
		}
		check(parts[0].Merge(parts[1]))
		write(name+"-merged", parts[0])
		r := parts[0].Result()
		numbers[name] = map[string]float64{"windows": float64(r.Windows), "green": float64(r.Green), "log10_p": r.Log10P}
	}

	q := sequential.New(mark, nil)
	q.Add(ids)
	write("sequential-merged", q)
	r := q.Result()
	numbers["sequential"] = map[string]float64{"scored": float64(r.Scored), "green": float64(r.Green), "log10_p": r.Log10P}
	e := sequential.NewEProcess(0.5)
	e.AddCounts(40, 60)
	e.AddCounts(10, 40)
	write("eprocess-merged", e)
	numbers["eprocess"] = map[string]float64{"green": 50, "scored": 100, "log10_p": e.Log10P()}

	out, err := json.MarshalIndent(numbers, "", " ")
	check(err)
	check(os.WriteFile(filepath.Join(dir, "evidence", "numbers.json"), append(out, '\n'), 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
