package main

import (
	"math"
	"math/rand/v2"
)

// Shape of the neural student.
const (
	neuralContext = 4  // tokens of context
	neuralEmbed   = 32 // numbers per token
	neuralHidden  = 64 // hidden units
	neuralInput   = neuralContext * neuralEmbed
)

// A float is float32 for speed, or float64 for the check of gradients.
type float interface{ float32 | float64 }

// A net is the feed-forward language model of Bengio, Ducharme, Vincent and Jauvin 2003, "A Neural
// Probabilistic Language Model", without direct connections. It has the embeddings of the last four
// tokens, a layer of tanh units, and a softmax over the vocabulary. Gradient descent trains it. Unlike
// an n-gram model it generalises over similar contexts. One goroutine at a time may use it.
type net[F float] struct {
	vocab     int
	params    []F
	layers[F] // parts of params

	x, h []F // working memory of one position
}

// layers holds the parts of a vector of parameters, or of its gradient.
type layers[F float] struct {
	embed []F // (vocab+1) x neuralEmbed. The last row is for positions before the text.
	w1    []F // neuralInput x neuralHidden
	b1    []F
	w2    []F // neuralHidden x vocab
	b2    []F
}

// numParams returns the number of parameters.
func numParams(vocab int) int {
	return (vocab+1)*neuralEmbed + neuralInput*neuralHidden + neuralHidden + neuralHidden*vocab + vocab
}

// layersOf cuts a vector of parameters into layers.
func layersOf[F float](p []F, vocab int) (l layers[F]) {
	cut := func(n int) []F { part := p[:n:n]; p = p[n:]; return part }
	l.embed = cut((vocab + 1) * neuralEmbed)
	l.w1, l.b1 = cut(neuralInput*neuralHidden), cut(neuralHidden)
	l.w2, l.b2 = cut(neuralHidden*vocab), cut(vocab)
	return l
}

// newNet returns a net with random weights. Their variance keeps the size of the signal (Glorot and
// Bengio 2010).
func newNet[F float](vocab int, rng *rand.Rand) *net[F] {
	n := wrap(make([]F, numParams(vocab)), vocab)
	fill := func(w []F, scale float64) {
		for i := range w {
			w[i] = F(rng.NormFloat64() * scale)
		}
	}
	fill(n.embed, 0.3)
	fill(n.w1, math.Sqrt(2.0/(neuralInput+neuralHidden)))
	fill(n.w2, math.Sqrt(1.0/neuralHidden)/4)
	return n
}

// wrap returns the net with the given parameters.
func wrap[F float](params []F, vocab int) *net[F] {
	return &net[F]{
		vocab: vocab, params: params, layers: layersOf(params, vocab),
		x: make([]F, neuralInput), h: make([]F, neuralHidden),
	}
}

func (n *net[F]) clone() *net[F] { return wrap(append([]F(nil), n.params...), n.vocab) }

// An example is a context, oldest token first, and the next token. The id vocab stands for positions
// before the text.
type example struct {
	context [neuralContext]int32
	next    int32
}

// contextOf returns the context at the end of a text.
func contextOf(text []int32, vocab int) (c [neuralContext]int32) {
	for i := range c {
		c[i] = int32(vocab)
		if at := len(text) - neuralContext + i; at >= 0 {
			c[i] = text[at]
		}
	}
	return c
}

// logits writes the logits of the next token after a context.
func (n *net[F]) logits(row []F, context [neuralContext]int32) {
	n.hidden(n.x, n.h, context)
	copy(row, n.b2)
	addRows(row, n.h, n.w2)
}

// hidden writes the input and the hidden layer of a context.
func (n *net[F]) hidden(x, h []F, context [neuralContext]int32) {
	for i, id := range context {
		copy(x[i*neuralEmbed:(i+1)*neuralEmbed], n.embed[int(id)*neuralEmbed:])
	}
	copy(h, n.b1)
	addRows(h, x, n.w1)
	for i, s := range h {
		h[i] = F(math.Tanh(float64(s)))
	}
}

// softmax turns logits into probabilities, in place.
func softmax[F float](row []F) {
	top := row[0]
	for _, s := range row {
		top = max(top, s)
	}
	var sum F
	for i, s := range row {
		row[i] = F(math.Exp(float64(s - top)))
		sum += row[i]
	}
	for i := range row {
		row[i] /= sum
	}
}

// A trainer holds the gradient, the state of the optimiser, and working memory.
type trainer[F float] struct {
	net       *net[F]
	grad      []F
	g         layers[F]
	mean, sqr []F // moments of Adam
	steps     int
	x, h      []F // for every example of a batch
	p, dh, dx []F
}

func newTrainer[F float](n *net[F], batch int) *trainer[F] {
	size := len(n.params)
	t := &trainer[F]{net: n, grad: make([]F, size), mean: make([]F, size), sqr: make([]F, size)}
	t.g = layersOf(t.grad, n.vocab)
	t.x, t.h = make([]F, batch*neuralInput), make([]F, batch*neuralHidden)
	t.p, t.dh, t.dx = make([]F, batch*n.vocab), make([]F, batch*neuralHidden), make([]F, neuralInput)
	return t
}

// gradient returns the mean cross entropy of a batch in nats, and writes its gradient to grad.
func (t *trainer[F]) gradient(batch []example) float64 {
	n := t.net
	clear(t.grad)
	loss := 0.0
	scale := 1 / F(len(batch))
	for i, e := range batch {
		x, h := t.x[i*neuralInput:][:neuralInput], t.h[i*neuralHidden:][:neuralHidden]
		n.hidden(x, h, e.context)
		p := t.p[i*n.vocab:][:n.vocab]
		copy(p, n.b2)
		addRows(p, h, n.w2)
		softmax(p)
		loss -= math.Log(float64(p[e.next]))
		p[e.next]-- // the gradient of the logits is p - 1{next}
		for j := range p {
			p[j] *= scale
			t.g.b2[j] += p[j]
		}
		dh := t.dh[i*neuralHidden:][:neuralHidden]
		dotRows(dh, p, n.w2)
		for j := range dh {
			dh[j] *= 1 - h[j]*h[j]
			t.g.b1[j] += dh[j]
		}
		dotRows(t.dx, dh, n.w1)
		for c, id := range e.context {
			row := t.g.embed[int(id)*neuralEmbed:][:neuralEmbed]
			for j, d := range t.dx[c*neuralEmbed:][:neuralEmbed] {
				row[j] += d
			}
		}
	}
	addOuter(t.g.w2, t.h[:len(batch)*neuralHidden], t.p[:len(batch)*n.vocab], len(batch))
	addOuter(t.g.w1, t.x[:len(batch)*neuralInput], t.dh[:len(batch)*neuralHidden], len(batch))
	return loss / float64(len(batch))
}

// step makes one step of Adam (Kingma and Ba 2015) with beta 0.9 and 0.999.
func (t *trainer[F]) step(rate float64) {
	t.steps++
	const b1, b2 = 0.9, 0.999
	alpha := F(rate * math.Sqrt(1-math.Pow(b2, float64(t.steps))) / (1 - math.Pow(b1, float64(t.steps))))
	mean, sqr, params := t.mean[:len(t.grad)], t.sqr[:len(t.grad)], t.net.params[:len(t.grad)]
	for i, g := range t.grad {
		m := b1*mean[i] + (1-b1)*g
		s := b2*sqr[i] + (1-b2)*g*g
		mean[i], sqr[i] = m, s
		params[i] -= alpha * m / (F(math.Sqrt(float64(s))) + 1e-8)
	}
}

// addRows adds to y the product of the row vector a and the matrix w, which is len(a) x len(y).
func addRows[F float](y, a, w []F) {
	n := len(y)
	for i := 0; i < len(a); i += 4 {
		addFour(y, w[i*n:][:n], w[(i+1)*n:][:n], w[(i+2)*n:][:n], w[(i+3)*n:][:n],
			a[i], a[i+1], a[i+2], a[i+3])
	}
}

// addOuter adds to w the sum of the outer products of the rows of a and b.
func addOuter[F float](w, a, b []F, rows int) {
	n, m := len(a)/rows, len(b)/rows
	for i := range n {
		y := w[i*m:][:m]
		r := 0
		for ; r+4 <= rows; r += 4 {
			addFour(y, b[r*m:][:m], b[(r+1)*m:][:m], b[(r+2)*m:][:m], b[(r+3)*m:][:m],
				a[r*n+i], a[(r+1)*n+i], a[(r+2)*n+i], a[(r+3)*n+i])
		}
		for ; r < rows; r++ {
			c := a[r*n+i]
			for j, x := range b[r*m:][:m] {
				y[j] += c * x
			}
		}
	}
}

// addFour adds four scaled vectors to y. Training spends almost all its time here and in dotRows. Four
// vectors share the load and the store of y.
func addFour[F float](y, p, q, r, s []F, a, b, c, d F) {
	p, q, r, s = p[:len(y)], q[:len(y)], r[:len(y)], s[:len(y)]
	for j := range y {
		y[j] += a*p[j] + b*q[j] + c*r[j] + d*s[j]
	}
}

// dotRows sets y[i] to the product of x and row i of w, which is len(y) x len(x).
func dotRows[F float](y, x, w []F) {
	n := len(x)
	for i := 0; i < len(y); i += 4 {
		p, q, r, s := w[i*n:][:n], w[(i+1)*n:][:n], w[(i+2)*n:][:n], w[(i+3)*n:][:n]
		var a, b, c, d F
		for j, v := range x {
			a += v * p[j]
			b += v * q[j]
			c += v * r[j]
			d += v * s[j]
		}
		y[i], y[i+1], y[i+2], y[i+3] = a, b, c, d
	}
}
