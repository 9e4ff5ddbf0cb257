package controltest

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
)

// fleetSize is large enough for a third of it not to be rare to the store.
const fleetSize = 7000

// member is a tenant of the fleet.
type member struct {
	id       string
	labels   map[string]string
	archived bool
}

func aFleet() []member {
	out := make([]member, fleetSize)
	for i := range out {
		out[i] = member{id: fmt.Sprintf("tenant-%05d", i), archived: i%7 == 3, labels: map[string]string{
			"env": "prod", "half": fmt.Sprint("h", i%2), "other": fmt.Sprint("o", i%2), "third": fmt.Sprint("t", i%3), "few": fmt.Sprint("f", i%500),
		}}
	}
	return out
}

// fill writes the fleet behind the store's back, because one by one it would take
// long.
func fill(t *testing.T, db *sql.DB, fleet []member) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	insert := func(into string, rows []string) {
		for len(rows) > 0 {
			n := min(len(rows), 500)
			_, err := tx.ExecContext(t.Context(), "INSERT INTO "+into+" VALUES "+strings.Join(rows[:n], ","))
			require.NoError(t, err)
			rows = rows[n:]
		}
	}
	var tenants, facets []string
	for i, m := range fleet {
		labels, err := json.Marshal(m.labels)
		require.NoError(t, err)
		archived := 0
		if m.archived {
			archived = 1
		}
		tenants = append(tenants, fmt.Sprintf("('%s', '%s', '%s', 'postgres', '', '%s', 's', 'postgres://app@db/%s?schema=s', 'key%d', '', '', '[]', 'safe', 'active', '', '', 1, 1, 1, %d)",
			m.id, m.id, labels, m.id, m.id, i, archived))
		facets = append(facets, fmt.Sprintf("('engine:postgres', '%s'), ('status:active', '%s')", m.id, m.id))
		for k, v := range m.labels {
			facets = append(facets, fmt.Sprintf("('label:%s=%s', '%s')", k, v, m.id))
		}
	}
	insert("tenants (id, display_name, labels, engine, server_id, db_name, db_schema, target, target_key, secret, secret_key, "+
		"modules, strategy, status, status_before, status_note, revision, created_at, updated_at, archived_at)", tenants)
	insert("tenant_facets (facet, tenant_id)", facets)
	require.NoError(t, tx.Commit())
}

// expected lists the ids that a filter wants.
func expected(fleet []member, f control.TenantFilter) []string {
	has := func(m member, labels map[string]string) bool {
		for k, v := range labels {
			if got, ok := m.labels[k]; !ok || got != v {
				return false
			}
		}
		return true
	}
	var out []string
	for _, m := range fleet {
		seen := f.Visible == nil
		for _, labels := range f.Visible {
			seen = seen || has(m, labels)
		}
		if seen && has(m, f.Labels) && (f.Archived || !m.archived) {
			out = append(out, m.id)
		}
	}
	return out
}

// tenantFleet lists a fleet by labels that few and many tenants have, limited to
// what somebody may see, and holds that every page but the last is full.
func tenantFleet(t *testing.T, h Harness) {
	p := newPlace(t, h)
	s, fleet := p.open(t), aFleet()
	fill(t, h.Raw(t, p.url), fleet)
	type set = map[string]string
	for name, f := range map[string]control.TenantFilter{
		"two halves that meet":       {Labels: set{"half": "h1", "other": "o1"}},
		"two halves that do not":     {Labels: set{"half": "h1", "other": "o0"}},
		"three":                      {Labels: set{"half": "h1", "other": "o1", "third": "t2"}},
		"four with the archived":     {Labels: set{"half": "h0", "other": "o0", "third": "t0", "env": "prod"}, Archived: true},
		"few of many":                {Labels: set{"half": "h1", "few": "f77", "env": "prod"}},
		"nobody":                     {Labels: set{"half": "h1", "few": "f78"}},
		"a viewer of one set":        {Visible: []map[string]string{{"third": "t1"}}},
		"of a crossing":              {Visible: []map[string]string{{"third": "t1", "half": "h0"}}},
		"of few":                     {Visible: []map[string]string{{"few": "f9"}}, Labels: set{"env": "prod"}},
		"of two sets that overlap":   {Visible: []map[string]string{{"third": "t1"}, {"half": "h0"}}},
		"of two, one of them few":    {Visible: []map[string]string{{"few": "f3"}, {"third": "t2", "half": "h1"}}, Archived: true},
		"who asks for less":          {Visible: []map[string]string{{"third": "t1"}, {"third": "t2"}}, Labels: set{"third": "t2", "half": "h1"}},
		"who asks for somebody else": {Visible: []map[string]string{{"third": "t1"}}, Labels: set{"third": "t2"}},
		"of everything":              {Visible: []map[string]string{{}}},
		"of nothing":                 {Visible: []map[string]string{}},
		"of more labels than a query looks at": {Visible: []map[string]string{{"third": "t1", "half": "h1", "env": "prod"}}, Labels: set{
			"env": "prod", "other": "o1", "third": "t1", "half": "h1",
		}, Engine: "postgres", Status: control.TenantActive},
	} {
		want := expected(fleet, f)
		for _, size := range []int{97, 1000} {
			var got []string
			for token, pages := "", 1; ; pages++ {
				page, next, err := s.ListTenants(t.Context(), f, control.Page{Size: size, Token: token})
				require.NoError(t, err, name)
				for _, m := range page {
					got = append(got, m.ID)
				}
				if token = next; token == "" {
					break
				}
				require.Len(t, page, size, "%s by %d: page %d is full", name, size, pages)
			}
			assert.Equal(t, want, got, "%s by %d", name, size)
		}
	}
	f := control.TenantFilter{Visible: []map[string]string{{"third": "t1"}}}
	_, next, err := s.ListTenants(t.Context(), f, control.Page{Size: 10})
	require.NoError(t, err)
	_, _, err = s.ListTenants(t.Context(), control.TenantFilter{}, control.Page{Size: 10, Token: next})
	require.Error(t, err, "a token is no way around what one may see")
}
