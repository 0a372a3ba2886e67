package watermark

import "fmt"

// A ParamError is an error about one parameter of a mark.
type ParamError struct {
	Param  string // the name in Go or in a profile, such as "gamma"
	Reason string // what is wrong with it
}

// Error returns the name and the reason.
func (e *ParamError) Error() string { return "watermark: " + e.Param + " " + e.Reason }

func paramError(param, format string, args ...any) error {
	return &ParamError{Param: param, Reason: fmt.Sprintf(format, args...)}
}
