package provenance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
)

// helloLine is the first line that a helper writes.
const helloLine = "isotope-root 1"

// maxAnswer is the longest line of a helper in bytes.
const maxAnswer = 1024

// A Process is a [Root] whose secret another program has: a script for a key service or a hardware
// module. The program reads requests from its standard input and writes answers to its standard
// output, one line each:
//
//	isotope-root 1          the helper, once, when it is ready
//	mac <hex>               a request: the message in lower-case hex digits
//	ok <64 hex digits>      the answer: HMAC-SHA-256 of the message
//	error <text>            or why there is none
//
// The helper ends when its input ends. Errors show at most 200 bytes of what a helper says.
type Process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	mu  sync.Mutex
	err error // of the exchange; the process is of no use any more
}

// StartProcess starts a helper and waits until it is ready. stderr gets what the helper writes
// there, and may be nil. When ctx is done the helper is killed. The caller closes the Process.
func StartProcess(ctx context.Context, stderr io.Writer, program string, args ...string) (*Process, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("provenance: the helper cannot be started: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("provenance: the helper cannot be started: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("provenance: the helper cannot be started: %w", err)
	}
	p := &Process{cmd: cmd, in: in, out: bufio.NewReaderSize(out, maxAnswer)}
	line, err := readAnswer(p.out)
	if err == nil && line != helloLine {
		err = fmt.Errorf("its first line is not %q", helloLine)
	}
	if err != nil {
		_ = p.kill()
		return nil, fmt.Errorf("provenance: the helper is not ready: %w", err)
	}
	return p, nil
}

// MAC implements [Root]. Requests wait for one another.
func (p *Process) MAC(ctx context.Context, message []byte) ([32]byte, error) {
	if len(message) > MaxMessage {
		return [32]byte{}, fmt.Errorf("provenance: a message has more than %d bytes", MaxMessage)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return [32]byte{}, p.err
	}
	// A pipe has no deadline on every system, so a call that is cancelled ends the helper.
	stop := context.AfterFunc(ctx, func() { _ = p.cmd.Process.Kill() })
	defer stop()
	_, err := io.WriteString(p.in, "mac "+hex.EncodeToString(message)+"\n")
	line := ""
	if err == nil {
		line, err = readAnswer(p.out)
	}
	if err == nil {
		var refused *refusal
		var sum [32]byte
		sum, err = parseAnswer(line)
		if err == nil || errors.As(err, &refused) {
			return sum, err // the helper goes on
		}
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	p.err = fmt.Errorf("provenance: the helper does not answer as it should: %w", err)
	_ = p.cmd.Process.Kill()
	return [32]byte{}, p.err
}

// Close ends the helper and waits for it.
func (p *Process) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	broken := p.err != nil
	p.err = errors.New("provenance: the helper was closed")
	_ = p.in.Close()
	if err := p.cmd.Wait(); err != nil && !broken {
		return fmt.Errorf("provenance: the helper: %w", err)
	}
	return nil
}

func (p *Process) kill() error {
	_ = p.cmd.Process.Kill()
	return p.cmd.Wait()
}

// A refusal is the helper's reason for not answering.
type refusal struct{ says string }

func (r *refusal) Error() string { return "provenance: the helper says: " + r.says }

// readAnswer reads one line without its end.
func readAnswer(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("a line has more than %d bytes", maxAnswer)
	case errors.Is(err, io.EOF) && len(line) == 0:
		return "", errors.New("it ended")
	case errors.Is(err, io.EOF):
		return "", errors.New("it ended within a line")
	case err != nil:
		return "", err
	}
	return string(bytes.TrimRight(line, "\r\n")), nil
}

// parseAnswer parses a line of a helper. The error does not quote an answer that may be secret.
func parseAnswer(line string) (sum [32]byte, err error) {
	if says, ok := cutWord(line, "error"); ok {
		return sum, &refusal{fmt.Sprintf("%.200q", says)}
	}
	digits, ok := cutWord(line, "ok")
	if !ok || len(digits) != 2*len(sum) || !isLowerHex(digits) {
		return sum, errors.New(`an answer is neither "ok" with 64 lower-case hex digits nor "error" with a text`)
	}
	_, err = hex.Decode(sum[:], []byte(digits))
	return sum, err
}

func cutWord(line, word string) (rest string, ok bool) {
	if len(line) > len(word) && line[:len(word)] == word && line[len(word)] == ' ' {
		return line[len(word)+1:], true
	}
	return "", false
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
