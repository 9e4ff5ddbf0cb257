package migrate

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/plan"
)

// recoveryLockWait is how long a recovery waits for the tenant: the statement of
// a connection that was lost may still be ending on the server.
const recoveryLockWait = 60 * time.Second

// recovery is what became of an execution that did not end by itself.
type recovery struct {
	program *program
	// revision is the one recorded; 0 when none was.
	revision int64
	// forward: the revision had been recorded, so what was left was finished.
	forward  bool
	outcomes []string // of each statement
}

// recovering is how a recovery is recorded.
type recovering struct {
	cause  *fault.Error // why the execution did not end; nil: it is not known
	silent bool         // it is tried again at once, and not worth a record
	// statements are as they ran, when it is this process that ran them.
	statements []history.Statement
}

// recover brings a tenant whose journal is not empty to where it was before the
// execution that the journal holds, or, when that had been recorded, to its end.
// The caller holds the tenant's lock through tx. nil: there was nothing to do.
func (s *Service) recover(ctx context.Context, t *tenant, tx dialect.Tx, how recovering) (*recovery, error) {
	read := t.history.Journal
	if onlineOf(t.d) != nil {
		read = t.history.OpenJournal
	}
	entries, err := read(ctx, tx)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	if entries[0].Action != history.Begin {
		return nil, fault.New(fault.Corrupt, "JOURNAL_UNREADABLE", "%s does not begin with a program", history.JournalTable).
			Suggest("somebody edited the table; restore it, or bring the tenant back from a backup")
	}
	p, err := decodeProgram(entries[0].Body)
	if err != nil {
		return nil, err
	}
	a, err := replay(p, entries)
	if err != nil {
		return nil, err
	}
	j := &journal{t: t, q: tx, now: s.cfg.Now, p: p, last: a.last}
	at, err := s.recordedAs(ctx, t, tx, p)
	switch {
	case err != nil:
		return nil, err
	case at == history.Applied:
		return s.forward(ctx, j, a)
	default:
		return s.back(ctx, j, a, how, at == history.RolledBack)
	}
}

// recordedAs returns the outcome under which the program's revision is in the
// history; "" when it is not there.
func (s *Service) recordedAs(ctx context.Context, t *tenant, q dialect.Querier, p *program) (history.Outcome, error) {
	r, err := t.history.Get(ctx, q, p.Revision.Number)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return "", nil
	case err != nil:
		return "", err
	case r.Digest != p.Revision.Digest || !r.StartedAt.Equal(p.Revision.StartedAt):
		return "", fault.New(fault.Corrupt, "JOURNAL_FOREIGN", "revision %d of the history is not the execution that %s holds", r.Number, history.JournalTable).
			Suggest("the two tables come from different backups; restore both from the same one")
	}
	return r.Outcome, nil
}

// forward finishes what had been recorded.
func (s *Service) forward(ctx context.Context, j *journal, a *account) (*recovery, error) {
	r := &recovery{program: j.p, revision: j.p.Revision.Number, forward: true, outcomes: make([]string, len(j.p.Statements))}
	for i := range r.outcomes {
		r.outcomes[i] = statementApplied
	}
	if err := j.finish(ctx, a, func(int) {}); err != nil {
		return nil, err
	}
	if err := j.t.history.Settle(ctx, j.q, j.p.Revision.Number); err != nil {
		return nil, err
	}
	return r, j.end(ctx)
}

// back takes everything back, proves it, and records the failure.
func (s *Service) back(ctx context.Context, j *journal, a *account, how recovering, recorded bool) (*recovery, error) {
	takeBack := j.takeBack
	if onlineOf(j.t.d) != nil {
		takeBack = j.takeBackAtOnce
	}
	outcomes, err := takeBack(ctx, a)
	if err != nil {
		return nil, stuck(err)
	}
	if err := j.proveBefore(ctx); err != nil {
		return nil, err
	}
	r := &recovery{program: j.p, outcomes: outcomes}
	switch {
	case j.p.Initial:
		return r, j.t.history.Forget(ctx, j.q)
	case how.silent:
	default:
		r.revision = j.p.Revision.Number
		if !recorded {
			if err := j.t.history.Insert(ctx, j.q, s.failedRevision(j.p, outcomes, how), nil); err != nil {
				return nil, err
			}
		}
	}
	return r, j.end(ctx)
}

// stuck says that a person has to help, unless the engine just cannot be
// reached: then the next contact goes on.
func stuck(err error) error {
	switch fault.KindOf(err) { //nolint:exhaustive // the others are for a person
	case fault.Unavailable, fault.Canceled, fault.Deadline, fault.Conflict, fault.Bug:
		return err
	default:
	}
	f := *fault.As(err)
	f.Kind = fault.Partial
	f.Suggestion = "remove what stands in the way, as " + fault.ReasonOf(err) + " says, and run execute again: it goes on where this stopped"
	return &f
}

// failedRevision is the record of an execution that was taken back.
func (s *Service) failedRevision(p *program, outcomes []string, how recovering) *history.Revision {
	r := p.Revision
	r.Outcome, r.Result = history.RolledBack, r.Base
	r.Duration = s.cfg.Now().Sub(r.StartedAt)
	if r.Error = how.cause; r.Error == nil {
		r.Error = interrupted()
	}
	if len(how.statements) == len(r.Statements) {
		r.Statements = slices.Clone(how.statements)
	}
	for i := range r.Statements {
		r.Statements[i].Outcome = outcomes[i]
	}
	return &r
}

func interrupted() *fault.Error {
	f := fault.New(fault.Unavailable, "EXECUTION_INTERRUPTED", "the process that ran this execution ended, or lost the database for good, before it was through").
		Suggest("everything was taken back; run it again")
	f.RolledBack = true
	return f
}

// unfinished returns what a preview says of a tenant whose journal is not empty;
// "" when it is.
// open: a journal is there on an engine that has one only then.
func (s *Service) unfinished(ctx context.Context, t *tenant, open bool) (string, error) {
	if !journalled(t.d) && !open {
		return "", nil
	}
	entries, err := t.history.Journal(ctx, t)
	if err != nil {
		return "", err
	}
	if len(entries) == 0 {
		return "", nil
	}
	p, err := decodeProgram(entries[0].Body)
	if err != nil {
		return "", err
	}
	return "revision " + itoa(p.Revision.Number) + ", begun " + p.Revision.StartedAt.UTC().Format(time.RFC3339) + " by " + p.Revision.Actor +
		", is not finished: it is running now, or it was interrupted, and then the next execution first takes it back, or ends it when it had been recorded", nil
}

// leftovers names what an execution moved aside and no journal knows of, which
// happens only when somebody took the journal away; "" when there is none. tables
// are those in which a column may stand aside; see dialect.Witness.
func (s *Service) leftovers(ctx context.Context, t *tenant, tables []string) (string, error) {
	w, ok := t.d.(dialect.Witness)
	if !ok {
		return "", nil
	}
	names, err := w.Leftovers(ctx, t, tables)
	if err != nil {
		return "", t.d.Classify(err)
	}
	if len(names) == 0 {
		return "", nil
	}
	// An execution may have begun since the journal was found empty.
	if running, err := s.unfinished(ctx, t, true); running != "" || err != nil {
		return running, err
	}
	return "moved aside by an earlier execution, and still there although no journal knows of it: " + strings.Join(names, ", ") +
		"; it holds data that was to be removed: rename what you need, drop the rest", nil
}

// concerned names the tables of a plan's snapshot, and those that it touches.
func concerned(p *plan.Plan) []string {
	var names []string
	if p.BaseSchema != nil {
		names = tableNames(p.BaseSchema)
	}
	return distinct(slices.Concat(names, before(p), touched(p))...)
}

// journalled tells whether executions on the engine need a journal, and can have
// one.
func journalled(d dialect.Dialect) bool {
	_, ok := d.(dialect.Witness)
	return ok && !d.Capabilities().TransactionalDDL
}
