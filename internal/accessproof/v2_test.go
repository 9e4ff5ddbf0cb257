package accessproof

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	old "github.com/lockstepdb/lockstep/entities/network"
	"github.com/lockstepdb/lockstep/entities/network/v2"
	"github.com/lockstepdb/lockstep/entities/network/v2/access"
)

// requireCarriedOver reads with v2 what v1 wrote.
func requireCarriedOver(t *testing.T, s *access.Store, was *old.LoadBalancer) {
	t.Helper()
	got, err := s.LoadBalancers().Get(t.Context(), was.ID)
	require.NoError(t, err)
	require.Equal(t, was.Name, got.Name)
	require.Equal(t, was.Description, got.Description)
	require.True(t, got.Enabled, "the default of the new column")
	require.Equal(t, network.Config{Algorithm: was.Config.Algorithm, IdleTimeoutSeconds: was.Config.IdleTimeoutSeconds}, got.Config)
	require.True(t, was.CreatedAt.Equal(got.CreatedAt))
	require.Len(t, got.Ports, len(was.Ports))
	for i, p := range was.Ports {
		require.Equal(t, network.LoadBalancerPort{LoadBalancerID: was.ID, Port: p.Port, Transport: p.Protocol}, got.Ports[i], "the renamed column keeps its values")
	}
	require.Len(t, got.Backends, len(was.Backends))
	for i, b := range was.Backends {
		require.Equal(t, network.LoadBalancerBackend(b), got.Backends[i])
	}
}

// serveV2 is what a service of v2 does, in a network of its own. What v1's code
// does in the same way is tested there.
func serveV2(t *testing.T, s *access.Store, net string) {
	t.Helper()
	ctx, lbs := t.Context(), s.LoadBalancers()
	version := int16(2)
	lb, err := lbs.Create(ctx, access.LoadBalancerCreate{
		Name: "web", Network: net, ListenAddress: "10.0.0.1", Enabled: access.Some(false), ConfigProxyProtocolVersion: &version,
		Ports:    []access.LoadBalancerPortCreate{{Port: 443}, {Port: 53, Transport: access.Some("udp")}},
		Backends: []access.LoadBalancerBackendCreate{{Address: "10.1.0.1", Port: 8080}},
	})
	require.NoError(t, err)
	require.False(t, lb.Enabled, "false was said, and the default is true")
	require.Equal(t, int16(2), *lb.Config.ProxyProtocolVersion)
	require.Equal(t, []network.LoadBalancerPort{{LoadBalancerID: lb.ID, Port: 53, Transport: "udp"}, {LoadBalancerID: lb.ID, Port: 443, Transport: "tcp"}}, lb.Ports)

	got, err := lbs.Update(ctx, lb.ID, access.LoadBalancerUpdate{
		Enabled: access.Some(true), ConfigProxyProtocolVersion: access.Some[*int16](nil),
		Ports: access.Some([]access.LoadBalancerPortCreate{{Port: 443, Transport: access.Some("udp")}}),
	})
	require.NoError(t, err)
	require.True(t, got.Enabled)
	require.Nil(t, got.Config.ProxyProtocolVersion, "NULL was said")
	require.Equal(t, []network.LoadBalancerPort{{LoadBalancerID: lb.ID, Port: 443, Transport: "udp"}}, got.Ports)

	_, err = lbs.Create(ctx, access.LoadBalancerCreate{Name: "web", Network: net})
	require.ErrorIs(t, err, access.ErrConflict)
	_, err = lbs.Rename(ctx, lb.ID, "www")
	require.NoError(t, err)
	page, err := lbs.GetMany(ctx, access.LoadBalancerFilter{Network: access.Some(net), NamePrefix: access.Some("w"), PortsPort: access.Some[int32](443)})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	data, err := json.Marshal(access.LoadBalancerToAPI(page.Items[0]))
	require.NoError(t, err)
	require.Contains(t, string(data), `"ports":[{"port":443,"transport":"udp"}]`)

	require.NoError(t, s.Transaction(ctx, func(tx *access.Store) error { return tx.LoadBalancers().Delete(ctx, lb.ID) }))
	_, err = lbs.Get(ctx, lb.ID)
	require.ErrorIs(t, err, access.ErrNotFound)
	exists, err := lbs.Exists(ctx, lb.ID)
	require.NoError(t, err)
	require.False(t, exists)
}
