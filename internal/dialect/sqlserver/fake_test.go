package sqlserver

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// fakeServer stands in for SQL Server where it is about transactions, locks and
// failures: it knows the batches that a session sends for these, keeps locks
// between its connections, and undoes a transaction on any error, as XACT_ABORT
// does. What it answers is as documented, and proves nothing about a real one.
type fakeServer struct {
	mu        sync.Mutex
	changed   chan struct{} // closed, and made anew, when a lock is freed
	locks     map[string]*fakeConn
	batches   []string
	committed []string          // statements of committed transactions
	fails     map[string]error  // by a part of the batch
	rowsFail  map[string]error  // likewise, but after a row
	answers   map[string]string // likewise, one row of one column
	version   string
	edition   int64
	folds     int64
	lockCode  *int64 // what sp_getapplock answers, whatever is held

	lacks []string // permissions in the database

	// With a catalogue, batches are run on it, and queries answered from it. What
	// one connection has changed and not committed keeps all others from it: a real
	// server locks what was changed only.
	catalogue  *catalogue
	changer    *fakeConn
	enterprise bool
}

func newFake() *fakeServer {
	return &fakeServer{
		changed: make(chan struct{}), locks: map[string]*fakeConn{}, version: "16.0.1000.6", edition: 2, folds: 1,
		fails: map[string]error{}, rowsFail: map[string]error{}, answers: map[string]string{},
	}
}

// dialect is a dialect whose driver is the fake.
func (f *fakeServer) dialect(opts ...Option) *Dialect {
	return New(append([]Option{withConnector(func(t dialect.Target) (driver.Connector, error) {
		_, err := connector(t) // the target is checked as for a real one
		return f, err
	})}, opts...)...)
}

func (f *fakeServer) open(t testing.TB, schema string, opts ...Option) dialect.Session {
	t.Helper()
	target, err := dialect.ParseTarget("sqlserver://u:hunter2@h:1?database=db&schema=" + schema)
	require.NoError(t, err)
	s, err := f.dialect(opts...).Open(t.Context(), target)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (f *fakeServer) sent(part string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, b := range f.batches {
		if strings.Contains(b, part) {
			out = append(out, b)
		}
	}
	return out
}

func (f *fakeServer) Connect(context.Context) (driver.Conn, error) {
	return &fakeConn{f: f, wait: -1}, nil
}
func (f *fakeServer) Driver() driver.Driver { return nil }

type fakeConn struct {
	f    *fakeServer
	open bool // a transaction
	held []string
	todo []string
	dead bool
	was  *catalogue    // when the transaction began
	wait time.Duration // for locks; below 0: for ever
}

func (c *fakeConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (c *fakeConn) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }
func (c *fakeConn) IsValid() bool                       { return !c.dead }

func (c *fakeConn) Close() error {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.dead = true
	c.undo()
	return nil
}

// undo ends the transaction; the server's lock is held.
func (c *fakeConn) undo() {
	if c.was != nil {
		c.f.catalogue, c.was = c.was, nil
	}
	c.open, c.todo = false, nil
	if c.f.changer == c {
		c.f.changer = nil
	}
	for _, name := range c.held {
		delete(c.f.locks, name)
	}
	c.held = nil
	close(c.f.changed)
	c.f.changed = make(chan struct{})
}

func (c *fakeConn) ExecContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	_, err := c.run(ctx, query, nil)
	return driver.ResultNoRows, err
}

func (c *fakeConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.run(ctx, query, args)
}

var write = regexp.MustCompile(`^(CREATE|ALTER|DROP|INSERT|DELETE|UPDATE|IF SCHEMA_ID|EXEC)\b`)

func (c *fakeConn) run(ctx context.Context, query string, args []driver.NamedValue) (*fakeRows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if strings.Contains(query, "sp_getapplock") {
		return c.lock(ctx, query, args)
	}
	if strings.HasPrefix(query, "WAITFOR") { // until the client asks to stop, which undoes the transaction
		<-ctx.Done()
		c.f.mu.Lock()
		defer c.f.mu.Unlock()
		c.undo()
		return nil, ctx.Err()
	}
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.batches = append(c.f.batches, query)
	for part, err := range c.f.fails {
		if strings.Contains(query, part) {
			c.undo()
			return nil, err
		}
	}
	for part, err := range c.f.rowsFail {
		if strings.Contains(query, part) {
			c.undo()
			return &fakeRows{rows: [][]driver.Value{{int64(1)}}, err: err}, nil
		}
	}
	if m := lockTimeout.FindStringSubmatch(query); m != nil {
		ms, _ := strconv.Atoi(m[1])
		c.wait = time.Duration(ms) * time.Millisecond
	}
	if c.f.catalogue != nil && (strings.Contains(query, "FROM sys.") || c.open && write.MatchString(query)) {
		if err := c.catalogueFree(ctx); err != nil {
			c.undo()
			return nil, err
		}
	}
	return c.known(query, args) //nolint:contextcheck // the views are read at once
}

var lockTimeout = regexp.MustCompile(`SET LOCK_TIMEOUT (-?\d+)`)

// catalogueFree waits until nobody else has changed the catalogue without having
// committed: https://learn.microsoft.com/sql/t-sql/statements/set-lock-timeout-transact-sql
func (c *fakeConn) catalogueFree(ctx context.Context) error {
	var deadline <-chan time.Time
	if c.wait >= 0 {
		deadline = time.After(c.wait)
	}
	for c.f.changer != nil && c.f.changer != c {
		changed := c.f.changed
		c.f.mu.Unlock()
		var err error
		select {
		case <-changed:
		case <-deadline:
			err = mssql.Error{Number: 1222, Message: "Lock request time out period exceeded."}
		case <-ctx.Done():
			err = ctx.Err()
		}
		c.f.mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

// known answers the batches of sessions.
func (c *fakeConn) known(query string, args []driver.NamedValue) (*fakeRows, error) {
	switch {
	case c.f.catalogue != nil && strings.Contains(query, " sys.") && strings.HasPrefix(strings.TrimSpace(query), "SELECT"):
		return c.f.catalogue.ask(query, args)
	case c.f.catalogue != nil && strings.HasPrefix(query, "SET LOCK_TIMEOUT") && strings.Contains(query, "SCHEMA_ID"):
		_, batch, _ := strings.Cut(query, ";\n")
		before := len(c.f.catalogue.schemas)
		err := c.f.catalogue.run(batch, c.f.enterprise)
		if len(c.f.catalogue.schemas) > before {
			c.f.changer = c
		}
		return &fakeRows{}, err
	case strings.Contains(query, "HAS_PERMS_BY_NAME(NULL, N'DATABASE'"):
		may := !slices.ContainsFunc(c.f.lacks, func(p string) bool { return strings.Contains(query, "N'"+p+"'") })
		return &fakeRows{rows: [][]driver.Value{{"db", may}}}, nil
	case strings.Contains(query, "ProductVersion"):
		return &fakeRows{rows: [][]driver.Value{{c.f.version, c.f.edition, c.f.folds}}}, nil
	case strings.HasSuffix(query, "BEGIN TRANSACTION"):
		if c.open {
			return nil, errors.New("a transaction in a transaction")
		}
		c.open = true
		if c.f.catalogue != nil {
			c.was = c.f.catalogue.clone()
		}
	case strings.HasPrefix(query, "IF @@TRANCOUNT > 0 ROLLBACK"):
		c.undo()
	case query == commit:
		if !c.open {
			return nil, mssql.Error{Number: 3902, Message: "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION."}
		}
		c.f.committed = append(c.f.committed, c.todo...)
		c.was = nil
		c.undo()
	case strings.HasPrefix(query, "IF XACT_STATE() <> 1 THROW"):
		if !c.open {
			return nil, mssql.Error{Number: 50000, Message: "lockstep: the transaction has been undone"}
		}
	case c.f.catalogue != nil && c.open && !strings.HasPrefix(query, "SET LOCK_TIMEOUT") && !strings.HasPrefix(strings.TrimSpace(query), "SELECT"):
		c.f.changer = c
		if err := c.f.catalogue.run(query, c.f.enterprise); err != nil {
			c.undo()
			return nil, err
		}
	case write.MatchString(query) && c.open:
		c.todo = append(c.todo, query)
	case write.MatchString(query):
		c.f.committed = append(c.f.committed, query) // by itself, which must never happen
	}
	for part, answer := range c.f.answers {
		if strings.Contains(query, part) {
			return &fakeRows{rows: [][]driver.Value{{answer}}}, nil
		}
	}
	return &fakeRows{}, nil
}

// lock waits for an application lock as sp_getapplock does.
func (c *fakeConn) lock(ctx context.Context, query string, args []driver.NamedValue) (*fakeRows, error) {
	answer := func(code int64) (*fakeRows, error) { return &fakeRows{rows: [][]driver.Value{{code}}}, nil }
	name, _ := args[0].Value.(string)
	wait, _ := args[1].Value.(int64)
	deadline := time.After(time.Duration(wait) * time.Millisecond)
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.batches = append(c.f.batches, query+" -- "+name)
	if err := c.f.fails["sp_getapplock"]; err != nil {
		c.undo()
		return nil, err
	}
	switch {
	case !c.open:
		return answer(-999) // the owner would be a transaction
	case c.f.lockCode != nil:
		return answer(*c.f.lockCode)
	}
	for c.f.locks[name] != nil {
		changed := c.f.changed
		c.f.mu.Unlock()
		var err error
		timeout := false
		select {
		case <-changed:
		case <-deadline:
			timeout = true
		case <-ctx.Done():
			err = ctx.Err()
		}
		c.f.mu.Lock()
		switch {
		case err != nil:
			c.undo()
			return nil, err
		case timeout:
			return answer(-1)
		}
	}
	c.f.locks[name] = c
	c.held = append(c.held, name)
	return answer(0)
}

type fakeRows struct {
	rows [][]driver.Value
	err  error
}

func (r *fakeRows) Columns() []string {
	if len(r.rows) == 0 {
		return []string{"nothing"}
	}
	return make([]string, len(r.rows[0]))
}
func (*fakeRows) Close() error { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		if r.err != nil {
			return r.err
		}
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}
