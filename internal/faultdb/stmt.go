package faultdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
)

// stmt is a prepared statement; its runs are counted as execs and queries.
type stmt struct {
	driver.Stmt
	conn  *conn
	query string
}

// CheckNamedValue passes through to the statement, or to its connection.
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := s.Stmt.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return s.conn.CheckNamedValue(v)
}

// Close closes the statement. Some drivers free what a dead connection held only
// when its statements and rows are closed, too.
func (s *stmt) Close() error {
	err := s.Stmt.Close()
	if s.conn.dead {
		return nil
	}
	return err
}

// ExecContext runs the statement.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	var res driver.Result
	err := s.conn.do(Exec, s.query, func() error {
		if e, ok := s.Stmt.(driver.StmtExecContext); ok {
			return keep(&res)(e.ExecContext(ctx, args))
		}
		return keep(&res)(s.Stmt.Exec(values(args))) //nolint:staticcheck // all that old drivers have
	})
	return result(res, err)
}

// QueryContext runs the query.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	var rows driver.Rows
	err := s.conn.do(Query, s.query, func() error {
		if q, ok := s.Stmt.(driver.StmtQueryContext); ok {
			return keep(&rows)(q.QueryContext(ctx, args))
		}
		return keep(&rows)(s.Stmt.Query(values(args))) //nolint:staticcheck // all that old drivers have
	})
	return s.conn.rows(rows, s.query, err)
}

func values(args []driver.NamedValue) []driver.Value {
	out := make([]driver.Value, len(args))
	for i, a := range args {
		out[i] = a.Value
	}
	return out
}

// result drops what an operation gave before its reply was lost.
func result(res driver.Result, err error) (driver.Result, error) {
	if err != nil {
		return nil, err
	}
	return res, nil
}

// rows drops the rows of a lost reply, and wraps them when reading counts.
func (c *conn) rows(rows driver.Rows, query string, err error) (driver.Rows, error) {
	switch {
	case err != nil:
		if rows != nil {
			_ = rows.Close()
		}
		return nil, err
	case c.plan.Rows:
		return &countedRows{rows, c, query}, nil
	default:
		return rows, nil
	}
}

// countedRows counts every step of reading, the last one (no more rows)
// included.
type countedRows struct {
	driver.Rows
	conn  *conn
	query string
}

// Next reads a row.
func (r *countedRows) Next(dest []driver.Value) error {
	var end error
	err := r.conn.do(Next, r.query, func() error {
		err := r.Rows.Next(dest)
		if errors.Is(err, io.EOF) {
			end = io.EOF
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return end
}

// Close ends the reading.
func (r *countedRows) Close() error {
	err := r.Rows.Close()
	if r.conn.dead {
		return nil
	}
	return err
}

// HasNextResultSet passes through.
func (r *countedRows) HasNextResultSet() bool {
	n, ok := r.Rows.(driver.RowsNextResultSet)
	return ok && n.HasNextResultSet()
}

// NextResultSet passes through.
func (r *countedRows) NextResultSet() error {
	if n, ok := r.Rows.(driver.RowsNextResultSet); ok {
		return n.NextResultSet()
	}
	return io.EOF
}
