package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// RevertRequest asks to go back to an earlier revision. The target is what was
// recorded with it; Modules is left empty, they are those of the revision.
type RevertRequest struct {
	ExecuteRequest
	Revision int64 // the one to go back to
}

// PreviewRevert implements Migrator.
func (s *Service) PreviewRevert(ctx context.Context, req RevertRequest) (*Preview, error) {
	in := req.Request
	in.revertTo = req.Revision
	if err := revertible(req.Revision); err != nil {
		return nil, err
	}
	return s.Preview(ctx, in)
}

// Revert implements Migrator.
func (s *Service) Revert(ctx context.Context, req RevertRequest, progress func(Event)) (*Result, error) {
	in := req.ExecuteRequest
	in.revertTo = req.Revision
	if err := revertible(req.Revision); err != nil {
		return nil, err
	}
	return s.Execute(ctx, in, progress)
}

func revertible(revision int64) error {
	if revision > 0 {
		return nil
	}
	return fault.New(fault.Invalid, "REVERT_BEFORE_FIRST", "there is nothing before revision 1, which initialised the tenant").
		Suggest("name a revision that lockstep history lists")
}

// retrace makes an earlier snapshot the target of a work, seen from head: with
// hints that carry the data of what was renamed since back to its old name, and
// with a warning for the data that does not come back.
func (s *Service) retrace(ctx context.Context, t *tenant, w *work, head *history.Revision) error {
	if head == nil {
		return notInitialised(t.target)
	}
	to, err := t.history.Get(ctx, t, w.revertTo)
	if err != nil {
		return err
	}
	if to.Outcome != history.Applied {
		return fault.New(fault.Invalid, "REVISION_NOT_APPLIED", "revision %d was not applied: there is nothing to go back to", to.Number).
			Suggest("name a revision that lockstep history lists as applied")
	}
	snapshot, err := t.history.Snapshot(ctx, t, to.Number)
	if err != nil {
		return err
	}
	if err := trusted(snapshot, to); err != nil {
		return err
	}
	target := &Target{Schema: snapshot, Modules: to.Modules}
	w.hints = ""
	if to.Number != head.Number {
		now, err := t.history.Snapshot(ctx, t, head.Number)
		if err != nil {
			return err
		}
		since, err := applied(ctx, t, to.Number)
		if err != nil {
			return err
		}
		l := follow(snapshot, now, since)
		if target.Schema, err = l.hinted(); err != nil {
			return err
		}
		target.Warnings, w.hints = l.warnings(), l.text()
	}
	if c, ok := t.d.(dialect.Caveated); ok {
		target.Warnings = append(target.Warnings, c.Caveat())
	}
	w.target, w.lost = target, target.Warnings
	w.physical = &lowered{schema: target.Schema, fingerprint: snapshot.Fingerprint()}
	return nil
}

// applied lists the revisions that were applied after one, oldest first.
func applied(ctx context.Context, t *tenant, after int64) ([]*history.Revision, error) {
	const page = 100
	var out []*history.Revision
	for before := int64(0); ; {
		list, err := t.history.List(ctx, t, before, page)
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			if r.Number > after && r.Outcome == history.Applied {
				out = append(out, r)
			}
		}
		if len(list) < page || list[len(list)-1].Number <= after {
			slices.Reverse(out)
			return out, nil
		}
		before = list[len(list)-1].Number
	}
}

// fate is what has become of one table or column of a snapshot.
type fate struct {
	name     string // now; "" when it is gone
	gone     int64  // the revision that removed it
	narrowed int64  // the last revision that may have cut its values
}

// lineage tells what has become of everything in a snapshot.
type lineage struct {
	then, now *schema.Schema
	tables    map[string]*fate            // by name then
	columns   map[string]map[string]*fate // by table and name then
}

// follow walks through the revisions since a snapshot.
func follow(then, now *schema.Schema, since []*history.Revision) *lineage {
	l := &lineage{then: then, now: now, tables: map[string]*fate{}, columns: map[string]map[string]*fate{}}
	for _, t := range then.Tables {
		l.tables[t.Name] = &fate{name: t.Name}
		l.columns[t.Name] = map[string]*fate{}
		for _, c := range t.Columns {
			l.columns[t.Name][c.Name] = &fate{name: c.Name}
		}
	}
	for _, r := range since {
		for _, m := range r.Notes.Moves {
			l.move(m, r.Number)
		}
	}
	l.settle()
	return l
}

func (l *lineage) move(m history.Move, number int64) {
	for name, t := range l.tables {
		switch {
		case t.name == "":
		case m.Column == "" && m.Verb == history.MoveRename && t.name == m.From:
			t.name = m.Table
			return
		case m.Column == "" && m.Verb == history.MoveDrop && t.name == m.Table:
			t.name, t.gone = "", number
			return
		case m.Column != "" && t.name == m.Table:
			l.moveColumn(l.columns[name], m, number)
			return
		}
	}
}

func (l *lineage) moveColumn(columns map[string]*fate, m history.Move, number int64) {
	for _, c := range columns {
		switch {
		case m.Verb == history.MoveRename && c.name == m.From:
			c.name = m.Column
			return
		case m.Verb == history.MoveDrop && c.name == m.Column:
			c.name, c.gone = "", number
			return
		case m.Verb == history.MoveNarrow && c.name == m.Column:
			c.narrowed = number
			return
		}
	}
}

// settle holds the walk against what is there now: an adoption in between can
// have lost more than the moves tell.
func (l *lineage) settle() {
	for name, t := range l.tables {
		table := l.now.Table(t.name)
		if table == nil {
			t.name = ""
			continue
		}
		for _, c := range l.columns[name] {
			if table.Column(c.name) == nil {
				c.name = ""
			}
		}
	}
}

// hinted is the snapshot with hints at the names that its tables and columns have
// now. A newer object that has taken an old name is in the way.
func (l *lineage) hinted() (*schema.Schema, error) {
	out := l.then.Clone()
	for _, t := range out.Tables {
		now := l.tables[t.Name].name
		if now == "" {
			continue
		}
		if now != t.Name {
			if l.now.Table(t.Name) != nil && !l.isTable(t.Name) {
				return nil, nameTaken("table", t.Name, now)
			}
			t.RenamedFrom = []string{now}
		}
		for _, c := range t.Columns {
			was := l.columns[t.Name][c.Name].name
			if was == "" || was == c.Name {
				continue
			}
			if l.now.Table(now).Column(c.Name) != nil && !l.isColumn(t.Name, c.Name) {
				return nil, nameTaken("column", t.Name+"."+c.Name, was)
			}
			c.RenamedFrom = []string{was}
		}
	}
	return out, nil
}

// isTable tells whether a present table is one of the snapshot's, by another name.
func (l *lineage) isTable(now string) bool {
	for _, t := range l.tables {
		if t.name == now {
			return true
		}
	}
	return false
}

func (l *lineage) isColumn(table, now string) bool {
	for _, c := range l.columns[table] {
		if c.name == now {
			return true
		}
	}
	return false
}

func nameTaken(kind, name, now string) error {
	return fault.New(fault.Refused, "REVERT_NAME_TAKEN",
		"the %s %s is named %s now, and a newer %s has taken its old name", kind, name, now, kind).
		Suggest("go back in two steps: first to the revision before the newer one was made")
}

// warnings tell what does not come back, a sentence each, sorted.
func (l *lineage) warnings() []string {
	var out []string
	for _, t := range l.then.Tables {
		f := l.tables[t.Name]
		switch {
		case f.name == "" && l.now.Table(t.Name) != nil:
			out = append(out, fmt.Sprintf("the rows that table %s had then were removed%s; it holds what was written since it was made again", t.Name, by(f.gone)))
			continue
		case f.name == "":
			out = append(out, fmt.Sprintf("the rows of table %s were removed%s and do not come back: it is made again, empty", t.Name, by(f.gone)))
			continue
		}
		for _, c := range t.Columns {
			out = append(out, l.columnWarnings(t.Name, c.Name, l.now.Table(f.name))...)
		}
	}
	slices.Sort(out)
	return out
}

func (l *lineage) columnWarnings(table, column string, now *schema.Table) []string {
	f, name := l.columns[table][column], table+"."+column
	switch {
	case f.name == "" && now.Column(column) != nil:
		return []string{fmt.Sprintf("the values that %s had then were removed%s; it holds what was written since it was made again", name, by(f.gone))}
	case f.name == "":
		return []string{fmt.Sprintf("the values of %s were removed%s and do not come back: the column is made again without them", name, by(f.gone))}
	case f.narrowed > 0:
		return []string{fmt.Sprintf("values of %s may have been cut or rounded%s, and stay so", name, by(f.narrowed))}
	}
	return nil
}

func by(revision int64) string {
	if revision == 0 {
		return ""
	}
	return fmt.Sprintf(" by revision %d", revision)
}

// text identifies the hints: plans between the same two schemas differ by them.
func (l *lineage) text() string {
	var out []string
	for name, t := range l.tables {
		out = append(out, fmt.Sprintf("%q=%q", name, t.name))
		for column, c := range l.columns[name] {
			out = append(out, fmt.Sprintf("%q.%q=%q", name, column, c.name))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// notes are what a revision tells beyond its statements.
func (e *execution) notes() history.Notes {
	return history.Notes{Reverts: e.req.revertTo, Moves: moves(e.plan)}
}

// moves is what becomes of the data under a plan.
func moves(p *plan.Plan) []history.Move {
	var out []history.Move
	for _, v := range p.Verdicts {
		for _, c := range v.Now {
			m := history.Move{Table: c.Table}
			if c.Kind == diff.Column {
				m.Column = c.Name
			}
			switch {
			case c.Kind != diff.Table && c.Kind != diff.Column:
				continue
			case c.Verb == diff.Rename:
				m.Verb, m.From = history.MoveRename, c.OldName
			case c.Verb == diff.Drop:
				m.Verb = history.MoveDrop
			case c.Aspect == diff.AspectType && v.Effect == diff.Destructive:
				m.Verb = history.MoveNarrow
			default:
				continue
			}
			out = append(out, m)
		}
	}
	return out
}
