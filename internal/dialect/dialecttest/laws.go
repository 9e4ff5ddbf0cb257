package dialecttest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// capabilities asserts what a dialect says of its engine, both ways.
func capabilities(t *testing.T, h Harness) {
	t.Helper()
	x := newTenant(t, h)
	caps := x.d.Capabilities()
	s := x.open()
	assert.Positive(t, s.Version().Major)
	assert.Empty(t, x.strings(h.Catalog), "opening a session leaves nothing behind")

	tx, err := s.Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "CREATE TABLE "+x.name("one")+" (a integer)")
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "CREATE INDEX shared ON "+x.name("one")+" (a)")
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	assert.Equal(t, caps.TransactionalDDL, len(x.strings(h.Catalog)) == 0, "TransactionalDDL")

	x = newTenant(t, h)
	s = x.open()
	require.NoError(t, x.apply(x.plan(tables(table("one", id(), col("a", varchar(9)), index(schema.Index{Name: "shared", Parts: on("a")})), table("two", id(), col("a", varchar(9)))))))
	tx, err = s.Begin(t.Context(), dialect.TxOptions{})
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "CREATE INDEX shared ON "+x.name("two")+" (a)")
	assert.Equal(t, caps.IndexNamesPerSchema, err != nil, "IndexNamesPerSchema")
	require.NoError(t, tx.Rollback(t.Context()))

	tx, err = s.Begin(t.Context(), dialect.TxOptions{})
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "ALTER TABLE "+x.name("one")+" ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES "+x.name("two")+" (id)")
	assert.Equal(t, caps.AltersByCopy, err != nil, "AltersByCopy")
	require.NoError(t, tx.Rollback(t.Context()))

	_, err = x.d.Lower(tables(table(strings.Repeat("n", 200), id())))
	assert.Equal(t, caps.MaxIdentifier > 0, err != nil, "MaxIdentifier")
}

// locks: one execution at a time, for as long as it lasts and no longer.
func locks(t *testing.T, h Harness) {
	t.Helper()
	x := newTenant(t, h)
	x.migrate(tables(table("t", id())))
	holder, waiter := x.open(), x.open()
	held, err := holder.Begin(t.Context(), dialect.TxOptions{})
	require.NoError(t, err)

	_, err = waiter.Begin(t.Context(), dialect.TxOptions{})
	assert.Equal(t, "TENANT_LOCKED", fault.ReasonOf(err), "without waiting")
	assert.Equal(t, fault.Conflict, fault.KindOf(err))
	_, err = waiter.Begin(t.Context(), dialect.TxOptions{LockWait: 60 * time.Millisecond})
	assert.Equal(t, "TENANT_LOCKED", fault.ReasonOf(err), "after waiting in vain")
	_, err = waiter.ExecContext(t.Context(), "SELECT 1")
	require.NoError(t, err, "the session still answers")

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	_, err = waiter.Begin(ctx, dialect.TxOptions{LockWait: time.Minute})
	cancel()
	assert.Equal(t, fault.Deadline, fault.KindOf(err), "the caller's own limit")

	waiter = x.open()
	other := newTenant(t, h)
	free, err := other.open().Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
	require.NoError(t, err, "another tenant is not locked")
	require.NoError(t, free.Rollback(t.Context()))

	got := make(chan error, 1)
	go func() {
		tx, err := waiter.Begin(t.Context(), dialect.TxOptions{LockWait: 10 * time.Second})
		if err == nil {
			err = tx.Rollback(t.Context())
		}
		got <- err
	}()
	require.NoError(t, held.Commit(t.Context()))
	require.NoError(t, <-got, "the waiter gets the lock once it is free")
	deadContexts(t, x)
	waitersSeeWhatWasDone(t, h)
}

// waitersSeeWhatWasDone: who waited for the lock of a tenant that was being
// initialised meanwhile sees its tables, whatever its connection has cached.
func waitersSeeWhatWasDone(t *testing.T, h Harness) {
	t.Helper()
	x := newTenant(t, h)
	holder, err := x.open().Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
	require.NoError(t, err)
	const waiters = 4
	got := make(chan error, waiters)
	for range waiters {
		s := x.open()
		found, err := x.d.Inspect(t.Context(), s, []string{"t"})
		require.NoError(t, err)
		require.Empty(t, found.Tables)
		go func() {
			tx, err := s.Begin(t.Context(), dialect.TxOptions{LockWait: 20 * time.Second, CreateNamespace: true})
			if err == nil {
				_, err = tx.ExecContext(t.Context(), "DELETE FROM "+x.name("t"))
			}
			if err == nil {
				err = tx.Commit(t.Context())
			} else if tx != nil {
				_ = tx.Rollback(t.Context())
			}
			got <- err
		}()
	}
	time.Sleep(50 * time.Millisecond)
	_, err = holder.ExecContext(t.Context(), "CREATE TABLE "+x.name("t")+" (a integer)")
	require.NoError(t, err)
	require.NoError(t, holder.Commit(t.Context()))
	for range waiters {
		require.NoError(t, <-got)
	}
}

// deadContexts: a caller that goes away leaves neither a lock nor a change.
func deadContexts(t *testing.T, x *tenant) {
	t.Helper()
	s := x.open()
	ctx, cancel := context.WithCancel(t.Context())
	tx, err := s.Begin(ctx, dialect.TxOptions{})
	require.NoError(t, err)
	_, err = tx.ExecContext(ctx, "CREATE TABLE "+x.name("left_over")+" (a integer)")
	require.NoError(t, err)
	cancel()
	_, err = tx.ExecContext(ctx, "CREATE TABLE "+x.name("left_over_too")+" (a integer)")
	require.Error(t, err)
	assert.Equal(t, fault.Canceled, x.d.Classify(err).Kind, "%T %v", err, err)
	require.Error(t, tx.Commit(ctx), "nothing is committed for a caller that is gone")
	require.NoError(t, tx.Rollback(ctx))

	next, err := x.open().Begin(t.Context(), dialect.TxOptions{LockWait: 10 * time.Second})
	require.NoError(t, err, "the lock is free")
	require.NoError(t, next.Rollback(t.Context()))

	abandoned, err := x.openUncleaned().Begin(t.Context(), dialect.TxOptions{LockWait: time.Second})
	require.NoError(t, err)
	_, err = abandoned.ExecContext(t.Context(), "CREATE TABLE "+x.name("left_over_again")+" (a integer)")
	require.NoError(t, err)
	require.NoError(t, x.last.Close(), "a session that is closed takes its transaction along")
	next, err = x.open().Begin(t.Context(), dialect.TxOptions{LockWait: 10 * time.Second})
	require.NoError(t, err, "the lock is free")
	require.NoError(t, next.Rollback(t.Context()))
	left := slices.ContainsFunc(x.catalog(), func(name string) bool { return strings.Contains(name, "left_over") })
	assert.Equal(t, x.d.Capabilities().TransactionalDDL, !left)
}

// classification provokes the engine's failures for real.
func classification(t *testing.T, h Harness) {
	t.Helper()
	for _, f := range h.Failures {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			x := newTenant(t, h)
			s := x.open()
			tx, err := s.Begin(t.Context(), dialect.TxOptions{CreateNamespace: true, StatementTimeout: 300 * time.Millisecond, LockTimeout: 100 * time.Millisecond})
			require.NoError(t, err)
			for _, sql := range f.Setup {
				_, err := tx.ExecContext(t.Context(), sql)
				require.NoError(t, err, sql)
			}
			_, err = tx.ExecContext(t.Context(), f.SQL)
			require.Error(t, err)
			got := x.d.Classify(err)
			assert.Equal(t, f.Kind, got.Kind.String(), "%v", err)
			assert.Equal(t, f.Reason, got.Reason, "%v", err)
			assert.NotEmpty(t, got.Detail)
			assert.NotEmpty(t, got.Suggestion)
			if f.Hidden != "" {
				assert.NotContains(t, got.Error(), f.Hidden)
			}
			assert.Same(t, got, x.d.Classify(got), "a fault comes back unchanged")
			require.NoError(t, tx.Rollback(t.Context()))
		})
	}
	d := h.New(nil)
	assert.Nil(t, d.Classify(nil))
	assert.Equal(t, fault.Canceled, d.Classify(context.Canceled).Kind)
	assert.Equal(t, fault.Deadline, d.Classify(context.DeadlineExceeded).Kind)
}

// differences: Compare sees each way in which a table can differ.
func differences(t *testing.T, h Harness) {
	t.Helper()
	x := newTenant(t, h)
	x.migrate(tables(table("owners", id(), col("name", text())), everything("things", "label")))
	low := x.now.Table("things")
	found := x.inspect(x.now).Table("things")
	require.Empty(t, x.d.Compare(low, found))
	for name, change := range map[string]func(*schema.Table){
		"type":             func(f *schema.Table) { f.Column("n").Physical = "blob" },
		"null":             func(f *schema.Table) { f.Column("n").Nullable = false },
		"default":          func(f *schema.Table) { f.Column("n").Default = nil },
		"numbers":          func(f *schema.Table) { f.Column("id").AutoIncrement = false },
		"missing column":   func(f *schema.Table) { f.Columns = f.Columns[1:] },
		"extra column":     func(f *schema.Table) { f.Columns = append(f.Columns, &schema.Column{Name: "extra"}) },
		"key":              func(f *schema.Table) { f.PrimaryKey = nil },
		"missing index":    func(f *schema.Table) { f.Indexes = f.Indexes[1:] },
		"index columns":    func(f *schema.Table) { f.Index("idx_things_n").Parts = on("label") },
		"index direction":  func(f *schema.Table) { f.Index("idx_things_n").Parts[0].Desc = true },
		"unique":           func(f *schema.Table) { f.Index("idx_things_n").Unique = true },
		"partial":          func(f *schema.Table) { f.Index("idx_things_n").Where = "n > 1" },
		"constraint":       func(f *schema.Table) { x := f.Index("uni_things_label"); x.Constraint = !x.Constraint },
		"foreign key":      func(f *schema.Table) { f.ForeignKeys[0].OnDelete = schema.NoAction },
		"missing fk":       func(f *schema.Table) { f.ForeignKeys = nil },
		"missing check":    func(f *schema.Table) { f.Checks = nil },
		"unexpected check": func(f *schema.Table) { f.Checks = append(f.Checks, &schema.Check{Name: "more"}) },
	} {
		f := found.Clone()
		change(f)
		assert.Len(t, x.d.Compare(low, f), 1, name)
	}
	assert.Len(t, x.d.Compare(low, nil), 1)
	assert.Len(t, x.d.Compare(nil, found), 1)
}

// lowering: names are cut as GORM cuts them, and problems come all at once,
// with their places.
func lowering(t *testing.T, h Harness) {
	t.Helper()
	d := h.New(nil)
	long := "idx_" + strings.Repeat("abcdefghij", 8)
	low, err := d.Lower(tables(table("t", id(), col("a", text()), index(schema.Index{Name: long, Parts: on("a")}))))
	require.NoError(t, err)
	name := low.Tables[0].Indexes[0].Name
	assert.LessOrEqual(t, len(name), 64)
	assert.Equal(t, long[:len(name)-8], name[:len(name)-8])
	assert.Equal(t, string(d.Engine()), low.Engine)
	assert.Positive(t, low.Mapping)

	broken := tables(
		table("lockstep_things", id()),
		table("empty"),
		table("a", id(), col("x", schema.Type{Kind: "odd"}), index(schema.Index{Name: "same", Parts: on("x")})),
		table("b", id(), col("x", text()), index(schema.Index{Name: "same", Parts: on("x")})),
	)
	broken.Tables[0].Origin = schema.Origin{File: "m.go", Line: 12}
	_, err = d.Lower(broken)
	require.Error(t, err)
	f := fault.As(err)
	require.NotNil(t, f)
	assert.Equal(t, fault.Invalid, f.Kind)
	problems := 3
	if d.Capabilities().IndexNamesPerSchema {
		problems++ // "same" is there twice
	}
	assert.Len(t, f.Violations, problems)
	assert.Equal(t, "m.go:12", f.Violations[0].Position.String())

	_, err = d.Lower(tables(table("t", id(), col("lockstep_new_a", integer(32)), col("Lockstep_Dropped_a", integer(32)), col("parent", unsigned(64)),
		index(schema.Index{Name: "lockstep_now_x", Parts: on("parent")}), check("lockstep_x", "parent > 0"),
		fk(schema.ForeignKey{Name: "lockstep_fk", Columns: []string{"parent"}, RefTable: "t", RefColumns: []string{"id"}}))))
	require.Error(t, err, "names of lockstep's own within a table")
	var subjects []string
	for _, v := range fault.As(err).Violations {
		assert.Contains(t, v.Description, "are reserved")
		subjects = append(subjects, v.Subject)
	}
	assert.ElementsMatch(t, []string{"t.lockstep_new_a", "t.Lockstep_Dropped_a", "t", "t", "t"}, subjects)

	_, err = d.Lower(tables(table(dialect.HistoryTable, id())))
	require.NoError(t, err, "lockstep's own table alone")
	_, err = d.Lower(tables(table(dialect.HistoryTable, id()), table("t", id())))
	require.Error(t, err, "lockstep's own table among others")
}

// adoption: a database that GORM made from the same model shows no difference,
// and changes from there like one that lockstep made.
func adoption(t *testing.T, h Harness) {
	t.Helper()
	model := func(extra ...tableOption) *schema.Schema {
		return tables(table("owners", id(), col("name", text())), everything("things", "label", append([]tableOption{
			col("at", moment()), col("on", boolean(), notNull, def("true")), col("price", decimal(10, 2)), col("rate", float()), col("data", blob()),
		}, extra...)...))
	}
	x := newTenant(t, h)
	tx, err := x.open().Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
	require.NoError(t, err)
	for _, sql := range h.Gorm {
		_, err := tx.ExecContext(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	require.NoError(t, tx.Commit(t.Context()))
	x.now = x.lower(model())
	found := x.inspect(x.now)
	for _, promised := range x.now.Tables {
		assert.Empty(t, x.d.Compare(promised, found.Table(promised.Name)))
	}
	next := model(col("extra", text(), notNull), check("chk_extra", "extra <> ''"))
	next.Tables[1].Indexes = next.Tables[1].Indexes[:1] // without the unique constraint
	x.migrate(next)
	sameAsFresh(t, h, x, next)
}
