package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

var _ dialect.Online = (*Dialect)(nil)

// RenderOnline implements dialect.Online.
// https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
// https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
func (d *Dialect) RenderOnline(ctx context.Context, after *schema.Table, c diff.Change, build string) ([]dialect.Statement, error) {
	o := &onlineRender{d: d, ctx: ctx, table: after}
	switch {
	case c.Kind == diff.Index && c.Verb == diff.Add:
		return o.index(c.To.Index, build)
	case c.Kind == diff.ForeignKey && c.Verb == diff.Add:
		f := c.To.ForeignKey
		return o.constraint(f.Name, fmt.Sprintf("foreign key %s from %s to %s", f.Name, after.Name, f.RefTable),
			"present rows refer to rows that do not exist", atlas.AddForeignKey(f), referring(after.Name, f, "for a moment", dialect.LockMoment))
	case c.Kind == diff.Check && c.Verb == diff.Add:
		return o.constraint(c.To.Check.Name, fmt.Sprintf("check %s of %s", c.To.Check.Name, after.Name),
			"present rows violate the check", atlas.AddCheck(c.To.Check), hazards(momentary(after.Name)))
	case c.Kind == diff.Column && c.Aspect == diff.AspectNull && !c.To.Column.Nullable:
		return o.notNull(c.Name), nil
	}
	return nil, fault.New(fault.Bug, "ONLINE_CHANGE", "%s %s of %s cannot be rendered online", c.Verb, c.Kind, after.Name)
}

// onlineRender renders one change of a table that is there.
type onlineRender struct {
	d     *Dialect
	ctx   context.Context // lives as long as the call
	table *schema.Table
}

// one renders an action that is one statement.
func (o *onlineRender) one(action atlas.Action) (string, error) {
	stmts, err := o.d.planner.Alter(o.ctx, o.table, action)
	if err != nil {
		return "", err
	}
	if len(stmts) != 1 {
		return "", fault.New(fault.Bug, "ONLINE_RENDERING", "an action on %s became %d statements instead of one", o.table.Name, len(stmts))
	}
	return stmts[0], nil
}

// index is built under a name that is free, and takes its place at the end.
func (o *onlineRender) index(x *schema.Index, build string) ([]dialect.Statement, error) {
	built := *x
	built.Name, built.Constraint, built.Comment = build, false, ""
	plain, err := o.one(atlas.AddIndex(&built))
	if err != nil {
		return nil, err
	}
	head := "CREATE INDEX "
	if x.Unique {
		head = "CREATE UNIQUE INDEX "
	}
	rest, found := strings.CutPrefix(plain, head)
	if !found {
		return nil, fault.New(fault.Bug, "ONLINE_RENDERING", "an index on %s is not rendered as %s", o.table.Name, head)
	}
	create := dialect.Statement{
		SQL: head + "CONCURRENTLY " + rest, Plain: plain, Phase: dialect.PhaseOnline,
		Summary: fmt.Sprintf("build %s %s on %s concurrently", indexWord(&built), build, o.table.Name),
		Reverse: []string{"DROP INDEX IF EXISTS " + quote(build)},
	}
	create.Hazards = beside(o.table.Name)
	if x.Unique {
		create.Hazards = append(create.Hazards, dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when rows hold duplicates"})
	}
	return append([]dialect.Statement{create}, o.takePlace(x, build)...), nil
}

// beside are the hazards of what reads a table that stays in use.
func beside(table string) []dialect.Hazard {
	return hazards(nobody(table, dialect.LockScan), dialect.Scan(table))
}

func (o *onlineRender) takePlace(x *schema.Index, build string) []dialect.Statement {
	var out []dialect.Statement
	switch {
	case x.Constraint:
		out = append(out, dialect.Statement{
			SQL:     fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s UNIQUE USING INDEX %s", quote(o.table.Name), quote(x.Name), quote(build)),
			Summary: fmt.Sprintf("make the index the unique constraint %s of %s", x.Name, o.table.Name),
			Hazards: hazards(momentary(o.table.Name)), Phase: dialect.PhaseFinish,
		})
	case build != x.Name:
		out = append(out, dialect.Statement{
			SQL:     fmt.Sprintf("ALTER INDEX %s RENAME TO %s", quote(build), quote(x.Name)),
			Summary: fmt.Sprintf("let the new index of %s be %s", o.table.Name, x.Name), Phase: dialect.PhaseFinish,
		})
	}
	if x.Comment != "" {
		out = append(out, dialect.Statement{
			SQL:     "COMMENT ON INDEX " + quote(x.Name) + " IS " + commentText(x.Comment),
			Summary: fmt.Sprintf("comment on index %s of %s", x.Name, o.table.Name), Phase: dialect.PhaseFinish,
		})
	}
	return out
}

// constraint holds for new rows at once, and for present ones once they have
// been looked at.
func (o *onlineRender) constraint(name, what, fails string, action atlas.Action, locks []dialect.Hazard) ([]dialect.Statement, error) {
	sql, err := o.one(action)
	if err != nil {
		return nil, err
	}
	return o.validated(name, sql, what, fails, locks), nil
}

func (o *onlineRender) validated(name, add, what, fails string, locks []dialect.Hazard) []dialect.Statement {
	table := quote(o.table.Name)
	return []dialect.Statement{
		{
			SQL: add + " NOT VALID", Summary: "add the " + what + " for new rows", Phase: dialect.PhasePrepare,
			Hazards: locks,
			Reverse: []string{fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", table, quote(name))},
		},
		{
			SQL:     fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", table, quote(name)),
			Summary: "look at present rows for the " + what, Phase: dialect.PhaseOnline,
			Hazards: append(beside(o.table.Name), dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when " + fails}),
		},
	}
}

// notNull lets a validated check spare SET NOT NULL the look at every row, which
// PostgreSQL 12 and later do.
func (o *onlineRender) notNull(column string) []dialect.Statement {
	name := dialect.CutName(dialect.NotNullPrefix+column, maxIdentifier)
	table := quote(o.table.Name)
	out := o.validated(name, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NOT NULL)", table, quote(name), quote(column)),
		fmt.Sprintf("ban of NULL in %s of %s", column, o.table.Name), column+" holds NULL", hazards(momentary(o.table.Name)))
	return append(out,
		dialect.Statement{
			SQL:     fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", table, quote(column)),
			Summary: fmt.Sprintf("forbid NULL in %s of %s", column, o.table.Name),
			Hazards: hazards(momentary(o.table.Name)), Phase: dialect.PhaseFinish,
		},
		dialect.Statement{
			SQL:     fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", table, quote(name)),
			Summary: fmt.Sprintf("drop the check that stood for NOT NULL of %s", column),
			Hazards: hazards(momentary(o.table.Name)), Phase: dialect.PhaseFinish,
		})
}

// Invalid implements dialect.Online.
func (d *Dialect) Invalid(ctx context.Context, q dialect.Querier, indexes []string) (_ []string, err error) {
	rows, err := q.QueryContext(ctx, `SELECT i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE NOT x.indisvalid AND i.relname = ANY ($1::text[]) AND i.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
ORDER BY i.relname`, arrayText(indexes))
	if err != nil {
		return nil, d.Classify(err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, d.Classify(err)
		}
		out = append(out, name)
	}
	if err := rows.Err(); err != nil {
		return nil, d.Classify(err)
	}
	return out, nil
}

// DropInvalid implements dialect.Online.
func (*Dialect) DropInvalid(index string) string {
	return "DROP INDEX CONCURRENTLY IF EXISTS " + quote(index)
}

// Exists implements dialect.Online.
func (*Dialect) Exists(table string) string {
	return "to_regclass(" + literal(quote(table)) + ") IS NOT NULL"
}

// OnlineScript implements dialect.Online: a script for psql that stops at the
// first error. Only its first and last part are atomic; what the middle one has
// done stays.
func (*Dialect) OnlineScript(target dialect.Target, statements []dialect.Statement) string {
	var b strings.Builder
	b.WriteString("\\set ON_ERROR_STOP on\n")
	if target.Schema != "" {
		b.WriteString("SET search_path TO " + quote(target.Schema) + ";\n")
	}
	b.WriteString("SET standard_conforming_strings TO on;\n")
	for _, phase := range []dialect.Phase{dialect.PhasePrepare, dialect.PhaseOnline, dialect.PhaseFinish} {
		part := slices.DeleteFunc(slices.Clone(statements), func(s dialect.Statement) bool { return s.Phase != phase })
		if len(part) == 0 {
			continue
		}
		if phase != dialect.PhaseOnline {
			b.WriteString("BEGIN;\n")
		}
		for i := range part {
			b.WriteString(part[i].SQL + ";\n")
		}
		if phase != dialect.PhaseOnline {
			b.WriteString("COMMIT;\n")
		}
	}
	return b.String()
}
