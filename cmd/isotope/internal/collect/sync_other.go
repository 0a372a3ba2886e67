//go:build !unix

package collect

// syncDirectory does nothing: these systems make the name of a file last with the file.
func syncDirectory(string) error { return nil }
