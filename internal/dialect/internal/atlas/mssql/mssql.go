// Package mssql is what open-source Atlas lacks: a planner and an inspector of
// SQL Server that speak Atlas's types (sql/schema, sql/migrate), so that this
// engine looks like the others from above (decision D9).
//
// Every change becomes batches of T-SQL: what sqlcmd runs between two GOs and a
// driver sends at once. What SQL Server makes an object of and Atlas a property,
// a default or the primary key, gets a deterministic name when it is made; to
// drop it, the batch looks its name up, since a database that another program
// made has names of the server's own.
//
// Texts are written so that they also survive sqlcmd, which reads $(…) as a
// variable, GO and : at the beginning of a line as commands, inside quotes too.
package mssql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
)

// Planner implements migrate.PlanApplier and schema.Inspector.
type Planner struct {
	db schema.ExecQuerier // nil: it plans, and neither applies nor inspects
}

var (
	_ migrate.PlanApplier = (*Planner)(nil)
	_ schema.Inspector    = (*Planner)(nil)
)

// New returns a planner; db may be nil when nothing is to be run.
func New(db schema.ExecQuerier) *Planner { return &Planner{db: db} }

var errNoDatabase = errors.New("mssql: no database to run this on")

// PlanChanges implements migrate.PlanApplier. The changes are rendered in the
// order given. A plan has no reverses: lockstep renders inverse changes instead.
func (p *Planner) PlanChanges(_ context.Context, name string, changes []schema.Change, opts ...migrate.PlanOption) (*migrate.Plan, error) {
	s := state{plan: &migrate.Plan{Name: name, Transactional: true}}
	for _, o := range opts {
		o(&s.options)
	}
	for _, c := range changes {
		if err := s.change(c); err != nil {
			return nil, err
		}
	}
	return s.plan, nil
}

// ApplyChanges implements migrate.PlanApplier.
func (p *Planner) ApplyChanges(ctx context.Context, changes []schema.Change, opts ...migrate.PlanOption) error {
	if p.db == nil {
		return errNoDatabase
	}
	plan, err := p.PlanChanges(ctx, "apply", changes, opts...)
	if err != nil {
		return err
	}
	for _, c := range plan.Changes {
		if _, err := p.db.ExecContext(ctx, c.Cmd, c.Args...); err != nil {
			return fmt.Errorf("%s: %w", c.Comment, err)
		}
	}
	return nil
}

// The attributes and types that Atlas has no words for.
type (
	// Type is a column type that is printed as it stands.
	Type struct {
		schema.Type

		T string
	}
	// Identity numbers the rows of a table, from 1 in steps of 1.
	Identity struct{ schema.Attr }
	// Unique makes a unique constraint of an index.
	Unique struct{ schema.Attr }
	// EitherWay marks an index that other programs make as a unique constraint:
	// it is dropped as what it is.
	EitherWay struct{ schema.Attr }
	// Filter is the condition of a filtered index.
	Filter struct {
		schema.Attr

		P string
	}
	// Method is an index's type where it is not the usual one, such as CLUSTERED.
	Method struct {
		schema.Attr

		T string
	}
	// Deviation is what an inspection found that makes an index or a constraint
	// another than it looks. It is not rendered.
	Deviation struct {
		schema.Attr

		T string
	}
	// Online builds an index while the table is written to, on the editions that
	// can: Enterprise, Developer, Evaluation, and Azure.
	// https://learn.microsoft.com/sql/relational-databases/indexes/guidelines-for-online-index-operations
	Online struct{ schema.Attr }
)

// state is one plan in the making.
type state struct {
	options migrate.PlanOptions
	plan    *migrate.Plan
}

func (s *state) change(c schema.Change) error {
	switch c := c.(type) {
	case *schema.AddSchema:
		s.emit(c, "create schema "+c.S.Name, "CREATE SCHEMA "+Quote(c.S.Name))
	case *schema.DropSchema:
		s.emit(c, "drop schema "+c.S.Name, "DROP SCHEMA "+Quote(c.S.Name))
	case *schema.AddTable:
		return s.addTable(c)
	case *schema.DropTable:
		s.emit(c, "drop table "+c.T.Name, "DROP TABLE "+s.name(c.T))
	case *schema.RenameTable:
		s.renameTable(c)
	case *schema.ModifyTable:
		return s.modifyTable(c)
	default:
		return fmt.Errorf("mssql: cannot plan a %T", c)
	}
	return nil
}

func (s *state) emit(source schema.Change, comment, batch string) {
	s.plan.Changes = append(s.plan.Changes, &migrate.Change{Cmd: batch, Comment: comment, Source: source})
}

// schemaOf is the name of a table's schema as it is to be written; "" for none.
func (s *state) schemaOf(t *schema.Table) string {
	switch {
	case s.options.SchemaQualifier != nil:
		return *s.options.SchemaQualifier
	case t.Schema != nil:
		return t.Schema.Name
	}
	return ""
}

// name is a table's name, quoted and with its schema. Parts of a longer name
// follow: a column or an index.
func (s *state) name(t *schema.Table, parts ...string) string {
	return s.beside(t, append([]string{t.Name}, parts...)...)
}

// beside is the name of an object in the schema of a table.
func (s *state) beside(t *schema.Table, parts ...string) string {
	if q := s.schemaOf(t); q != "" {
		parts = append([]string{q}, parts...)
	}
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = Quote(p)
	}
	return strings.Join(quoted, ".")
}

// attr finds an attribute by its type.
func attr[T schema.Attr](attrs []schema.Attr) (found T, ok bool) {
	for _, a := range attrs {
		if found, ok = a.(T); ok {
			return found, true
		}
	}
	return found, false
}
