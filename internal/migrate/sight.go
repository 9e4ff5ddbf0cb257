package migrate

import (
	"context"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// sight is what an execution sees, under the lock and before its first statement,
// of everything that its plan touches. One look serves the question for drift,
// the proof that all can be undone, and what is proved at the end.
type sight struct {
	tables *schema.Schema
	drift  []Difference // from what was last recorded, of what the policy has it look at
}

// look looks.
func (e *execution) look(ctx context.Context, q dialect.Querier) error {
	names := before(e.plan)
	if e.journals() {
		names = distinct(append(names, witnesses(e.plan, e.t.d.Capabilities())...)...)
	}
	var err error
	e.sight.tables, err = e.t.d.Inspect(ctx, q, names)
	return err
}

// journals tells whether the plan runs under a journal.
func (e *execution) journals() bool { return e.plan.Online || journalled(e.t.d) }

// intact proves, before anything runs, that what the plan touches is what the
// snapshot says, as far as the drift policy asks for it, and that it breaks
// nothing of tables that no module owns.
func (e *execution) intact(ctx context.Context, tx dialect.Querier) error {
	if err := e.s.refuseForeignBreaks(ctx, e.t, tx, e.plan); err != nil {
		return err
	}
	if err := e.look(ctx, tx); err != nil {
		return err
	}
	if err := e.inTheWay(); err != nil {
		return err
	}
	names, rebuilt := before(e.plan), e.plan.Rebuilds()
	if e.req.Drift == DriftIgnore {
		names = rebuilt
	}
	var err error
	if e.sight.drift, err = e.s.drifted(ctx, e.t, tx, e.plan, e.sight.tables, names); err != nil {
		return err
	}
	e.seen.drift(len(e.sight.drift) > 0)
	warnings, err := tolerated(e.sight.drift, rebuilt, e.req.Drift)
	e.warnings = distinct(append(e.warnings, warnings...)...)
	return err
}

// inTheWay refuses, whatever the drift policy, a plan that creates a table which is
// there: the engine would.
func (e *execution) inTheWay() error {
	f := fault.New(fault.Drift, "OBJECT_EXISTS", "tables that the plan creates are there already, and lockstep did not make them")
	if e.head == nil {
		f = f.Suggest("take the database over as it is with `lockstep adopt`, or initialise an empty one")
	} else {
		f = f.Suggest("rename or drop them; or, where one is what its entity wants, record it as it is with `lockstep adopt --again`")
	}
	for _, name := range before(e.plan) {
		if e.sight.tables.Table(name) != nil && (e.plan.BaseSchema == nil || e.plan.BaseSchema.Table(name) == nil) {
			f.Violations = append(f.Violations, fault.Violation{Subject: name, Description: "the table " + name + " is there already"})
		}
	}
	if len(f.Violations) == 0 {
		return nil
	}
	return f
}

// undoable proves, where statements are undone one by one, that this leads back
// to what is there now: the reverses are made from the snapshot, and must not
// lead past what somebody changed by hand.
func (e *execution) undoable(ctx context.Context, tx dialect.Querier) error {
	base := e.plan.BaseSchema
	if base == nil {
		base = &schema.Schema{}
	}
	var said []string
	for _, name := range witnesses(e.plan, e.t.d.Capabilities()) {
		differences := e.differences([]string{name}, base, e.sight.tables)
		if len(differences) == 0 {
			continue
		}
		if aside, err := e.aside(ctx, tx, name); err != nil {
			return err
		} else if !aside {
			said = append(said, differences...)
		}
	}
	if len(said) == 0 {
		return nil
	}
	all := strings.Join(said, "; ")
	if strings.Contains(all, dialect.AsidePrefix) {
		return fault.New(fault.Drift, "LEFTOVER_FOUND", "something that an earlier execution moved aside is still there, and no journal knows of it: %s", all).
			Suggest("look at it: it holds data that was to be removed; rename it when you need it, or drop it, and run execute again")
	}
	return fault.New(fault.Drift, reasonTableDrifted,
		"a table that the plan changes is not what was last recorded, and a failure could not be taken back: %s", all).
		Suggest("bring the table back to what the last revision recorded, or declare the difference in the entity, and preview again")
}

// aside tells whether all that drifted of a table stands beside what the plan
// does: no statement and no reverse speaks of it, so that it stays as it is.
func (e *execution) aside(ctx context.Context, tx dialect.Querier, table string) (bool, error) {
	if e.plan.BaseSchema.Table(table) == nil || e.sight.tables.Table(table) == nil || !slices.Contains(before(e.plan), table) {
		return false, nil
	}
	if e.req.Drift == DriftIgnore { // nobody has looked yet
		var err error
		if e.sight.drift, err = e.s.drifted(ctx, e.t, tx, e.plan, e.sight.tables, before(e.plan)); err != nil {
			return false, err
		}
	}
	known := false
	for i := range e.sight.drift {
		if d := &e.sight.drift[i]; d.Table == table {
			if spokenOf(e.plan, d) {
				return false, nil
			}
			known = true
		}
	}
	return known, nil
}

// spokenOf tells whether a statement of a plan, or its reverse, may mean what
// differs. It errs on the side of yes.
func spokenOf(p *plan.Plan, d *Difference) bool {
	names := distinct(d.Name, d.OtherName)
	if d.Kind == diff.PrimaryKey {
		names = append(names, "PRIMARY KEY")
	}
	if d.Kind == diff.Table || len(d.Clauses) > 0 || len(names) == 0 {
		return true
	}
	for i := range p.Statements {
		st := &p.Statements[i]
		for _, sql := range slices.Concat([]string{st.SQL}, st.Fallback, st.Reverse) {
			if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(sql, name) }) {
				return true
			}
		}
	}
	return false
}

// verify looks at every touched table again and compares it with what the plan
// promised. What had drifted before, and was let pass, still has.
func (e *execution) verify(ctx context.Context, tx dialect.Querier) error {
	names := touched(e.plan)
	if len(names) == 0 {
		return nil
	}
	found, err := e.t.d.Inspect(ctx, tx, names)
	if err != nil {
		return err
	}
	found = withoutAside(found)
	var differences []string
	for _, name := range names {
		stood := e.stood(name)
		for _, said := range e.differences([]string{name}, e.plan.ResultSchema, found) {
			if !slices.Contains(stood, said) {
				differences = append(differences, said)
			}
		}
	}
	if len(differences) == 0 {
		return nil
	}
	return fault.New(fault.Drift, "VERIFICATION_FAILED",
		"after the statements had run, the database was not what the plan promised: %s", strings.Join(differences, "; ")).
		Suggest("a table was changed outside lockstep: compare it with the last revision in lockstep history and bring it back, then preview again")
}

// stood is what differed of a table before the first statement, said of the name
// that it has after the last.
func (e *execution) stood(name string) []string {
	if e.plan.BaseSchema == nil || e.sight.tables == nil || e.req.Drift != DriftWarn && e.req.Drift != DriftIgnore {
		return nil
	}
	old, renamed := formerNames(e.plan)[name]
	if !renamed {
		old = name
	}
	was, is := e.plan.BaseSchema.Table(old), e.sight.tables.Table(old)
	if was == nil || is == nil {
		return nil
	}
	return clauses(name, e.t.d.Compare(was, is))
}

// differences compares tables with what they should be, one clause each.
func (e *execution) differences(names []string, want, found *schema.Schema) []string {
	var out []string
	for _, name := range names {
		promised, have := want.Table(name), found.Table(name)
		switch {
		case promised == nil && have == nil:
		case promised == nil:
			out = append(out, "the table "+name+" is still there")
		case have == nil:
			out = append(out, "the table "+name+" is not there")
		default:
			out = append(out, clauses(name, e.t.d.Compare(promised, have))...)
		}
	}
	return out
}

func clauses(table string, said []string) []string {
	out := make([]string, len(said))
	for i := range said {
		out[i] = table + ": " + said[i]
	}
	return out
}

// touched names the tables that a plan works on, by the names before and after.
func touched(p *plan.Plan) []string {
	var names []string
	for i := range p.Statements {
		names = append(names, p.Statements[i].Table)
	}
	for _, v := range p.Verdicts {
		if len(v.Now) > 0 && v.Name == "" {
			names = append(names, v.OldName)
		}
	}
	return distinct(names...)
}

// before names the tables that a plan touches, by the names they have before it
// runs; those that it makes by their own.
func before(p *plan.Plan) []string {
	old := formerNames(p)
	var out []string
	for i := range p.Statements {
		name := p.Statements[i].Table
		if was, renamed := old[name]; renamed {
			name = was
		}
		out = append(out, name)
	}
	return distinct(out...)
}

// formerNames gives the tables that a plan renames the names they had.
func formerNames(p *plan.Plan) map[string]string {
	old := map[string]string{}
	for _, v := range p.Verdicts {
		if v.Kind == diff.Table && v.Verb == diff.Rename && len(v.Now) > 0 {
			old[v.Table] = v.OldName
		}
	}
	return old
}

// withoutAside leaves out the columns that are only kept until the revision is
// recorded.
func withoutAside(s *schema.Schema) *schema.Schema {
	aside := func(c *schema.Column) bool { return strings.HasPrefix(c.Name, dialect.ReservedPrefix) }
	out := *s
	out.Tables = slices.Clone(s.Tables)
	for i, t := range out.Tables {
		if slices.ContainsFunc(t.Columns, aside) {
			kept := *t
			kept.Columns = slices.DeleteFunc(slices.Clone(t.Columns), aside)
			out.Tables[i] = &kept
		}
	}
	return &out
}
