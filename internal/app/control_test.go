package app_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/app"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// TestTokensAndTenantsOfTheStoreCount runs a server over a control store: its
// tokens prove who calls, and the labels of its tenants say where a grant that
// is limited to some of them holds.
func TestTokensAndTenantsOfTheStoreCount(t *testing.T) {
	proxy, data := t.TempDir(), t.TempDir()
	env := map[string]string{"LOCKSTEP_SOURCE": "file://" + proxy, "LOCKSTEP_CACHE_DIR": t.TempDir(), "NO_COLOR": "1"}
	w := &world{env: env}
	require.Equal(t, 0, w.run(t.Context(), "module", "publish", writeModule(t), "v1.0.0", "--to", "file://"+proxy), w.err.String())

	at := func(name string) string { return "sqlite:" + filepath.Join(data, name+".db") }
	url := "sqlite:" + filepath.Join(t.TempDir(), "control.db")
	store, err := app.OpenStore(t.Context(), url, sqlstore.Config{Now: time.Now})
	require.NoError(t, err)
	for id, team := range map[string]string{"acme": "crm", "globex": "hr"} {
		_, err := store.CreateTenant(t.Context(), control.NewTenant{ID: id, Labels: map[string]string{"team": team}, Target: secret.New(at(id))})
		require.NoError(t, err)
	}
	token := func(name string, g access.Grant) (string, string) {
		text := access.NewToken()
		made, err := store.CreateToken(t.Context(), control.Token{
			Name: name, Hash: access.HashToken(text), Grants: []access.Grant{g}, CreatedBy: "test", Expires: time.Now().Add(time.Hour),
		})
		require.NoError(t, err)
		return text, made.ID
	}
	crm, _ := token("crm", access.Grant{Role: access.Operator, Labels: access.Labels{"team": "crm"}})
	leaver, leaverID := token("leaver", access.Grant{Role: access.Admin})

	tokens := filepath.Join(t.TempDir(), "tokens.yaml")
	onFile := &world{env: env}
	require.Equal(t, 0, onFile.run(t.Context(), "token", "create", "file", "--role", "viewer", "--expires", "1h", "--file", tokens))
	grpcAt, _, log, end := serve(t, env, "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
		"--store", url, "--tokens-file", tokens, "--sqlite-directories", data)
	run := func(token, target string, args ...string) (int, string) {
		w := &world{env: map[string]string{"LOCKSTEP_TARGET": target, "LOCKSTEP_TOKEN": token, "LOCKSTEP_ADDRESS": grpcAt, "NO_COLOR": "1"}}
		code := w.run(t.Context(), args...)
		return code, w.out.String() + w.err.String()
	}
	execute := []string{"execute", "--module", "example.com/crm@v1"}
	for target, want := range map[string]int{at("acme"): 0, at("globex"): 77, at("unregistered"): 77} {
		code, text := run(crm, target, execute...)
		assert.Equal(t, want, code, "%s: %s", target, text)
		if want != 0 {
			assert.NoFileExists(t, target[len("sqlite:"):])
		}
	}
	code, text := run(leaver, at("globex"), execute...)
	assert.Equal(t, 0, code, text)
	_, err = store.RevokeToken(t.Context(), leaverID)
	require.NoError(t, err)
	code, text = run(leaver, at("globex"), "history")
	assert.Equal(t, 77, code, text)
	assert.Contains(t, text, "revoked")
	code, text = run(onFile.out.String(), at("globex"), "history")
	assert.Equal(t, 0, code, "tokens of the file count beside them: %s", text)
	code, _ = run(access.NewToken(), at("globex"), "history")
	assert.Equal(t, 77, code)

	last, err := store.GetToken(t.Context(), leaverID)
	require.NoError(t, err)
	assert.False(t, last.LastUsed.IsZero(), "it is known when a token was used last")
	require.NoError(t, store.Close())
	assert.Equal(t, 0, end(), log.err.String())
}

// TestAStoreMakesItsOwnSchema is about what deploy/ relies on: the schema that a
// store's URL names need not be there.
func TestAStoreMakesItsOwnSchema(t *testing.T) {
	for _, s := range enginetest.Postgres(t) {
		_, url := enginetest.UnusedSchema(t, s)
		store, err := app.OpenStore(t.Context(), url, sqlstore.Config{Now: time.Now})
		require.NoError(t, err)
		require.NoError(t, store.Ping(t.Context()))
		require.NoError(t, store.Close())
	}
}
