package controltest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// secrets: nothing that was used as a secret is in the store, in a log or in an
// error, and what is sealed for one tenant is of no use to another.
func secrets(t *testing.T, h Harness) {
	p := newPlace(t, h)
	var log bytes.Buffer
	cfg := p.config()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := h.Open(t.Context(), p.url, cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })

	used := []string{"s3cr3t-of-acme", "s3cr3t-of-shop", "s3cr3t-of-eu1"}
	n := aTenant("acme")
	n.Target = secret.New("postgres://app:" + used[0] + "@db/acme")
	acme := create(t, s, n)
	n = aTenant("shop")
	n.Secret.Inline = secret.New(used[1])
	create(t, s, n)
	server, err := s.CreateServer(t.Context(), control.NewServer{ID: "eu1", Address: secret.New("postgres://admin@db/postgres"), Secret: secret.Given{Inline: secret.New(used[2])}})
	require.NoError(t, err)
	n = aTenant("third")
	n.ServerID, n.Secret.Reference = "eu1", secret.ServerSecret
	third := create(t, s, n)

	resolver, err := secret.NewResolver(secret.Config{Keys: p.keys})
	require.NoError(t, err)
	target, err := control.ResolveTenant(t.Context(), resolver, acme, nil)
	require.NoError(t, err)
	assert.Equal(t, used[0], target.Password())
	target, err = control.ResolveTenant(t.Context(), resolver, third, server)
	require.NoError(t, err)
	assert.Equal(t, used[2], target.Password())
	target, err = control.ResolveServer(t.Context(), resolver, server)
	require.NoError(t, err)
	assert.Equal(t, used[2], target.Password())

	for _, text := range []string{dump(t, h.Raw(t, p.url)), log.String(), fmt.Sprintf("%v %+v %#v", acme, server, third)} {
		for _, word := range used {
			assert.NotContains(t, text, word)
		}
	}
	// Somebody who can write to the store gives acme the secret of shop.
	_, err = h.Raw(t, p.url).ExecContext(t.Context(), `UPDATE tenants SET secret = (SELECT secret FROM tenants WHERE id = 'shop') WHERE id = 'acme'`)
	require.NoError(t, err)
	swapped, err := s.GetTenant(t.Context(), "acme")
	require.NoError(t, err)
	_, err = control.ResolveTenant(t.Context(), resolver, swapped, nil)
	refused(t, err, fault.Corrupt, "SECRET_CORRUPT")

	cfg.Keys = nil
	keyless, err := h.Open(t.Context(), p.url, cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, keyless.Close()) })
	n = aTenant("fourth")
	n.Secret.Inline = secret.New("hush")
	_, err = keyless.CreateTenant(t.Context(), n)
	refused(t, err, fault.Refused, "SECRET_KEY_MISSING")
	n.Secret = secret.Given{Reference: "env:FOURTH"}
	create(t, keyless, n)
}

// dump is everything that is in the store's tables.
func dump(t *testing.T, db *sql.DB) string {
	t.Helper()
	var b strings.Builder
	for _, table := range []string{"tenants", "tenant_facets", "servers", "audit_entries", "executions", "tokens", "lockstep_history"} {
		dumpTable(t, db, table, &b)
	}
	return b.String()
}

func dumpTable(t *testing.T, db *sql.DB, table string, b *strings.Builder) {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), "SELECT * FROM "+table)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		require.NoError(t, rows.Scan(into...))
		_, _ = fmt.Fprintln(b, values) // to memory
	}
	require.NoError(t, rows.Err())
}

func rewrap(t *testing.T, h Harness) {
	p := newPlace(t, h)
	old, current := secret.NewKey(), secret.NewKey()
	p.keys = newKeys(t, old)
	s := p.open(t)
	for i := range 7 {
		n := aTenant(numbered("t", i))
		n.Secret.Inline = secret.New(numbered("password", i))
		create(t, s, n)
	}
	newServer(t, s, "eu1")
	create(t, s, aTenant("without"))
	_, err := h.Raw(t, p.url).ExecContext(t.Context(), `UPDATE tenants SET secret = (SELECT secret FROM tenants WHERE id = 't-0001') WHERE id = 't-0002'`)
	require.NoError(t, err)

	p.keys = newKeys(t, current, old)
	s = p.open(t)
	done, err := s.Rewrap(t.Context(), control.Rewrapped{}, 3)
	require.NoError(t, err)
	assert.False(t, done.Done)
	assert.Equal(t, 2, done.Rewrapped)
	// It is given up here, and begun anew.
	done = control.Rewrapped{}
	for rounds := 0; !done.Done; rounds++ {
		require.Less(t, rounds, 10)
		done, err = s.Rewrap(t.Context(), done, 3)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"tenants/t-0002"}, done.Failed)
	assert.Equal(t, 4+1, done.Rewrapped)

	p.keys = newKeys(t, current) // the old key is gone
	resolver, err := secret.NewResolver(secret.Config{Keys: p.keys})
	require.NoError(t, err)
	for i := range 7 {
		got, err := s.GetTenant(t.Context(), numbered("t", i))
		require.NoError(t, err)
		target, err := control.ResolveTenant(t.Context(), resolver, got, nil)
		if i == 2 {
			refused(t, err, fault.Refused, "SECRET_KEY_UNKNOWN")
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, numbered("password", i), target.Password())
		assert.EqualValues(t, 1, got.Revision, "the tenant itself did not change")
	}
	p.keys = nil
	_, err = p.open(t).Rewrap(t.Context(), control.Rewrapped{}, 1)
	refused(t, err, fault.Refused, "SECRET_KEY_MISSING")
}
