package openaiserver

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// An apiError is an error that is sent to the client, in OpenAI's form.
type apiError struct {
	status  int
	kind    string
	code    string
	param   string
	message string
}

func (e *apiError) Error() string { return e.message }

// MarshalJSON returns OpenAI's form, in which an absent code or parameter is null.
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

// badRequest returns an error about a parameter, or about the whole request if param is "".
func badRequest(param, code, format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, "invalid_request_error", code, param, fmt.Sprintf(format, args...)}
}

var (
	errNoKey    = &apiError{http.StatusUnauthorized, "invalid_request_error", "missing_api_key", "", "You did not provide an API key. Send it in the header 'Authorization: Bearer KEY'."}
	errWrongKey = &apiError{http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "", "The API key is not known to this server."}
	errBusy     = &apiError{http.StatusTooManyRequests, "rate_limit_error", "rate_limit_exceeded", "", "The server is serving too many requests. Try again later."}
	errNoMark   = &apiError{http.StatusServiceUnavailable, "server_error", "not_available", "", "This account cannot be served at the moment."} // the log says why; clients do not learn about marks
	errTimeout  = &apiError{http.StatusGatewayTimeout, "server_error", "timeout", "", "The answer took too long. Ask for fewer tokens."}
	errClosing  = &apiError{http.StatusServiceUnavailable, "server_error", "shutting_down", "", "The server is shutting down."}
	errInternal = &apiError{http.StatusInternalServerError, "server_error", "internal_error", "", "The server failed to process the request."}
)
