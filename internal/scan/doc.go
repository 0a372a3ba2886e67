// Package scan tests corpora: any number of files of any size, for any number of marks, in one pass
// and in bounded memory.
//
// [Map] reads files and tests each document. It keeps what it found in a journal, a folder on disk.
// After a kill the same call resumes where the journal ends. [Reduce] reads the journals of any
// split of the files, and yields every distinct document with its q-value, and then the totals. Its
// result is a function of the files, of the marks and of the options. Order, workers, split and
// restarts do not change a byte.
//
// # What is tested
//
// Each document is tested alone, under every mark. Its p-value is the smallest one, times the number
// of tests. A document that occurs several times is one document with a count. The list of documents
// follows Benjamini and Yekutieli, whose rule holds for documents that share text.
//
// The pile is one test for each mark. It scores each distinct pair of a context and a token once over
// all documents. Contexts that occur in any prompt are left out. If there are more pairs than the
// sample holds, the pairs of the contexts with the smallest tags under the run key count. That
// choice depends on the texts alone. docs/statistics.md, section 5.3, has the proofs.
package scan
