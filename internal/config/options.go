package config

import (
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
)

// Option describes one setting.
type Option struct {
	Name  string // of the flag: "http-listen"
	Usage string
	// Server marks what only `serve` has a flag for; the others, which say where
	// modules come from, every command has.
	Server bool
	List   bool // several values, separated by commas; its flag can be repeated
	set    func(*Config, string) error
	// get renders the value as set reads it, without what is secret in it.
	get func(*Config) string
}

// Env returns the name of the environment variable: LOCKSTEP_HTTP_LISTEN.
func (o Option) Env() string { return "LOCKSTEP_" + strings.ToUpper(o.Key()) }

// Key returns the key in the YAML file: http_listen.
func (o Option) Key() string { return strings.ReplaceAll(o.Name, "-", "_") }

// Options lists all settings, in the order that help shows.
func Options() []Option {
	return slices.Concat(moduleOptions(), serverOptions(), accessOptions(), limitOptions())
}

func moduleOptions() []Option {
	return []Option{
		{
			Name: "source", List: true,
			Usage: "module sources, as in GOPROXY: URLs (https://, file://), separated by commas; default GOPROXY",
			set:   func(c *Config, v string) error { c.Source = v; return nil },
			get:   func(c *Config) string { return redactURLs(c.Source) },
		},
		{
			Name: "replace", List: true,
			Usage: "working copies, PATH=DIR, separated by commas: the directory stands for every version of the path",
			set:   setReplace,
			get:   func(c *Config) string { return joinPairs(c.Replace) },
		},
		{
			Name:  "cache-dir",
			Usage: "where fetched modules are kept; default: lockstep/modules in the user's cache directory",
			set:   text(func(c *Config) *string { return &c.CacheDir }),
			get:   textOf(func(c *Config) *string { return &c.CacheDir }),
		},
		{
			Name:  "sumdb",
			Usage: "checksum database, as in GOSUMDB; default: none",
			set:   text(func(c *Config) *string { return &c.SumDB }),
			get:   textOf(func(c *Config) *string { return &c.SumDB }),
		},
		{
			Name:  "nosumdb",
			Usage: "patterns of module paths that the checksum database does not know, as in GONOSUMDB",
			set:   text(func(c *Config) *string { return &c.NoSumDB }),
			get:   textOf(func(c *Config) *string { return &c.NoSumDB }),
		},
	}
}

func serverOptions() []Option {
	return forServer([]Option{
		{
			Name: "listen", Usage: "host:port of the gRPC API",
			set: address(func(c *Config) *string { return &c.Listen }), get: textOf(func(c *Config) *string { return &c.Listen }),
		},
		{
			Name: "http-listen", Usage: "host:port of the HTTP API, or off",
			set: setHTTPListen, get: textOf(func(c *Config) *string { return &c.HTTPListen }),
		},
		{
			Name: "modules", List: true, Usage: "module paths that the API lists as offered, separated by commas",
			set: setModules, get: func(c *Config) string { return strings.Join(c.Modules, ",") },
		},
		textOption("data-dir", "directory of the control store that serve makes where store names none; default: $STATE_DIRECTORY, else $XDG_STATE_HOME/lockstep, else ~/.local/state/lockstep",
			func(c *Config) *string { return &c.DataDir }),
		{
			Name: "store", Usage: "URL of the control store with tenants, tokens and the audit chain: sqlite:/path for one replica, postgres://… for several; " +
				"none: nothing is registered and nothing audited; default: control.db in data-dir",
			set: setStore, get: storeText,
		},
		listOption("secret-env", "names of variables that references to secrets (env:NAME) may have, such as TENANT_*, separated by commas",
			func(c *Config) *[]string { return &c.Secrets.Env }),
		listOption("secret-directories", "directories whose files references to secrets (file:/path) may name, separated by commas",
			func(c *Config) *[]string { return &c.Secrets.Directories }),
		listOption("vault-paths", "paths, as mount/prefix, of Vault (VAULT_ADDR) below which references to secrets may lead; default: all that the token may read",
			func(c *Config) *[]string { return &c.Secrets.VaultPaths }),
		textOption("vault-token-file", "file with the token for Vault, read at each use; default: VAULT_TOKEN",
			func(c *Config) *string { return &c.Secrets.VaultToken }),
		durationOption("sync-every", "how often the registered servers are synced, such as 15m; 0: only when somebody asks",
			func(c *Config) *time.Duration { return &c.SyncEvery }),
		durationOption("request-timeout", "time for a call that brings no deadline, such as 2m",
			func(c *Config) *time.Duration { return &c.RequestTimeout }),
		durationOption("execute-timeout", "time for an execution that brings no deadline, such as 1h",
			func(c *Config) *time.Duration { return &c.ExecuteTimeout }),
		durationOption("shutdown-timeout", "time for running calls to end at shutdown, such as 30s; then they are rolled back",
			func(c *Config) *time.Duration { return &c.ShutdownTimeout }),
		durationOption("shutdown-delay", "time to serve on after /readyz says that the end is near, such as 5s",
			func(c *Config) *time.Duration { return &c.ShutdownDelay }),
		{Name: "log-level", Usage: "debug, info, warn or error", set: setLogLevel, get: func(c *Config) string { return strings.ToLower(c.LogLevel.String()) }},
		{Name: "log-format", Usage: "text or json", set: setLogFormat, get: textOf(func(c *Config) *string { return &c.LogFormat })},
	})
}

func forServer(options []Option) []Option {
	for i := range options {
		options[i].Server = true
	}
	return options
}

func address(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if _, port, err := net.SplitHostPort(v); err != nil || port == "" {
			return errors.New("the address is not host:port")
		}
		*field(c) = v
		return nil
	}
}

func setHTTPListen(c *Config, v string) error {
	if v == "off" {
		c.HTTPListen = v
		return nil
	}
	return address(func(c *Config) *string { return &c.HTTPListen })(c, v)
}

func setReplace(c *Config, v string) error {
	for _, item := range list(v) {
		path, dir, err := module.ParseReplace(item)
		if err != nil {
			if f := fault.As(err); f != nil {
				return errors.New(f.Detail)
			}
			return err
		}
		c.Replace[path] = dir
	}
	return nil
}

func setModules(c *Config, v string) error {
	c.Modules = nil
	for _, item := range list(v) {
		ref, err := module.ParseRef(item)
		if err != nil || ref.Query != "" {
			return errors.New("not every item is a module path")
		}
		c.Modules = append(c.Modules, ref.Path)
	}
	return nil
}

func setLogLevel(c *Config, v string) error {
	if err := c.LogLevel.UnmarshalText([]byte(v)); err != nil {
		return errors.New("there is no such level")
	}
	return nil
}

func setLogFormat(c *Config, v string) error {
	if v != "text" && v != "json" {
		return errors.New("there is no such format")
	}
	c.LogFormat = v
	return nil
}

// list splits at commas and leaves out what is empty.
func list(v string) []string {
	var out []string
	for item := range strings.SplitSeq(v, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}
