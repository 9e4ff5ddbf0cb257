package text

import (
	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Server writes what is registered of a server.
func (p *Printer) Server(s *lockstepv1.Server) {
	p.field("server", s.GetId())
	if s.GetDisplayName() != s.GetId() {
		p.field("name", s.GetDisplayName())
	}
	p.field("address", s.GetAddress())
	p.field("secret", s.GetSecret())
	if len(s.GetLabels()) > 0 {
		p.field("labels", labelList(s.GetLabels()))
	}
	if s.GetArchivedAt() != nil {
		p.field("archived", timeText(s.GetArchivedAt())+" UTC")
	}
}

// Servers writes a page of servers as a table.
func (p *Printer) Servers(r *lockstepv1.ListServersResponse) {
	if len(r.GetServers()) == 0 {
		p.line("No servers.")
		return
	}
	rows := [][]string{{"SERVER", "ADDRESS", "LABELS"}}
	for _, s := range r.GetServers() {
		rows = append(rows, []string{s.GetId(), s.GetAddress(), labelList(s.GetLabels())})
	}
	p.rows("", rows, func(row, _ int, cell string) string {
		if row == 0 {
			return p.paint(bold, cell)
		}
		return cell
	})
	if r.GetNextPageToken() != "" {
		p.line()
		p.line("There are more: add --page-token ", r.GetNextPageToken())
	}
}
