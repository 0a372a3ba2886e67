// Package report turns results into what people read: one self-contained HTML page,
// with no script and nothing to fetch, and tables for the terminal.
package report
