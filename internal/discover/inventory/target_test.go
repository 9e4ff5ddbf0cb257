package inventory

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
)

func TestTargetURL(t *testing.T) {
	for _, c := range []struct {
		address, database, schema, user, want string
	}{
		{"postgres://admin@h:5432", "acme", "", "", "postgres://admin@h:5432/acme"},
		{"postgres://admin@h/postgres?sslmode=require", "acme", "crm", "app", "postgres://app@h/acme?schema=crm&sslmode=require"},
		{"postgres://admin@h/", `a/b?c#d "ü" 100%`, "s&t", "o'b@x", ""},
		{"mysql://admin@h", "acme", "", "", "mysql://admin@h/acme"},
		{"mariadb://admin@h/x", " ", "", "", "mariadb://admin@h/%20"},
		{"sqlserver://sa@h?encrypt=disable", "acme", "crm", "", "sqlserver://sa@h?database=acme&encrypt=disable&schema=crm"},
		{"sqlite:///var/tenants", "deep/er/ü ?#%.db", "", "app", ""},
		{"sqlite:tenants", "a.db", "", "", "sqlite:tenants/a.db"},
	} {
		server, err := dialect.ParseServer(c.address)
		require.NoError(t, err)
		got, err := TargetURL(&control.Server{Engine: server.Engine, Address: c.address}, discover.Place{Database: c.database, Schema: c.schema}, c.user)
		require.NoError(t, err, c.database)
		if c.want != "" {
			require.Equal(t, c.want, got)
		}
		target, err := dialect.ParseTarget(got)
		require.NoError(t, err)
		require.Equal(t, server.On(c.database, c.schema).Database, target.Database)
		require.Equal(t, c.schema, target.Schema)
	}
	_, err := TargetURL(&control.Server{Engine: dialect.Postgres, Address: "postgres://h/"}, discover.Place{Database: "/lead"}, "")
	require.NoError(t, err)
	_, err = TargetURL(&control.Server{Engine: dialect.Postgres, Address: "postgres://%"}, discover.Place{Database: "x"}, "")
	require.Equal(t, fault.Corrupt, fault.KindOf(err))
}
