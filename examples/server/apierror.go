package main

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// An apiError is an error that the client hears of, in OpenAI's form.
type apiError struct {
	status  int
	kind    string
	code    string
	param   string
	message string
}

func (e *apiError) Error() string { return e.message }

// MarshalJSON writes an absent code or parameter as null, as OpenAI does.
func (e *apiError) MarshalJSON() ([]byte, error) {
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	return json.Marshal(map[string]any{"error": map[string]any{
		"message": e.message, "type": e.kind, "param": orNull(e.param), "code": orNull(e.code),
	}})
}

// badRequest is an error in a parameter, which may be empty for the whole request.
func badRequest(param, code, format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, "invalid_request_error", code, param, fmt.Sprintf(format, args...)}
}

var (
	errNoKey    = &apiError{http.StatusUnauthorized, "invalid_request_error", "missing_api_key", "", "You didn't provide an API key: send it as 'Authorization: Bearer KEY'."}
	errWrongKey = &apiError{http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "", "Incorrect API key provided."}
	errBusy     = &apiError{http.StatusTooManyRequests, "rate_limit_error", "rate_limit_exceeded", "", "Too many requests are being served; try again later."}
	errNoMark   = &apiError{http.StatusServiceUnavailable, "server_error", "not_available", "", "This account cannot be served at the moment."} // not why: marks are nobody's business
	errTimeout  = &apiError{http.StatusGatewayTimeout, "server_error", "timeout", "", "The answer took too long."}
	errClosing  = &apiError{http.StatusServiceUnavailable, "server_error", "shutting_down", "", "The server is shutting down."}
	errInternal = &apiError{http.StatusInternalServerError, "server_error", "internal_error", "", "The server had an error while processing the request."}
)
