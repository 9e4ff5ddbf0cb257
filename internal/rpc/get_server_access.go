package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// GetServerAccess tells who may use a database, or what a user may use.
func (s *serverService) GetServerAccess(
	ctx context.Context, req *lockstepv1.GetServerAccessRequest,
) (*lockstepv1.GetServerAccessResponse, error) {
	stock, err := s.stock(ctx, req.GetServer())
	if err != nil {
		return nil, err
	}
	var found []discover.Access
	if req.GetDatabase() != "" {
		found, err = stock.accessIn(req.GetDatabase(), req.GetSchema())
	} else {
		found, err = stock.accessOf(dialect.Account{Name: req.GetUser(), Host: req.GetHost()})
	}
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.GetServerAccessResponse{Unread: toUnread(stock.state.Facts), LastSync: toSyncStatus(stock.Server)}
	for _, a := range found {
		out.Access = append(out.Access, &lockstepv1.ServerAccess{
			Account: toAccount(a.User), Database: a.Database, Schema: a.Schema,
			Privileges: a.Privileges.Names(), AfterSetRole: a.AfterSetRole.Names(),
		})
	}
	return out, nil
}

func (s *stock) accessIn(database, schema string) ([]discover.Access, error) {
	place, err := s.find(database, schema)
	if err != nil {
		return nil, err
	}
	return discover.IndexOf(s.state).In(place.Database, place.Schema), nil
}

// accessOf joins the answers of all accounts of a name when no host is given.
func (s *stock) accessOf(who dialect.Account) ([]discover.Access, error) {
	server := s.state.Server
	index, known := discover.IndexOf(s.state), false
	var out []discover.Access
	for _, u := range s.state.Users {
		one := server.UserKey(u.Account) == server.UserKey(who)
		if !one && (who.Host != "" || !server.UserRule().Same(u.Name, who.Name)) {
			continue
		}
		known = true
		out = append(out, index.Of(u.Account)...)
	}
	if !known {
		return nil, s.unknown("USER_UNKNOWN", "there is no user %q on %s", who.String())
	}
	return out, nil
}

// find returns a place as the inventory spells it; the schema must have been
// read. Errors: DATABASE_UNKNOWN, SCHEMA_UNKNOWN (NotFound).
func (s *stock) find(database, schema string) (discover.Place, error) {
	rule := s.state.Server.Names()
	for _, d := range s.state.Databases {
		if !rule.Same(d.Name, database) {
			continue
		}
		if schema == "" {
			return discover.Place{Database: d.Name}, nil
		}
		for _, x := range d.Schemas {
			if rule.Same(x.Name, schema) {
				return discover.Place{Database: d.Name, Schema: x.Name}, nil
			}
		}
		return discover.Place{}, s.unknown("SCHEMA_UNKNOWN", "there is no schema %q recorded on %s", database+"."+schema).
			Suggest("schemas are read when a sync is asked for them: lockstep server sync %s --schemas-of DATABASE", s.Server.ID)
	}
	return discover.Place{}, s.unknown("DATABASE_UNKNOWN", "there is no database %q on %s", database)
}

func (s *stock) unknown(reason, format, what string) *fault.Error {
	return fault.New(fault.NotFound, reason, format, what, s.Server.ID).
		Suggest("the inventory is that of the last sync: run lockstep server sync %s", s.Server.ID)
}
