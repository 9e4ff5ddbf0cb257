package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// columnAlter is everything that changes about one column in one step.
type columnAlter struct {
	from, to *schema.Column
	aspects  map[diff.Aspect]bool
}

// isGenerated tells of a column that was found in a database; no entity declares one.
func isGenerated(c *schema.Column) bool { return strings.Contains(c.Physical, generatedAlways) }

func (r *render) alterColumn(c diff.Change) error {
	if c.Kind != diff.Column {
		return nil
	}
	switch c.Verb {
	case diff.Add:
		r.addColumn(r.current(c.Name, c.To))
	case diff.Alter:
		if c.Aspect == diff.AspectType && isGenerated(c.From.Column) && !isGenerated(c.To.Column) {
			return fault.New(fault.Unsupported, "GENERATED_COLUMN", "column %s of %s is computed by the server and cannot become one that applications write", c.Name, r.name).
				Suggest("a stored one keeps its values with ALTER TABLE %s ALTER COLUMN %s DROP EXPRESSION; drop and add any other", quote(r.name), quote(c.Name))
		}
		a := r.merged[c.Name]
		if a == nil {
			a = &columnAlter{to: r.current(c.Name, c.To), from: r.previous(c), aspects: map[diff.Aspect]bool{}}
			if r.merged == nil {
				r.merged = map[string]*columnAlter{}
			}
			r.merged[c.Name] = a
			r.order = append(r.order, c.Name)
		}
		a.aspects[c.Aspect] = true
	case diff.Drop, diff.Rename:
	}
	return nil
}

// current is a column as it is after the step.
func (r *render) current(name string, part *diff.Part) *schema.Column {
	if c := r.after.Column(name); c != nil {
		return c
	}
	return part.Column
}

// previous is a column as it is before the step, which need not be what it was
// in the base: an earlier step of the plan may have changed other aspects.
func (r *render) previous(c diff.Change) *schema.Column {
	if r.before != nil {
		if col := r.before.Column(r.oldName(c.Name)); col != nil {
			return col
		}
	}
	return c.From.Column
}

// oldName undoes the renames of the step.
func (r *render) oldName(column string) string {
	if old, renamed := r.renamed[column]; renamed {
		return old
	}
	return column
}

func (r *render) addColumn(c *schema.Column) {
	g := &r.pending
	g.actions = append(g.actions, atlas.AddColumn(c))
	g.summaries = append(g.summaries, fmt.Sprintf("add column %s to %s", c.Name, r.name))
	switch {
	case c.AutoIncrement:
		g.hazards = append(g.hazards, exclusive(r.name, "while its rows are written", dialect.LockRewrite),
			dialect.Rewrite(r.name, "every row of "+r.name+" gets a number"))
	case c.Default != nil && volatile(c.Default):
		g.hazards = append(g.hazards, exclusive(r.name, "while its rows are written", dialect.LockRewrite),
			dialect.Rewrite(r.name, "the default is computed for every row of "+r.name))
	default:
		g.hazards = append(g.hazards, momentary(r.name))
	}
	if c.Default == nil && !c.Nullable && !c.AutoIncrement {
		g.hazards = append(g.hazards, dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when " + r.name + " has rows: " + c.Name + " is NOT NULL without a default"})
	}
	if c.Comment != "" {
		r.later(func() { r.columnComment(c.Name, c.Comment) })
	}
}

// later runs emit now and keeps what it emits for after the next flush.
func (r *render) later(emit func()) {
	n := len(r.out)
	emit()
	r.last = append(r.last, r.out[n:]...)
	r.out = r.out[:n]
}

// volatile tells whether a default may differ from row to row, in which case
// adding the column rewrites the table. Functions that are known to be stable
// within a transaction are not.
func volatile(d *schema.Default) bool {
	if !d.Expr || !strings.Contains(d.Value, "(") {
		return false
	}
	switch strings.ToLower(strings.Join(strings.Fields(d.Value), "")) {
	case "now()", "transaction_timestamp()", "statement_timestamp()", "current_date()":
		return false
	}
	return true
}

// collectColumns turns the merged aspects into actions. One ALTER TABLE takes
// them all: PostgreSQL runs its DROP DEFAULT before a change of type and its SET
// DEFAULT after it, and rewrites or scans the table once.
func (r *render) collectColumns() {
	for _, name := range r.order {
		r.column(name, r.merged[name])
	}
	r.order, r.merged = nil, nil
}

func (r *render) column(name string, a *columnAlter) {
	g := &r.pending
	before := len(g.actions)
	lasts := dialect.LockMoment
	add := func(act atlas.Action, format string, args ...any) {
		g.actions = append(g.actions, act)
		if format != "" {
			g.summaries = append(g.summaries, fmt.Sprintf(format, args...))
		}
	}
	plain := *a.to
	plain.AutoIncrement = false // a serial is spelled only where a column is made
	// The neutral type may change where the physical one does not.
	retype := a.aspects[diff.AspectType] && canonicalType(a.from.Physical) != canonicalType(a.to.Physical)
	conv := ""
	if retype {
		conv = using(name, a.from.Physical, a.to.Physical)
	}
	recast := retype && baseOf(a.from.Physical) != baseOf(a.to.Physical)
	losesSequence := a.aspects[diff.AspectAutoIncrement] && !a.to.AutoIncrement
	dropsDefault := recast && a.from.Default != nil || losesSequence
	if dropsDefault {
		add(atlas.DropDefault(&plain), "")
	}
	if retype {
		add(atlas.ModifyColumn(&plain, atlas.Aspects{Type: true, Using: conv}),
			"change %s of %s from %s to %s", name, r.name, a.from.Physical, a.to.Physical)
		g.hazards = append(g.hazards, retypeHazards(r.name, name, a.from.Physical, a.to.Physical)...)
		if !keepsBytes(a.from.Physical, a.to.Physical) {
			lasts = dialect.LockRewrite
		}
		g.hazards = append(g.hazards, r.remade(name)...)
	}
	if a.aspects[diff.AspectNull] {
		add(atlas.ModifyColumn(&plain, atlas.Aspects{Null: true}), "%s %s of %s", nullWords(a.to), name, r.name)
		if !a.to.Nullable {
			g.hazards = append(g.hazards, dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when " + name + " holds NULL"}, dialect.Scan(r.name))
			if lasts == dialect.LockMoment {
				lasts = dialect.LockScan
			}
		}
	}
	switch changed := a.aspects[diff.AspectDefault]; {
	case a.to.Default != nil && (changed || dropsDefault):
		add(atlas.ModifyColumn(&plain, atlas.Aspects{Default: true}), "set the default of %s of %s", name, r.name)
	case changed && !dropsDefault:
		add(atlas.DropDefault(&plain), "drop the default of %s of %s", name, r.name)
	case changed:
		g.summaries = append(g.summaries, fmt.Sprintf("drop the default of %s of %s", name, r.name))
	}
	if len(g.actions) > before {
		g.hazards = append(g.hazards, exclusive(r.name, "while it is altered", lasts))
	}
	if losesSequence {
		g.summaries = append(g.summaries, fmt.Sprintf("stop numbering %s of %s", name, r.name))
	}
	r.later(func() { r.columnAfter(name, a, retype, losesSequence) })
}

// remade are the locks on the other sides of the foreign keys over a column, which
// PostgreSQL makes anew when its type changes.
func (r *render) remade(column string) []dialect.Hazard {
	var out []dialect.Hazard
	for _, f := range r.after.ForeignKeys {
		if f.RefTable != r.name && slices.Contains(f.Columns, column) {
			out = append(out, exclusive(f.RefTable, "while "+f.Name+" is made anew", dialect.LockScan))
		}
	}
	for _, t := range r.referrers {
		out = append(out, exclusive(t, "while its foreign key is made anew", dialect.LockScan))
	}
	return out
}

// columnAfter emits what follows the ALTER TABLE of a column.
func (r *render) columnAfter(name string, a *columnAlter, retype, losesSequence bool) {
	seq := sequenceName(r.name, name)
	table, column := quote(r.name), quote(name)
	gains := a.aspects[diff.AspectAutoIncrement] && a.to.AutoIncrement
	switch {
	case losesSequence:
		r.emit("DROP SEQUENCE IF EXISTS "+quote(seq), fmt.Sprintf("drop the sequence of %s.%s", r.name, name))
	case gains:
		r.emit(fmt.Sprintf("CREATE SEQUENCE %s AS %s OWNED BY %s.%s", quote(seq), a.to.Physical, table, column),
			fmt.Sprintf("create a sequence for %s.%s", r.name, name))
		r.emit(fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT nextval(%s::regclass)", table, column, literal(quote(seq))),
			fmt.Sprintf("number new rows of %s by %s", r.name, name), momentary(r.name))
		r.emit(fmt.Sprintf("SELECT setval(%s::regclass, COALESCE((SELECT max(%s) FROM %s), 0) + 1, false)", literal(quote(seq)), column, table),
			fmt.Sprintf("start the sequence of %s.%s behind present rows", r.name, name))
	case retype && a.to.AutoIncrement:
		// A serial's sequence has the type of its column, and so its limit.
		r.emit(fmt.Sprintf("ALTER SEQUENCE IF EXISTS %s AS %s", quote(seq), a.to.Physical),
			fmt.Sprintf("change the sequence of %s.%s to %s", r.name, name, a.to.Physical))
	}
	if a.aspects[diff.AspectComment] {
		r.columnComment(name, a.to.Comment)
	}
}

func nullWords(c *schema.Column) string {
	if c.Nullable {
		return "allow NULL in"
	}
	return "forbid NULL in"
}

func (r *render) dropColumn(c diff.Change) error {
	if c.Kind != diff.Column || c.Verb != diff.Drop {
		return nil
	}
	return r.alter(fmt.Sprintf("drop column %s from %s", c.Name, r.name),
		hazards(dialect.Hazard{Kind: dialect.HazardDataLoss, Detail: "all values of " + c.Name + " in " + r.name + " are removed"},
			momentary(r.name)),
		atlas.DropColumn(c.Name))
}
