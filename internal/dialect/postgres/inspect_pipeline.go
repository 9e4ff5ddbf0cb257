package postgres

import (
	"context"
	"fmt"
	"maps"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// scanner is a row of an answer.
type scanner interface{ Scan(dest ...any) error }

// question is a query over named tables, and what becomes of each row.
type question struct {
	query string
	row   func(scanner) error
}

// ask puts several questions about the same tables in one round trip. Executions ask
// them twice, before the first statement and after the last, so they are prepared:
// planning them takes as long as answering.
// https://www.postgresql.org/docs/current/sql-prepare.html
func (t pipelineTx) ask(ctx context.Context, names string, questions []question) error {
	var failure error
	err := t.s.conn.Raw(func(any) error {
		failure = t.s.askPrepared(ctx, names, questions)
		return nil // a broken connection shows in its own state
	})
	if failure == nil {
		failure = err
	}
	return withCause(ctx, failure)
}

func (s *session) askPrepared(ctx context.Context, names string, questions []question) error {
	p := s.pgx.PgConn().StartPipeline(ctx)
	var rows []func(scanner) error // of each answer that is expected
	set := func(to string) {
		p.SendQueryParams("SET LOCAL plan_cache_mode TO "+to, nil, nil, nil, nil)
		rows = append(rows, nil)
	}
	prepared := map[string]string{}
	set("force_generic_plan") // one plan serves few tables and many
	for _, q := range questions {
		name, known := s.prepared[q.query]
		if !known {
			s.preparations++ // after a failure nobody knows which there are
			name = fmt.Sprintf("lockstep_%d", s.preparations)
			prepared[q.query] = name
			p.SendPrepare(name, q.query, nil)
		}
		p.SendQueryPrepared(name, [][]byte{[]byte(names)}, nil, nil)
		rows = append(rows, q.row)
	}
	set("DEFAULT") // triggers of the tenant's are planned as they always are
	failure := p.Sync()
	for len(rows) > 0 && failure == nil {
		var results any
		if results, failure = p.GetResults(); failure != nil {
			break
		}
		if answer, ok := results.(*pgconn.ResultReader); ok {
			failure = readRows(answer, rows[0])
			rows = rows[1:]
		}
	}
	if err := p.Close(); failure == nil {
		failure = err
	}
	if failure != nil {
		return failure
	}
	if s.prepared == nil {
		s.prepared = map[string]string{}
	}
	maps.Copy(s.prepared, prepared)
	return nil
}

func readRows(answer *pgconn.ResultReader, row func(scanner) error) error {
	var failure error
	for answer.NextRow() {
		if failure == nil {
			failure = row(textRow(answer.Values()))
		}
	}
	if _, err := answer.Close(); failure == nil {
		failure = err
	}
	return failure
}

// textRow is a row as the protocol's text format has it.
type textRow [][]byte

// Scan reads the types that the catalogue's questions answer with.
func (r textRow) Scan(dest ...any) error {
	if len(dest) != len(r) {
		return fault.New(fault.Bug, "CATALOGUE_ROW", "%s answered with %d columns, %d were asked for", dialect.Postgres, len(r), len(dest))
	}
	for i, value := range r {
		switch to := dest[i].(type) {
		case *string:
			*to = string(value)
		case *bool:
			*to = string(value) == "t"
		default:
			return fault.New(fault.Bug, "CATALOGUE_ROW", "a value of %s cannot be read into %T", dialect.Postgres, to)
		}
	}
	return nil
}
