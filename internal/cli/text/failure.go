package text

import (
	"fmt"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Failure writes an error: what happened, where, and what to do next. result,
// which may be nil, tells the statement that failed.
func (p *Printer) Failure(f *lockstepv1.Failure, result *lockstepv1.ExecutionResult) {
	title := "error"
	if f.GetReason() != "" {
		title += " [" + f.GetReason() + "]"
	}
	first, rest, _ := strings.Cut(f.GetDetail(), "\n")
	p.line(p.paint(alarm, title+":"), " ", first)
	if rest != "" {
		p.block("  ", rest, "")
	}
	for _, v := range f.GetViolations() {
		p.violation(v)
	}
	for i, s := range result.GetStatements() {
		if s.GetOutcome() == lockstepv1.StatementOutcome_STATEMENT_OUTCOME_FAILED {
			p.printf("  in statement %d of %d: %s\n", i+1, len(result.GetStatements()), s.GetSummary())
			p.block("    ", s.GetSql()+";", dim)
		}
	}
	if f.GetRolledBack() && result == nil {
		p.line("  rolled back: the tenant is exactly as before")
	}
	if f.GetSuggestion() != "" {
		p.block(p.paint(bold, "next: "), f.GetSuggestion(), "")
	}
}

func (p *Printer) violation(v *lockstepv1.Violation) {
	at := place(v)
	words := []string{"  "}
	if at != "" && !strings.HasPrefix(v.GetDescription(), at+": ") {
		words = append(words, p.paint(bold, at), ": ")
	}
	p.line(append(words, v.GetDescription())...)
	if v.GetSuggestion() != "" {
		p.line("      ", p.paint(dim, v.GetSuggestion()))
	}
}

// place renders where a violation is.
func place(v *lockstepv1.Violation) string {
	if v.GetFile() == "" {
		return v.GetSubject()
	}
	at := fmt.Sprintf("%s:%d", v.GetFile(), v.GetLine())
	if v.GetColumn() > 0 {
		at += fmt.Sprintf(":%d", v.GetColumn())
	}
	if v.GetSubject() != "" {
		return v.GetSubject() + "/" + at
	}
	return at
}
