package accessproof

import (
	"testing"

	"github.com/stretchr/testify/require"

	v1 "github.com/lockstepdb/lockstep/entities/network/access"
	v2 "github.com/lockstepdb/lockstep/entities/network/v2/access"
)

// TestRelease is the life of a tenant: initialised at v1, upgraded to v2 so that
// v1 code goes on, then for good. Each version's code is used on each schema that
// it is made for, and says so of the others.
func TestRelease(t *testing.T) {
	l := newLockstep(t)
	eachEngine(t, func(t *testing.T, tn tenant) {
		old, next := v1.New(tn.db), v2.New(tn.db)
		ctx := t.Context()
		require.ErrorIs(t, old.Ready(ctx), v1.ErrSchema, "nothing is there")
		require.ErrorContains(t, old.Ready(ctx), "load_balancers, load_balancer_ports, load_balancer_backends missing")

		l.bring(t, tn, v1Module, "safe")
		require.NoError(t, old.Ready(ctx))
		requireMissing(t, next.Ready(ctx), "load_balancers.enabled, load_balancers.config_proxy_protocol_version, load_balancer_ports.transport missing")
		serveV1(t, old, "at v1")
		kept := createV1(t, old, "kept", "10.0.0.1")

		l.bring(t, tn, v2Module, "add-only")
		require.NoError(t, old.Ready(ctx), "add-only leaves v1 code what it needs")
		requireMissing(t, next.Ready(ctx), "load_balancer_ports.transport missing")
		got, err := old.LoadBalancers().Get(ctx, kept.ID)
		require.NoError(t, err)
		require.Equal(t, kept, got, "v1 code reads what it wrote")
		serveV1(t, old, "after add-only")

		l.bring(t, tn, v2Module, "full")
		require.NoError(t, next.Ready(ctx))
		err = old.Ready(ctx)
		require.ErrorIs(t, err, v1.ErrSchema)
		require.ErrorContains(t, err, "load_balancers.config_proxy_protocol, load_balancer_ports.protocol missing")
		requireCarriedOver(t, next, kept)
		serveV2(t, next, "at v2")
	})
}

func requireMissing(t *testing.T, err error, what string) {
	t.Helper()
	require.ErrorIs(t, err, v2.ErrSchema)
	require.ErrorContains(t, err, what)
}
