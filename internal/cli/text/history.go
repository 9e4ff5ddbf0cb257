package text

import (
	"fmt"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Revisions writes a page of history as a table.
func (p *Printer) Revisions(r *lockstepv1.ListRevisionsResponse) {
	p.field("target", r.GetTarget())
	p.line()
	if len(r.GetRevisions()) == 0 {
		p.line("No revisions: the tenant was not initialised by lockstep.")
		return
	}
	rows := [][]string{{"REVISION", "STARTED (UTC)", "OUTCOME", "STRATEGY", "SQL", "TOOK", "BY", "MODULES"}}
	for _, v := range r.GetRevisions() {
		rows = append(rows, []string{
			fmt.Sprint(v.GetNumber()), timeText(v.GetStartedAt()),
			enumWord(v.GetOutcome(), "REVISION_OUTCOME_", " "), how(v),
			fmt.Sprint(v.GetStatementCount()), durationText(v.GetDuration()), v.GetActor(), moduleList(v.GetModules()),
		})
	}
	p.rows("", rows, func(row, col int, cell string) string {
		switch {
		case row == 0:
			return p.paint(bold, cell)
		case col == 2 && r.GetRevisions()[row-1].GetFailure() != nil:
			return p.paint(red, cell)
		default:
			return cell
		}
	})
	if r.GetNextPageToken() != "" {
		p.line()
		p.line("There are older revisions: add --page-token ", r.GetNextPageToken())
	}
}

// moduleList renders versions in one line, by the last element of their paths.
func moduleList(ms []*lockstepv1.ModuleVersion) string {
	out := make([]string, 0, len(ms))
	for _, m := range ms {
		out = append(out, m.GetPath()[strings.LastIndexByte(m.GetPath(), '/')+1:]+"@"+m.GetVersion())
	}
	return strings.Join(out, " ")
}

// Revision writes one revision in full.
func (p *Printer) Revision(r *lockstepv1.GetRevisionResponse) {
	v := r.GetRevision()
	p.field("target", database(r.GetTarget(), v.GetEngine(), v.GetEngineVersion()))
	p.field("revision", fmt.Sprintf("%d, %s", v.GetNumber(), enumWord(v.GetOutcome(), "REVISION_OUTCOME_", " ")))
	p.field("started", fmt.Sprintf("%s UTC, took %s", timeText(v.GetStartedAt()), durationText(v.GetDuration())))
	p.field("by", fmt.Sprintf("%s, with lockstep %s", v.GetActor(), v.GetLockstepVersion()))
	p.field("strategy", how(v))
	for i, m := range v.GetModules() {
		name := "modules"
		if i > 0 {
			name = ""
		}
		p.field(name, m.GetPath()+"@"+m.GetVersion()+"  "+p.paint(dim, m.GetSum()))
	}
	p.field("digest", v.GetDigest())
	p.field("base", orNone(v.GetBaseFingerprint()))
	p.field("aimed at", orNone(v.GetTargetFingerprint()))
	p.field("result", orNone(v.GetResultFingerprint()))
	p.executed(v.GetStatements())
	p.ran(v.GetStatements())
	if len(v.GetWithheld()) > 0 {
		p.line()
		p.line(p.paint(bold, "WITHHELD"), "  ", count(len(v.GetWithheld()), "change"), " left for later")
		for _, w := range v.GetWithheld() {
			words := w.GetDetail()
			if words == "" {
				words = strings.ReplaceAll(w.GetOp(), "_", " ")
			}
			p.line("  ", p.paint(bold, w.GetObject()), "  ", words)
			p.line("      ", p.paint(dim, w.GetReason()))
		}
	}
	if len(r.GetTables()) > 0 {
		p.line()
		p.line(p.paint(bold, "SNAPSHOT"), "  ", count(len(r.GetTables()), "table"), " after this revision")
		for _, t := range r.GetTables() {
			p.line("  ", t.GetName(), p.paint(dim, "  "+count(len(t.GetColumns()), "column")))
		}
	}
	if v.GetFailure() != nil {
		p.line()
		p.Failure(v.GetFailure(), &lockstepv1.ExecutionResult{})
	}
}

// ran writes the SQL of statements.
func (p *Printer) ran(statements []*lockstepv1.ExecutedStatement) {
	if len(statements) == 0 {
		return
	}
	p.line()
	p.line(p.paint(bold, "SQL"))
	for _, s := range statements {
		colour := cyan
		if s.GetDestructive() {
			colour = red
		}
		p.block("  ", s.GetSql()+";", colour)
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// how says what decided a revision: a strategy, or that it was only recorded.
func how(r *lockstepv1.Revision) string {
	switch {
	case r.GetAdopted():
		return "adopt"
	case r.GetReverts() > 0:
		return fmt.Sprintf("%s, back to %d", Strategy(r.GetStrategy()), r.GetReverts())
	}
	return Strategy(r.GetStrategy())
}
