package faultdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
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

// Close closes the statement.
func (s *stmt) Close() error { return s.conn.release(s.Stmt) }

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
			return s.conn.keepOpen(&rows)(q.QueryContext(ctx, args))
		}
		return s.conn.keepOpen(&rows)(s.Stmt.Query(values(args))) //nolint:staticcheck // all that old drivers have
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

// keepOpen is keep for rows, which it also tracks.
func (c *conn) keepOpen(to *driver.Rows) func(driver.Rows, error) error {
	return func(r driver.Rows, err error) error {
		if err == nil {
			*to = r
			c.track(r)
		}
		return err
	}
}

// rows drops the rows of a lost reply, and wraps the others.
func (c *conn) rows(inner driver.Rows, query string, err error) (driver.Rows, error) {
	if err != nil {
		if inner != nil {
			_ = c.release(inner)
		}
		return nil, err
	}
	return &rows{inner, c, query}, nil
}

// rows is the answer to a query.
type rows struct {
	driver.Rows
	conn  *conn
	query string
}

// Next reads a row. With Plan.Rows every step counts, the last one (no more
// rows) included.
func (r *rows) Next(dest []driver.Value) error {
	if r.conn.dead {
		return driver.ErrBadConn
	}
	if !r.conn.plan.Rows {
		return r.Rows.Next(dest)
	}
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
func (r *rows) Close() error { return r.conn.release(r.Rows) }

// HasNextResultSet passes through.
func (r *rows) HasNextResultSet() bool {
	n, ok := r.Rows.(driver.RowsNextResultSet)
	return ok && n.HasNextResultSet()
}

// NextResultSet passes through.
func (r *rows) NextResultSet() error {
	if n, ok := r.Rows.(driver.RowsNextResultSet); ok {
		return n.NextResultSet()
	}
	return io.EOF
}

// ColumnTypeDatabaseTypeName passes through.
func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	if n, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return n.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

// ColumnTypeScanType passes through.
func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	if n, ok := r.Rows.(driver.RowsColumnTypeScanType); ok {
		return n.ColumnTypeScanType(i)
	}
	return reflect.TypeFor[any]()
}
