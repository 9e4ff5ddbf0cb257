package inventory

import (
	"net/url"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// TargetURL returns the URL of a place on a server, with the server's options and
// without a secret. user is who logs in; "": the server's administrator. Errors:
// DATABASE_UNNAMEABLE (Unsupported) for a name that no URL can carry.
func TargetURL(server *control.Server, at discover.Place, user string) (string, error) {
	address, err := dialect.ParseServer(server.Address)
	if err != nil {
		return "", corrupt(err)
	}
	u, err := url.Parse(server.Address)
	if err != nil {
		return "", corrupt(err)
	}
	want := address.On(at.Database, at.Schema)
	if user != "" && server.Engine != dialect.SQLite {
		u.User = url.User(user)
		want.User = user
	}
	lead(u, want)
	got, err := dialect.ParseTarget(u.String())
	if err != nil || got.Database != want.Database || got.Schema != want.Schema || got.User != want.User {
		return "", fault.New(fault.Unsupported, "DATABASE_UNNAMEABLE", "the name of the database cannot be written in a URL").
			Suggest("rename the database if lockstep is to serve it")
	}
	return u.String(), nil
}

// lead makes the URL of a server that of a target on it.
func lead(u *url.URL, t dialect.Target) {
	if t.Engine == dialect.SQLite {
		*u = url.URL{Scheme: u.Scheme, Opaque: (&url.URL{Path: t.Database}).EscapedPath()}
		return
	}
	options := u.Query()
	options.Del("schema")
	if t.Schema != "" {
		options.Set("schema", t.Schema)
	}
	if t.Engine == dialect.SQLServer {
		options.Set("database", t.Database)
	} else {
		u.Path, u.RawPath = "/"+t.Database, "/"+url.PathEscape(t.Database)
	}
	u.RawQuery = options.Encode()
}
