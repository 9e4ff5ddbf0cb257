// Package atlas is the only place that imports Atlas: lowered tables and single
// actions of lockstep go in, SQL comes out.
//
// Atlas mutates what it is given, orders quadratically, does not escape names,
// and rewrites types and literals. So every call builds fresh Atlas values,
// plans one table at a time and unsorted, hands over names that are escaped
// already, types that Atlas prints verbatim, and literals that the dialect has
// spelled. What Atlas says about reversibility is not used.
package atlas

import (
	"context"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	as "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Spelling is how a dialect writes the parts of a column that Atlas would
// change.
type Spelling struct {
	// Type returns the column's type, printed verbatim.
	Type func(c *schema.Column) string
	// Default returns the text behind DEFAULT; it is called only for columns
	// that have a default.
	Default func(c *schema.Column) string
	// The others may be nil: comments are rendered by Atlas for MySQL and SQL
	// Server, and further properties of columns for these two and MariaDB.
	// Comment quotes a comment.
	Comment func(text string) string
	// Generated returns the expression of a generated column and how it is kept.
	Generated func(c *schema.Column) (expr, kind string)
	// OnUpdate returns the text behind ON UPDATE.
	OnUpdate func(c *schema.Column) string
}

// Planner renders the SQL of one engine.
type Planner struct {
	apply  migrate.PlanApplier
	quote  string // doubled in names; "": the planner escapes them itself
	prefix string // the schema in front of names; "": none
	spell  Spelling
	column func(phys, def string, c *schema.Column) (as.Type, as.Expr, []as.Attr)
	index  func(b *builder, from *schema.Index, to *as.Index)
}

// Postgres returns the planner of PostgreSQL.
func Postgres(s Spelling) *Planner {
	return &Planner{
		apply: postgres.DefaultPlan, quote: `"`, spell: s,
		column: postgresColumn, index: postgresIndex,
	}
}

// SQLite returns the planner of SQLite.
func SQLite(s Spelling) *Planner {
	return &Planner{
		apply: sqlite.DefaultPlan, quote: "`", spell: s,
		column: sqliteColumn, index: sqliteIndex,
	}
}

// CreateTable renders a table with its keys, constraints and indexes; comments
// are the dialect's own affair, but for MySQL.
func (p *Planner) CreateTable(ctx context.Context, t *schema.Table) ([]string, error) {
	return p.plan(ctx, &as.AddTable{T: p.tableOf(t)})
}

// tableOf is a whole table in Atlas's terms.
func (p *Planner) tableOf(t *schema.Table) *as.Table {
	b := p.newBuilder(t)
	for _, f := range t.ForeignKeys {
		b.table.ForeignKeys = append(b.table.ForeignKeys, b.foreignKey(f))
	}
	for _, x := range t.Indexes {
		b.table.Indexes = append(b.table.Indexes, b.index(x))
	}
	for _, c := range t.Checks {
		b.table.Attrs = append(b.table.Attrs, b.check(c))
	}
	if t.Comment != "" && p.spell.Comment != nil {
		b.table.Attrs = append(b.table.Attrs, &as.Comment{Text: p.spell.Comment(t.Comment)})
	}
	return b.table
}

// DropTable renders the removal of a table.
func (p *Planner) DropTable(ctx context.Context, name string) ([]string, error) {
	// Atlas also renders the reverse, for which any column will do.
	b := p.newBuilder(&schema.Table{Name: name})
	b.table.AddColumns(as.NewColumn("x").SetType(&as.StringType{T: "text"}))
	return p.plan(ctx, &as.DropTable{T: b.table})
}

// RenameTable renders a table's new name.
func (p *Planner) RenameTable(ctx context.Context, from, to string) ([]string, error) {
	return p.plan(ctx, &as.RenameTable{From: as.NewTable(p.esc(from)), To: as.NewTable(p.esc(to))})
}

// Alter renders actions on one table. t is the table after the actions; columns
// it does not have are taken by name.
func (p *Planner) Alter(ctx context.Context, t *schema.Table, actions ...Action) ([]string, error) {
	b := p.newBuilder(t)
	m := &as.ModifyTable{T: b.table}
	for _, a := range actions {
		m.Changes = append(m.Changes, a(b))
	}
	return p.plan(ctx, m)
}

// plan renders one change, unsorted, without a schema's name but for SQL Server.
func (p *Planner) plan(ctx context.Context, change as.Change) ([]string, error) {
	changes, err := p.changes(ctx, change)
	var out []string
	for _, c := range changes {
		if strings.HasPrefix(c.Cmd, "PRAGMA ") {
			continue // the session sets them, before the transaction begins
		}
		out = append(out, c.Cmd)
	}
	return out, err
}

func (p *Planner) changes(ctx context.Context, change as.Change) ([]*migrate.Change, error) {
	plan, err := p.apply.PlanChanges(ctx, "lockstep", []as.Change{change}, func(o *migrate.PlanOptions) {
		o.SchemaQualifier = &p.prefix
		o.Mode = migrate.PlanModeUnsortedDump
		o.Indent = "  "
	})
	if err != nil {
		return nil, fault.Wrap(err, fault.Bug, "RENDER_FAILED", "Atlas cannot render a %T", change)
	}
	return plan.Changes, nil
}

// esc doubles the engine's quote in a name: Atlas wraps names without escaping.
func (p *Planner) esc(name string) string {
	if p.quote == "" {
		return name
	}
	return strings.ReplaceAll(name, p.quote, p.quote+p.quote)
}
