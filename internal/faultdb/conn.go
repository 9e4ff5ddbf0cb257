package faultdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
)

// Wrap returns a connector whose connections follow the plan.
func Wrap(c driver.Connector, p *Plan) driver.Connector { return &connector{c, p} }

type connector struct {
	driver.Connector
	plan *Plan
}

// Connect opens a connection. One that "dies after" is opened and closed again.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	w := &conn{plan: c.plan, id: c.plan.newConn()}
	err := w.do(Connect, "", func() error {
		inner, err := c.Connector.Connect(ctx)
		if err == nil {
			w.Conn = inner
		}
		return err
	})
	if err != nil {
		if w.Conn != nil && !w.dead {
			_ = w.Conn.Close()
		}
		return nil, err
	}
	return w, nil
}

// conn is one wrapped connection. database/sql uses it from one goroutine at a
// time.
type conn struct {
	driver.Conn
	plan *Plan
	id   int
	dead bool
	// open holds the rows and statements in use, newest last. They are closed
	// before the connection dies: drivers hang or leak when it goes first.
	open []io.Closer
}

// do runs one operation under the plan.
func (c *conn) do(kind Kind, query string, run func() error) error {
	if c.dead {
		return driver.ErrBadConn
	}
	if !c.plan.note(c.id, kind, query) {
		err := run()
		if errors.Is(err, driver.ErrSkip) {
			c.plan.forget()
		}
		return err
	}
	switch c.plan.mode() {
	case DieBefore:
		c.die()
	case ErrorAfter:
		if err := run(); err != nil {
			return err
		}
	case DieAfter:
		err := run()
		c.die()
		if err != nil {
			return err
		}
	case EndBefore:
		c.plan.End()
	case EndAfter:
		err := run()
		c.plan.End()
		return err
	case ErrorBefore:
	}
	return c.plan.err()
}

// die closes the connection underneath, so that the server rolls back and frees
// its locks, as it does when a client goes away.
func (c *conn) die() {
	c.dead = true
	for _, o := range slices.Backward(c.open) {
		_ = o.Close()
	}
	c.open = nil
	if c.Conn != nil {
		_ = c.Conn.Close()
	}
}

// track remembers what must be closed before the connection.
func (c *conn) track(o io.Closer) { c.open = append(c.open, o) }

// release closes what was tracked, unless the connection's death did.
func (c *conn) release(o io.Closer) error {
	i := slices.Index(c.open, o)
	if i < 0 {
		return nil
	}
	c.open = slices.Delete(c.open, i, i+1)
	return o.Close()
}

// Close closes the connection unless it is dead already.
func (c *conn) Close() error {
	if c.dead {
		return nil
	}
	return c.Conn.Close()
}

// IsValid tells database/sql to discard a dead connection.
func (c *conn) IsValid() bool {
	if v, ok := c.Conn.(driver.Validator); ok && !c.dead {
		return v.IsValid()
	}
	return !c.dead
}

// ResetSession passes through; it is not counted.
func (c *conn) ResetSession(ctx context.Context) error {
	if c.dead {
		return driver.ErrBadConn
	}
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

// CheckNamedValue passes through.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.Conn.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// Ping is counted even where the driver has none.
func (c *conn) Ping(ctx context.Context) error {
	return c.do(Ping, "", func() error {
		if p, ok := c.Conn.(driver.Pinger); ok {
			return p.Ping(ctx)
		}
		return nil
	})
}

// ExecContext runs a statement.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	e, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	var res driver.Result
	err := c.do(Exec, query, func() error {
		return keep(&res)(e.ExecContext(ctx, query, args))
	})
	return result(res, err)
}

// QueryContext runs a query.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	q, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	var rows driver.Rows
	err := c.do(Query, query, func() error {
		return c.keepOpen(&rows)(q.QueryContext(ctx, query, args))
	})
	return c.rows(rows, query, err)
}

// PrepareContext prepares a statement.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	var inner driver.Stmt
	err := c.do(Prepare, query, func() error {
		var err error
		if p, ok := c.Conn.(driver.ConnPrepareContext); ok {
			err = keep(&inner)(p.PrepareContext(ctx, query))
		} else {
			err = keep(&inner)(c.Conn.Prepare(query)) //nolint:staticcheck // not the wrapper's own
		}
		if err == nil {
			c.track(inner)
		}
		return err
	})
	if err != nil {
		if inner != nil {
			_ = c.release(inner)
		}
		return nil, err
	}
	return &stmt{inner, c, query}, nil
}

// BeginTx begins a transaction.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	var inner driver.Tx
	err := c.do(Begin, "", func() error {
		if b, ok := c.Conn.(driver.ConnBeginTx); ok {
			return keep(&inner)(b.BeginTx(ctx, opts))
		}
		return keep(&inner)(c.Conn.Begin()) //nolint:staticcheck // all that old drivers have
	})
	if err != nil {
		// The caller got no handle to end it with; a driver would do the same.
		if inner != nil && !c.dead {
			_ = inner.Rollback()
		}
		return nil, err
	}
	return &tx{inner, c}, nil
}

type tx struct {
	driver.Tx
	conn *conn
}

// Commit commits. After an injected error "before" the transaction is rolled
// back: database/sql never touches it again, and a server that refuses to commit
// has ended it, too.
func (t *tx) Commit() error {
	ran := false
	err := t.conn.do(Commit, "", func() error {
		ran = true
		return t.Tx.Commit()
	})
	if !ran && !t.conn.dead {
		_ = t.Tx.Rollback()
	}
	return err
}

// Rollback rolls back. When that fails the connection is closed, so that the
// server undoes the work on its own.
func (t *tx) Rollback() error {
	err := t.conn.do(Rollback, "", t.Tx.Rollback)
	if err != nil && !t.conn.dead {
		t.conn.die()
	}
	return err
}

// keep stores what an operation gave unless it failed: drivers return typed nils
// beside an error.
func keep[T any](to *T) func(T, error) error {
	return func(v T, err error) error {
		if err == nil {
			*to = v
		}
		return err
	}
}
