package config_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/config"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

func load(t *testing.T, file string) config.Config {
	t.Helper()
	cfg, err := config.Load(config.Sources{Getenv: env(map[string]string{"HOME": "/home/op"}), File: []byte(file), Name: "lockstep.yaml"})
	require.NoError(t, err)
	return cfg
}

// TestAServerRefusesToBeExposed is the table of what a server starts with.
func TestAServerRefusesToBeExposed(t *testing.T) {
	const (
		open    = "listen: 0.0.0.0:7300\nhttp_listen: \"off\"\n"
		secure  = "tls_cert: c\ntls_key: k\n"
		tokens  = "tokens_file: t\n"
		targets = "target_hosts: [db.example.com]\n"
		oidc    = "oidc_issuer: https://id.example.com\noidc_audience: a\noidc_roles: {x: admin}\n"
		mutual  = "tls_client_ca: ca\ntls_identities: {\"cn:ops\": admin}\n"
	)
	for file, words := range map[string]string{
		"": "",
		"listen: \"[::1]:1\"\nhttp_listen: localhost:2\n": "",
		open:                             "without TLS",
		open + secure:                    "without knowing who calls",
		open + secure + tokens:           "every database that it reaches",
		open + secure + tokens + targets: "",
		open + secure + oidc + targets:   "",
		open + secure + mutual + targets: "",
		open + secure + "store: postgres://h/d\n" + targets:                                  "without knowing who calls",
		open + secure + "anonymous_role: none\n" + targets:                                   "",
		open + secure + "anonymous_role: none\n":                                             "every database that it reaches",
		open + secure + "anonymous_role: none\nstore: none\n" + targets:                      "nobody could call",
		"anonymous_role: none\n":                                                             "every database that it reaches",
		open + tokens + targets:                                                              "without TLS",
		open + tokens + targets + "insecure_plaintext: true\n":                               "",
		open + secure + targets + "anonymous_role: viewer\n":                                 "",
		open + secure + "anonymous_role: viewer\n":                                           "every database that it reaches",
		open + "insecure_plaintext: true\nanonymous_role: admin\n":                           "every database",
		"http_listen: 192.0.2.1:7301\n":                                                      "without TLS",
		"listen: lockstep.example.com:1\n":                                                   "without TLS",
		"listen: \":7300\"\n":                                                                "without TLS",
		tokens:                                                                               "every database that it reaches",
		tokens + "sqlite_directories: [/srv]\n":                                              "",
		"anonymous_role: viewer\n":                                                           "every database that it reaches",
		"tls_cert: c\n":                                                                      "belong together",
		"tls_client_ca: ca\ntls_identities: {\"cn:ops\": admin}\n":                           "needs TLS",
		secure + "tls_client_ca: ca\n":                                                       "belong together",
		secure + "tls_identities: {\"cn:ops\": admin}\n":                                     "belong together",
		secure + targets + "tls_client_ca: ca\ntls_identities: {\"cn:ops\": root}\n":         "tls-identities: cn:ops",
		"oidc_issuer: https://id.example.com\n":                                              "needs oidc-audience",
		"oidc_audience: a\n":                                                                 "need oidc-issuer",
		strings.Replace(oidc, "https:", "http:", 1) + targets:                                "not an https URL",
		strings.Replace(oidc, "https://id.example.com", "http://127.0.0.1:9/x", 1) + targets: "",
		strings.Replace(oidc, "x: admin", "x: boss", 1) + targets:                            "oidc-roles: x",
		"target_hosts: [\"a b\"]\n":                                                          "cannot be read",
		"sqlite_directories: [data]\n":                                                       "not an absolute path",
	} {
		cfg := load(t, file)
		err := cfg.ValidateServer()
		if words == "" {
			require.NoError(t, err, file)
			continue
		}
		require.Error(t, err, file)
		assert.Equal(t, fault.Invalid, fault.KindOf(err))
		assert.Contains(t, err.Error(), words, file)
	}
}

func TestDeveloperModeIsForThisMachineAlone(t *testing.T) {
	for file, want := range map[string]struct {
		role access.Role
		open bool
	}{
		"":                         {access.Admin, true},
		"target_hosts: [h]\n":      {access.Admin, false},
		"tokens_file: t\n":         {access.None, false},
		"anonymous_role: viewer\n": {access.Viewer, false},
		"anonymous_role: none\n":   {access.None, false},
		"listen: 0.0.0.0:1\n":      {access.None, false},
		"http_listen: 0.0.0.0:1\n": {access.None, false},
		"oidc_issuer: https://i\n": {access.None, false},
		"tls_client_ca: c\n":       {access.None, false},
		"listen: 0.0.0.0:1\nanonymous_role: operator\n": {access.Operator, false},
	} {
		cfg := load(t, file)
		assert.Equal(t, want.role, cfg.AnonymousRole(), file)
		assert.Equal(t, want.open, cfg.OpenTargets(), file)
	}
}

func TestSettingsOfAccess(t *testing.T) {
	cfg := load(t, `
tls_min_version: "1.2"
tls_identities: {"uri:spiffe://cluster/ops": admin}
oidc_roles: {crm-team: operator team=crm env=prod}
target_engines: [postgres, sqlite]
max_rate: 0.5
max_executions: 0
trace_sample: 0.1
trace_endpoint: http://collector:4317
`)
	assert.EqualValues(t, tls.VersionTLS12, cfg.TLS.MinVersion)
	assert.Equal(t, []dialect.Engine{dialect.Postgres, dialect.SQLite}, cfg.Targets.Engines)
	assert.InDelta(t, 0.5, cfg.Callers.Rate, 0)
	assert.Zero(t, cfg.Callers.Executions)
	grants, err := config.Grants("oidc-roles", cfg.Auth.OIDC.Roles)
	require.NoError(t, err)
	assert.Equal(t, "operator env=prod team=crm", grants["crm-team"][0].String())
	for setting, value := range map[string]string{
		"tls-min-version": "1.1", "anonymous-role": "root", "insecure-plaintext": "yes", "target-engines": "oracle", "max-rate": "-1",
		"trace-sample": "2", "trace-endpoint": "collector:4317", "oidc-roles": "x", "max-executions": "-1", "max-burst": "0", "store": "mysql://h/d",
	} {
		_, err := config.Load(config.Sources{Flags: map[string]string{setting: value}, Getenv: env(nil)})
		require.Error(t, err, setting)
		assert.Contains(t, err.Error(), "--"+setting)
	}
}

// TestWhatIsShownIsInForce holds the three ways of a setting together: the name
// in the file, what is shown, and what reading it back gives.
func TestWhatIsShownIsInForce(t *testing.T) {
	samples := map[string]string{
		"store": "postgres://db.example.com/lockstep", "source": "file:///a,https://b", "replace": "example.com/crm=./crm", "listen": "127.0.0.1:1", "http-listen": "off", "modules": "example.com/a,example.com/b",
		"log-level": "warn", "log-format": "json", "tls-min-version": "1.2", "anonymous-role": "viewer", "insecure-plaintext": "true",
		"sync-every": "15m", "target-engines": "postgres,mysql", "trace-endpoint": "http://c:4317", "tls-identities": "cn:a=admin,dns:b=viewer", "oidc-roles": "a=viewer,b=operator team=crm",
	}
	for _, o := range config.Options() {
		value, ok := samples[o.Name]
		switch {
		case ok:
		case strings.HasSuffix(o.Name, "timeout"), strings.HasSuffix(o.Name, "delay"):
			value = "1m30s"
		case strings.HasPrefix(o.Name, "max-"):
			value = "7"
		case o.Name == "trace-sample":
			value = "0.25"
		default:
			value = "x"
		}
		for origin, src := range map[string]config.Sources{
			"--" + o.Name: {Flags: map[string]string{o.Name: value}}, o.Env(): {Getenv: env(map[string]string{o.Env(): value})},
			o.Key() + " in f.yaml": {File: []byte(o.Key() + ": \"" + value + "\""), Name: "f.yaml"},
		} {
			if src.Getenv == nil {
				src.Getenv = env(nil)
			}
			cfg, err := config.Load(src)
			require.NoError(t, err, o.Name)
			for _, s := range cfg.Settings() {
				if s.Name == o.Name {
					assert.Equal(t, value, s.Value, o.Name)
					assert.Equal(t, origin, s.Origin, o.Name)
				} else {
					assert.Equal(t, "default", s.Origin, s.Name)
				}
			}
			again, err := config.Load(config.Sources{Getenv: env(nil), File: []byte(cfg.YAML()), Name: "f.yaml"})
			require.NoError(t, err, "%s: %s", o.Name, cfg.YAML())
			assert.Equal(t, strip(cfg.Settings()), strip(again.Settings()), o.Name)
		}
	}
}

// strip leaves out origins.
func strip(settings []config.Setting) map[string]string {
	out := map[string]string{}
	for _, s := range settings {
		out[s.Name] = s.Value
	}
	return out
}

func TestSecretsAreNotShown(t *testing.T) {
	const secret = "hunter2-s3cr3t"
	cfg, err := config.Load(config.Sources{Getenv: env(map[string]string{
		"LOCKSTEP_SOURCE": "https://u:" + secret + "@a,file:///b|https://" + secret + ":%zz@c", "LOCKSTEP_TRACE_ENDPOINT": "http://u:" + secret + "@c:4317",
		"LOCKSTEP_STORE": "postgres://u:" + secret + "@db.example.com/lockstep?sslmode=require",
	})})
	require.NoError(t, err)
	assert.NotContains(t, cfg.YAML(), secret)
	assert.NotContains(t, fmt.Sprintf("%+v %#v", cfg.Store, cfg.Store), secret)
	assert.Contains(t, cfg.YAML(), `store: "postgres://db.example.com/lockstep"`)
	assert.Contains(t, cfg.YAML(), "https://u:xxxxx@a,file:///b|(hidden)")
	var parsed map[string]string
	require.NoError(t, yaml.Unmarshal([]byte(cfg.YAML()), &parsed))
	assert.Len(t, parsed, len(config.Options()))
}

func TestTracesGoWhereOpenTelemetrySays(t *testing.T) {
	const collector = "http://collector:4317"
	for want, pairs := range map[string]map[string]string{
		collector:           {"OTEL_EXPORTER_OTLP_ENDPOINT": collector},
		"http://other:4317": {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "LOCKSTEP_TRACE_ENDPOINT": "http://other:4317"},
		"":                  {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"},
	} {
		cfg, err := config.Load(config.Sources{Getenv: env(pairs)})
		require.NoError(t, err)
		assert.Equal(t, want, cfg.Traces.Endpoint)
	}
}

func TestDocumentedSettingsExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	require.NoError(t, err)
	for _, o := range config.Options() {
		assert.Contains(t, string(text), "`"+o.Name+"`", "docs/operations.md does not list the setting")
	}
}
