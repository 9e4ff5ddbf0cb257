package accessproof

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/lockstepdb/lockstep/entities/network"
	"github.com/lockstepdb/lockstep/entities/network/access"
	"github.com/lockstepdb/lockstep/entities/network/access/api"
)

// createV1 adds a load balancer that says everything.
func createV1(t *testing.T, s *access.Store, net, address string) *network.LoadBalancer {
	t.Helper()
	path := "/healthz"
	lb, err := s.LoadBalancers().Create(t.Context(), access.LoadBalancerCreate{
		Name: "web", Network: net, ListenAddress: address, Description: access.Some("the façade 🚪"),
		ConfigAlgorithm: access.Some("least_connections"), ConfigIdleTimeoutSeconds: access.Some[int32](0), ConfigProxyProtocol: access.Some(true),
		Ports: []access.LoadBalancerPortCreate{{Port: 443}, {Port: 53, Protocol: access.Some("udp")}},
		Backends: []access.LoadBalancerBackendCreate{
			{Address: "10.1.0.2", Port: 8080, Enabled: access.Some(false), Weight: access.Some[int16](0)},
			{Address: "10.1.0.1", Port: 8080, HealthPath: &path, Weight: access.Some[int16](7)},
		},
	})
	require.NoError(t, err)
	return lb
}

// serveV1 is what a service of v1 does, in a network of its own.
func serveV1(t *testing.T, s *access.Store, net string) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *access.Store, string){
		"create": createsV1, "update": updatesV1, "children": replacesV1, "errors": failsV1, "transaction": transactsV1,
		"filter": filtersV1, "pages": pagesV1, "api": convertsV1, "context": cancelsV1, "rush": rushesV1,
	} {
		t.Run(net+" "+name, func(t *testing.T) { test(t, s, net+" "+name) })
	}
}

func createsV1(t *testing.T, s *access.Store, net string) {
	lb := createV1(t, s, net, "10.0.0.1")
	require.NotZero(t, lb.ID)
	require.Equal(t, "the façade 🚪", lb.Description)
	require.Equal(t, network.Config{Algorithm: "least_connections", ProxyProtocol: true}, lb.Config, "a timeout of 0 was said, and is no default")
	require.WithinDuration(t, time.Now(), lb.CreatedAt, time.Minute)
	require.Equal(t, []network.LoadBalancerPort{{LoadBalancerID: lb.ID, Port: 53, Protocol: "udp"}, {LoadBalancerID: lb.ID, Port: 443, Protocol: "tcp"}}, lb.Ports)
	require.Len(t, lb.Backends, 2)
	require.Equal(t, "/healthz", *lb.Backends[0].HealthPath)
	require.Equal(t, int16(7), lb.Backends[0].Weight)
	require.True(t, lb.Backends[0].Enabled, "the default")
	require.False(t, lb.Backends[1].Enabled, "false was said, and the default is true")
	require.Zero(t, lb.Backends[1].Weight, "0 was said, and the default is 1")

	got, err := s.LoadBalancers().Get(t.Context(), lb.ID)
	require.NoError(t, err)
	require.Equal(t, lb, got)

	plain, err := s.LoadBalancers().Create(t.Context(), access.LoadBalancerCreate{Name: "plain", Network: net, ListenAddress: "::1"})
	require.NoError(t, err)
	require.Equal(t, network.Config{Algorithm: "round_robin", IdleTimeoutSeconds: 60}, plain.Config)
	require.Empty(t, plain.Description)
	require.Empty(t, plain.Ports)
}

func updatesV1(t *testing.T, s *access.Store, net string) {
	ctx, lbs := t.Context(), s.LoadBalancers()
	lb := createV1(t, s, net, "10.0.0.1")
	other, err := lbs.Create(ctx, access.LoadBalancerCreate{Name: "other", Network: net, ListenAddress: "10.0.0.2"})
	require.NoError(t, err)

	got, err := lbs.Update(ctx, lb.ID, access.LoadBalancerUpdate{Description: access.Some(""), ConfigProxyProtocol: access.Some(false)})
	require.NoError(t, err)
	require.Empty(t, got.Description)
	require.False(t, got.Config.ProxyProtocol)
	require.Equal(t, lb.ListenAddress, got.ListenAddress, "what was not said stays")
	require.Equal(t, lb.Backends, got.Backends)
	require.False(t, got.UpdatedAt.Before(lb.UpdatedAt))
	require.True(t, got.CreatedAt.Equal(lb.CreatedAt))

	for range 3 { // on MySQL a row that has the values already is not counted
		got, err = lbs.Rename(ctx, lb.ID, "renamed")
		require.NoError(t, err)
		require.Equal(t, "renamed", got.Name)
	}
	_, err = lbs.Update(ctx, lb.ID, access.LoadBalancerUpdate{})
	require.NoError(t, err)

	require.NoError(t, lbs.Delete(ctx, lb.ID))
	exists, err := lbs.Exists(ctx, lb.ID)
	require.NoError(t, err)
	require.False(t, exists)
	exists, err = lbs.Exists(ctx, other.ID)
	require.NoError(t, err)
	require.True(t, exists)
	page, err := lbs.GetMany(ctx, access.LoadBalancerFilter{Network: access.Some(net), BackendsAddress: access.Some("10.1.0.1")})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

func replacesV1(t *testing.T, s *access.Store, net string) {
	ctx, lbs := t.Context(), s.LoadBalancers()
	lb := createV1(t, s, net, "10.0.0.1")
	got, err := lbs.Update(ctx, lb.ID, access.LoadBalancerUpdate{
		Ports: access.Some([]access.LoadBalancerPortCreate{{Port: 80}, {Port: 53}}),
		Backends: access.Some([]access.LoadBalancerBackendCreate{
			{Address: "10.1.0.3", Port: 1, Enabled: access.Some(false)},
			{Address: "10.1.0.1", Port: 8080, Enabled: access.Some(false)},
		}),
	})
	require.NoError(t, err)
	require.Equal(t, []network.LoadBalancerPort{{LoadBalancerID: lb.ID, Port: 53, Protocol: "udp"}, {LoadBalancerID: lb.ID, Port: 80, Protocol: "tcp"}}, got.Ports)
	require.Len(t, got.Backends, 2)
	require.Equal(t, lb.Backends[0].ID, got.Backends[0].ID, "the same row, not another one")
	require.Equal(t, int16(7), got.Backends[0].Weight, "what was not said stays")
	require.Nil(t, got.Backends[0].HealthPath, "a column without a default is always said")
	require.False(t, got.Backends[0].Enabled)
	require.False(t, got.Backends[1].Enabled)

	_, err = lbs.Update(ctx, lb.ID, access.LoadBalancerUpdate{
		Name: access.Some("half"), Ports: access.Some([]access.LoadBalancerPortCreate{{Port: 1}, {Port: 1}}),
	})
	require.ErrorIs(t, err, access.ErrConflict)
	again, err := lbs.Get(ctx, lb.ID)
	require.NoError(t, err)
	require.Equal(t, got, again, "an update is done whole or not at all")

	got, err = lbs.Update(ctx, lb.ID, access.LoadBalancerUpdate{Ports: access.Some[[]access.LoadBalancerPortCreate](nil)})
	require.NoError(t, err)
	require.Empty(t, got.Ports)
	require.Len(t, got.Backends, 2)
}

func failsV1(t *testing.T, s *access.Store, net string) {
	ctx, lbs := t.Context(), s.LoadBalancers()
	lb := createV1(t, s, net, "10.0.0.1")
	other, err := lbs.Create(ctx, access.LoadBalancerCreate{Name: "other", Network: net, ListenAddress: "10.0.0.2"})
	require.NoError(t, err)
	const nobody = 1 << 40

	_, err = lbs.Get(ctx, nobody)
	require.ErrorIs(t, err, access.ErrNotFound)
	require.ErrorIs(t, err, gorm.ErrRecordNotFound, "the cause is kept")
	require.EqualError(t, err, "get load balancer: not found")
	_, err = lbs.Rename(ctx, nobody, "x")
	require.ErrorIs(t, err, access.ErrNotFound)
	require.EqualError(t, err, "rename load balancer: not found")
	_, err = lbs.Update(ctx, nobody, access.LoadBalancerUpdate{Ports: access.Some([]access.LoadBalancerPortCreate{{Port: 1}})})
	require.ErrorIs(t, err, access.ErrNotFound)
	require.ErrorIs(t, lbs.Delete(ctx, nobody), access.ErrNotFound)

	_, err = lbs.Create(ctx, access.LoadBalancerCreate{Name: lb.Name, Network: net, ListenAddress: "::1"})
	require.ErrorIs(t, err, access.ErrConflict)
	require.EqualError(t, err, "create load balancer: conflict", "no row's data in the text")
	_, err = lbs.Rename(ctx, other.ID, lb.Name)
	require.ErrorIs(t, err, access.ErrConflict)
	_, err = lbs.Create(ctx, access.LoadBalancerCreate{Name: "twins", Network: net, Ports: []access.LoadBalancerPortCreate{{Port: 5}, {Port: 5}}})
	require.ErrorIs(t, err, access.ErrConflict)
	_, err = lbs.Create(ctx, access.LoadBalancerCreate{Name: "bad port", Network: net, Ports: []access.LoadBalancerPortCreate{{Port: 70000}}})
	require.ErrorIs(t, err, access.ErrInvalid, "the check constraint")
	_, err = lbs.Rename(ctx, lb.ID, strings.Repeat("é", 64))
	require.ErrorIs(t, err, access.ErrInvalid)
	require.EqualError(t, err, "rename load balancer: invalid: name has 64 characters, and may have 63")
	_, err = lbs.Rename(ctx, lb.ID, strings.Repeat("é", 63))
	require.NoError(t, err)

	page, err := lbs.GetMany(ctx, access.LoadBalancerFilter{Network: access.Some(net)})
	require.NoError(t, err)
	require.Len(t, page.Items, 2, "what failed left nothing")
	for _, f := range []access.LoadBalancerFilter{{Limit: -1}, {Limit: 1001}, {After: "x"}, {OrderBy: 99}, {IDIn: make([]uint64, 1001)}} {
		_, err = lbs.GetMany(ctx, f)
		require.ErrorIs(t, err, access.ErrInvalid)
	}
}

func transactsV1(t *testing.T, s *access.Store, net string) {
	ctx := t.Context()
	var kept uint64
	require.NoError(t, s.Transaction(ctx, func(tx *access.Store) error {
		lb := createV1(t, tx, net, "10.0.0.1")
		kept = lb.ID
		_, err := tx.LoadBalancers().Create(ctx, access.LoadBalancerCreate{Name: lb.Name, Network: net})
		require.ErrorIs(t, err, access.ErrConflict)
		_, err = tx.LoadBalancers().Rename(ctx, kept, "after the conflict")
		require.NoError(t, err, "a failed operation does not spoil the transaction")
		return nil
	}))
	got, err := s.LoadBalancers().Get(ctx, kept)
	require.NoError(t, err)
	require.Equal(t, "after the conflict", got.Name)

	stop := errors.New("stop")
	require.ErrorIs(t, s.Transaction(ctx, func(tx *access.Store) error {
		require.NoError(t, tx.LoadBalancers().Delete(ctx, kept))
		return stop
	}), stop)
	exists, err := s.LoadBalancers().Exists(ctx, kept)
	require.NoError(t, err)
	require.True(t, exists, "rolled back")
}

func filtersV1(t *testing.T, s *access.Store, net string) {
	ctx, lbs := t.Context(), s.LoadBalancers()
	ids := map[string]uint64{}
	for i, name := range []string{"a%b", "a_b", "axb", `a\b`, "a!b", "a[b]", "'; DROP TABLE load_balancers; --", "plain"} {
		lb, err := lbs.Create(ctx, access.LoadBalancerCreate{
			Name: name, Network: net, ListenAddress: "10.0.0.1", Description: access.Some("about " + name),
			Ports: []access.LoadBalancerPortCreate{{Port: int32(i%2 + 1)}},
		})
		require.NoError(t, err)
		ids[name] = lb.ID
	}
	for _, c := range []struct {
		filter access.LoadBalancerFilter
		names  []string
	}{
		{access.LoadBalancerFilter{Name: access.Some("axb")}, []string{"axb"}},
		{access.LoadBalancerFilter{ID: access.Some(ids["a_b"])}, []string{"a_b"}},
		{access.LoadBalancerFilter{IDIn: []uint64{ids["plain"], ids["axb"]}}, []string{"axb", "plain"}},
		{access.LoadBalancerFilter{NameIn: []string{"plain", "nobody"}}, []string{"plain"}},
		{access.LoadBalancerFilter{NameIn: []string{}}, nil},
		{access.LoadBalancerFilter{NamePrefix: access.Some("a%")}, []string{"a%b"}},
		{access.LoadBalancerFilter{NamePrefix: access.Some("a_")}, []string{"a_b"}},
		{access.LoadBalancerFilter{NamePrefix: access.Some(`a\`)}, []string{`a\b`}},
		{access.LoadBalancerFilter{NamePrefix: access.Some("a!")}, []string{"a!b"}},
		{access.LoadBalancerFilter{NameContains: access.Some("[b]")}, []string{"a[b]"}},
		{access.LoadBalancerFilter{NameContains: access.Some("'")}, []string{"'; DROP TABLE load_balancers; --"}},
		{access.LoadBalancerFilter{Name: access.Some("' OR 1 = 1 --")}, nil},
		{access.LoadBalancerFilter{DescriptionContains: access.Some("t pl")}, []string{"plain"}},
		{access.LoadBalancerFilter{NamePrefix: access.Some("a"), NameContains: access.Some("x")}, []string{"axb"}},
		{access.LoadBalancerFilter{PortsPort: access.Some[int32](2), NamePrefix: access.Some("p")}, []string{"plain"}},
		{access.LoadBalancerFilter{PortsPort: access.Some[int32](3)}, nil},
		{access.LoadBalancerFilter{Name: access.Some("plain"), CreatedAtFrom: access.Some(time.Now().Add(-time.Hour)), CreatedAtBefore: access.Some(time.Now().Add(time.Hour))}, []string{"plain"}},
		{access.LoadBalancerFilter{CreatedAtFrom: access.Some(time.Now().Add(time.Hour))}, nil},
	} {
		c.filter.Network = access.Some(net)
		page, err := lbs.GetMany(ctx, c.filter)
		require.NoError(t, err)
		require.Equal(t, c.names, namesV1(page.Items), "%+v", c.filter)
	}
}

func namesV1(items []*network.LoadBalancer) (out []string) {
	for _, lb := range items {
		out = append(out, lb.Name)
	}
	return out
}

// pagesV1: whatever the order and its direction, pages hold each row once, and in
// the order that one page would have.
func pagesV1(t *testing.T, s *access.Store, net string) {
	ctx, lbs := t.Context(), s.LoadBalancers()
	for _, name := range []string{"e", "b", "d", "a", "c"} {
		_, err := lbs.Create(ctx, access.LoadBalancerCreate{Name: name, Network: net, ListenAddress: "10.0.0.1"})
		require.NoError(t, err)
	}
	for order := access.LoadBalancersByID; order <= access.LoadBalancersByUpdatedAt; order++ {
		for _, down := range []bool{false, true} {
			f := access.LoadBalancerFilter{Network: access.Some(net), OrderBy: order, Descending: down}
			whole, err := lbs.GetMany(ctx, f)
			require.NoError(t, err)
			require.Len(t, whole.Items, 5)
			require.Empty(t, whole.Next)
			if order == access.LoadBalancersByName {
				require.Equal(t, map[bool][]string{false: {"a", "b", "c", "d", "e"}, true: {"e", "d", "c", "b", "a"}}[down], namesV1(whole.Items))
			}
			var parts []string
			f.Limit = 2
			for {
				page, err := lbs.GetMany(ctx, f)
				require.NoError(t, err)
				parts = append(parts, namesV1(page.Items)...)
				if f.After = page.Next; f.After == "" {
					break
				}
			}
			require.Equal(t, namesV1(whole.Items), parts, "order %d, descending %v", order, down)
		}
	}
	page, err := lbs.GetMany(ctx, access.LoadBalancerFilter{Network: access.Some(net), Limit: 2})
	require.NoError(t, err)
	_, err = lbs.GetMany(ctx, access.LoadBalancerFilter{OrderBy: access.LoadBalancersByName, After: page.Next})
	require.ErrorIs(t, err, access.ErrInvalid, "a page of another order")
}

func convertsV1(t *testing.T, s *access.Store, net string) {
	ctx, lbs := t.Context(), s.LoadBalancers()
	lb := createV1(t, s, net, "10.0.0.1")
	data, err := json.Marshal(access.LoadBalancerToAPI(lb))
	require.NoError(t, err)
	var shown api.LoadBalancer
	require.NoError(t, json.Unmarshal(data, &shown))
	require.Equal(t, lb.ID, shown.ID)
	require.Equal(t, int32(0), *shown.Config.IdleTimeoutSeconds)

	shown.Name = "copy"
	copied, err := lbs.Create(ctx, access.LoadBalancerFromAPI(&shown))
	require.NoError(t, err)
	back := access.LoadBalancerToAPI(copied)
	back.ID, back.CreatedAt, back.UpdatedAt = shown.ID, shown.CreatedAt, shown.UpdatedAt
	require.Equal(t, &shown, back, "nothing is lost on the way")

	var sparse api.LoadBalancer
	require.NoError(t, json.Unmarshal([]byte(`{"name":"copy","network":"`+net+`","listen_address":"::2","config":{"proxy_protocol":false},"ports":[{"port":9}]}`), &sparse))
	updated, err := lbs.Update(ctx, copied.ID, access.LoadBalancerUpdateFromAPI(&sparse))
	require.NoError(t, err)
	require.Equal(t, "::2", updated.ListenAddress)
	require.Equal(t, network.Config{Algorithm: "least_connections"}, updated.Config, "what is left out stays")
	require.Len(t, updated.Ports, 1)
	require.Len(t, updated.Backends, 2)
}

func cancelsV1(t *testing.T, s *access.Store, net string) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.LoadBalancers().Get(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.LoadBalancers().Create(ctx, access.LoadBalancerCreate{Name: "never", Network: net})
	require.ErrorIs(t, err, context.Canceled)
	page, err := s.LoadBalancers().GetMany(t.Context(), access.LoadBalancerFilter{Network: access.Some(net)})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

// rushesV1: those who replace the same children at once wait for each other.
func rushesV1(t *testing.T, s *access.Store, net string) {
	ctx, lbs := t.Context(), s.LoadBalancers()
	lb := createV1(t, s, net, "10.0.0.1")
	var group sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		group.Go(func() {
			var list []access.LoadBalancerBackendCreate
			for port := range int32(5) {
				list = append(list, access.LoadBalancerBackendCreate{Address: "10.9.0." + strconv.Itoa(i), Port: port}, access.LoadBalancerBackendCreate{Address: "10.8.0.1", Port: port})
			}
			_, errs[i] = lbs.Update(ctx, lb.ID, access.LoadBalancerUpdate{Backends: access.Some(list)})
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	got, err := lbs.Get(ctx, lb.ID)
	require.NoError(t, err)
	require.Len(t, got.Backends, 10, "all of one of them, and nothing of the others")
	for _, b := range got.Backends[5:] {
		require.Equal(t, got.Backends[5].Address, b.Address)
	}
}
