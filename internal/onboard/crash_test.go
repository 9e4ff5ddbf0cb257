package onboard_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/onboard"
)

// TestAnotherCallUndoesWhatACrashLeft lets the process die at each call of the
// store, before or after it was written: whoever onboards the tenant next undoes
// what the record says, or names what nobody can tell.
func TestAnotherCallUndoesWhatACrashLeft(t *testing.T) {
	onEach(t, func(t *testing.T, server enginetest.Server) {
		y := newYard(t, server)
		resumed, named := 0, 0
		for _, after := range []bool{false, true} {
			for at := 0; ; at++ {
				id := fmt.Sprintf("%s-%v-%d", y.name, after, at)
				require.Less(t, at, most)
				dead := &flaky{Store: y.store, failAt: at, forever: true, after: after}
				_, err := y.service(t, dead, unreachableWhen(dead)).Onboard(t.Context(), y.request(id), quiet, accept)
				if err == nil {
					y.drop2(t, id)
					break
				}
				s := y.service(t, nil)
				if at%2 == 0 {
					y.resume(t, s, id, &resumed, &named)
					continue
				}
				y.undo(t, s, id, &resumed, &named)
			}
		}
		require.Positive(t, resumed)
		require.Positive(t, named, "what died between making and recording is named")
	})
}

// unreachableWhen lets the server, too, be out of reach for who is dead.
func unreachableWhen(dead *flaky) func(*onboard.Config) {
	return func(c *onboard.Config) {
		c.Lease = shortLease
		c.Dialects = maps.Clone(c.Dialects) // the migrator has them, too
		for engine, d := range c.Dialects {
			c.Dialects[engine] = deadDialect{d, dead}
		}
	}
}

type deadDialect struct {
	dialect.Dialect
	dead *flaky
}

func (d deadDialect) OpenProvision(ctx context.Context, t dialect.Target) (dialect.ProvisionSession, error) {
	if d.dead.calls > d.dead.failAt {
		return nil, fault.New(fault.Unavailable, "DATABASE_UNREACHABLE", "the server is away")
	}
	p, ok := d.Dialect.(dialect.Provisioner)
	if !ok {
		return nil, fault.New(fault.Bug, "NO_PROVISIONER", "it makes nothing")
	}
	return p.OpenProvision(ctx, t)
}

// patiently waits for the right of who died to end.
func patiently(do func() error) error {
	for {
		if err := do(); fault.ReasonOf(err) != onboard.ReasonRunning {
			return err
		}
		time.Sleep(shortPause)
	}
}

// resume onboards the tenant again: all that was left of it is gone, or it is told
// what may be somebody else's.
func (y *yard) resume(t *testing.T, s *onboard.Service, id string, resumed, named *int) {
	t.Helper()
	var out *onboard.Result
	err := patiently(func() (err error) { out, err = s.Onboard(t.Context(), y.request(id), quiet, accept); return err })
	if fault.ReasonOf(err) == onboard.ReasonLeft {
		*named++
		y.saysWhatIsLeft(t, s, id, err, faultdb.Never())
		return
	}
	if fault.ReasonOf(err) == control.ReasonTenantExists { // it had been completed, and its process died afterwards
		y.drop2(t, id)
		return
	}
	require.NoError(t, err)
	*resumed++
	require.Equal(t, control.TenantActive, out.Tenant.Status)
	y.drop2(t, id)
}

func (y *yard) undo(t *testing.T, s *onboard.Service, id string, resumed, named *int) {
	t.Helper()
	err := patiently(func() error { _, err := s.Undo(t.Context(), id, nil, quiet); return err })
	switch fault.ReasonOf(err) {
	case onboard.ReasonLeft:
		*named++
		y.saysWhatIsLeft(t, s, id, err, faultdb.Never())
		return
	case onboard.ReasonFinished:
		y.drop2(t, id)
		return
	case control.ReasonTenantNotFound: // it died before it was registered
	default:
		require.NoError(t, err)
		*resumed++
	}
	y.gone(t, id)
}
