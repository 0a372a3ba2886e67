package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
)

// observedOf returns when and how the answers of a journal were collected.
func observedOf(path string, rec *collect.Recording) report.AuditObserved {
	var seen report.AuditObserved
	add := func(name, format string, args ...any) {
		seen.Facts = append(seen.Facts, report.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	add("journal", "%s, %d records", filepath.Base(path), rec.Records)
	add("hash of its last record", "sha256:%s", rec.Head)
	if !rec.First.IsZero() {
		add("answers", "%d, from %s to %s", len(rec.Answers), rec.First.Format(time.RFC3339), rec.Last.Format(time.RFC3339))
	}
	add("requests", "%d, retries included", rec.Attempts)
	if rec.Failures > 0 {
		add("failures", "%d times a question stayed open, to be asked again", rec.Failures)
	}
	if rec.Lost != (collect.Usage{}) {
		add("lost", "requests without an answer may have cost up to %d tokens in and %d out", rec.Lost.In, rec.Lost.Out)
	}
	if rec.Redacted > 0 {
		add("redacted", "a secret was overwritten or left out in %d responses that repeated it", rec.Redacted)
	}
	if rec.Disbelieved > 0 {
		add("usage", "%d answers reported fewer tokens than their text has, or more than there can be; the most was counted", rec.Disbelieved)
	}
	for _, p := range rec.Peers {
		add("answered by", "%s", peerWords(p))
	}
	if rec.MorePeers > 0 {
		add("answered by", "others: %d answers", rec.MorePeers)
	}
	for _, s := range rec.Sessions {
		line := fmt.Sprintf("%s: %s, %d requests at a time, %d answers before", s.At.Format(time.RFC3339), s.Tool, s.Concurrency, s.From)
		if s.Torn > 0 {
			line += fmt.Sprintf(", %d bytes of an unfinished line removed", s.Torn)
		}
		seen.Sessions = append(seen.Sessions, line)
	}
	return seen
}
