package controltest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/fault"
)

func request(id, owner string) control.ClaimRequest {
	return control.ClaimRequest{
		RequestID: id, Fingerprint: "sha256:1", TenantID: "acme", Action: "execute", Actor: "alice", Owner: owner, Lease: time.Minute,
	}
}

func claim(t *testing.T, s control.ExecutionStore, r control.ClaimRequest, want control.ClaimState) *control.Claim {
	t.Helper()
	c, err := s.Claim(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, want, c.State)
	return c
}

func claims(t *testing.T, h Harness) {
	p := newPlace(t, h)
	s := p.open(t)
	mine := claim(t, s, request("r1", "replica1"), control.ClaimFresh)
	assert.False(t, mine.TakenOver)
	other := claim(t, s, request("r1", "replica2"), control.ClaimRunning)
	assert.Equal(t, "replica1", other.Owner)
	stranger := *mine
	stranger.Owner = "replica2"
	refused(t, s.Finish(t.Context(), &stranger, control.Finished{}), fault.Conflict, control.ReasonClaimLost)

	reused := request("r1", "replica2")
	reused.Fingerprint = "sha256:2"
	_, err := s.Claim(t.Context(), reused)
	refused(t, err, fault.Invalid, control.ReasonRequestReused)

	p.clock.Move(50 * time.Second)
	require.NoError(t, s.Heartbeat(t.Context(), mine, time.Minute))
	p.clock.Move(50 * time.Second)
	claim(t, s, request("r1", "replica2"), control.ClaimRunning)
	p.clock.Move(50 * time.Second)
	taken := claim(t, s, request("r1", "replica2"), control.ClaimFresh)
	assert.True(t, taken.TakenOver)
	assert.Greater(t, taken.Fence, mine.Fence)
	refused(t, s.Heartbeat(t.Context(), mine, time.Minute), fault.Conflict, control.ReasonClaimLost)
	refused(t, s.Abandon(t.Context(), mine), fault.Conflict, control.ReasonClaimLost)

	require.NoError(t, s.Finish(t.Context(), taken, control.Finished{Outcome: "applied", Digest: "abc", Result: []byte("answer")}))
	refused(t, s.Finish(t.Context(), taken, control.Finished{Outcome: "applied"}), fault.Conflict, control.ReasonClaimLost)
	done := claim(t, s, request("r1", "replica3"), control.ClaimFinished)
	assert.Equal(t, []byte("answer"), done.Finished.Result)
	assert.Equal(t, "applied", done.Finished.Outcome)
	_, err = s.Claim(t.Context(), reused)
	refused(t, err, fault.Invalid, control.ReasonRequestReused)

	given := claim(t, s, request("r2", "replica1"), control.ClaimFresh)
	require.NoError(t, s.Abandon(t.Context(), given))
	claim(t, s, request("r2", "replica1"), control.ClaimFresh)
	claim(t, s, request("R2", "replica1"), control.ClaimFresh)
	for _, bad := range []string{"a\x00b", "a\xff"} {
		_, err = s.Claim(t.Context(), request(bad, "replica1"))
		refused(t, err, fault.Invalid, "REQUEST_ID_INVALID")
	}
}

func claimsRace(t *testing.T, h Harness) {
	p := newPlace(t, h)
	replicas := []control.Store{p.open(t), p.open(t)}
	race := func() (fresh []*control.Claim) {
		got := make([]*control.Claim, 8)
		for _, err := range together(8, func(i int) (err error) {
			got[i], err = replicas[i%2].Claim(t.Context(), request("r1", numbered("replica", i)))
			return err
		}) {
			require.NoError(t, err)
		}
		for _, c := range got {
			if c.State == control.ClaimFresh {
				fresh = append(fresh, c)
			}
		}
		return fresh
	}
	first := race()
	require.Len(t, first, 1, "a request runs once")
	p.clock.Move(time.Hour)
	second := race()
	require.Len(t, second, 1, "one replica takes over from a dead one")
	assert.True(t, second[0].TakenOver)
	refused(t, replicas[0].Finish(t.Context(), first[0], control.Finished{Outcome: "applied"}), fault.Conflict, control.ReasonClaimLost)
	require.NoError(t, replicas[0].Finish(t.Context(), second[0], control.Finished{Outcome: "applied"}))
	require.Empty(t, race())
}

func executions(t *testing.T, h Harness) {
	p := newPlace(t, h)
	s := p.open(t)
	for i := range 9 {
		r := request(numbered("r", i), "replica")
		r.TenantID, r.Actor = []string{"acme", "shop", ""}[i%3], []string{"alice", "bob"}[i%2]
		c := claim(t, s, r, control.ClaimFresh)
		if i < 6 {
			require.NoError(t, s.Finish(t.Context(), c, control.Finished{Outcome: []string{"applied", "rolled_back"}[i%2], Digest: "d", Result: []byte{0, 1, 0xff}}))
		}
	}
	anonymous := claim(t, s, control.ClaimRequest{Fingerprint: "x"}, control.ClaimFresh)
	assert.NotEmpty(t, anonymous.RequestID)

	got, err := s.GetExecution(t.Context(), numbered("r", 0))
	require.NoError(t, err)
	assert.Equal(t, []byte{0, 1, 0xff}, got.Result)
	assert.Equal(t, "applied", got.Outcome)
	assert.False(t, got.Ended.IsZero())
	_, err = s.GetExecution(t.Context(), "R-0000")
	refused(t, err, fault.NotFound, control.ReasonExecutionNotFound)

	for name, c := range map[string]struct {
		f    control.ExecutionFilter
		want int
	}{
		"all":     {control.ExecutionFilter{}, 10},
		"tenant":  {control.ExecutionFilter{TenantID: "acme"}, 3},
		"actor":   {control.ExecutionFilter{Actor: "alice"}, 5},
		"outcome": {control.ExecutionFilter{Outcome: "rolled_back"}, 3},
		"running": {control.ExecutionFilter{State: control.ClaimRunning}, 4},
		"both":    {control.ExecutionFilter{TenantID: "shop", Outcome: "applied", Actor: "alice"}, 1},
	} {
		var ids []int64
		for token := ""; ; {
			page, next, err := s.ListExecutions(t.Context(), c.f, control.Page{Size: 2, Token: token})
			require.NoError(t, err)
			for _, e := range page {
				ids = append(ids, e.ID)
			}
			if token = next; next == "" {
				break
			}
		}
		assert.Len(t, ids, c.want, name)
		for i := 1; i < len(ids); i++ {
			assert.Greater(t, ids[i-1], ids[i], "the newest first")
		}
	}
}

func tokens(t *testing.T, h Harness) {
	p := newPlace(t, h)
	s := p.open(t)
	plain := access.NewToken()
	want := control.Token{
		Name: "ci", Hash: access.HashToken(plain), CreatedBy: "alice", Expires: p.clock.Now().Add(24 * time.Hour),
		Grants: []access.Grant{{Role: access.Operator, Labels: access.Labels{"team": "crm; x"}}, {Role: access.Viewer}},
	}
	made, err := s.CreateToken(t.Context(), want)
	require.NoError(t, err)
	assert.Equal(t, want.Grants, made.Grants)
	found, err := s.FindToken(t.Context(), access.HashToken(plain))
	require.NoError(t, err)
	assert.Equal(t, made, found)
	assert.Equal(t, "ci", found.Stored().Name)
	_, err = s.FindToken(t.Context(), access.HashToken("other"))
	refused(t, err, fault.NotFound, control.ReasonTokenNotFound)
	_, err = s.CreateToken(t.Context(), want)
	refused(t, err, fault.Exists, control.ReasonTokenExists)
	want.Name, want.Hash = "ci2", plain
	_, err = s.CreateToken(t.Context(), want)
	refused(t, err, fault.Invalid, "TOKEN_INVALID")
	assert.NotContains(t, err.Error(), plain)

	require.NoError(t, s.TouchToken(t.Context(), made.ID))
	used, err := s.GetToken(t.Context(), made.ID)
	require.NoError(t, err)
	require.False(t, used.LastUsed.IsZero())
	require.NoError(t, s.TouchToken(t.Context(), made.ID))
	soon, err := s.GetToken(t.Context(), made.ID)
	require.NoError(t, err)
	assert.Equal(t, used.LastUsed, soon.LastUsed, "at most once a minute")
	p.clock.Move(2 * time.Minute)
	require.NoError(t, s.TouchToken(t.Context(), made.ID))
	later, err := s.GetToken(t.Context(), made.ID)
	require.NoError(t, err)
	assert.True(t, later.LastUsed.After(used.LastUsed))

	gone, err := s.RevokeToken(t.Context(), made.ID)
	require.NoError(t, err)
	assert.False(t, gone.Revoked.IsZero())
	again, err := s.RevokeToken(t.Context(), made.ID)
	require.NoError(t, err)
	assert.Equal(t, gone.Revoked, again.Revoked)
	_, err = s.RevokeToken(t.Context(), "nobody")
	refused(t, err, fault.NotFound, control.ReasonTokenNotFound)
	for i := range 3 {
		_, err = s.CreateToken(t.Context(), control.Token{Name: numbered("t", i), Hash: access.HashToken(numbered("x", i)), Expires: p.clock.Now()})
		require.NoError(t, err)
	}
	first, next, err := s.ListTokens(t.Context(), control.Page{Size: 3})
	require.NoError(t, err)
	assert.Len(t, first, 3)
	rest, next, err := s.ListTokens(t.Context(), control.Page{Size: 3, Token: next})
	require.NoError(t, err)
	assert.Len(t, rest, 1)
	assert.Empty(t, next)
}

func leases(t *testing.T, h Harness) {
	p := newPlace(t, h)
	replicas := []control.Store{p.open(t), p.open(t)}
	held := make([]control.Lease, 6)
	won := -1
	for i, err := range together(6, func(i int) (err error) {
		held[i], err = replicas[i%2].AcquireLease(t.Context(), "sync/eu1", numbered("replica", i), time.Minute)
		return err
	}) {
		if err == nil {
			require.Equal(t, -1, won, "one holds it")
			won = i
			continue
		}
		refused(t, err, fault.Conflict, control.ReasonLeaseHeld)
	}
	require.NotEqual(t, -1, won)
	l := held[won]
	p.clock.Move(50 * time.Second)
	l, err := replicas[0].RenewLease(t.Context(), l, time.Minute)
	require.NoError(t, err)
	p.clock.Move(50 * time.Second)
	_, err = replicas[1].AcquireLease(t.Context(), "sync/eu1", "b", time.Minute)
	refused(t, err, fault.Conflict, control.ReasonLeaseHeld)
	p.clock.Move(50 * time.Second)
	b, err := replicas[1].AcquireLease(t.Context(), "sync/eu1", "b", time.Minute)
	require.NoError(t, err, "it ended by itself")
	assert.Greater(t, b.Fence, l.Fence)
	_, err = replicas[0].RenewLease(t.Context(), l, time.Minute)
	refused(t, err, fault.Conflict, control.ReasonLeaseLost)
	require.NoError(t, replicas[0].ReleaseLease(t.Context(), l), "what was lost cannot be taken from the new owner")
	_, err = replicas[0].AcquireLease(t.Context(), "sync/eu1", "c", time.Minute)
	refused(t, err, fault.Conflict, control.ReasonLeaseHeld)
	require.NoError(t, replicas[0].ReleaseLease(t.Context(), b))
	_, err = replicas[0].AcquireLease(t.Context(), "sync/eu1", "c", time.Minute)
	require.NoError(t, err)
}
