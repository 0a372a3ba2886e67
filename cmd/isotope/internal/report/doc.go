// Package report turns results into pages for people: one self-contained HTML file, without
// scripts and without anything to fetch. [Page] is the report of texts, and [Audit] that of a
// suspect model, which is also written as JSON.
package report
