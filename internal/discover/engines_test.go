package discover_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// These tests share their servers with others that run at the same time, so
// each only looks at what has its own prefix.

// engine is what the tests need of a dialect.
type engine interface {
	dialect.Discoverer
	dialect.Provisioner
}

// prefix returns a name that no other test's names begin with.
func prefix(t testing.TB) string {
	t.Helper()
	var b [6]byte
	_, err := rand.Read(b[:])
	require.NoError(t, err)
	return "lsd" + hex.EncodeToString(b[:])
}

// execAll runs statements with the admin's login; cleanup ones are passed to
// afterwards.
func execAll(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := db.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
}

// afterwards runs statements when the test ends, in reverse and whatever fails.
func afterwards(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for _, s := range slices.Backward(statements) {
			_, err := db.ExecContext(ctx, s)
			assert.NoError(t, err, s)
		}
	})
}

func parseServer(t testing.TB, dsn string) dialect.Target {
	t.Helper()
	target, err := dialect.ParseServer(dsn)
	require.NoError(t, err)
	return target
}

func read(t testing.TB, d dialect.Discoverer, target dialect.Target, opts discover.Options) discover.State {
	t.Helper()
	s, err := d.OpenServer(t.Context(), target)
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	state, err := discover.Read(t.Context(), s, opts, nil)
	require.NoError(t, err)
	return state
}

// only keeps what has a prefix.
func only(s discover.State, prefix string) discover.State {
	s.Notes, s.LeftOut = nil, nil
	s.Databases = slices.DeleteFunc(slices.Clone(s.Databases), func(d dialect.Database) bool { return !strings.HasPrefix(strings.ToLower(d.Name), prefix) })
	s.Users = slices.DeleteFunc(slices.Clone(s.Users), func(u dialect.User) bool { return !strings.HasPrefix(strings.ToLower(u.Name), prefix) })
	return s.Canonical()
}

func databaseNames(s discover.State) []string {
	var out []string
	for _, d := range s.Databases {
		out = append(out, d.Name)
	}
	return out
}

func user(t testing.TB, s discover.State, name string) dialect.User {
	t.Helper()
	for _, u := range s.Users {
		if u.Name == name {
			return u
		}
	}
	require.Fail(t, "no such user", name)
	return dialect.User{}
}

func grantOf(s discover.State, name, database, schema string) (out dialect.Grant) {
	for _, g := range s.Grants {
		if g.Grantee.Name == name && g.Database == database && g.Schema == schema {
			out = g
		}
	}
	return out
}

// brokenReads breaks a read at each of its operations: it fails, and gives
// nothing.
func brokenReads(t *testing.T, target dialect.Target, opts discover.Options, at func(wrap func(driver.Connector) driver.Connector) dialect.Discoverer) {
	t.Helper()
	attempt := func(plan *faultdb.Plan) (discover.State, error) {
		s, err := at(func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) }).OpenServer(t.Context(), target)
		if err != nil {
			return discover.State{}, err
		}
		defer func() { _ = s.Close() }()
		return discover.Read(t.Context(), s, opts, nil)
	}
	for _, mode := range faultdb.Modes() {
		broken := 0
		for plan := range faultdb.Sweep(mode) {
			state, err := attempt(plan)
			if !plan.Fired() {
				require.NoError(t, err)
				break
			}
			broken++
			require.Error(t, err, plan.String())
			require.Empty(t, state, plan.String())
			require.NotNil(t, fault.As(err), plan.String())
		}
		require.Greater(t, broken, 3)
	}
	rows := &faultdb.Plan{FailAt: -1, Rows: true}
	_, err := attempt(rows)
	require.NoError(t, err)
	for i := 1; i < 8; i++ { // in the middle of the rows of some query
		plan := &faultdb.Plan{FailAt: rows.Count() * i / 8, Rows: true, Mode: faultdb.DieBefore}
		state, err := attempt(plan)
		require.Error(t, err, "%d of %d rows", plan.FailAt, rows.Count())
		require.Empty(t, state)
	}
}

// provisionCase is a tenant's place that a test makes.
type provisionCase struct {
	engine func(wrap func(driver.Connector) driver.Connector) engine
	admin  dialect.Target
	steps  []dialect.ProvisionStep
	// cleanup drops whatever is left when the outcome is not known.
	cleanup []string
	db      *sql.DB
	prefix  string
	schemas string // the database whose schemas are looked at, too
	modes   []faultdb.Mode
}

// state is what of the server concerns the case.
func (c provisionCase) state(t testing.TB) discover.State {
	t.Helper()
	state := read(t, c.engine(nil), c.admin, discover.Options{SchemasOf: []string{c.schemas}})
	out := only(state, c.prefix)
	if c.schemas != "" {
		out.Databases = append(out.Databases, only(state, c.schemas).Databases...)
	}
	out.Grants = state.Grants
	return out.Canonical()
}

func (c provisionCase) open(wrap func(driver.Connector) driver.Connector) discover.Opener {
	return func(ctx context.Context) (dialect.ProvisionSession, error) {
		return c.engine(wrap).OpenProvision(ctx, c.admin)
	}
}

// brokenProvisions breaks Provision at each of its operations: either all is
// undone, or the error says that something may be left. The password is in no
// error.
func brokenProvisions(t *testing.T, c provisionCase) {
	t.Helper()
	before := c.state(t)
	password := dialect.GeneratePassword()
	for _, mode := range c.modes {
		for plan := range faultdb.Sweep(mode) {
			made, err := discover.Provision(t.Context(), c.open(func(inner driver.Connector) driver.Connector { return faultdb.Wrap(inner, plan) }), c.steps, password)
			if err == nil {
				require.NoError(t, discover.Undo(t.Context(), c.open(nil), made, false))
			} else {
				requireNoSecret(t, err, password)
			}
			if fault.KindOf(err) == fault.Partial && err != nil {
				for _, s := range slices.Backward(c.cleanup) {
					_, _ = c.db.ExecContext(t.Context(), s)
				}
			}
			require.Equal(t, before, c.state(t), "%s\n%v", plan, err)
			if !plan.Fired() {
				require.NoError(t, err)
				break
			}
		}
	}
}

// requireNoSecret looks for a password in everything an error can print.
func requireNoSecret(t testing.TB, err error, password secret.Redacted) {
	t.Helper()
	var look func(error)
	look = func(err error) {
		if err == nil {
			return
		}
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			require.NotContains(t, text, password.Reveal())
			require.NotContains(t, text, "SCRAM-SHA-256$")
		}
		switch u := err.(type) { //nolint:errorlint // it walks the chain itself
		case interface{ Unwrap() error }:
			look(u.Unwrap())
		case interface{ Unwrap() []error }:
			for _, e := range u.Unwrap() {
				look(e)
			}
		}
	}
	look(err)
}
