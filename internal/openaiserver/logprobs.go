package openaiserver

import "github.com/isotope-wm/isotope/watermark"

// A chatLogprobs is OpenAI's form of log-probabilities in a chat.
type chatLogprobs struct {
	Content []chatLogprob `json:"content"`
	Refusal *struct{}     `json:"refusal"` // always null
}

type chatLogprob struct {
	Token   string        `json:"token"`
	Logprob float64       `json:"logprob"`
	Bytes   []int         `json:"bytes"` // numbers, not base64
	Top     []chatLogprob `json:"top_logprobs,omitempty"`
}

// A textLogprobs is OpenAI's form of log-probabilities in a completion.
type textLogprobs struct {
	Tokens   []string             `json:"tokens"`
	Logprobs []float64            `json:"token_logprobs"`
	Top      []map[string]float64 `json:"top_logprobs"`
	Offset   []int                `json:"text_offset"` // in bytes, as tokens need not end with a character
}

// logprobOf returns a token in the form of a chat.
func (s *Server) logprobOf(t watermark.Token, logprob float64) (chatLogprob, error) {
	raw, err := s.model.AppendText(nil, t)
	if err != nil {
		return chatLogprob{}, err
	}
	l := chatLogprob{Token: string(raw), Logprob: logprob, Bytes: make([]int, len(raw))}
	for i, b := range raw {
		l.Bytes[i] = int(b)
	}
	return l, nil
}

// chatLogprobs returns what a chat says about tokens.
func (s *Server) chatLogprobs(list []logged) (any, error) {
	out := chatLogprobs{Content: make([]chatLogprob, 0, len(list))}
	for _, g := range list {
		l, err := s.logprobOf(g.token, g.Logprob)
		if err != nil {
			return nil, err
		}
		for _, top := range g.Top {
			alternative, err := s.logprobOf(top.Token, top.Logprob)
			if err != nil {
				return nil, err
			}
			l.Top = append(l.Top, alternative)
		}
		out.Content = append(out.Content, l)
	}
	return out, nil
}

// textLogprobs returns what a completion says about tokens.
func (s *Server) textLogprobs(list []logged) (any, error) {
	var out textLogprobs
	for _, g := range list {
		l, err := s.logprobOf(g.token, g.Logprob)
		if err != nil {
			return nil, err
		}
		top := map[string]float64{}
		for _, t := range g.Top {
			alternative, err := s.logprobOf(t.Token, t.Logprob)
			if err != nil {
				return nil, err
			}
			if _, seen := top[alternative.Token]; !seen { // two tokens may read alike; the first is the more probable
				top[alternative.Token] = alternative.Logprob
			}
		}
		out.Tokens, out.Logprobs, out.Top, out.Offset = append(out.Tokens, l.Token), append(out.Logprobs, l.Logprob), append(out.Top, top), append(out.Offset, g.start)
	}
	return out, nil
}
