package openaiserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// An eventStream is a response of server-sent events.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
}

func newEventStream(w http.ResponseWriter, timeout time.Duration) *eventStream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	return &eventStream{w: w, control: http.NewResponseController(w), timeout: timeout}
}

// send writes one event and flushes it. It returns an error for a client that does not read
// within the timeout.
func (s *eventStream) send(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.raw(text)
}

func (s *eventStream) raw(data []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.w, "data: %s\n\n", data)
	if err == nil {
		err = s.control.Flush()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}

// stream answers with an event for each piece of text. It then sends the reason why the text
// ended, the usage if the request asks for it, and "[DONE]". The caller sends an error as an
// event too.
func (s *Server) stream(
	ctx context.Context, w http.ResponseWriter, e endpoint, a answer, q *request, j job, rec *record,
) error {
	events := newEventStream(w, s.config.Write)
	rec.events = events
	a.Object = e.chunk
	send := func(i int, c choice) error {
		c.Index = i
		a.Choices = []choice{c}
		return events.send(a)
	}
	if e.object == chat.object {
		for i := range j.choices {
			if err := send(i, choice{Delta: &turn{Role: "assistant", Content: new(string)}}); err != nil {
				return err
			}
		}
	}
	if err := s.generate(ctx, j, rec, func(i int, piece string, list []logged) (err error) {
		if piece == "" {
			return nil
		}
		c := e.part(piece)
		if j.logprobs {
			if c.Logprobs, err = e.logprobs(s, list); err != nil {
				return err
			}
		}
		return send(i, c)
	}, func(i int, finish Finish) error {
		last := e.last()
		last.FinishReason = &finish
		return send(i, last)
	}); err != nil {
		return err
	}
	if q.StreamOptions != nil && q.StreamOptions.IncludeUsage {
		a.Choices, a.Usage = []choice{}, usageOf(rec.promptTokens, rec.completionTokens)
		if err := events.send(a); err != nil {
			return err
		}
	}
	return events.raw([]byte("[DONE]"))
}
