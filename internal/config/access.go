package config

import (
	"crypto/tls"
	"errors"
	"net/url"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// TLS is the encryption of the listeners.
type TLS struct {
	Certificate, Key string // PEM files; "": no TLS
	ClientCA         string // PEM file with the authorities of client certificates
	MinVersion       uint16
	Without          bool // listen beyond loopback without it
}

// Auth says how callers prove who they are.
type Auth struct {
	TokensFile   string            // "": no static tokens
	Certificates map[string]string // grants by a name in a client certificate
	OIDC         OIDC
	Anonymous    access.Role // of callers who prove nothing, when it is said explicitly
	Required     bool        // it was said that those have none: not even on this machine
}

// OIDC is an identity provider whose tokens are taken.
type OIDC struct {
	Issuer    string // "": none
	Audience  string
	RoleClaim string
	NameClaim string
	Roles     map[string]string // grants by a value of RoleClaim
}

// Targets says which databases requests may name.
type Targets struct {
	Engines           []dialect.Engine
	Hosts             []string
	SQLiteDirectories []string
}

// Callers are the limits of callers; 0 is without limit.
type Callers struct {
	Rate           float64 // calls a second, each
	Burst          int
	Executions     int // at a time, of all
	ExecutionsEach int
}

// Traces says where traces go.
type Traces struct {
	Endpoint string // URL of an OTLP collector over gRPC; "": nowhere
	Sample   float64
}

func accessOptions() []Option {
	return forServer([]Option{
		textOption("tls-cert", "file with the server's certificate and its chain, in PEM", func(c *Config) *string { return &c.TLS.Certificate }),
		textOption("tls-key", "file with the certificate's key, in PEM", func(c *Config) *string { return &c.TLS.Key }),
		textOption("tls-client-ca", "file with the authorities of client certificates, in PEM", func(c *Config) *string { return &c.TLS.ClientCA }),
		{Name: "tls-min-version", Usage: "1.3, or 1.2 for old clients", set: setTLSVersion, get: tlsVersion},
		pairsOption("tls-identities", "grants by a name in a client certificate: uri:NAME=GRANTS, dns:…, email:…, cn:…; GRANTS is a role and the labels that limit it",
			func(c *Config) *map[string]string { return &c.Auth.Certificates }),
		textOption("tokens-file", "file with static tokens, as `lockstep token create --file` writes them, beside those of the store", func(c *Config) *string { return &c.Auth.TokensFile }),
		textOption("oidc-issuer", "URL of the identity provider whose tokens are taken", func(c *Config) *string { return &c.Auth.OIDC.Issuer }),
		textOption("oidc-audience", "audience that its tokens must be for", func(c *Config) *string { return &c.Auth.OIDC.Audience }),
		textOption("oidc-role-claim", "claim with the caller's roles, such as groups or realm_access.roles", func(c *Config) *string { return &c.Auth.OIDC.RoleClaim }),
		textOption("oidc-name-claim", "claim with the caller's name for the record", func(c *Config) *string { return &c.Auth.OIDC.NameClaim }),
		pairsOption("oidc-roles", "grants by a value of that claim, VALUE=GRANTS, such as crm-team=operator team=crm",
			func(c *Config) *map[string]string { return &c.Auth.OIDC.Roles }),
		{
			Name: "anonymous-role", Usage: "role of callers who prove nothing: viewer, operator, admin, or none, also on loopback; needed beyond loopback where no authentication is configured",
			set: setAnonymous, get: anonymousRole,
		},
		{
			Name: "insecure-plaintext", Usage: "true to listen beyond loopback without TLS, behind a proxy that has it",
			set: setPlaintext, get: func(c *Config) string { return boolText(c.TLS.Without) },
		},
		{
			Name: "target-engines", Usage: "engines that requests may name, separated by commas; default: all", List: true,
			set: setEngines, get: enginesText,
		},
		listOption("target-hosts", "hosts that requests may name: names, *.example.com, addresses, networks (10.1.0.0/16), a port behind a colon; separated by commas",
			func(c *Config) *[]string { return &c.Targets.Hosts }),
		listOption("sqlite-directories", "directories below which SQLite files may be named, separated by commas",
			func(c *Config) *[]string { return &c.Targets.SQLiteDirectories }),
	})
}

func limitOptions() []Option {
	return forServer([]Option{
		intOption("max-message-bytes", "largest answer of the API, in bytes", 1, func(c *Config) *int { return &c.MaxMessageBytes }),
		intOption("max-request-bytes", "largest request, in bytes", 1, func(c *Config) *int { return &c.MaxRequestBytes }),
		floatOption("max-rate", "calls a second of one caller; 0: without limit", 1e6, func(c *Config) *float64 { return &c.Callers.Rate }),
		intOption("max-burst", "calls of one caller at once, before the rate counts", 1, func(c *Config) *int { return &c.Callers.Burst }),
		intOption("max-executions", "executions at a time; 0: without limit", 0, func(c *Config) *int { return &c.Callers.Executions }),
		intOption("max-executions-per-caller", "executions of one caller at a time; 0: without limit", 0, func(c *Config) *int { return &c.Callers.ExecutionsEach }),
		numberOption("max-zip-bytes", "largest module zip that is accepted, in bytes; 0: the default", 0,
			func(c *Config) int64 { return c.Limits.ZipBytes }, func(c *Config, n int64) { c.Limits.ZipBytes = n }),
		numberOption("max-unpacked-bytes", "largest module that is accepted, unpacked, in bytes; 0: the default", 0,
			func(c *Config) int64 { return c.Limits.UnpackedBytes }, func(c *Config, n int64) { c.Limits.UnpackedBytes = n }),
		intOption("max-files", "most files that a module may have; 0: the default", 0, func(c *Config) *int { return &c.Limits.Files }),
		{
			Name: "trace-endpoint", Usage: "URL of an OpenTelemetry collector (OTLP over gRPC) that traces go to, such as http://localhost:4317; default: none",
			set: setTraceEndpoint, get: func(c *Config) string { return redactURLs(c.Traces.Endpoint) },
		},
		floatOption("trace-sample", "share of calls that are traced, from 0 to 1", 1, func(c *Config) *float64 { return &c.Traces.Sample }),
	})
}

func textOption(name, usage string, field func(*Config) *string) Option {
	return Option{Name: name, Usage: usage, set: text(field), get: textOf(field)}
}

func setTLSVersion(c *Config, v string) error {
	switch v {
	case "1.3":
		c.TLS.MinVersion = tls.VersionTLS13
	case "1.2":
		c.TLS.MinVersion = tls.VersionTLS12
	default:
		return errors.New("it is neither 1.3 nor 1.2")
	}
	return nil
}

func tlsVersion(c *Config) string {
	if c.TLS.MinVersion == tls.VersionTLS12 {
		return "1.2"
	}
	return "1.3"
}

func setAnonymous(c *Config, v string) (err error) {
	c.Auth.Anonymous, c.Auth.Required = access.None, v == access.None.String()
	if v == "" || c.Auth.Required {
		return nil
	}
	if c.Auth.Anonymous, err = access.ParseRole(v); err != nil {
		return errors.New("there is no such role")
	}
	return nil
}

func anonymousRole(c *Config) string {
	if c.Auth.Anonymous == access.None && !c.Auth.Required {
		return ""
	}
	return c.Auth.Anonymous.String()
}

func setPlaintext(c *Config, v string) error {
	if v != "true" && v != "false" {
		return errors.New("it is neither true nor false")
	}
	c.TLS.Without = v == "true"
	return nil
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func setEngines(c *Config, v string) error {
	c.Targets.Engines = nil
	for _, name := range list(v) {
		switch e := dialect.Engine(name); e {
		case dialect.Postgres, dialect.MySQL, dialect.MariaDB, dialect.SQLServer, dialect.SQLite:
			c.Targets.Engines = append(c.Targets.Engines, e)
		default:
			return errors.New("an engine is none of postgres, mysql, mariadb, sqlserver, sqlite")
		}
	}
	return nil
}

func enginesText(c *Config) string {
	out := ""
	for _, e := range c.Targets.Engines {
		if out != "" {
			out += ","
		}
		out += string(e)
	}
	return out
}

func setTraceEndpoint(c *Config, v string) error {
	if v != "" {
		u, err := url.Parse(v)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return errors.New("it is not a URL such as http://localhost:4317")
		}
	}
	c.Traces.Endpoint = v
	return nil
}

// Exposed tells whether a listener can be reached from other machines.
func (c *Config) Exposed() bool {
	return !Loopback(c.Listen) || c.HTTP() && !Loopback(c.HTTPListen)
}

// Encrypted tells whether the listeners speak TLS.
func (c *Config) Encrypted() bool { return c.TLS.Certificate != "" }

// Authenticated tells whether there is a way to prove who one is.
func (c *Config) Authenticated() bool {
	return c.Auth.TokensFile != "" || c.Auth.OIDC.Issuer != "" || c.TLS.ClientCA != ""
}

// DeveloperMode tells whether everybody on this machine may do everything: no
// authentication is configured, nothing was said about who may do what, and
// nobody beyond this machine can call.
func (c *Config) DeveloperMode() bool {
	return !c.Exposed() && !c.Authenticated() && c.Auth.Anonymous == access.None && !c.Auth.Required
}

// AnonymousRole is the role of callers who prove nothing.
func (c *Config) AnonymousRole() access.Role {
	if c.DeveloperMode() {
		return access.Admin
	}
	return c.Auth.Anonymous
}

// OpenTargets tells whether requests may name any database, which is so in
// developer mode without a list.
func (c *Config) OpenTargets() bool { return c.DeveloperMode() && !c.Targets.Listed() }

// Listed tells whether there is a list of allowed databases.
func (t *Targets) Listed() bool { return len(t.Hosts)+len(t.SQLiteDirectories) > 0 }

// Grants reads a mapping of grants, as tls-identities and oidc-roles are.
func Grants(setting string, pairs map[string]string) (map[string][]access.Grant, error) {
	out := make(map[string][]access.Grant, len(pairs))
	for name, text := range pairs {
		grants, err := access.ParseGrants(text)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, reasonInvalid, "%s: %s: %s", setting, name, err.Error()).
				Suggest("write a role and the labels that limit it, such as: operator team=crm")
		}
		out[name] = grants
	}
	return out, nil
}

// ValidateServer checks what a server must not start with: reachable by others
// without encryption, without knowing who calls, or without a limit to the
// databases that they may reach through it. Each can be had, by saying so.
func (c *Config) ValidateServer() error {
	refuse := func(what, how string) error {
		return fault.New(fault.Invalid, "SERVER_EXPOSED", "%s", what).Suggest("%s", how)
	}
	if err := c.validateAuth(); err != nil {
		return err
	}
	switch {
	case c.Exposed() && !c.Encrypted() && !c.TLS.Without:
		return refuse("the server would listen beyond loopback without TLS",
			"set tls-cert and tls-key, or insecure-plaintext=true where a proxy in front has TLS, or listen on 127.0.0.1")
	case c.Exposed() && !c.Authenticated() && !c.Auth.Required && c.Auth.Anonymous == access.None:
		return refuse("the server would listen beyond loopback without knowing who calls",
			"set tokens-file, oidc-issuer or tls-client-ca, or anonymous-role=none where the tokens of the store do, or say with anonymous-role what everybody may do, or listen on 127.0.0.1")
	case !c.DeveloperMode() && !c.Targets.Listed():
		return refuse("the server would let its callers reach every database that it reaches itself",
			"list them in target-hosts and sqlite-directories; target-hosts=*:* allows every host")
	}
	return c.Store.placed()
}

// validateAuth checks settings that only make sense together.
func (c *Config) validateAuth() error {
	invalid := func(format, how string) error {
		return fault.New(fault.Invalid, reasonInvalid, "%s", format).Suggest("%s", how)
	}
	o := c.Auth.OIDC
	switch {
	case c.Auth.Required && !c.Authenticated() && c.Store.None:
		return invalid("nobody could call: anonymous-role is none, and there are no tokens without a store",
			"set store, tokens-file, oidc-issuer or tls-client-ca")
	case (c.TLS.Certificate == "") != (c.TLS.Key == ""):
		return invalid("tls-cert and tls-key belong together", "set both")
	case c.TLS.ClientCA != "" && !c.Encrypted():
		return invalid("tls-client-ca needs TLS", "set tls-cert and tls-key")
	case (c.TLS.ClientCA == "") != (len(c.Auth.Certificates) == 0):
		return invalid("tls-client-ca and tls-identities belong together", "set both: the authorities, and what each name may do")
	case o.Issuer != "" && (o.Audience == "" || len(o.Roles) == 0):
		return invalid("oidc-issuer needs oidc-audience and oidc-roles", "say which audience tokens must be for, and what the values of oidc-role-claim may do")
	case o.Issuer == "" && (o.Audience != "" || len(o.Roles) > 0):
		return invalid("oidc-audience and oidc-roles need oidc-issuer", "say whose tokens are taken")
	}
	if u, err := url.Parse(o.Issuer); o.Issuer != "" && (err != nil || u.Scheme != "https" && (u.Scheme != "http" || !Loopback(u.Host+portOf(u)))) {
		return invalid("oidc-issuer is not an https URL", "write it exactly as the provider's tokens name it")
	}
	if _, err := Grants("tls-identities", c.Auth.Certificates); err != nil {
		return err
	}
	if _, err := Grants("oidc-roles", o.Roles); err != nil {
		return err
	}
	_, err := access.NewTargets(access.TargetRules{Hosts: c.Targets.Hosts, Directories: c.Targets.SQLiteDirectories})
	return err
}

func portOf(u *url.URL) string {
	if u.Port() == "" {
		return ":80"
	}
	return ""
}
