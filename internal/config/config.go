// Package config holds the one validated configuration of lockstep. A setting
// comes from a flag, else from the environment (LOCKSTEP_…), else from the YAML
// file, else from its default; every setting has the same name in all of them.
package config

import (
	"crypto/tls"
	"log/slog"
	"maps"
	"net"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// The reason of every error of this package.
const reasonInvalid = "CONFIG_INVALID"

// Config is the whole configuration.
type Config struct {
	Listen          string        // host:port of the gRPC API
	HTTPListen      string        // host:port of the HTTP API; "" or "off": none
	RequestTimeout  time.Duration // for calls that bring no deadline
	ExecuteTimeout  time.Duration // the same for executions
	ShutdownTimeout time.Duration // how long running calls may take to end
	SyncEvery       time.Duration // between two syncs of a registered server; 0: only when asked for
	ShutdownDelay   time.Duration // how long to serve on while load balancers learn of the end
	MaxMessageBytes int           // of one answer of the API
	MaxRequestBytes int           // of one request

	LogLevel  slog.Level
	LogFormat string // text or json

	Source   string            // module sources, as in GOPROXY
	Replace  map[string]string // working copies by module path
	Modules  []string          // module paths that ListModules lists
	CacheDir string            // of modules; "": in the user's cache directory
	SumDB    string            // checksum database, as in GOSUMDB; "": none
	NoSumDB  string            // patterns, as in GONOSUMDB
	Limits   Limits

	DataDir string // of what the server keeps itself; "": nobody knows where
	Store   Store
	Secrets Secrets
	TLS     TLS
	Auth    Auth
	Targets Targets
	Callers Callers
	Traces  Traces

	origins map[string]string // where settings came from, by name; those with their default are not in it
}

// Limits bound what is accepted of one module version; 0: the default.
type Limits struct {
	ZipBytes      int64
	UnpackedBytes int64
	Files         int
}

// Secrets say which references to secrets a tenant or a server may have. Who
// registers one chooses the reference and also who is shown the secret.
type Secrets struct {
	Env         []string // patterns of names of variables
	Directories []string // of files
	VaultPaths  []string // mount/prefix; none: all that the token may read
	VaultToken  string   // file with Vault's token; "": VAULT_TOKEN
}

// Default returns the configuration before anything is set.
func Default() Config {
	return Config{
		Listen:          "127.0.0.1:7300",
		HTTPListen:      "127.0.0.1:7301",
		RequestTimeout:  2 * time.Minute,
		ExecuteTimeout:  time.Hour,
		ShutdownTimeout: 30 * time.Second,
		MaxMessageBytes: 64 << 20,
		MaxRequestBytes: 16 << 20,
		LogLevel:        slog.LevelInfo,
		LogFormat:       "text",
		Replace:         map[string]string{},
		TLS:             TLS{MinVersion: tls.VersionTLS13},
		Auth:            Auth{OIDC: OIDC{RoleClaim: "roles", NameClaim: "preferred_username"}},
		Callers:         Callers{Rate: 100, Burst: 200, Executions: 64, ExecutionsEach: 32},
		Traces:          Traces{Sample: 1},
		origins:         map[string]string{},
	}
}

// Sources are the places that settings come from.
type Sources struct {
	Flags  map[string]string // values of flags that were given, by name
	Getenv func(string) string
	File   []byte // content of the YAML file; nil: none
	Name   string // of that file, for errors
}

// Load reads the configuration and validates it. Errors are Invalid and name
// the setting and where it came from; they never repeat a value.
func Load(s Sources) (Config, error) {
	cfg := Default()
	file, err := parseFile(s.File, s.Name)
	if err != nil {
		return cfg, err
	}
	for _, o := range Options() {
		value, origin, given := "", "", false
		if v, ok := s.Flags[o.Name]; ok {
			value, origin, given = v, "--"+o.Name, true
		} else if v := s.Getenv(o.Env()); v != "" {
			value, origin, given = v, o.Env(), true
		} else if v, ok := file[o.Key()]; ok {
			value, origin, given = v, o.Key()+" in "+s.Name, true
		}
		if !given {
			continue
		}
		if err := o.set(&cfg, value); err != nil {
			return cfg, fault.Wrap(err, fault.Invalid, reasonInvalid, "%s: %s", origin, err.Error()).
				Suggest("%s: %s", o.Name, o.Usage)
		}
		cfg.origins[o.Name] = origin
	}
	if cfg.Source == "" {
		if cfg.Source = proxiesOf(s.Getenv("GOPROXY")); cfg.Source != "" {
			cfg.origins["source"] = "GOPROXY"
		}
	}
	if v := s.Getenv(envCollector); cfg.Traces.Endpoint == "" && v != "" && setTraceEndpoint(&cfg, v) == nil {
		cfg.origins["trace-endpoint"] = envCollector
	}
	cfg.settle(s.Getenv, runtime.GOOS)
	return cfg, cfg.validate()
}

// envCollector is where OpenTelemetry's own tools send traces to.
const envCollector = "OTEL_EXPORTER_OTLP_ENDPOINT"

// proxiesOf takes the proxies out of a GOPROXY. Its usual end, "direct", means
// version control systems, which lockstep does not run; there it would be an
// error that nobody made.
func proxiesOf(goproxy string) string {
	for _, end := range []string{",direct", "|direct"} {
		goproxy = strings.TrimSuffix(goproxy, end)
	}
	if goproxy == "direct" {
		return ""
	}
	return goproxy
}

// Replaced returns the paths that are read from a working copy, sorted.
func (c *Config) Replaced() []string { return slices.Sorted(maps.Keys(c.Replace)) }

// HTTP tells whether the HTTP API is wanted.
func (c *Config) HTTP() bool { return c.HTTPListen != "" && c.HTTPListen != "off" }

// validate checks what no single setting can.
func (c *Config) validate() error {
	if c.HTTP() && c.Listen == c.HTTPListen && !strings.HasSuffix(c.Listen, ":0") {
		return fault.New(fault.Invalid, reasonInvalid, "listen and http-listen are the same address").
			Suggest("give the HTTP API a port of its own, or switch it off with http-listen=off")
	}
	return nil
}

// Loopback tells whether an address can be reached from this machine only.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
