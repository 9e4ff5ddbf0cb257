package config_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/config"
	"github.com/lockstepdb/lockstep/internal/fault"
)

func env(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestDefaultsAreLoopback(t *testing.T) {
	cfg, err := config.Load(config.Sources{Getenv: env(nil)})
	require.NoError(t, err)
	assert.True(t, config.Loopback(cfg.Listen))
	assert.True(t, config.Loopback(cfg.HTTPListen))
	assert.Empty(t, cfg.Source, "nobody is asked unless told to")
	assert.True(t, cfg.HTTP())
}

func TestFlagBeatsEnvironmentBeatsFile(t *testing.T) {
	file := []byte("listen: 127.0.0.1:1\nhttp_listen: \"off\"\nlog_level: debug\nsource: [file:///a, file:///b]\n" +
		"replace:\n  example.com/crm: ./crm\nrequest_timeout: 3s\nmax_files: 7\nmodules: [example.com/crm]\n")
	cfg, err := config.Load(config.Sources{
		Flags:  map[string]string{"listen": "127.0.0.1:3"},
		Getenv: env(map[string]string{"LOCKSTEP_LISTEN": "127.0.0.1:2", "LOCKSTEP_LOG_LEVEL": "warn", "GOPROXY": "https://p"}),
		File:   file, Name: "lockstep.yaml",
	})
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:3", cfg.Listen)
	assert.Equal(t, slog.LevelWarn, cfg.LogLevel)
	assert.False(t, cfg.HTTP())
	assert.Equal(t, "file:///a,file:///b", cfg.Source)
	assert.Equal(t, map[string]string{"example.com/crm": "./crm"}, cfg.Replace)
	assert.Equal(t, []string{"example.com/crm"}, cfg.Replaced())
	assert.Equal(t, 3*time.Second, cfg.RequestTimeout)
	assert.Equal(t, 7, cfg.Limits.Files)
	assert.Equal(t, []string{"example.com/crm"}, cfg.Modules)
}

func TestSourceFallsBackToGOPROXY(t *testing.T) {
	cfg, err := config.Load(config.Sources{Getenv: env(map[string]string{"GOPROXY": "https://p"})})
	require.NoError(t, err)
	assert.Equal(t, "https://p", cfg.Source)
	for goproxy, want := range map[string]string{"https://p,direct": "https://p", "https://p|direct": "https://p", "direct": "", "off": "off"} {
		cfg, err = config.Load(config.Sources{Getenv: env(map[string]string{"GOPROXY": goproxy})})
		require.NoError(t, err)
		assert.Equal(t, want, cfg.Source, goproxy)
	}
	cfg, err = config.Load(config.Sources{Getenv: env(map[string]string{"GOPROXY": "https://p", "LOCKSTEP_SOURCE": "file:///x"})})
	require.NoError(t, err)
	assert.Equal(t, "file:///x", cfg.Source)
}

func TestMistakesNameTheSetting(t *testing.T) {
	for words, src := range map[string]config.Sources{
		"--listen":                  {Flags: map[string]string{"listen": "nowhere"}},
		"LOCKSTEP_REQUEST_TIMEOUT":  {Getenv: env(map[string]string{"LOCKSTEP_REQUEST_TIMEOUT": "soon"})},
		"max_files in f.yaml":       {File: []byte("max_files: -1"), Name: "f.yaml"},
		"no setting \"lisn\"":       {File: []byte("lisn: x"), Name: "f.yaml"},
		"f.yaml is not valid YAML":  {File: []byte("a: [b"), Name: "f.yaml"},
		"same address":              {Flags: map[string]string{"listen": "h:1", "http-listen": "h:1"}},
		"--replace":                 {Flags: map[string]string{"replace": "x"}},
		"--modules":                 {Flags: map[string]string{"modules": "a@v1"}},
		"--log-level":               {Flags: map[string]string{"log-level": "loud"}},
		"--log-format":              {Flags: map[string]string{"log-format": "xml"}},
		"listen is neither a value": {File: []byte("listen: {a: [1]}"), Name: "f.yaml"},
	} {
		if src.Getenv == nil {
			src.Getenv = env(nil)
		}
		_, err := config.Load(src)
		require.Error(t, err, words)
		assert.Equal(t, fault.Invalid, fault.KindOf(err), words)
		assert.Contains(t, err.Error(), words)
	}
}

func TestNamesAgree(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range config.Options() {
		assert.False(t, seen[o.Name], o.Name)
		seen[o.Name] = true
		assert.NotEmpty(t, o.Usage)
	}
	o := config.Options()[0]
	assert.Equal(t, "source", o.Key())
	assert.Equal(t, "LOCKSTEP_SOURCE", o.Env())
}
