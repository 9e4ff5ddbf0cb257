package migrate_test

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// limited gives a database of its own to a role that owns one schema of it and
// nothing else.
func limited(t *testing.T, server enginetest.Server) (admin, tenant string) {
	t.Helper()
	admin = enginetest.FreshDatabase(t, server)
	var b [6]byte
	_, _ = rand.Read(b[:])
	role := "lockstep_test_" + hex.EncodeToString(b[:])
	run(t, admin, "CREATE ROLE "+role+" LOGIN PASSWORD 'limited'", "CREATE SCHEMA acme AUTHORIZATION "+role)
	t.Cleanup(func() {
		db := enginetest.Connect(t, admin)
		for _, sql := range []string{"DROP OWNED BY " + role + " CASCADE", "DROP ROLE " + role} {
			_, err := db.Exec(sql)
			assert.NoError(t, err)
		}
	})
	u, err := url.Parse(admin)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "limited")
	q := u.Query()
	q.Set("schema", "acme")
	u.RawQuery = q.Encode()
	return admin, u.String()
}

// TestATenantsOwnUserIsEnough: who may not create schemas gets tables that are
// temporary; who may not even have these, a comparison by structure.
func TestATenantsOwnUserIsEnough(t *testing.T) {
	proxy := publish(t)
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) {
			admin, url := limited(t, server)
			s := keeperService(t, proxy)
			mustExecute(t, s, url, "v1.0.0", strategy.Safe)
			mustExecute(t, s, url, "v1.1.0", strategy.Safe)
			r := drift(t, s, url)
			assert.Equal(t, migrate.ByScratch, r.Method)
			assert.Empty(t, clauses(r.Differences))
			run(t, url, "ALTER TABLE clients ALTER level SET DEFAULT 7")
			assert.Equal(t, []string{"clients: column level has another default"}, clauses(drift(t, s, url).Differences))
			req := request(t, url, "v1.2.0", strategy.Full)
			req.Prove = true
			p, err := s.Preview(t.Context(), req)
			require.NoError(t, err)
			assert.True(t, p.Proof.Proved(), "%v", p.Proof.Error())

			run(t, admin, "DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$")
			run(t, url, "ALTER TABLE clients ADD COLUMN nick text")
			s = keeperService(t, proxy) // which knows no words yet
			r = drift(t, s, url)
			assert.Equal(t, migrate.ByStructure, r.Method)
			assert.Contains(t, r.Reason, "may neither create schemas nor temporary tables")
			assert.Equal(t, []string{"table clients: column nick is unexpected"}, clauses(r.Differences), "a changed default cannot be seen so")
			_, err = s.Preview(t.Context(), req)
			assert.Equal(t, dialect.ReasonScratchDenied, fault.ReasonOf(err))
			assert.Equal(t, fault.Denied, fault.KindOf(err))
		})
	}
}

// TestTypesOfTheTenant's own schema are there in the scratch, too.
func TestTypesOfTheTenant(t *testing.T) {
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) {
			const source = "package moods\n\ntype Entry struct {\n\tID uint64\n\tMood string `gorm:\"type:mood;not null;default:glad\"`\n}\n"
			proxy := "file://" + t.TempDir() + "/proxy"
			publishModule(t, proxy, shop, "v1.0.0", source)
			s, url := keeperService(t, proxy), enginetest.FreshSchema(t, server)
			run(t, url, "CREATE TYPE mood AS ENUM ('glad', 'sad')")
			mustExecute(t, s, url, "v1.0.0", strategy.Safe)
			assert.Empty(t, clauses(drift(t, s, url).Differences))
			run(t, url, "ALTER TABLE entries ALTER mood SET DEFAULT 'sad'")
			assert.Equal(t, []string{"entries: column mood has another default"}, clauses(drift(t, s, url).Differences))
		})
	}
}

// TestNothingOfAScratchStays: neither schemas nor databases, and what a killed
// process left is swept when it is old enough.
func TestNothingOfAScratchStays(t *testing.T) {
	t.Parallel()
	eachScratch(t, func(t *testing.T, e scratched) {
		url := e.target(t)
		count := map[dialect.Engine]string{
			dialect.Postgres: "SELECT count(*) FROM pg_namespace WHERE nspname = 'lockstep_scratch_mine'",
			dialect.MySQL:    "SELECT count(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '%s'",
			dialect.MariaDB:  "SELECT count(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '%s'",
		}[e.d.Engine()]
		open := func() string {
			scratch, err := e.d.(dialect.Scratcher).Scratch(t.Context(), target(t, url))
			require.NoError(t, err)
			_, err = scratch.ExecContext(t.Context(), "CREATE TABLE here (id int PRIMARY KEY)")
			require.NoError(t, err)
			name := ""
			if e.d.Engine() != dialect.SQLite {
				name = where(t, scratch, e.d.Engine())
				assert.True(t, strings.HasPrefix(name, dialect.ScratchPrefix), name)
			}
			require.NoError(t, scratch.Close(t.Context()))
			return name
		}
		name := open()
		session, err := e.d.Open(t.Context(), target(t, url))
		require.NoError(t, err)
		all, err := e.d.(dialect.Surveyor).Tables(t.Context(), session)
		require.NoError(t, err)
		require.NoError(t, session.Close())
		assert.Empty(t, all, "the tenant was not touched")
		if strings.Contains(count, "%s") {
			assert.Equal(t, "0\n", text(t, url, fmt.Sprintf(count, name)))
		} else if count != "" {
			assert.Equal(t, "0\n", text(t, url, strings.Replace(count, "lockstep_scratch_mine", name, 1)))
		}
		if _, ours := e.d.(*mysql.Dialect); !ours {
			return
		}
		old := fmt.Sprintf("%s%x_%012x", dialect.ScratchPrefix, time.Now().Add(-2*time.Hour).Unix(), time.Now().UnixNano()%1e12)
		young := fmt.Sprintf("%s%x_%012x", dialect.ScratchPrefix, time.Now().Add(-time.Minute).Unix(), time.Now().UnixNano()%1e12)
		t.Cleanup(func() {
			db := enginetest.Connect(t, url)
			_, err := db.Exec("DROP DATABASE IF EXISTS " + young)
			assert.NoError(t, err)
		})
		run(t, url, "CREATE DATABASE "+old, "CREATE DATABASE "+young)
		open()
		assert.Equal(t, "0\n", text(t, url, fmt.Sprintf(count, old)))
		assert.Equal(t, "1\n", text(t, url, fmt.Sprintf(count, young)), "it may be in use")
	})
}

// where names the namespace that a scratch is in.
func where(t *testing.T, q dialect.Querier, engine dialect.Engine) string {
	t.Helper()
	query := "SELECT DATABASE()"
	if engine == dialect.Postgres {
		query = "SELECT current_schema()::text"
	}
	rows, err := q.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	var name string
	for rows.Next() {
		require.NoError(t, rows.Scan(&name))
	}
	require.NoError(t, rows.Err())
	return name
}
