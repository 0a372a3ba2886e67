//go:build race

package watermark_test

func raceEnabled() bool { return true }
