package preflight_test

import (
	"database/sql/driver"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/preflight"
)

// TestFaults lets operation 0, 1, 2, … of a run within an execution fail, or its
// connection die: Run then fails or tells the truth, nothing is changed, the lock
// is free, and asking again gives the whole answer.
func TestFaults(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l lab) {
		x := newTenant(t, l)
		x.migrate(tables(table("things", id(), col("a", integer(32)), col("b", varchar(9)))))
		x.exec("INSERT INTO things (a, b) VALUES (NULL, 'x'), (1, 'x')")
		p := x.plan(tables(table("things", id(), col("a", integer(32), notNull), col("b", varchar(9)), unique("u", "b"))))
		checks := preflight.Checks(x.d, p)
		whole := x.preflight(p)
		require.Len(t, whole.Findings, 2)
		for _, mode := range faultdb.Modes() {
			for f := range faultdb.Sweep(mode) {
				f.Rows = true
				d := l.dialect(func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, f) })
				once(t, x, d, checks, whole, f)
				require.Equal(t, whole, x.within(p), "asked again, and locked:\n%s", f)
			}
		}
	})
}

func once(t *testing.T, x *tenant, d engine, checks []preflight.Check, whole *preflight.Report, f *faultdb.Plan) {
	t.Helper()
	target, err := dialect.ParseTarget(x.url)
	require.NoError(t, err)
	s, err := d.Open(t.Context(), target)
	if err != nil {
		return // the failure came before
	}
	defer func() { _ = s.Close() }()
	tx, err := s.Begin(t.Context(), dialect.TxOptions{LockWait: 5 * time.Second})
	if err != nil {
		return
	}
	report, err := preflight.Run(t.Context(), d, tx, checks, preflight.Options{Now: time.Now})
	if err != nil {
		assert.NotNil(t, fault.As(err), "%v\n%s", err, f)
		assert.Nil(t, report)
	} else {
		assert.Equal(t, whole, report, "%s", f)
	}
	_ = tx.Rollback(t.Context())
}
