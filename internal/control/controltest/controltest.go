// Package controltest is the law of control stores: one suite, run over every
// engine that keeps one. It is for tests only and never in the binary.
package controltest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// Harness gives the suite stores of one engine.
type Harness struct {
	// Fresh makes an empty place for a store and returns its URL.
	Fresh func(t testing.TB) string
	// Open opens the store at a URL; wrap, when not nil, goes around the driver.
	Open func(ctx context.Context, url string, cfg sqlstore.Config, wrap func(driver.Connector) driver.Connector) (*sqlstore.Store, error)
	// Raw opens the store's database beside the store.
	Raw func(t testing.TB, url string) *sql.DB
}

// Run runs the whole suite.
func Run(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, h Harness)
	}{
		{"Tenants", tenants},
		{"TenantsRefused", tenantsRefused},
		{"TenantNames", tenantNames},
		{"TenantUpdates", tenantUpdates},
		{"TenantLists", tenantLists},
		{"TenantFleet", tenantFleet},
		{"PagesUnderInserts", pagesUnderInserts},
		{"TwoWriters", twoWriters},
		{"Servers", servers},
		{"Sync", syncs},
		{"SyncsDoNotInterleave", syncsDoNotInterleave},
		{"TenantFates", fates},
		{"LongSyncs", longSyncs},
		{"ForgottenTenant", forgotten},
		{"Onboardings", onboardings},
		{"OnboardingsAndSyncs", onboardingsAndSyncs},
		{"Claims", claims},
		{"ClaimsRace", claimsRace},
		{"Executions", executions},
		{"Audit", audit},
		{"AuditRefused", auditRefused},
		{"AuditRace", auditRace},
		{"AuditTampered", auditTampered},
		{"Tokens", tokens},
		{"Leases", leases},
		{"Secrets", secrets},
		{"Rewrap", rewrap},
		{"Contexts", contexts},
		{"Observed", observed},
		{"Faults", faults},
		{"OpenedTogether", openedTogether},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, h)
		})
	}
}

// Clock is a clock that tests move.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock begins at a fixed time.
func NewClock() *Clock { return &Clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

// Now returns the time, which moves by a millisecond each time it is asked.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(time.Millisecond)
	return c.at
}

// Move moves it.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// place is one store's place, with what opens it.
type place struct {
	h     Harness
	url   string
	clock *Clock
	keys  *secret.Keyring
}

func newPlace(t *testing.T, h Harness) *place {
	t.Helper()
	return &place{h: h, url: h.Fresh(t), clock: NewClock(), keys: newKeys(t)}
}

func newKeys(t testing.TB, keys ...secret.Redacted) *secret.Keyring {
	t.Helper()
	if len(keys) == 0 {
		keys = []secret.Redacted{secret.NewKey()}
	}
	text := ""
	for _, k := range keys {
		text += k.Reveal() + "\n"
	}
	ring, err := secret.ParseKeyring(secret.New(text))
	require.NoError(t, err)
	return ring
}

// open opens the store; each time it is another replica of it.
func (p *place) open(t *testing.T) *sqlstore.Store {
	t.Helper()
	s, err := p.h.Open(t.Context(), p.url, p.config(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func (p *place) config() sqlstore.Config { return sqlstore.Config{Now: p.clock.Now, Keys: p.keys} }

func openNew(t *testing.T, h Harness) *sqlstore.Store {
	t.Helper()
	return newPlace(t, h).open(t)
}

// aTenant is a tenant with a database of its own.
func aTenant(id string) control.NewTenant {
	return control.NewTenant{
		ID: id, Labels: map[string]string{"env": "prod"},
		Target:  secret.New("postgres://app@db.example.com/" + id + "?schema=s"),
		Modules: []control.TenantModule{{Path: "example.com/crm", Query: "v1"}, {Path: "example.com/billing"}},
	}
}

func create(t *testing.T, s control.TenantStore, n control.NewTenant) *control.Tenant {
	t.Helper()
	got, err := s.CreateTenant(t.Context(), n)
	require.NoError(t, err)
	return got
}

// refused asserts kind and reason.
func refused(t *testing.T, err error, kind fault.Kind, reason string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, reason, fault.ReasonOf(err), "%v", err)
	require.Equal(t, kind.String(), fault.KindOf(err).String(), "%v", err)
}

// all walks through all pages of a list and returns the ids.
func all(t *testing.T, s control.TenantStore, f control.TenantFilter, size int) []string {
	t.Helper()
	var ids []string
	for token := ""; ; {
		page, next, err := s.ListTenants(t.Context(), f, control.Page{Size: size, Token: token})
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), size)
		for _, x := range page {
			ids = append(ids, x.ID)
		}
		if next == "" {
			return ids
		}
		require.Len(t, page, size, "only the last page is not full")
		token = next
	}
}

func sorted(ids []string) []string {
	out := slices.Clone(ids)
	slices.Sort(out)
	return out
}

// together runs f n times at once and returns the errors.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-begin
			errs[i] = f(i)
		}()
	}
	close(begin)
	wg.Wait()
	return errs
}

func numbered(prefix string, i int) string { return fmt.Sprintf("%s-%04d", prefix, i) }
