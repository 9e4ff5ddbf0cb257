package onboard

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// way is the way to a server.
type way struct {
	server *control.Server
	admin  dialect.Target // with the administrator's secret
	d      dialect.Dialect
	open   discover.Opener
}

// reach finds the way to a server.
func (s Servers) reach(ctx context.Context, id string) (way, error) {
	server, err := s.Store.GetServer(ctx, id)
	if err != nil {
		return way{}, err
	}
	admin, err := control.ResolveServer(ctx, s.Secrets, server)
	if err != nil {
		return way{}, err
	}
	d := s.Dialects[server.Engine]
	p, ok := d.(dialect.Provisioner)
	if !ok {
		return way{}, fault.New(fault.Unsupported, "ONBOARDING_UNSUPPORTED", "this build makes no tenants on %s", server.Engine)
	}
	return way{server: server, admin: admin, d: d, open: func(ctx context.Context) (dialect.ProvisionSession, error) {
		return p.OpenProvision(ctx, admin)
	}}, nil
}

// settle decides where the tenant will live, and refuses what the engine has not.
func (w way) settle(req *Request) error {
	engine := w.server.Engine
	switch {
	case !w.server.Archived.IsZero():
		return fault.New(fault.Refused, "SERVER_ARCHIVED", "the server %s is archived", w.server.ID).Suggest("choose another server")
	case req.Schema != "" && !w.d.Capabilities().Namespaces:
		return fault.New(fault.Unsupported, "NOT_SUPPORTED", "%s has no schemas in a database", engine).
			Suggest("leave the schema out: each tenant has a database of its own")
	case req.User != nil && engine == dialect.SQLite:
		return fault.New(fault.Unsupported, "NOT_SUPPORTED", "SQLite has no users").
			Suggest("leave the user out: who may use the file is the file system's affair")
	case req.User != nil && req.User.Host != "" && engine != dialect.MySQL && engine != dialect.MariaDB:
		return fault.New(fault.Unsupported, "NOT_SUPPORTED", "users of %s have no host", engine).Suggest("leave the host out")
	}
	if req.Database == "" {
		req.Database = databaseFor(engine, req.ID)
		if req.Schema != "" {
			req.Database = w.admin.Database
		}
	}
	if req.User != nil {
		u := *req.User
		if u.Name == "" {
			u.Name = UserName(req.ID)
		}
		if u.Host == "" && (engine == dialect.MySQL || engine == dialect.MariaDB) {
			u.Host = "%"
		}
		req.User = &u
	}
	return nil
}

// targetURL is the address of a database on the server, as the registry keeps it:
// with the administrator's name, and no secret.
func (w way) targetURL(database, schema string) (string, error) {
	u, err := url.Parse(w.server.Address)
	if err != nil {
		return "", fault.New(fault.Corrupt, "TARGET_CORRUPT", "the address that is stored for the server %s is no URL", w.server.ID)
	}
	want := w.admin.On(database, schema)
	query := u.Query()
	query.Del("schema")
	if schema != "" {
		query.Set("schema", schema)
	}
	switch w.server.Engine {
	case dialect.SQLite:
		u = &url.URL{Scheme: "sqlite", Path: filepath.ToSlash(want.Database)}
		if !filepath.IsAbs(want.Database) {
			u = &url.URL{Scheme: "sqlite", Opaque: strings.ReplaceAll(url.PathEscape(filepath.ToSlash(want.Database)), "%2F", "/")}
		}
	case dialect.SQLServer:
		query.Set("database", database)
	case dialect.Postgres, dialect.MySQL, dialect.MariaDB:
		u.Path, u.RawPath = "/"+database, ""
	}
	u.RawQuery = query.Encode()
	got, err := dialect.ParseTarget(u.String())
	if err == nil && (got.Database != want.Database || got.Schema != want.Schema || got.Host != want.Host) {
		err = fault.New(fault.Invalid, "TARGET_INVALID", "the database %q cannot be named in a URL", database).Suggest("choose a name of letters, digits and underscores")
	}
	return u.String(), err
}
