package sqlite_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/controltest"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
)

const fleet = 100_000

// BenchmarkTenants lists a fleet of 100,000 tenants, a page of 100 at a time. A
// page must take less than 50 ms.
func BenchmarkTenants(b *testing.B) {
	url := enginetest.SQLite(b)
	s, err := open(b.Context(), url, sqlstore.Config{Now: controltest.NewClock().Now}, nil)
	require.NoError(b, err)
	defer func() { _ = s.Close() }()
	fill(b, enginetest.Connect(b, url))

	label := func(kv ...string) control.TenantFilter {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return control.TenantFilter{Labels: m}
	}
	for _, c := range []struct {
		name  string
		f     control.TenantFilter
		pages int // to walk through before the measured one
	}{
		{"first", control.TenantFilter{}, 0},
		{"deep", control.TenantFilter{}, 500},
		{"label=all", label("env", "prod"), 0},
		{"label=all,deep", label("env", "prod"), 500},
		{"label=tenth", label("team", "t3"), 50},
		{"label=one", label("customer", "c77777"), 0},
		{"labels=3", label("env", "prod", "team", "t3", "ring", "r13"), 0},
		{"labels=disjoint", label("team", "t3", "ring", "r4"), 0}, // 10,000 and 5,000 tenants, and none has both
		{"halves=disjoint", label("half", "h0", "other", "o1"), 0},
		{"engine,module,status,label", control.TenantFilter{
			Engine: dialect.Postgres, Module: "example.com/crm", Version: "v1.3.0", Status: control.TenantActive, Labels: map[string]string{"team": "t3"},
		}, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			page := control.Page{Size: 100}
			for range c.pages {
				_, next, err := s.ListTenants(b.Context(), c.f, page)
				require.NoError(b, err)
				if next == "" {
					break
				}
				page.Token = next
			}
			for b.Loop() {
				list, _, err := s.ListTenants(b.Context(), c.f, page)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(list)), "rows")
			}
		})
	}
}

// fill writes the fleet behind the store's back: in one transaction.
func fill(b *testing.B, db *sql.DB) {
	b.Helper()
	ctx := context.Background()
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(b, err)
	tenant, err := tx.PrepareContext(ctx, `INSERT INTO tenants (id, display_name, labels, engine, server_id, db_name, db_schema, target, target_key,
		secret, secret_key, modules, strategy, status, status_before, status_note, revision, created_at, updated_at, archived_at)
		VALUES (?1, ?1, ?2, 'postgres', ?3, ?1, '', 'postgres://app@db/' || ?1, ?1, '', '', ?4, 'safe', 'active', '', '', 1, 1, 1, 0)`)
	require.NoError(b, err)
	defer func() { _ = tenant.Close() }()
	facet, err := tx.PrepareContext(ctx, `INSERT INTO tenant_facets (facet, tenant_id) VALUES (?1, ?2)`)
	require.NoError(b, err)
	defer func() { _ = facet.Close() }()
	for i := range fleet {
		id := fmt.Sprintf("tenant-%06d", i)
		labels := map[string]string{
			"env": "prod", "team": fmt.Sprintf("t%d", i%10), "ring": fmt.Sprintf("r%d", i%20), "customer": fmt.Sprintf("c%d", i),
			"half": fmt.Sprintf("h%d", i%2), "other": fmt.Sprintf("o%d", i%2),
		}
		text, err := json.Marshal(labels)
		require.NoError(b, err)
		version := fmt.Sprintf("v1.%d.0", i%5)
		_, err = tenant.ExecContext(ctx, id, string(text), fmt.Sprintf("s%d", i%50),
			`[{"path":"example.com/billing","version":"v1.0.0"},{"path":"example.com/crm","query":"v1","version":"`+version+`"}]`)
		require.NoError(b, err)
		facets := []string{
			"engine:postgres", "status:active", fmt.Sprintf("server:s%d", i%50), "module:example.com/crm", "version:example.com/crm@" + version,
			"module:example.com/billing", "version:example.com/billing@v1.0.0",
		}
		for k, v := range labels {
			facets = append(facets, "label:"+k+"="+v)
		}
		for _, f := range facets {
			_, err = facet.ExecContext(ctx, f, id)
			require.NoError(b, err)
		}
	}
	require.NoError(b, tx.Commit())
}
