package text

import (
	"fmt"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// sizes writes how much the tables hold that a plan changes.
func (p *Printer) sizes(sizes []*lockstepv1.TableSize) {
	if len(sizes) == 0 {
		return
	}
	p.line()
	p.line(p.paint(bold, "TABLES"), "  what they hold now")
	width := 0
	for _, s := range sizes {
		width = max(width, len(s.GetTable()))
	}
	for _, s := range sizes {
		p.line("  ", pad(s.GetTable(), width+2), holdings(s))
	}
}

// holdings is how much a table holds.
func holdings(s *lockstepv1.TableSize) string {
	about := ""
	if s.GetEstimated() {
		about = "about "
	}
	said := about + count(int(s.GetRows()), "row")
	if s.GetBytes() > 0 {
		said += ", " + bytesText(s.GetBytes())
	}
	return said
}

// bytesText renders an amount of bytes for people.
func bytesText(n int64) string {
	const unit = 1024
	value, units := float64(n), []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for value >= unit && i < len(units)-1 {
		value, i = value/unit, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[i])
}

// preflight writes what the tenant's rows say to a plan.
func (p *Printer) preflight(r *lockstepv1.PreflightReport) {
	if r == nil {
		return
	}
	p.line()
	summary := fmt.Sprintf("%s asked, the rows allow the plan", count(int(r.GetAsked()), "question"))
	if r.GetBlocked() {
		summary = p.paint(alarm, "the rows do not allow the plan")
	}
	p.line(p.paint(bold, "PREFLIGHT"), "  ", summary)
	for _, f := range r.GetFindings() {
		p.finding(f)
	}
	for _, g := range r.GetUnchecked() {
		p.line("  ", p.paint(yellow, "? "), g.GetTable(), "(", strings.Join(g.GetColumns(), ", "), "): not checked for ",
			strings.ReplaceAll(g.GetKind(), "_", " "), ": ", g.GetReason())
	}
}

func (p *Printer) finding(f *lockstepv1.PreflightFinding) {
	mark := p.paint(yellow, "! ")
	if f.GetBlocks() {
		mark = p.paint(red, "x ")
	}
	amount := fmt.Sprint(f.GetCount())
	switch { // what a statistic says, or as far as was counted
	case f.GetEstimated() && f.GetKind() == "rows_lost":
		amount = "about " + amount
	case f.GetEstimated():
		amount = "at least " + amount
	}
	where := f.GetTable()
	if len(f.GetColumns()) > 0 {
		where += "(" + strings.Join(f.GetColumns(), ", ") + ")"
	}
	p.line("  ", mark, where, ": ", amount, " ", strings.ReplaceAll(f.GetKind(), "_", " "), ", for: ", f.GetChange())
	if len(f.GetKeys()) > 0 {
		p.line("      rows        ", strings.Join(f.GetKeys(), "; "))
	}
	for _, l := range []struct{ name, text string }{
		{"suggestion", f.GetSuggestion()}, {"show", f.GetQuery()}, {"mend", f.GetMend()},
	} {
		if l.text != "" {
			p.line("      ", pad(l.name, 12), l.text)
		}
	}
}

// compatibility answers whether present code still works after the plan.
func (p *Printer) compatibility(r *lockstepv1.PreviewMigrationResponse) {
	c := r.GetPlan().GetCompatibility()
	if c == nil || r.GetCurrent() == nil || len(r.GetPlan().GetStatements()) == 0 {
		return
	}
	p.line()
	if c.GetReads() && c.GetWrites() {
		p.line(p.paint(bold, "PRESENT CODE"), "  goes on working, reading and writing")
		return
	}
	p.line(p.paint(bold, "PRESENT CODE"), "  ", p.paint(yellow, broken(c.GetReads(), c.GetWrites())+" break"))
	for _, b := range c.GetBreaking() {
		p.line("  ", b.GetDetail(), " (", broken(!b.GetReads(), !b.GetWrites()), "): ", b.GetWhy())
	}
}

// broken names what does not work.
func broken(reads, writes bool) string {
	switch {
	case !reads && !writes:
		return "reads and writes"
	case !reads:
		return "reads"
	default:
		return "writes"
	}
}
