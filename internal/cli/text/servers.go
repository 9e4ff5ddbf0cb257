package text

import (
	"fmt"

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
	if s.GetFacts() != nil {
		p.field("engine", engineFacts(s.GetFacts()))
	}
	p.field("last sync", syncStatus(s.GetLastSync()))
	if e := s.GetLastSync().GetError(); e != "" {
		p.field("", p.paint(alarm, e))
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
	rows := [][]string{{"SERVER", "ADDRESS", "ENGINE", "LAST SYNC", "LABELS"}}
	for _, s := range r.GetServers() {
		what := engineFacts(s.GetFacts())
		if what == "" {
			what = engine(s.GetEngine(), 0)
		}
		rows = append(rows, []string{s.GetId(), s.GetAddress(), what, syncStatus(s.GetLastSync()), labelList(s.GetLabels())})
	}
	p.page(rows, r.GetNextPageToken())
}

// syncStatus says how the last sync ended, and when.
func syncStatus(s *lockstepv1.SyncStatus) string {
	if s == nil {
		return "never"
	}
	out := enumWord(s.GetOutcome(), "SYNC_OUTCOME_", " ") + " " + timeText(s.GetTriedAt()) + " UTC"
	if s.GetSyncedAt() != nil && s.GetOutcome() == lockstepv1.SyncOutcome_SYNC_OUTCOME_FAILED {
		out += ", before that done " + timeText(s.GetSyncedAt()) + " UTC"
	}
	return fmt.Sprintf("%s, generation %d", out, s.GetGeneration())
}
