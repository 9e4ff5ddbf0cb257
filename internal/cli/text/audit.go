package text

import (
	"fmt"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Audit writes a page of the audit chain as a table.
func (p *Printer) Audit(r *lockstepv1.SearchAuditResponse) {
	if len(r.GetEntries()) == 0 {
		p.line("No entries.")
		return
	}
	rows := [][]string{{"ENTRY", "AT (UTC)", "OUTCOME", "BY", "WHAT", "ON", "REASON"}}
	for _, e := range r.GetEntries() {
		on := e.GetTenant()
		if on == "" {
			on = e.GetTarget()
		}
		rows = append(rows, []string{
			fmt.Sprint(e.GetSeq()), timeText(e.GetAt()), e.GetOutcome(), e.GetActor(),
			e.GetMethod()[strings.LastIndexByte(e.GetMethod(), '/')+1:], on, e.GetReason(),
		})
	}
	p.rows("", rows, func(row, col int, cell string) string {
		switch {
		case row == 0:
			return p.paint(bold, cell)
		case col == 2 && r.GetEntries()[row-1].GetReason() != "":
			return p.paint(red, cell)
		}
		return cell
	})
	if r.GetNextPageToken() != "" {
		p.line()
		p.line("There are older entries: add --page-token ", r.GetNextPageToken())
	}
}

// AuditVerified writes what a verification saw.
func (p *Printer) AuditVerified(r *lockstepv1.VerifyAuditResponse) {
	p.line(p.paint(green, "Whole"), fmt.Sprintf(": %d entries, %d to %d", r.GetEntries(), r.GetFirst(), r.GetLast()))
	p.field("head", r.GetHead())
	for _, id := range r.GetUnfinished() {
		p.field("unfinished", id)
	}
}
