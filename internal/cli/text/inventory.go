package text

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// page writes rows under a bold first one, and how to go on.
func (p *Printer) page(rows [][]string, next string) {
	p.rows("", rows, func(row, _ int, cell string) string {
		if row == 0 {
			return p.paint(bold, cell)
		}
		return cell
	})
	if next != "" {
		p.line()
		p.line("There are more: add --page-token ", next)
	}
}

// Databases writes a page of a server's databases as a table, each schema that
// is known in a row of its own.
func (p *Printer) Databases(r *lockstepv1.ListDatabasesResponse) {
	p.stale(r.GetLastSync())
	if len(r.GetDatabases()) == 0 {
		p.line("No databases.")
		return
	}
	rows := [][]string{{"DATABASE", "TENANT", "OWNER", "FIRST SEEN", "NOTE"}}
	for _, d := range r.GetDatabases() {
		rows = append(rows, []string{oneLine(d.GetName()), tenantOrFree(d.GetTenant(), d.GetFree()), orDash(d.GetOwner()), timeText(d.GetSeenAt()), words(
			gone(d.GetVanishedAt()), when(d.GetOffline(), "offline"), when(d.GetSystem(), "of the system"), d.GetCharset(), sizeText(d.GetSize()))})
		for _, x := range d.GetSchemas() {
			rows = append(rows, []string{oneLine(d.GetName() + "." + x.GetName()), tenantOrFree(x.GetTenant(), x.GetFree()), orDash(x.GetOwner()), "", "schema"})
		}
	}
	p.page(rows, r.GetNextPageToken())
}

// Users writes a page of a server's users as a table.
func (p *Printer) Users(r *lockstepv1.ListUsersResponse) {
	p.stale(r.GetLastSync())
	if len(r.GetUsers()) == 0 {
		p.line("No users.")
		return
	}
	rows := [][]string{{"USER", "FIRST SEEN", "NOTE"}}
	for _, u := range r.GetUsers() {
		_, more, _ := strings.Cut(userWords(u), "  ")
		rows = append(rows, []string{account(u.GetAccount()), timeText(u.GetSeenAt()), words(gone(u.GetVanishedAt()), more)})
	}
	p.page(rows, r.GetNextPageToken())
}

// ServerAccess writes who may do what as a table.
func (p *Printer) ServerAccess(r *lockstepv1.GetServerAccessResponse) {
	p.stale(r.GetLastSync())
	if unread := r.GetUnread(); len(unread) > 0 {
		p.line(p.paint(yellow, "unread"), ": ", strings.Join(unread, ", "), "; there may be more than this")
	}
	if len(r.GetAccess()) == 0 {
		p.line("Nobody but who is asked for no privilege may do anything.")
		return
	}
	rows := [][]string{{"USER", "WHERE", "MAY", "AFTER SET ROLE"}}
	for _, a := range r.GetAccess() {
		at := a.GetDatabase()
		if a.GetSchema() != "" {
			at += "." + a.GetSchema()
		}
		rows = append(rows, []string{account(a.GetAccount()), oneLine(at), orDash(strings.Join(a.GetPrivileges(), " ")), strings.Join(a.GetAfterSetRole(), " ")})
	}
	p.page(rows, "")
}

// ServerChanges writes a page of what syncs found, a line each.
func (p *Printer) ServerChanges(r *lockstepv1.ListServerChangesResponse) {
	if len(r.GetChanges()) == 0 {
		p.line("No sync found anything.")
		return
	}
	rows := [][]string{{"GENERATION", "AT", "WHAT", "NAME"}}
	for _, c := range r.GetChanges() {
		kind := enumWord(c.GetKind(), "SERVER_CHANGE_KIND_", " ")
		rows = append(rows, []string{strconv.FormatInt(c.GetGeneration(), 10), timeText(c.GetAt()), c.GetObject() + " " + kind, oneLine(c.GetName())})
	}
	p.page(rows, r.GetNextPageToken())
}

// AdoptedDiscovered writes the tenant that was made of a database.
func (p *Printer) AdoptedDiscovered(r *lockstepv1.AdoptDiscoveredResponse) {
	p.Tenant(r.GetTenant())
	if r.GetAdoption() != nil {
		p.line()
		p.Adopted(r.GetAdoption())
	}
}

// stale says when what is listed was not read lately.
func (p *Printer) stale(s *lockstepv1.SyncStatus) {
	switch {
	case s == nil:
		p.line("The server was never synced: run lockstep server sync.")
	case s.GetOutcome() == lockstepv1.SyncOutcome_SYNC_OUTCOME_FAILED:
		p.line(p.paint(yellow, "The last sync failed"), " (", timeText(s.GetTriedAt()), " UTC): ", s.GetError())
	}
}

func tenantOrFree(tenant string, free bool) string {
	switch {
	case tenant != "":
		return tenant
	case free:
		return "(free)"
	}
	return "-"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func gone(at *timestamppb.Timestamp) string {
	if at == nil {
		return ""
	}
	return "gone since " + timeText(at)
}
