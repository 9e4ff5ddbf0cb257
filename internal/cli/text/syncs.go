package text

import (
	"fmt"
	"slices"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// ShowSync shows one sign of a sync's progress.
func (g *Progress) ShowSync(e *lockstepv1.SyncProgress) {
	if words := syncWords(e); words != "" {
		g.say(words)
	}
}

func syncWords(e *lockstepv1.SyncProgress) string {
	switch e.GetPhase() {
	case lockstepv1.SyncPhase_SYNC_PHASE_CONNECTING:
		if e.GetAttempt() > 1 {
			return fmt.Sprintf("connecting (attempt %d: another sync was quicker)", e.GetAttempt())
		}
		return "connecting"
	case lockstepv1.SyncPhase_SYNC_PHASE_SERVER, lockstepv1.SyncPhase_SYNC_PHASE_DATABASES, lockstepv1.SyncPhase_SYNC_PHASE_USERS,
		lockstepv1.SyncPhase_SYNC_PHASE_GRANTS, lockstepv1.SyncPhase_SYNC_PHASE_SCHEMAS:
		return fmt.Sprintf("[%d/%d] read %s", e.GetDone(), e.GetTotal(), enumWord(e.GetPhase(), "SYNC_PHASE_", " "))
	case lockstepv1.SyncPhase_SYNC_PHASE_RECONCILING:
		return "comparing"
	case lockstepv1.SyncPhase_SYNC_PHASE_WRITING:
		return "recording"
	case lockstepv1.SyncPhase_SYNC_PHASE_DONE, lockstepv1.SyncPhase_SYNC_PHASE_UNSPECIFIED:
	}
	return ""
}

// SyncResult writes what a sync found.
func (p *Printer) SyncResult(r *lockstepv1.SyncResult) {
	p.field("server", r.GetServer().GetId())
	p.field("address", r.GetServer().GetAddress())
	p.field("engine", engineFacts(r.GetFacts()))
	if before := engineFacts(r.GetFactsBefore()); before != "" && before != engineFacts(r.GetFacts()) {
		p.field("before", before)
	}
	p.field("there are", fmt.Sprintf("%s (%s), %s, %s",
		count(int(r.GetDatabaseCount()), "database"), count(int(r.GetFree()), "free place"),
		count(int(r.GetUserCount()), "user"), count(int(r.GetGrantCount()), "grant")))
	p.notes(r.GetFacts())
	p.syncChanges(r)
	p.line()
	changes := len(r.GetDatabases()) + len(r.GetUsers()) + len(r.GetGrants())
	found := count(changes, "difference")
	if changes == 0 {
		found = "nothing is different"
	}
	if r.GetPreview() {
		p.line("Preview: ", found, ". Nothing was recorded.")
		return
	}
	p.line(p.paint(green, "Synced"), fmt.Sprintf(": %s, generation %d", found, r.GetServer().GetLastSync().GetGeneration()))
}

// SyncDiffers tells whether a sync found anything.
func SyncDiffers(r *lockstepv1.SyncResult) bool {
	return len(r.GetDatabases())+len(r.GetUsers())+len(r.GetGrants())+len(r.GetTenantsVanished())+len(r.GetTenantsReturned()) > 0 ||
		r.GetFactsBefore() != nil
}

// notes tells what was not read.
func (p *Printer) notes(f *lockstepv1.ServerFacts) {
	if unread := f.GetUnread(); len(unread) > 0 {
		p.field("unread", p.paint(yellow, strings.Join(unread, ", ")+": what is missing there is neither there nor gone"))
	}
	for _, n := range f.GetNotes() {
		p.field("note", p.paint(yellow, n.GetReason())+": "+n.GetDetail())
		if n.GetSuggestion() != "" {
			p.field("", "next: "+n.GetSuggestion())
		}
	}
}

// syncChanges writes a line for each difference.
func (p *Printer) syncChanges(r *lockstepv1.SyncResult) {
	p.line()
	for _, c := range r.GetDatabases() {
		p.delta("database", c.GetBefore() != nil, c.GetAfter() != nil, databaseWords(c.GetBefore()), databaseWords(c.GetAfter()))
	}
	for _, c := range r.GetUsers() {
		p.delta("user", c.GetBefore() != nil, c.GetAfter() != nil, userWords(c.GetBefore()), userWords(c.GetAfter()))
	}
	for _, c := range r.GetGrants() {
		before, after := grantWords(c.GetBefore(), c.GetAfter()), grantWords(c.GetAfter(), c.GetBefore())
		p.delta("grant", c.GetBefore() != nil, c.GetAfter() != nil, before, after)
	}
	for _, id := range r.GetTenantsVanished() {
		p.line(p.paint(alarm, "! tenant "+id), ": its database is gone; it is marked, and not deleted")
	}
	for _, id := range r.GetTenantsReturned() {
		p.line(p.paint(green, "! tenant "+id), ": its database is there again")
	}
}

func (p *Printer) delta(what string, was, is bool, before, after string) {
	switch {
	case !was:
		p.line(p.paint(green, "+ "+what), " ", after)
	case !is:
		p.line(p.paint(red, "- "+what), " ", before)
	default:
		p.line(p.paint(yellow, "~ "+what), " ", after, p.paint(dim, "  (was: "+before+")"))
	}
}

func engineFacts(f *lockstepv1.ServerFacts) string {
	if f == nil {
		return ""
	}
	words := engine(f.GetEngine(), 0) + " " + f.GetVersion()
	if f.GetEdition() != "" {
		words += ", " + f.GetEdition()
	}
	if f.GetReadOnly() {
		words += ", read-only"
	}
	return words
}

// words joins what is said.
func words(all ...string) string {
	var said []string
	for _, w := range all {
		if w != "" {
			said = append(said, w)
		}
	}
	return strings.Join(said, ", ")
}

func when(is bool, word string) string {
	if is {
		return word
	}
	return ""
}

func named(name, value string) string {
	if value == "" {
		return ""
	}
	return name + " " + value
}

// about adds words to a name.
func about(name, more string) string {
	if more == "" {
		return name
	}
	return name + "  " + more
}

func databaseWords(d *lockstepv1.ServerDatabase) string {
	schemas := ""
	if d.GetSchemasRead() {
		schemas = count(len(d.GetSchemas()), "schema")
	}
	return about(oneLine(d.GetName()), words(
		named("owner", d.GetOwner()), d.GetCharset(), d.GetCollation(), schemas, sizeText(d.GetSize()),
		when(d.GetOffline(), "offline"), when(d.GetSystem(), "of the system")))
}

// The units of sizes.
const (
	kilo = 1_000
	mega = 1_000 * kilo
	giga = 1_000 * mega
)

func sizeText(n int64) string {
	switch {
	case n <= 0:
		return ""
	case n < kilo:
		return fmt.Sprintf("%d bytes", n)
	case n < mega:
		return fmt.Sprintf("%.2g kB", float64(n)/kilo)
	case n < giga:
		return fmt.Sprintf("%.2g MB", float64(n)/mega)
	}
	return fmt.Sprintf("%.4g GB", float64(n)/giga)
}

func account(a *lockstepv1.ServerAccount) string {
	if a.GetHost() == "" {
		return oneLine(a.GetName())
	}
	return oneLine(a.GetName() + "@" + a.GetHost())
}

// oneLine keeps a name, which may hold anything, from looking like two lines.
func oneLine(name string) string {
	return strings.NewReplacer("\n", "\uFFFD", "\t", "\uFFFD").Replace(name)
}

func userWords(u *lockstepv1.ServerUser) string {
	var roles []string
	for _, m := range u.GetMemberOf() {
		roles = append(roles, account(m.GetRole()))
	}
	return about(account(u.GetAccount()), words(
		when(!u.GetCanLogin(), "role"), when(u.GetSuperuser(), "superuser"), when(u.GetLocked(), "locked"), when(u.GetExpired(), "expired"),
		when(u.GetSystem(), "of the system"), named("member of", strings.Join(roles, " "))))
}

// manyPrivileges is how many of the engine's words a line takes. An administrator
// of MySQL has more than seventy.
const manyPrivileges = 12

// privilegeWords are a grant's privileges: all that are not in the other grant too,
// or, of very many, what they mean.
func privilegeWords(g, other *lockstepv1.ServerGrant) string {
	raw := g.GetRaw()
	if len(raw) <= manyPrivileges {
		return strings.Join(raw, ", ")
	}
	own := slices.DeleteFunc(slices.Clone(raw), func(w string) bool { return slices.Contains(other.GetRaw(), w) })
	out := strings.Join(g.GetPrivileges(), ", ") + " (" + count(len(raw), "privilege")
	if n := len(own); n > 0 && n <= manyPrivileges {
		out += ", here only: " + strings.Join(own, ", ")
	}
	return out + ")"
}

// grantWords says a grant; other is what it was, or became.
func grantWords(g, other *lockstepv1.ServerGrant) string {
	to, on := "everybody", "the whole server"
	if g.GetGrantee() != nil {
		to = account(g.GetGrantee())
	}
	if g.GetDatabase() != "" {
		on = oneLine(g.GetDatabase())
	}
	if g.GetSchema() != "" {
		on += "." + oneLine(g.GetSchema())
	}
	out := to + " on " + on + ": " + privilegeWords(g, other)
	if g.GetVia() != "" {
		out += " (by " + g.GetVia() + ")"
	}
	return out
}
