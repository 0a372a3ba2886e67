package registry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/registry"
)

// exampleKey returns a fixed key, so that the examples print the same on every machine. A program
// makes a key with watermark.NewKey once, and keeps it with watermark.WriteKeyFile.
func exampleKey() watermark.Key {
	key, err := watermark.ParseKey("isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	if err != nil {
		log.Fatal(err)
	}
	return key
}

const vocab = 1000

var scheme = watermark.GreenList{Gamma: 0.5, Delta: 3, Width: 2}

// write lets a stand-in for a model write n tokens under marks.
func write(marks []*watermark.Mark, n int) []watermark.Token {
	seq, err := watermark.NewSequence(marks...)
	if err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	row := make([]float32, vocab)
	var text []watermark.Token
	for len(text) < n {
		for i := range row {
			row[i] = float32(rng.IntN(800)) / 200
		}
		token := seq.Sample(row, watermark.Sampler{Temperature: 1, TopK: 50}, rng.Float64())
		seq.Accept(token)
		text = append(text, token)
	}
	return text
}

// verdict tests a text for a mark, as one of so many tests of the text.
func verdict(mark *watermark.Mark, text []watermark.Token, tests int) detect.Verdict {
	test := detect.NewAccumulator(mark, &detect.Options{Tests: int64(tests)})
	test.Add(text)
	return test.Result().Verdict
}

// A server marks the requests of a tenant, and an auditor finds the tenant by the same registry.
func Example() {
	root := exampleKey()
	reg, err := registry.Generate(root.ID(), "2026-11", []registry.Tenant{
		{ID: "acme", Cohort: "east"}, {ID: "globex", Cohort: "west"},
	}, 100)
	if err != nil {
		log.Fatal(err)
	}

	// The server makes one Marker, and asks it for the marks of each request.
	marker, err := reg.Marker(root, "2026-11", scheme, vocab)
	if err != nil {
		log.Fatal(err)
	}
	marks, err := marker.Marks("globex")
	if err != nil {
		log.Fatal(err)
	}
	text := write(marks, 600)

	// The auditor tests the text for the master and for every account, and counts all tests.
	master, _, tenants, err := reg.Accounts(root, "2026-11", scheme, vocab)
	if err != nil {
		log.Fatal(err)
	}
	tests := 1 + len(tenants)
	fmt.Println("master:", verdict(master, text, tests))
	for _, a := range tenants {
		if v := verdict(a.Mark, text, tests); v == detect.Detected {
			fmt.Println(a.ID+":", v)
		}
	}
	// Output:
	// master: detected
	// globex: detected
}

// The file of a registry holds paths, and no key. Parse reads it again.
func ExampleParse() {
	reg, err := registry.Generate(exampleKey().ID(), "e1", []registry.Tenant{{ID: "acme"}}, 1)
	if err != nil {
		log.Fatal(err)
	}
	text, err := json.MarshalIndent(reg, "", "  ")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	again, err := registry.Parse(bytes.NewReader(text))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(again.Tenants("e1")), "tenants")
	// Output:
	// {
	//   "isotope_registry": 1,
	//   "root": "9d34d7cc907c7491",
	//   "epochs": [
	//     {
	//       "id": "e1",
	//       "master": "master/e1",
	//       "selector": "selector/e1"
	//     }
	//   ],
	//   "cohorts": [],
	//   "tenants": [
	//     {
	//       "id": "acme",
	//       "epoch": "e1",
	//       "path": "tenant/acme/e1"
	//     },
	//     {
	//       "id": "decoy-1",
	//       "epoch": "e1",
	//       "path": "tenant/decoy-1/e1",
	//       "decoy": true
	//     }
	//   ]
	// }
	// 2 tenants
}

// An organisation that keeps its own list of keys uses a Split alone.
func ExampleSplit() {
	root := exampleKey()
	split := registry.Split{
		Selector: root.Derive("selector", "2026-11"),
		Master:   root.Derive("master", "2026-11"),
		Cohort:   root.Derive("cohort", "east", "2026-11"),
		Tenant:   root.Derive("tenant", "acme", "2026-11"),
	}
	marks, err := split.Marks(scheme, vocab)
	if err != nil {
		log.Fatal(err)
	}
	text := write(marks, 600)
	for i, level := range []string{"master", "cohort", "tenant"} {
		lo, hi, _ := marks[i].Band()
		fmt.Printf("%s: %d of %d contexts, %s\n", level, hi-lo, watermark.BandSize, verdict(marks[i], text, len(marks)))
	}
	// Output:
	// master: 32768 of 65536 contexts, detected
	// cohort: 16384 of 65536 contexts, detected
	// tenant: 16384 of 65536 contexts, detected
}

// A decoy must never mark text, so a Marker refuses it.
func ExampleMarker() {
	root := exampleKey()
	reg, err := registry.Generate(root.ID(), "e1", []registry.Tenant{{ID: "acme"}}, 1)
	if err != nil {
		log.Fatal(err)
	}
	marker, err := reg.Marker(root, "e1", scheme, vocab)
	if err != nil {
		log.Fatal(err)
	}
	marks, err := marker.Marks("acme")
	fmt.Println(len(marks), "marks,", err)
	_, err = marker.Marks("decoy-1")
	fmt.Println(err)
	_, err = marker.Marks("globex")
	fmt.Println(err)
	// Output:
	// 2 marks, <nil>
	// registry: tenant "decoy-1" is a decoy, whose key must not mark text
	// registry: no tenant "globex" in epoch "e1"
}

// Tenants that share a key by lanes have one path, and one AES call tests all of them. A lane can be
// found, but not named: whoever knows one lane's lists knows those of the group.
func ExampleLane() {
	reg, err := registry.Generate(exampleKey().ID(), "e1", []registry.Tenant{
		{ID: "free-1", Lane: &registry.Lane{Group: 1, Index: 0}},
		{ID: "free-2", Lane: &registry.Lane{Group: 1, Index: 1}},
	}, 0)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range reg.Tenants("e1") {
		fmt.Println(t.ID, t.Path, *t.Lane)
	}
	// Output:
	// free-1 tenants/1/e1 {1 0}
	// free-2 tenants/1/e1 {1 1}
}

// A test of the master compares it with control keys, which MasterBinder binds like the master's.
func ExampleRegistry_MasterBinder() {
	root := exampleKey()
	reg, err := registry.Generate(root.ID(), "e1", []registry.Tenant{{ID: "acme"}}, 100)
	if err != nil {
		log.Fatal(err)
	}
	bind, err := reg.MasterBinder(root, "e1", scheme, vocab)
	if err != nil {
		log.Fatal(err)
	}
	decoys, err := student.NewDecoys([16]byte{1}, 999, func(k watermark.Key) (detect.Scorer, error) { return bind(k) })
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(decoys.Len(), "control keys")
	// Output: 999 control keys
}
