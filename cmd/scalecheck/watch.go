package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/scalecheck/scalecheck/internal/record"
)

// A watch shows the person who waits what is going on: redrawn in place on a
// terminal, a line for each change elsewhere.
type watch struct {
	streams
	mu    sync.Mutex
	drawn int             // lines on the terminal that the next drawing replaces
	last  string          // phase and step of the last line, elsewhere
	p95   map[int]float64 // step → highest second
	begun time.Time       //
	steps map[int]record.Progress
	ended bool
}

func newWatch(s streams) *watch {
	return &watch{streams: s, p95: map[int]float64{}, steps: map[int]record.Progress{}, begun: time.Now()}
}

// say prints a line that stays.
func (w *watch) say(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.erase()
	fmt.Fprintf(w.err, "%s %s\n", w.clock(), line)
}

func (w *watch) clock() string {
	d := time.Since(w.begun)
	return fmt.Sprintf("%2d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

func (w *watch) progress(p record.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.Phase == "load" {
		w.steps[p.Step] = p
		if !p.Settling {
			w.p95[p.Step] = max(w.p95[p.Step], p.P95)
		}
	}
	if w.terminal {
		w.draw(p)
		return
	}
	key := fmt.Sprint(p.Phase, p.Step, p.Settling)
	if p.Phase == "load" && p.Settling || key == w.last {
		return
	}
	if p.Phase == "probe" && strings.HasPrefix(w.last, "probe") {
		return
	}
	w.last = key
	fmt.Fprintf(w.err, "%s %s\n", w.clock(), line(p))
}

func line(p record.Progress) string {
	switch p.Phase {
	case "baseline":
		return "looking at the idle system"
	case "probe":
		return "probing each endpoint alone"
	case "drain":
		return "looking whether the job queues drain"
	}
	step := fmt.Sprintf("step %d", p.Step)
	if p.Steps > 0 {
		step += fmt.Sprintf(" of %d", p.Steps)
	}
	return fmt.Sprintf("%s: %.0f users, %.0f requests/s, p95 %.0f ms, %d of %d failed so far", step, p.Users, p.RPS, p.P95*1e3, p.Failed, p.Requests)
}

const bars = "▁▂▃▄▅▆▇█"

func (w *watch) draw(p record.Progress) {
	w.erase()
	var lines []string
	if p.Phase != "load" {
		lines = append(lines, w.clock()+" "+line(p)+" "+p.Detail)
	} else {
		state := "measuring"
		if p.Settling {
			state = "settling"
		}
		lines = append(lines, fmt.Sprintf("%s step %d of %d, %s  %s", w.clock(), p.Step, max(p.Steps, p.Step), state, gauge(p)))
		lines = append(lines, fmt.Sprintf("      %.0f users   %.0f requests/s   p95 %.0f ms   %d of %d failed", p.Users, p.RPS, p.P95*1e3, p.Failed, p.Requests))
		lines = append(lines, "      worst p95 of each step so far  "+w.spark())
	}
	for _, l := range lines {
		fmt.Fprintln(w.err, l)
	}
	w.drawn = len(lines)
}

func gauge(p record.Progress) string {
	if p.Total <= 0 {
		return p.Elapsed.Round(time.Second).String()
	}
	const width = 30
	full := min(width, int(float64(width)*float64(p.Elapsed)/float64(p.Total)))
	left := max(0, p.Total-p.Elapsed).Round(time.Second)
	return "[" + strings.Repeat("█", full) + strings.Repeat("·", width-full) + "] " + left.String() + " left"
}

// spark draws the worst second of each step, on a scale of its own.
func (w *watch) spark() string {
	var top float64
	for _, v := range w.p95 {
		top = max(top, v)
	}
	var b strings.Builder
	blocks := []rune(bars)
	for step := 1; step <= len(w.steps); step++ {
		i := 0
		if top > 0 {
			i = min(len(blocks)-1, int(w.p95[step]/top*float64(len(blocks))))
		}
		b.WriteRune(blocks[i])
	}
	return fmt.Sprintf("%s  up to %.0f ms", b.String(), top*1e3)
}

// erase goes back over what was drawn: up, clear the line, for each.
func (w *watch) erase() {
	if w.drawn > 0 {
		fmt.Fprint(w.err, strings.Repeat("\x1b[1A\x1b[2K", w.drawn))
		w.drawn = 0
	}
}

// close leaves the terminal clean.
func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.erase()
		w.ended = true
	}
}
