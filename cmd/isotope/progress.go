package main

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/isotope-wm/isotope/internal/lm"
)

// barAfter is how long a stage runs before it gets a bar: what is over at once needs
// none.
const barAfter = 300 * time.Millisecond

// progress returns a Progress that draws bars on a terminal, or nil where nobody
// would see them, and a function that clears the last one.
func (c *cli) progress() (lm.Progress, func()) {
	file, ok := c.stderr.(*os.File)
	if c.quiet || !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, func() {}
	}
	var (
		bar   *progressbar.ProgressBar
		stage string
		begin time.Time
	)
	finish := func() {
		if bar != nil {
			bar.Clear()
			bar = nil
		}
	}
	return func(name string, done, total int64) {
		if name != stage || done == 0 {
			finish()
			stage, begin = name, time.Now()
		}
		if bar == nil && done < total && time.Since(begin) > barAfter {
			bar = progressbar.NewOptions64(total,
				progressbar.OptionSetWriter(c.stderr),
				progressbar.OptionSetDescription(name),
				progressbar.OptionThrottle(50*time.Millisecond),
				progressbar.OptionFullWidth(),
				progressbar.OptionClearOnFinish(),
			)
		}
		if bar != nil {
			bar.Set64(done)
		}
	}, finish
}
