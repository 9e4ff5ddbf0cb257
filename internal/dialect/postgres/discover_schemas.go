package postgres

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// Schemas implements dialect.ServerSession, on a connection of its own to the
// database and with two queries.
func (s *server) Schemas(ctx context.Context, database string) (dialect.SchemaRoster, error) {
	in, err := s.dialect.Open(ctx, s.target.On(database, ""))
	if err != nil {
		return dialect.SchemaRoster{}, err
	}
	defer func() { _ = in.Close() }()
	var out dialect.SchemaRoster
	err = snapshot(ctx, in, func() error {
		if err := schemas(ctx, in, &out); err != nil {
			return err
		}
		return schemaGrants(ctx, in, database, &out)
	})
	if err != nil {
		return dialect.SchemaRoster{}, s.dialect.Classify(err)
	}
	return out, nil
}

// ownSchemas leaves out those of the system, whose prefix is reserved.
const ownSchemas = `n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'`

func schemas(ctx context.Context, q dialect.Querier, out *dialect.SchemaRoster) error {
	const query = `SELECT n.nspname, pg_get_userbyid(n.nspowner) FROM pg_namespace n WHERE ` + ownSchemas + ` ORDER BY n.nspname COLLATE "C"`
	return each(ctx, q, query, nil, func(rows *sql.Rows) error {
		var x dialect.Schema
		if err := rows.Scan(&x.Name, &x.Owner); err != nil {
			return err
		}
		out.Schemas = append(out.Schemas, x)
		return nil
	})
}

// schemaGrants reads the access lists of the schemas and of the tables in them.
// What counts on some of the tables is told as if it counted on all; "OWNS" is
// the owner of a table, who may change it.
func schemaGrants(ctx context.Context, q dialect.Querier, database string, out *dialect.SchemaRoster) error {
	const query = `SELECT x.nspname, x.grantee = 0, COALESCE(r.rolname, ''), string_agg(DISTINCT x.word, ','), bool_or(x.is_grantable)
		FROM (
			SELECT n.nspname, a.grantee, a.privilege_type AS word, a.is_grantable
			FROM pg_namespace n CROSS JOIN LATERAL aclexplode(COALESCE(n.nspacl, acldefault('n', n.nspowner))) a
			WHERE ` + ownSchemas + `
			UNION ALL
			SELECT n.nspname, a.grantee, 'TABLES:' || CASE WHEN a.grantee = c.relowner THEN 'OWNS' ELSE a.privilege_type END, a.is_grantable
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			CROSS JOIN LATERAL aclexplode(COALESCE(c.relacl, acldefault('r', c.relowner))) a
			WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ` + ownSchemas + `
		) x LEFT JOIN pg_roles r ON r.oid = x.grantee
		GROUP BY x.nspname, x.grantee, r.rolname`
	return each(ctx, q, query, nil, func(rows *sql.Rows) error {
		g := dialect.Grant{Database: database}
		var words string
		var grantable bool
		if err := rows.Scan(&g.Schema, &g.Public, &g.Grantee.Name, &words, &grantable); err != nil {
			return err
		}
		g.Raw = strings.Split(words, ",")
		slices.Sort(g.Raw)
		g.Privileges = schemaPrivileges(g.Raw, grantable)
		out.Grants = append(out.Grants, g)
		return nil
	})
}

func schemaPrivileges(words []string, grantable bool) dialect.Privileges {
	var p dialect.Privileges
	for _, word := range words {
		switch word {
		case "USAGE":
			p |= dialect.MayConnect
		case "CREATE":
			p |= dialect.MayCreate
		case "TABLES:SELECT":
			p |= dialect.MayRead
		case "TABLES:INSERT", "TABLES:UPDATE", "TABLES:DELETE", "TABLES:TRUNCATE":
			p |= dialect.MayWrite
		case "TABLES:OWNS":
			p |= dialect.MayRead | dialect.MayWrite | dialect.MayDDL
		}
	}
	if grantable {
		p |= dialect.MayGrant
	}
	return p
}
