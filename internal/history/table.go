package history

import (
	"context"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Table is the name of the history table in every tenant.
const Table = "lockstep_history"

// definition is the history table in the neutral model, so that every engine's
// own dialect renders it. Structured values are JSON in text columns, times are
// RFC 3339 text: the same bytes on every engine.
func definition() *schema.Table {
	return &schema.Table{
		Name: Table,
		Columns: []*schema.Column{
			number("revision"), text("outcome", 16), text("strategy", 16),
			text("engine", 16), number("engine_version"), text("modules", 0),
			text("base", 64), text("target", 64), text("result", 64), text("digest", 64),
			text("statements", 0), text("withheld", 0), optional(text("snapshot", 0)), optional(text("error", 0)),
			text("actor", 255), text("lockstep", 64), text("started_at", 40), number("duration_us"),
			optional(text("request_id", 128)), optional(text("request_sum", 64)),
		},
		PrimaryKey: []string{"revision"},
	}
}

func text(name string, size int) *schema.Column {
	return &schema.Column{Name: name, Type: schema.Type{Kind: schema.String, Size: size}}
}

func number(name string) *schema.Column {
	return &schema.Column{Name: name, Type: schema.Type{Kind: schema.Int, Bits: 64}}
}

func optional(c *schema.Column) *schema.Column {
	c.Nullable = true
	return c
}

// Create makes the history table. It belongs into the transaction of the
// tenant's first execution.
func (s *Store) Create(ctx context.Context, q dialect.Querier) error {
	return s.create(ctx, q, definition())
}

func (s *Store) create(ctx context.Context, q dialect.Querier, t *schema.Table) error {
	lowered, err := s.d.Lower(&schema.Schema{Tables: []*schema.Table{t}})
	if err != nil {
		return err
	}
	t = lowered.Tables[0]
	statements, err := s.d.Render(ctx, dialect.Step{
		Changes: []diff.Change{{Verb: diff.Add, Kind: diff.Table, Table: t.Name, To: &diff.Part{Table: t}}},
		After:   t,
	})
	if err != nil {
		return err
	}
	for _, st := range statements {
		if _, err := q.ExecContext(ctx, st.SQL); err != nil {
			return s.d.Classify(err)
		}
	}
	if c, ok := s.d.(dialect.Concealer); ok {
		if err := c.Conceal(ctx, q, t.Name); err != nil {
			return s.d.Classify(err)
		}
	}
	return nil
}

// Exists tells whether the tenant has a history table. Unlike reading from it,
// asking does no harm to an open transaction.
func (s *Store) Exists(ctx context.Context, q dialect.Querier) (bool, error) {
	return s.exists(ctx, q, Table)
}

// exists costs an inspection where the engine has no shorter question.
func (s *Store) exists(ctx context.Context, q dialect.Querier, table string) (there bool, err error) {
	if d, ok := s.d.(dialect.Online); ok {
		return s.yes(ctx, q, d.Exists(table))
	}
	found, err := s.d.Inspect(ctx, q, []string{table})
	if err != nil {
		return false, err
	}
	return found.Table(table) != nil, nil
}

// yes asks whether a condition holds.
func (s *Store) yes(ctx context.Context, q dialect.Querier, condition string) (holds bool, err error) {
	rows, err := q.QueryContext(ctx, "SELECT "+condition)
	if err != nil {
		return false, s.d.Classify(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(&holds); err != nil {
			return false, s.d.Classify(err)
		}
	}
	if err := rows.Err(); err != nil {
		return false, s.d.Classify(err)
	}
	return holds, nil
}

func corrupt(err error, column string) error {
	return fault.Wrap(err, fault.Corrupt, "HISTORY_UNREADABLE", "the column %s of %s holds something lockstep did not write", column, Table).
		Suggest("restore the table from a backup; do not edit it by hand")
}
