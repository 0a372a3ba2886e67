package main

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/isotope-wm/isotope/internal/lm"
)

// barAfter is how long a stage runs before it gets a bar. A short one needs none.
const barAfter = 300 * time.Millisecond

// progress returns a Progress that draws a bar for each stage, and a function that clears
// the last bar. The Progress is nil unless stderr is a terminal.
func (c *cli) progress() (lm.Progress, func()) {
	if !c.onTerminal() {
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
				progressbar.OptionSetWriter(c.screen),
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

// busy shows a spinner on a terminal while work of unknown length runs. The function that
// it returns removes the spinner.
func (c *cli) busy(what string) (done func()) {
	if !c.onTerminal() {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-stop:
			return
		case <-time.After(barAfter):
		}
		spinner := progressbar.NewOptions(-1,
			progressbar.OptionSetWriter(c.screen),
			progressbar.OptionSetDescription(what),
			progressbar.OptionSpinnerType(14),
			progressbar.OptionClearOnFinish(),
		)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				spinner.Clear()
				return
			case <-tick.C:
				spinner.Add(1)
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// onTerminal reports whether somebody would see a bar.
func (c *cli) onTerminal() bool {
	file, ok := c.screen.(*os.File)
	return !c.quiet && ok && term.IsTerminal(int(file.Fd()))
}
