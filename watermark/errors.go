package watermark

import "fmt"

// A ParamError says which parameter of a mark is wrong, and why.
type ParamError struct {
	Param  string // as it is spelt in Go or in a profile, "gamma" for one
	Reason string
}

func (e *ParamError) Error() string { return "watermark: " + e.Param + " " + e.Reason }

func paramError(param, format string, args ...any) error {
	return &ParamError{Param: param, Reason: fmt.Sprintf(format, args...)}
}
