package config

import (
	"errors"
	"net"
	"strconv"
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
}

// Env returns the name of the environment variable: LOCKSTEP_HTTP_LISTEN.
func (o Option) Env() string { return "LOCKSTEP_" + strings.ToUpper(o.Key()) }

// Key returns the key in the YAML file: http_listen.
func (o Option) Key() string { return strings.ReplaceAll(o.Name, "-", "_") }

// Options lists all settings, in the order that help shows.
func Options() []Option {
	return append(moduleOptions(), serverOptions()...)
}

func moduleOptions() []Option {
	return []Option{
		{
			Name: "source", List: true,
			Usage: "module sources, as in GOPROXY: URLs (https://, file://), separated by commas; default GOPROXY",
			set:   func(c *Config, v string) error { c.Source = v; return nil },
		},
		{
			Name: "replace", List: true,
			Usage: "working copies, PATH=DIR, separated by commas: the directory stands for every version of the path",
			set:   setReplace,
		},
		{
			Name:  "cache-dir",
			Usage: "where fetched modules are kept; default: lockstep/modules in the user's cache directory",
			set:   func(c *Config, v string) error { c.CacheDir = v; return nil },
		},
		{
			Name:  "sumdb",
			Usage: "checksum database, as in GOSUMDB; default: none",
			set:   func(c *Config, v string) error { c.SumDB = v; return nil },
		},
		{
			Name:  "nosumdb",
			Usage: "patterns of module paths that the checksum database does not know, as in GONOSUMDB",
			set:   func(c *Config, v string) error { c.NoSumDB = v; return nil },
		},
	}
}

func serverOptions() []Option {
	out := []Option{
		{Name: "listen", Usage: "host:port of the gRPC API", set: address(func(c *Config) *string { return &c.Listen })},
		{Name: "http-listen", Usage: "host:port of the HTTP API, or off", set: setHTTPListen},
		{Name: "modules", List: true, Usage: "module paths that the API lists as offered, separated by commas", set: setModules},
		{
			Name: "request-timeout", Usage: "time for a call that brings no deadline, such as 2m",
			set: duration(func(c *Config) *time.Duration { return &c.RequestTimeout }),
		},
		{
			Name: "execute-timeout", Usage: "time for an execution that brings no deadline, such as 1h",
			set: duration(func(c *Config) *time.Duration { return &c.ExecuteTimeout }),
		},
		{
			Name: "shutdown-timeout", Usage: "time for running calls to end at shutdown, such as 30s",
			set: duration(func(c *Config) *time.Duration { return &c.ShutdownTimeout }),
		},
		{
			Name: "max-message-bytes", Usage: "largest message of the API, in bytes",
			set: number(func(c *Config, n int64) { c.MaxMessageBytes = int(n) }),
		},
		{
			Name: "max-zip-bytes", Usage: "largest module zip that is accepted, in bytes",
			set: number(func(c *Config, n int64) { c.Limits.ZipBytes = n }),
		},
		{
			Name: "max-unpacked-bytes", Usage: "largest module that is accepted, unpacked, in bytes",
			set: number(func(c *Config, n int64) { c.Limits.UnpackedBytes = n }),
		},
		{
			Name: "max-files", Usage: "most files that a module may have",
			set: number(func(c *Config, n int64) { c.Limits.Files = int(n) }),
		},
		{Name: "log-level", Usage: "debug, info, warn or error", set: setLogLevel},
		{Name: "log-format", Usage: "text or json", set: setLogFormat},
	}
	for i := range out {
		out[i].Server = true
	}
	return out
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

func duration(field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 {
			return errors.New("it is not a duration such as 30s, 2m or 1h")
		}
		*field(c) = d
		return nil
	}
}

func number(assign func(*Config, int64)) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil || n < 1 {
			return errors.New("it is not a number from 1 to 2147483647")
		}
		assign(c, n)
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
