package main

import "fmt"

// Shares of marked training text.
var (
	ngramShares = []float64{0, 0.02, 0.05, 0.1, 0.25, 0.5, 1}
	kShares     = []float64{0, 0.05, 0.25, 1}
)

// percent returns a share as a rounded number of percent.
func percent(share float64) int { return int(share*100 + 0.5) }

// studentName returns the name of the arm of a student.
func studentName(kind string, width int, share float64) string {
	return fmt.Sprintf("%s-k%d-rho%03d", kind, width, percent(share))
}

// planted holds the shares of six tenants out of hundreds, by tenant.
var planted = map[int]float64{7: 0.2, 93: 0.1, 170: 0.05, 254: 0.02, 333: 0.01, 441: 0.005}

// hydra returns the shares of one cohort whose accounts share the work. Each has 1 percent.
func hydra(s scale) map[int]float64 {
	w, m := world{scale: s}, make(map[int]float64)
	for i := range s.Tenants {
		if w.cohortOf(i) == s.Cohorts/2 {
			m[i] = 0.01
		}
	}
	return m
}

// neuralArms returns the arms of students trained by gradient descent, in order of importance.
func neuralArms() []arm {
	curve := []int{6_000, 12_500, 25_000, 50_000}
	var arms []arm
	for _, share := range []float64{1, 0.25, 0, 0.05} {
		c := studentConfig{
			Student: "neural", Width: 1, Share: share, Key: "trace", Open: true,
			Decoys: share == 0 || share == 1, Curve: curve,
		}
		if share == 1 {
			c.Temperatures = []float64{0.7, 0.3, 0}
		}
		arms = append(arms, studentArm(studentName("neural", 1, share), c))
	}
	for _, width := range []int{2, 3, 4} {
		c := studentConfig{Student: "neural", Width: width, Share: 1, Key: "trace", Open: true}
		arms = append(arms, studentArm(studentName("neural", width, 1), c))
	}
	arms = append(arms,
		studentArm("neural-again", studentConfig{
			Student: "neural", Width: 1, Share: 1, Key: "trace", Open: true, Seed: 1,
			Again: []int{50_000, 100_000, 200_000, 400_000},
		}),
		studentArm("neural-k1-other-key", studentConfig{
			Student: "neural", Width: 1, Share: 1, Key: "other", Tested: "trace", Open: true,
		}),
		studentArm(studentName("neural", 2, 0.25), studentConfig{
			Student: "neural", Width: 2, Share: 0.25, Key: "trace", Open: true,
		}),
		naiveTrap("trap-naive-neural-k1", "neural", 1),
	)
	for seed := 2; seed <= 3; seed++ {
		for _, share := range []float64{0.25, 0.05} {
			c := studentConfig{
				Student: "neural", Width: 1, Share: share,
				Key: fmt.Sprint("trace ", seed), Seed: seed, Open: true,
			}
			arms = append(arms, studentArm(fmt.Sprintf("%s-seed%d", studentName("neural", 1, share), seed), c))
		}
	}
	return arms
}

// ngramArms returns all other arms, in order of importance.
func ngramArms(s scale) []arm {
	curve := []int{6_000, 12_500, 25_000, 50_000, 100_000}
	var arms []arm
	for _, share := range []float64{1, 0, 0.25, 0.05, 0.1, 0.5, 0.02} {
		c := studentConfig{
			Student: "ngram", Width: 2, Share: share, Key: "trace", Decoys: share == 0 || share == 1,
		}
		if share == 1 || share == 0.05 {
			c.Curve = curve
		}
		arms = append(arms, studentArm(studentName("ngram", 2, share), c))
	}
	arms = append(arms,
		tenants("tenants-half", tenantConfig{Width: 2, Master: 0.5, Planted: planted}),
		tenants("tenants-quarter", tenantConfig{Width: 2, Master: 0.5, Cohort: 0.25, Planted: planted}),
		tenants("tenants-hydra", tenantConfig{Width: 2, Master: 0.5, Cohort: 0.25, Planted: hydra(s)}),
		filterTrap("trap-filter-k1", 1, 4),
		filterTrap("trap-filter-k2", 2, 4),
	)
	for _, width := range []int{1, 2, 4} {
		arms = append(arms, naiveTrap(fmt.Sprintf("trap-naive-ngram-k%d", width), "ngram", width))
	}
	for width := 1; width <= 4; width++ {
		arms = append(arms, substitutionArm(fmt.Sprintf("substitution-k%d", width), width, width <= 2))
	}
	const perArm = 20
	for i := 0; i < s.CleanStudents; i += perArm {
		arms = append(arms, nullStudents(fmt.Sprintf("clean-%03d", i), i, min(perArm, s.CleanStudents-i)))
	}
	for _, width := range []int{1, 3, 4} {
		for _, share := range kShares {
			c := studentConfig{Student: "ngram", Width: width, Share: share, Key: "trace"}
			if width == 1 && share == 0.05 {
				c.Curve = curve
			}
			arms = append(arms, studentArm(studentName("ngram", width, share), c))
		}
	}
	arms = append(arms, studentArm("ngram-k2-other-key", studentConfig{
		Student: "ngram", Width: 2, Share: 1, Key: "other", Tested: "trace",
	}))
	for _, rate := range []float64{0.1, 0.3, 0.5} {
		arms = append(arms, launder(fmt.Sprintf("launder-k2-%03d", percent(rate)), 2, rate))
	}
	arms = append(arms,
		human("human-k1", 1), human("human-k2", 2), naiveTrap("trap-naive-human-k2", "human", 2))
	arms = append(arms, studentArm("ngram-k2-rho100-million", studentConfig{
		Student: "ngram", Width: 2, Share: 1, Key: "trace", Train: 1_000_000,
	}))
	for seed := 2; seed <= 3; seed++ {
		for _, share := range []float64{0, 0.02, 0.05, 0.1} {
			c := studentConfig{
				Student: "ngram", Width: 2, Share: share, Key: fmt.Sprint("trace ", seed), Seed: seed,
			}
			arms = append(arms, studentArm(fmt.Sprintf("%s-seed%d", studentName("ngram", 2, share), seed), c))
		}
	}
	return arms
}

// quickArms returns the arms of the small version.
func quickArms(s scale) []arm {
	arms := []arm{
		studentArm(studentName("neural", 1, 1), studentConfig{
			Student: "neural", Width: 1, Share: 1, Key: "trace", Open: true,
		}),
		studentArm(studentName("neural", 1, 0), studentConfig{
			Student: "neural", Width: 1, Share: 0, Key: "trace", Open: true,
		}),
	}
	for _, share := range []float64{0, 0.25, 1} {
		c := studentConfig{Student: "ngram", Width: 2, Share: share, Key: "trace", Decoys: share == 1}
		arms = append(arms, studentArm(studentName("ngram", 2, share), c))
	}
	return append(arms,
		studentArm("ngram-k2-other-key", studentConfig{
			Student: "ngram", Width: 2, Share: 1, Key: "other", Tested: "trace",
		}),
		filterTrap("trap-filter-k2", 2, 2),
		naiveTrap("trap-naive-ngram-k1", "ngram", 1),
		substitutionArm("substitution-k2", 2, false),
		nullStudents("clean-000", 0, s.CleanStudents),
		tenants("tenants-half", tenantConfig{
			Width: 2, Master: 0.5, Planted: map[int]float64{3: 0.4, 21: 0.2},
		}),
	)
}
