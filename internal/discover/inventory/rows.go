package inventory

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// The attributes of rows. What is empty, or false, is not there.
const (
	attrOwner      = "owner"
	attrCharset    = "charset"
	attrCollation  = "collation"
	attrSize       = "size"
	attrOffline    = "offline"
	attrSystem     = "system"
	attrSchemas    = "schemas_read"
	attrLogin      = "can_login"
	attrSuperuser  = "superuser"
	attrLocked     = "locked"
	attrExpired    = "expired"
	attrMemberOf   = "member_of"
	attrPrivileges = "privileges"
	attrRaw        = "raw"
	attrVia        = "via"
	attrPublic     = "public"
)

const yes = "true"

// public stands for everybody. No engine lets an account have that name.
const public = "public"

// granted is what a grant's row is called; it is followed by the pattern if the
// grant was given by one.
const granted = "granted"

type attributes control.Attributes

func (a attributes) text(name, value string) {
	if value != "" {
		a[name] = value
	}
}

func (a attributes) truth(name string, value bool) {
	if value {
		a[name] = yes
	}
}

// list puts a list in as JSON; it holds nothing that JSON cannot.
func (a attributes) list(name string, value any, length int) {
	if data, err := json.Marshal(value); err == nil && length > 0 {
		a[name] = string(data)
	}
}

// done returns the attributes, nil when there are none, as the store reads them.
func (a attributes) done() control.Attributes {
	if len(a) == 0 {
		return nil
	}
	return control.Attributes(a)
}

// rows is a state as the store keeps it, by the keys that the store has.
type rows struct {
	databases  map[place]control.Database
	users      map[string]control.User
	privileges map[grantKey]control.Privilege
}

type place struct{ database, schema string }

type grantKey struct{ user, database, schema, privilege string }

// names says how accounts are written in one text.
type names struct{ hosts bool }

// namesOf returns how an engine's accounts are written: where accounts have
// hosts, an @ in a name is told from the one before the host.
func namesOf(e dialect.Engine) names {
	return names{hosts: e != dialect.Postgres && e != dialect.SQLite}
}

func (n names) text(a dialect.Account) string {
	if !n.hosts {
		return a.Name
	}
	name := strings.NewReplacer(`\`, `\\`, "@", `\@`).Replace(a.Name)
	if a.Host != "" {
		name += "@" + a.Host
	}
	return name
}

// account is the inverse of text.
func (n names) account(text string) dialect.Account {
	if !n.hosts {
		return dialect.Account{Name: text}
	}
	var name strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '@':
			return dialect.Account{Name: name.String(), Host: text[i+1:]}
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		name.WriteByte(text[i])
	}
	return dialect.Account{Name: name.String()}
}

// rowsOf writes a state as rows.
func rowsOf(s discover.State, n names) rows {
	out := rows{
		databases: map[place]control.Database{}, users: map[string]control.User{}, privileges: map[grantKey]control.Privilege{},
	}
	for _, d := range s.Databases {
		out.database(d)
	}
	for _, u := range s.Users {
		a := attributes{}
		a.truth(attrLogin, u.CanLogin)
		a.truth(attrSuperuser, u.Superuser)
		a.truth(attrLocked, u.Locked)
		a.truth(attrExpired, u.Expired)
		a.truth(attrSystem, u.System)
		a.list(attrMemberOf, u.MemberOf, len(u.MemberOf))
		out.users[n.text(u.Account)] = control.User{Name: n.text(u.Account), Attributes: a.done()}
	}
	for _, g := range s.Grants {
		out.grant(g, n)
	}
	return out
}

func (r rows) database(d dialect.Database) {
	a := attributes{}
	a.text(attrOwner, d.Owner)
	a.text(attrCharset, d.Charset)
	a.text(attrCollation, d.Collation)
	if d.Size > 0 {
		a.text(attrSize, strconv.FormatInt(d.Size, 10))
	}
	a.truth(attrOffline, d.Offline)
	a.truth(attrSystem, d.System)
	a.truth(attrSchemas, d.SchemasRead)
	r.put(d.Name, "", a)
	for _, x := range d.Schemas {
		a := attributes{}
		a.text(attrOwner, x.Owner)
		r.put(d.Name, x.Name, a)
	}
}

func (r rows) put(name, schema string, a attributes) {
	r.databases[place{name, schema}] = control.Database{Name: name, Schema: schema, Attributes: a.done()}
}

func (r rows) grant(g dialect.Grant, n names) {
	a := attributes{}
	a.text(attrPrivileges, g.Privileges.String())
	a.list(attrRaw, g.Raw, len(g.Raw))
	a.text(attrVia, g.Via)
	a.truth(attrPublic, g.Public)
	p := control.Privilege{User: n.text(g.Grantee), Database: g.Database, Schema: g.Schema, Privilege: granted, Attributes: a.done()}
	if g.Public {
		p.User = public
	}
	if g.Via != "" {
		p.Privilege += " via " + g.Via
	}
	r.privileges[keyOfGrant(p)] = p
}

func keyOfGrant(p control.Privilege) grantKey {
	return grantKey{p.User, p.Database, p.Schema, p.Privilege}
}

// changes returns what has to be written so that the rows before become those
// after, in the order of their keys.
func changes(before, after rows) control.Delta {
	return control.Delta{
		Databases: differ(before.databases, after.databases, func(a, b place) int {
			return cmp.Or(strings.Compare(a.database, b.database), strings.Compare(a.schema, b.schema))
		}),
		Users: differ(before.users, after.users, strings.Compare),
		Privileges: differ(before.privileges, after.privileges, func(a, b grantKey) int {
			return cmp.Or(strings.Compare(a.user, b.user), strings.Compare(a.database, b.database),
				strings.Compare(a.schema, b.schema), strings.Compare(a.privilege, b.privilege))
		}),
	}
}

func differ[K comparable, T any](before, after map[K]T, compare func(a, b K) int) []control.Change[T] {
	all := maps.Clone(before)
	maps.Copy(all, after)
	var out []control.Change[T]
	for _, k := range slices.SortedFunc(maps.Keys(all), compare) {
		old, was := before[k]
		now, is := after[k]
		switch {
		case !was:
			out = append(out, control.Change[T]{Kind: control.Appeared, Value: now})
		case !is:
			out = append(out, control.Change[T]{Kind: control.Vanished, Value: old})
		case !reflect.DeepEqual(old, now):
			out = append(out, control.Change[T]{Kind: control.Changed, Value: now, Before: old})
		}
	}
	return out
}

// State returns what an inventory records, without what has vanished. Errors:
// STATE_CORRUPT (Corrupt).
func State(inv *control.Inventory) (discover.State, error) {
	known, err := decodeFacts(inv.Server.Facts)
	if err != nil {
		return discover.State{}, err
	}
	s := discover.State{Facts: known.Facts}
	n := namesOf(inv.Server.Engine)
	at := map[string]int{}
	for _, r := range inv.Databases { // a database sorts before its schemas
		d := r.Value
		i, ok := at[d.Name]
		switch {
		case !r.Vanished.IsZero():
		case d.Schema == "":
			at[d.Name] = len(s.Databases)
			s.Databases = append(s.Databases, databaseOf(d))
		case ok:
			s.Databases[i].Schemas = append(s.Databases[i].Schemas, dialect.Schema{Name: d.Schema, Owner: d.Attributes[attrOwner]})
		}
	}
	for _, r := range inv.Users {
		if !r.Vanished.IsZero() {
			continue
		}
		u, err := UserOf(inv.Server.Engine, r.Value)
		if err != nil {
			return discover.State{}, err
		}
		s.Users = append(s.Users, u)
	}
	for _, p := range inv.Privileges {
		g, err := grantOf(p, n)
		if err != nil {
			return discover.State{}, err
		}
		s.Grants = append(s.Grants, g)
	}
	return s.Canonical(), nil
}

func databaseOf(d control.Database) dialect.Database {
	a := d.Attributes
	size, err := strconv.ParseInt(a[attrSize], 10, 64)
	if err != nil {
		size = 0 // not known
	}
	return dialect.Database{
		Name: d.Name, Owner: a[attrOwner], Charset: a[attrCharset], Collation: a[attrCollation], Size: size,
		Offline: a[attrOffline] == yes, System: a[attrSystem] == yes, SchemasRead: a[attrSchemas] == yes,
	}
}

// UserOf reads a user's row. Errors: STATE_CORRUPT (Corrupt).
func UserOf(e dialect.Engine, u control.User) (dialect.User, error) {
	a := u.Attributes
	out := dialect.User{
		Account: namesOf(e).account(u.Name), CanLogin: a[attrLogin] == yes, Superuser: a[attrSuperuser] == yes,
		Locked: a[attrLocked] == yes, Expired: a[attrExpired] == yes, System: a[attrSystem] == yes,
	}
	return out, readList(a[attrMemberOf], &out.MemberOf)
}

func grantOf(p control.Privilege, n names) (dialect.Grant, error) {
	a := p.Attributes
	g := dialect.Grant{Database: p.Database, Schema: p.Schema, Via: a[attrVia], Public: a[attrPublic] == yes}
	if !g.Public {
		g.Grantee = n.account(p.User)
	}
	if err := g.Privileges.UnmarshalText([]byte(a[attrPrivileges])); err != nil {
		return g, err
	}
	return g, readList(a[attrRaw], &g.Raw)
}

func readList(text string, into any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return corrupt(err)
	}
	return nil
}

func corrupt(err error) error {
	return fault.Wrap(err, fault.Corrupt, "STATE_CORRUPT", "what is recorded of a server cannot be read").
		Suggest("use the newest lockstep; if it is, restore the control store from a backup")
}
