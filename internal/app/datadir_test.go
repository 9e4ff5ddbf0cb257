package app_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAServerKeepsItsStoreInItsDataDirectory: nobody names a store, and yet what
// is done is written down, in a place that the server says and only its user can
// read; the command line finds it there.
func TestAServerKeepsItsStoreInItsDataDirectory(t *testing.T) {
	proxy, home := t.TempDir(), t.TempDir()
	env := map[string]string{
		"HOME": home, "LOCKSTEP_SOURCE": "file://" + proxy, "LOCKSTEP_CACHE_DIR": t.TempDir(), "NO_COLOR": "1",
		"LOCKSTEP_SECRET_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
	}
	run := func(args ...string) (int, string) {
		w := &world{env: env}
		code := w.run(t.Context(), args...)
		return code, w.out.String() + w.err.String()
	}
	code, text := run("module", "publish", writeModule(t), "v1.0.0", "--to", "file://"+proxy)
	require.Equal(t, 0, code, text)
	code, text = run("tenant", "list")
	assert.Equal(t, 64, code)
	assert.Contains(t, text, filepath.Join(home, ".local", "state", "lockstep", "control.db"))
	assert.Contains(t, text, "`lockstep serve` makes one")
	assert.NoDirExists(t, filepath.Join(home, ".local"), "only a server makes it")

	grpcAt, _, log, end := serve(t, env, "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
	dir := filepath.Join(home, ".local", "state", "lockstep")
	file := filepath.Join(dir, "control.db")
	target := "sqlite:" + filepath.Join(t.TempDir(), "acme.db")
	code, text = run("tenant", "create", "acme", "--target", target, "--module", "example.com/crm@v1", "--address", grpcAt)
	require.Equal(t, 0, code, text)
	code, text = run("execute", "--tenant", "acme", "--address", grpcAt)
	require.Equal(t, 0, code, text)
	for path, want := range map[string]fs.FileMode{dir: 0o700, file: 0o600, file + "-wal": 0o600, file + "-shm": 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, want, info.Mode().Perm(), path)
	}
	code, text = run("audit", "search", "--tenant", "acme", "--outcome", "applied") // beside the server
	assert.Equal(t, 0, code, text)
	assert.Contains(t, text, "applied")
	require.Equal(t, 0, end(), log.err.String())
	assert.Contains(t, log.err.String(), "sqlite:"+file)
	assert.NotContains(t, log.err.String(), "no call is audited")

	code, text = run("history", "--tenant", "acme")
	assert.Equal(t, 0, code, text)
	code, text = run("config")
	assert.Equal(t, 0, code, text)
	assert.Contains(t, text, `store: "sqlite:`+file+`" # default`)
	code, text = run("audit", "verify")
	assert.Equal(t, 0, code, text)

	// Commands that are about no tenant do without.
	require.NoError(t, os.RemoveAll(filepath.Join(home, ".local")))
	code, text = run("history", "--target", target)
	assert.Equal(t, 0, code, text)
	assert.NoDirExists(t, filepath.Join(home, ".local"))
}

// TestAServerWithoutAStoreSaysSo: nothing is audited only when somebody said so,
// and then everybody can read that in the log.
func TestAServerWithoutAStoreSaysSo(t *testing.T) {
	data := t.TempDir()
	env := map[string]string{"LOCKSTEP_SOURCE": "off", "LOCKSTEP_CACHE_DIR": t.TempDir(), "LOCKSTEP_DATA_DIR": data}
	_, _, log, end := serve(t, env, "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--store", "none")
	require.Equal(t, 0, end(), log.err.String())
	assert.Contains(t, log.err.String(), "WARN")
	assert.Contains(t, log.err.String(), "no call is audited")
	entries, err := os.ReadDir(data)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

// TestADataDirectoryThatCannotBe is refused at the start, by the name of its
// setting.
func TestADataDirectoryThatCannotBe(t *testing.T) {
	taken := filepath.Join(t.TempDir(), "taken")
	require.NoError(t, os.WriteFile(taken, nil, 0o600))
	inTheWay := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(inTheWay, "control.db"), 0o700))
	for dir, reason := range map[string]string{filepath.Join(taken, "below"): "DATA_DIR_UNUSABLE", inTheWay: "DATABASE_PERMISSION", "": "CONFIG_INVALID"} {
		w := &world{env: map[string]string{"LOCKSTEP_SOURCE": "off", "LOCKSTEP_CACHE_DIR": t.TempDir(), "LOCKSTEP_DATA_DIR": dir}}
		code := w.run(t.Context(), "serve", "--listen", "127.0.0.1:0", "--http-listen", "off")
		assert.NotEqual(t, 0, code, dir)
		said := strings.Join(strings.Fields(w.err.String()), " ")
		assert.Contains(t, said, reason, dir)
		assert.Contains(t, said, "data-dir", dir)
		assert.Contains(t, said, "store=none", dir)
	}
}
