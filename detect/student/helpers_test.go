package student_test

import (
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

type Token = watermark.Token

const vocab = testmark.Vocab
