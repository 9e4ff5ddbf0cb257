package text

import (
	"fmt"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Progress shows an execution while it runs: one line that is rewritten on a
// terminal, a line per step elsewhere.
type Progress struct {
	p       *Printer
	rewrite bool
	shown   bool
}

// maxProgress keeps the rewritten line from wrapping.
const maxProgress = 78

// NewProgress returns a progress display; rewrite is for terminals.
func NewProgress(p *Printer, rewrite bool) *Progress {
	return &Progress{p: p, rewrite: rewrite}
}

// Show shows one sign of progress.
func (g *Progress) Show(e *lockstepv1.ExecutionProgress) {
	if words := progressWords(e); words != "" {
		g.say(words)
	}
}

// say shows a line.
func (g *Progress) say(words string) {
	if !g.rewrite {
		g.p.line(words)
		return
	}
	words = strings.ReplaceAll(words, "\n", " ")
	if r := []rune(words); len(r) > maxProgress {
		words = string(r[:maxProgress-1]) + "…"
	}
	g.p.printf("\r\x1b[K%s", words)
	g.shown = true
}

// Clear removes the line from the terminal.
func (g *Progress) Clear() {
	if g.shown {
		g.p.printf("\r\x1b[K")
		g.shown = false
	}
}

func progressWords(e *lockstepv1.ExecutionProgress) string {
	again := ""
	if e.GetAttempt() > 1 {
		again = fmt.Sprintf(" (attempt %d)", e.GetAttempt())
	}
	switch e.GetPhase() {
	case lockstepv1.ExecutionPhase_EXECUTION_PHASE_PLANNING:
		return "planning"
	case lockstepv1.ExecutionPhase_EXECUTION_PHASE_LOCKING:
		return "waiting for the tenant" + again
	case lockstepv1.ExecutionPhase_EXECUTION_PHASE_EXECUTING:
		return fmt.Sprintf("[%d/%d] %s%s", e.GetIndex(), e.GetTotal(), e.GetStatement().GetSummary(), again)
	case lockstepv1.ExecutionPhase_EXECUTION_PHASE_VERIFYING:
		return "verifying"
	case lockstepv1.ExecutionPhase_EXECUTION_PHASE_RECORDING:
		return "recording"
	case lockstepv1.ExecutionPhase_EXECUTION_PHASE_RECOVERING:
		return "taking back what was left half way" + again
	case lockstepv1.ExecutionPhase_EXECUTION_PHASE_PREFLIGHT:
		return "asking the rows" + again
	case lockstepv1.ExecutionPhase_EXECUTION_PHASE_DONE,
		lockstepv1.ExecutionPhase_EXECUTION_PHASE_UNSPECIFIED:
	}
	return ""
}
