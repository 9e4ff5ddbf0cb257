package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// The places that secrets are sealed for.
const (
	tenantPlace = "tenants/"
	serverPlace = "servers/"
)

// TenantPlace is where a tenant's secret belongs.
func TenantPlace(id string) string { return tenantPlace + id }

// ServerPlace is where a server's secret belongs.
func ServerPlace(id string) string { return serverPlace + id }

// Address is a target without its secret, ready to be stored.
type Address struct {
	URL      string // without a password
	Password secret.Redacted
	Target   dialect.Target // without a password
	Key      string         // equal for two spellings of one place
}

// ParseAddress takes a target URL apart. Errors: TARGET_INVALID (Invalid); they
// never repeat the URL.
func ParseAddress(raw secret.Redacted) (Address, error) {
	return parseAddress(raw, dialect.ParseTarget)
}

// ParseServerAddress is ParseAddress for the URL of a server, which may name no
// database, and names a directory for SQLite.
func ParseServerAddress(raw secret.Redacted) (Address, error) {
	return parseAddress(raw, dialect.ParseServer)
}

func parseAddress(raw secret.Redacted, parse func(string) (dialect.Target, error)) (Address, error) {
	t, err := parse(raw.Reveal())
	if err != nil {
		return Address{}, err
	}
	for name := range t.Options {
		if secretOption(name) {
			return Address{}, fault.New(fault.Invalid, "TARGET_INVALID", "the target option %q would be stored in the clear", name).
				Suggest("give the password in the URL or as the secret")
		}
	}
	u, err := url.Parse(raw.Reveal())
	if err != nil {
		return Address{}, fault.New(fault.Invalid, "TARGET_INVALID", "the target is not a valid URL")
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	u.Fragment, u.RawFragment = "", ""
	u.RawQuery = u.Query().Encode()
	a := Address{URL: u.String(), Password: secret.New(t.Password()), Key: targetKey(t)}
	a.Target, err = parse(a.URL)
	return a, err
}

// secretOption tells whether an option of a connection holds a secret.
func secretOption(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"pass", "pwd", "secret", "token", "sslkey"}, func(word string) bool {
		return strings.Contains(name, word)
	})
}

// TargetKey names the place that a target leads to: equal for two spellings of
// it, whoever logs in there.
func TargetKey(t dialect.Target) string { return targetKey(t) }

// targetKey names the place that a target leads to, whoever logs in there.
func targetKey(t dialect.Target) string {
	engine, schema := t.Engine, t.Schema
	port := map[dialect.Engine]string{dialect.Postgres: "5432", dialect.MySQL: "3306", dialect.MariaDB: "3306", dialect.SQLServer: "1433"}[engine]
	switch engine {
	case dialect.MariaDB:
		engine = dialect.MySQL // one protocol: the same server under either name
	case dialect.Postgres:
		if schema == "" {
			schema = "public"
		}
	case dialect.SQLServer:
		if schema == "" {
			schema = "dbo"
		}
	case dialect.MySQL, dialect.SQLite:
	}
	host := strings.ToLower(t.Host)
	if _, _, err := net.SplitHostPort(host); err != nil && port != "" {
		host = net.JoinHostPort(strings.Trim(host, "[]"), port)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{string(engine), host, t.Database, schema}, "\x00")))
	return hex.EncodeToString(sum[:])
}

// Secrets finds secrets; secret.Resolver is one.
type Secrets interface {
	Resolve(ctx context.Context, s secret.Stored, place string) (secret.Redacted, error)
}

// ResolveTenant returns a tenant's target with its secret. server is the
// tenant's, and is needed when its secret is the tenant's, too. Errors are those
// of the resolver, and SECRET_NOT_FOUND (NotFound) without a server.
func ResolveTenant(ctx context.Context, s Secrets, t *Tenant, server *Server) (dialect.Target, error) {
	stored, place := t.Secret, TenantPlace(t.ID)
	if stored.Kind() == secret.Server {
		if server == nil {
			return dialect.Target{}, fault.New(fault.NotFound, "SECRET_NOT_FOUND", "the secret of tenant %s is its server's, and it is on none", t.ID)
		}
		stored, place = server.Secret, ServerPlace(server.ID)
	}
	return resolve(ctx, s, t.Target, stored, place, dialect.ParseTarget)
}

// ResolveServer returns a server's address with its secret.
func ResolveServer(ctx context.Context, s Secrets, server *Server) (dialect.Target, error) {
	return resolve(ctx, s, server.Address, server.Secret, ServerPlace(server.ID), dialect.ParseServer)
}

func resolve(
	ctx context.Context, s Secrets, address string, stored secret.Stored, place string, parse func(string) (dialect.Target, error),
) (dialect.Target, error) {
	password, err := s.Resolve(ctx, stored, place)
	if err != nil {
		return dialect.Target{}, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return dialect.Target{}, fault.New(fault.Corrupt, "TARGET_CORRUPT", "the address that is stored for %s is no URL", place)
	}
	if !password.Empty() && u.User != nil {
		u.User = url.UserPassword(u.User.Username(), password.Reveal())
	}
	return parse(u.String())
}
