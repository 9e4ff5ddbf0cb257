package secret_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

const word = "hunter2-hunter2"

func TestRedactedNeverPrints(t *testing.T) {
	t.Parallel()
	r := secret.New(word)
	type outer struct {
		Public  secret.Redacted
		private secret.Redacted
		Pointer *secret.Redacted
		Given   secret.Given
	}
	o := outer{r, r, &r, secret.Given{Inline: r}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%08.3f"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb+"\n", r, &r, o)
	}
	fmt.Fprintln(&out, r, o, []secret.Redacted{r}, map[string]secret.Redacted{"a": r}, errors.New(r.String()))
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "r", r, "p", &r, "o", o)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "r", r, "p", &r, "o", o)
	for _, v := range []any{r, &r, o, map[string]any{"a": r}} {
		data, err := json.Marshal(v)
		require.NoError(t, err)
		out.Write(data)
	}
	assert.NotContains(t, out.String(), word)
	assert.NotContains(t, out.String(), fmt.Sprintf("%x", word))
	assert.Contains(t, out.String(), "[redacted]")
	assert.Equal(t, word, o.private.Reveal())
	assert.True(t, secret.New("").Empty())
	assert.True(t, r.Equal(secret.New(word)))
	assert.False(t, r.Equal(secret.New("other")))
}

func ring(t *testing.T, keys ...secret.Redacted) *secret.Keyring {
	t.Helper()
	text := "# the current key comes first\n"
	for _, k := range keys {
		text += " " + k.Reveal() + " # a comment\r\n\n"
	}
	k, err := secret.ParseKeyring(secret.New(text))
	require.NoError(t, err)
	return k
}

func TestSeal(t *testing.T) {
	t.Parallel()
	a, b := secret.NewKey(), secret.NewKey()
	old, both, current := ring(t, a), ring(t, b, a), ring(t, b)
	assert.NotEqual(t, old.Current(), both.Current())
	assert.Equal(t, current.Current(), both.Current())

	sealed, err := old.Seal(secret.New(word), "tenants/acme")
	require.NoError(t, err)
	assert.Equal(t, secret.Sealed, sealed.Kind())
	assert.Equal(t, old.Current(), sealed.KeyID())
	assert.NotContains(t, sealed.Encode(), word)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", sealed, sealed, sealed), sealed.Encode())
	twice, err := old.Seal(secret.New(word), "tenants/acme")
	require.NoError(t, err)
	assert.NotEqual(t, sealed.Encode(), twice.Encode(), "one secret is never sealed alike")

	stored := secret.Decode(sealed.Encode())
	for _, k := range []*secret.Keyring{old, both} {
		plain, err := k.Open(stored, "tenants/acme")
		require.NoError(t, err)
		assert.Equal(t, word, plain.Reveal())
		_, err = k.Open(stored, "tenants/shop")
		assert.Equal(t, "SECRET_CORRUPT", fault.ReasonOf(err))
	}
	for _, k := range []*secret.Keyring{current, nil} {
		_, err = k.Open(stored, "tenants/acme")
		assert.Equal(t, "SECRET_KEY_UNKNOWN", fault.ReasonOf(err))
	}
	text := stored.Encode()
	for i := len("v1.") + len(stored.KeyID()) + 1; i < len(text)-1; i++ { // the last character has spare bits
		spoiled := text[:i] + string(map[bool]byte{true: 'B', false: 'A'}[text[i] == 'A']) + text[i+1:]
		_, err = old.Open(secret.Decode(spoiled), "tenants/acme")
		require.Equal(t, "SECRET_CORRUPT", fault.ReasonOf(err), "%d", i)
	}
	_, err = old.Open(secret.Decode(text[:len("v1.")+len(stored.KeyID())+5]), "tenants/acme")
	assert.Equal(t, "SECRET_CORRUPT", fault.ReasonOf(err))
	_, err = (*secret.Keyring)(nil).Seal(secret.New(word), "x")
	assert.Equal(t, "SECRET_KEY_MISSING", fault.ReasonOf(err))
}

func TestKeys(t *testing.T) {
	t.Parallel()
	good := secret.NewKey().Reveal()
	for _, text := range []string{"", "# nothing", "short", good[:20], good + "\nnot base64!", good + good} {
		_, err := secret.ParseKeyring(secret.New(text))
		require.Error(t, err, text)
		assert.Equal(t, "SECRET_KEY_INVALID", fault.ReasonOf(err))
		assert.NotContains(t, err.Error(), "short")
	}
	file := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(file, []byte(good+"\n"), 0o600))
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	direct, err := secret.LoadKeyring(env(secret.KeyEnv, good+","+secret.NewKey().Reveal()), os.ReadFile)
	require.NoError(t, err)
	byFile, err := secret.LoadKeyring(env(secret.KeyFileEnv, file), os.ReadFile)
	require.NoError(t, err)
	assert.Equal(t, direct.Current(), byFile.Current())
	none, err := secret.LoadKeyring(env(), os.ReadFile)
	require.NoError(t, err)
	assert.Empty(t, none.Current())
	for _, bad := range [][]string{{secret.KeyEnv, good, secret.KeyFileEnv, file}, {secret.KeyFileEnv, file + "x"}} {
		_, err = secret.LoadKeyring(env(bad...), os.ReadFile)
		assert.Equal(t, "SECRET_KEY_INVALID", fault.ReasonOf(err))
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"env:TENANT_A", "file:/run/secrets/a", "vault:kv/tenants/acme#password", "server:"} {
		s, err := secret.ParseReference(good)
		require.NoError(t, err, good)
		assert.Equal(t, good, s.String())
		assert.Equal(t, good, secret.Decode(s.Encode()).Encode())
	}
	for _, bad := range []string{
		"", word, "env:", "env:A B", "env:A=B", "file:relative", "file:/a/../b", "file:/a/", "vault:kv#x", "vault:kv/a", "vault:kv/a#",
		"vault:/a#b", "vault:kv/../sys#b", "vault:kv//a#b", "vault:kv/a?version=1#b", "server:x", "v1.abc.def", "http://x",
	} {
		_, err := secret.ParseReference(bad)
		require.Error(t, err, bad)
		assert.Equal(t, "SECRET_INVALID", fault.ReasonOf(err), bad)
		assert.NotContains(t, err.Error(), word)
	}
}

func resolve(t *testing.T, cfg secret.Config, reference string) (string, error) {
	t.Helper()
	r, err := secret.NewResolver(cfg)
	require.NoError(t, err)
	s, err := secret.ParseReference(reference)
	require.NoError(t, err)
	got, err := r.Resolve(t.Context(), s, "tenants/acme")
	return got.Reveal(), err
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	cfg := secret.Config{EnvNames: []string{"TENANT_*"}, Getenv: func(name string) string {
		return map[string]string{"TENANT_A": word, "PATH": "/bin", secret.KeyEnv: "the key"}[name]
	}}
	got, err := resolve(t, cfg, "env:TENANT_A")
	require.NoError(t, err)
	assert.Equal(t, word, got)
	_, err = resolve(t, cfg, "env:TENANT_B")
	assert.Equal(t, "SECRET_NOT_FOUND", fault.ReasonOf(err))
	_, err = resolve(t, cfg, "env:PATH")
	assert.Equal(t, "SECRET_NOT_ALLOWED", fault.ReasonOf(err))
	cfg.EnvNames = []string{"*"}
	_, err = resolve(t, cfg, "env:"+secret.KeyEnv)
	assert.Equal(t, "SECRET_NOT_ALLOWED", fault.ReasonOf(err), "lockstep's own keys are nobody's password")
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inside, outside := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	require.NoError(t, os.MkdirAll(filepath.Join(inside, "deep"), 0o700))
	require.NoError(t, os.MkdirAll(outside, 0o700))
	for name, text := range map[string]string{
		"in/plain": word, "in/line": word + "\n", "in/windows": word + "\r\n", "in/two": word + "\n\n", "in/empty": "\n", "out/x": word,
		"in/deep/x": word, "in/long": strings.Repeat("x", 100_000),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	require.NoError(t, os.Symlink(filepath.Join(outside, "x"), filepath.Join(inside, "leads-out")))
	require.NoError(t, os.Symlink("deep/x", filepath.Join(inside, "stays-in"))) // as Kubernetes mounts secrets
	cfg := secret.Config{Directories: []string{inside}}
	for name, want := range map[string]string{"plain": word, "line": word, "windows": word, "two": word + "\n", "deep/x": word, "stays-in": word} {
		got, err := resolve(t, cfg, "file:"+filepath.Join(inside, name))
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}
	for name, reason := range map[string]string{
		"in/empty": "SECRET_NOT_FOUND", "in/none": "SECRET_NOT_FOUND", "in/leads-out": "SECRET_NOT_ALLOWED", "out/x": "SECRET_NOT_ALLOWED",
		"in/deep": "SECRET_NOT_ALLOWED", "in/long": "SECRET_TOO_LONG", "inner": "SECRET_NOT_ALLOWED",
	} {
		_, err := resolve(t, cfg, "file:"+filepath.Join(dir, name))
		assert.Equal(t, reason, fault.ReasonOf(err), "%s: %v", name, err)
	}
	_, err := secret.NewResolver(secret.Config{Directories: []string{"relative"}})
	assert.Equal(t, "SECRET_CONFIG", fault.ReasonOf(err))
	_, err = secret.NewResolver(secret.Config{EnvNames: []string{"["}})
	assert.Equal(t, "SECRET_CONFIG", fault.ReasonOf(err))
}

// vaultContract answers as Vault's API documents it for KV version 2:
// https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version
func vaultContract(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := func(code int, body string) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
		if r.Method != http.MethodGet || r.Header.Get("X-Vault-Request") != "true" || r.Header.Get("X-Vault-Namespace") != "team" {
			answer(http.StatusBadRequest, `{"errors":["unexpected request"]}`)
			return
		}
		if r.Header.Get("X-Vault-Token") != "vault-token-1" {
			answer(http.StatusForbidden, `{"errors":["permission denied"]}`)
			return
		}
		switch r.URL.Path {
		case "/v1/kv/data/tenants/acme":
			answer(http.StatusOK, `{"request_id":"7b1","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":{"password":"`+word+
				`","port":5432},"metadata":{"created_time":"2026-01-01T00:00:00Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":3}},"wrap_info":null,"warnings":null,"auth":null}`)
		case "/v1/kv/data/tenants/deleted":
			answer(http.StatusNotFound, `{"data":{"data":null,"metadata":{"deletion_time":"2026-01-02T00:00:00Z","destroyed":false,"version":1}}}`)
		case "/v1/kv/data/sealed":
			answer(http.StatusServiceUnavailable, `{"errors":["Vault is sealed"]}`)
		case "/v1/kv/data/slow":
			<-r.Context().Done()
		case "/v1/kv/data/moved":
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusTemporaryRedirect)
		case "/v1/kv/data/busy":
			answer(http.StatusTooManyRequests, `{"errors":[]}`)
		case "/v1/kv/data/broken":
			answer(http.StatusOK, `{"data":`)
		default:
			answer(http.StatusNotFound, `{"errors":[]}`)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestVault(t *testing.T) {
	t.Parallel()
	server := vaultContract(t)
	vault := &secret.VaultConfig{Address: server.URL, Token: secret.New("vault-token-1"), Namespace: "team", Timeout: 300 * time.Millisecond}
	cfg := secret.Config{Vault: vault}
	got, err := resolve(t, cfg, "vault:kv/tenants/acme#password")
	require.NoError(t, err)
	assert.Equal(t, word, got)
	for reference, reason := range map[string]string{
		"kv/tenants/acme#user": "SECRET_NOT_FOUND",
		"kv/tenants/acme#port": "SECRET_NOT_FOUND", // not a text
		"kv/tenants/deleted#a": "SECRET_NOT_FOUND",
		"kv/tenants/none#a":    "SECRET_NOT_FOUND",
		"kv/sealed#a":          "VAULT_UNREACHABLE",
		"kv/slow#a":            "VAULT_UNREACHABLE",
		"kv/moved#a":           "VAULT_UNREACHABLE",
		"kv/busy#a":            "VAULT_UNREACHABLE",
		"kv/broken#a":          "VAULT_UNREACHABLE",
	} {
		_, err = resolve(t, cfg, "vault:"+reference)
		assert.Equal(t, reason, fault.ReasonOf(err), "%s: %v", reference, err)
	}

	wrong := *vault
	wrong.Token = secret.New("other-token")
	_, err = resolve(t, secret.Config{Vault: &wrong}, "vault:kv/tenants/acme#password")
	assert.Equal(t, "VAULT_DENIED", fault.ReasonOf(err))
	assert.NotContains(t, fmt.Sprintf("%v %+v", err, errors.Unwrap(err)), "other-token")

	wrong.TokenFile = filepath.Join(t.TempDir(), "token")
	_, err = resolve(t, secret.Config{Vault: &wrong}, "vault:kv/tenants/acme#password")
	assert.Equal(t, "VAULT_TOKEN_MISSING", fault.ReasonOf(err))
	require.NoError(t, os.WriteFile(wrong.TokenFile, []byte("vault-token-1\n"), 0o600))
	_, err = resolve(t, secret.Config{Vault: &wrong}, "vault:kv/tenants/acme#password")
	require.NoError(t, err)

	limited := *vault
	limited.Paths = []string{"kv/tenants"}
	_, err = resolve(t, secret.Config{Vault: &limited}, "vault:kv/tenants/acme#password")
	require.NoError(t, err)
	_, err = resolve(t, secret.Config{Vault: &limited}, "vault:kv/tenantsx/acme#password")
	assert.Equal(t, "SECRET_NOT_ALLOWED", fault.ReasonOf(err))
	_, err = resolve(t, secret.Config{}, "vault:kv/tenants/acme#password")
	assert.Equal(t, "SECRET_NOT_ALLOWED", fault.ReasonOf(err))
	for _, address := range []string{"", "http://vault.example.com", "https://user:pw@vault.example.com", "ftp://localhost"} {
		_, err = secret.NewResolver(secret.Config{Vault: &secret.VaultConfig{Address: address}})
		assert.Equal(t, "SECRET_CONFIG", fault.ReasonOf(err), address)
	}
	server.Close()
	_, err = resolve(t, cfg, "vault:kv/tenants/acme#password")
	assert.Equal(t, "VAULT_UNREACHABLE", fault.ReasonOf(err))
}
