package inventory_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/app"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover/inventory"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// large is a server of PostgreSQL with many databases, each with a user of its own
// and three grants.
type large struct{ databases int }

func (l *large) OpenServer(context.Context, dialect.Target) (dialect.ServerSession, error) {
	return l, nil
}

func (l *large) Roster(context.Context, dialect.RosterOptions) (dialect.Roster, error) {
	out := dialect.Roster{Server: dialect.ServerInfo{Engine: dialect.Postgres, CaseSensitiveNames: true}}
	for i := range l.databases {
		name := fmt.Sprintf("tenant_%d", i)
		user := dialect.Account{Name: name}
		out.Databases = append(out.Databases, dialect.Database{Name: name, Owner: "postgres", Charset: "UTF8", Collation: "en_US.utf8"})
		out.Users = append(out.Users, dialect.User{Account: user, CanLogin: true})
		out.Grants = append(out.Grants,
			dialect.Grant{Public: true, Database: name, Privileges: dialect.MayConnect, Raw: []string{"CONNECT", "TEMPORARY"}},
			dialect.Grant{Grantee: user, Database: name, Privileges: dialect.MayConnect, Raw: []string{"CONNECT"}},
			dialect.Grant{Grantee: user, Privileges: dialect.MayRead, Raw: []string{"SELECT"}})
	}
	return out, nil
}

func (*large) Schemas(context.Context, string) (dialect.SchemaRoster, error) {
	return dialect.SchemaRoster{}, nil
}

func (*large) Close() error { return nil }

type noSecrets struct{}

func (noSecrets) Resolve(context.Context, secret.Stored, string) (secret.Redacted, error) {
	return secret.Redacted{}, nil
}

// BenchmarkSync syncs a server of 2,000 databases, 2,000 users and 6,000 grants:
// the first time, when all is written, and again, when nothing is different.
func BenchmarkSync(b *testing.B) {
	stores := map[string]string{"sqlite": "sqlite:" + filepath.Join(b.TempDir(), "control.db")}
	for _, s := range enginetest.Postgres(b) {
		stores[s.Name] = enginetest.FreshDatabase(b, s)
	}
	for name, url := range stores {
		store, err := app.OpenStore(b.Context(), url, sqlstore.Config{Now: time.Now})
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, store.Close()) })
		syncer := inventory.Syncer{
			Store: store, Secrets: noSecrets{}, Engines: map[dialect.Engine]dialect.Discoverer{dialect.Postgres: &large{databases: 2000}},
		}
		made := 0
		register := func() string {
			made++
			id := fmt.Sprintf("s%d", made)
			_, err := store.CreateServer(b.Context(), control.NewServer{ID: id, Address: secret.New("postgres://db.example.com")})
			require.NoError(b, err)
			return id
		}
		b.Run(name+"/first", func(b *testing.B) {
			for b.Loop() {
				_, result, err := syncer.Sync(b.Context(), inventory.Request{Server: register()}, nil)
				require.NoError(b, err)
				require.Equal(b, 10_000, result.Changes)
			}
		})
		b.Run(name+"/again", func(b *testing.B) {
			for b.Loop() {
				look, _, err := syncer.Sync(b.Context(), inventory.Request{Server: "s1"}, nil)
				require.NoError(b, err)
				require.True(b, look.Quiet())
			}
		})
	}
}
