package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

var (
	_ dialect.Provisioner      = (*Dialect)(nil)
	_ dialect.ProvisionSession = (*provision)(nil)
)

// provision is the admin's session to the maintenance database. What is in a
// database is made on a connection of its own, in one transaction.
type provision struct {
	dialect *Dialect
	target  dialect.Target
	session dialect.Session
}

// OpenProvision implements dialect.Provisioner.
func (d *Dialect) OpenProvision(ctx context.Context, t dialect.Target) (dialect.ProvisionSession, error) {
	s, err := d.Open(ctx, t.On(t.Database, ""))
	if err != nil {
		return nil, err
	}
	return &provision{dialect: d, target: t, session: s}, nil
}

// Close implements dialect.ProvisionSession.
func (p *provision) Close() error { return p.session.Close() }

// Do implements dialect.ProvisionSession.
func (p *provision) Do(ctx context.Context, step dialect.ProvisionStep, password secret.Redacted) error {
	err := p.do(ctx, step, password)
	if err != nil {
		return p.dialect.Classify(err)
	}
	return nil
}

func (p *provision) do(ctx context.Context, step dialect.ProvisionStep, password secret.Redacted) error {
	switch step.Kind {
	case dialect.CreateDatabase:
		return p.createDatabase(ctx, step.Database)
	case dialect.CreateSchema:
		return p.within(ctx, step.Database, func(q dialect.Querier) error { return createSchema(ctx, q, step) })
	case dialect.CreateUser:
		return p.createUser(ctx, step.User.Name, password)
	case dialect.GrantUse:
		return p.within(ctx, step.Database, func(q dialect.Querier) error { return grantUse(ctx, q, step) })
	case dialect.RefreshUse:
		return nil // default privileges have done it
	}
	return fault.New(fault.Bug, "STEP_UNKNOWN", "there is no step %q", step.Kind)
}

// Undo implements dialect.ProvisionSession.
func (p *provision) Undo(ctx context.Context, step dialect.ProvisionStep, contents bool) error {
	err := p.undo(ctx, step, contents)
	if err != nil && p.dialect.Classify(err).Reason == "DATABASE_UNKNOWN" {
		return nil // all that was in it went with it
	}
	if err != nil {
		return p.dialect.Classify(err)
	}
	return nil
}

func (p *provision) undo(ctx context.Context, step dialect.ProvisionStep, contents bool) error {
	switch step.Kind {
	case dialect.CreateDatabase:
		return p.dropDatabase(ctx, step.Database, contents)
	case dialect.CreateSchema:
		return p.within(ctx, step.Database, func(q dialect.Querier) error { return dropSchema(ctx, q, step, contents) })
	case dialect.CreateUser:
		return run(ctx, p.session, "DROP ROLE IF EXISTS "+quote(step.User.Name))
	case dialect.GrantUse:
		return p.within(ctx, step.Database, func(q dialect.Querier) error { return revokeUse(ctx, q, step) })
	case dialect.RefreshUse:
		return nil
	}
	return fault.New(fault.Bug, "STEP_UNKNOWN", "there is no step %q", step.Kind)
}

// There implements dialect.ProvisionSession.
func (p *provision) There(ctx context.Context, step dialect.ProvisionStep) (found bool, err error) {
	look := func(query string, args ...any) func(dialect.Querier) error {
		return func(q dialect.Querier) (err error) {
			found, err = there(ctx, q, query, args...)
			return err
		}
	}
	switch step.Kind {
	case dialect.CreateDatabase:
		err = look(databaseThere, step.Database)(p.session)
	case dialect.CreateUser:
		err = look(roleThere, step.User.Name)(p.session)
	case dialect.CreateSchema:
		err = p.within(ctx, step.Database, look(schemaThere, step.Schema))
	case dialect.GrantUse:
		err = p.within(ctx, step.Database, look(granted, step.User.Name, schemaOr(step.Schema)))
	case dialect.RefreshUse:
	}
	if err != nil {
		return false, p.dialect.Classify(err)
	}
	return found, nil
}

// within runs work in one transaction in a database.
func (p *provision) within(ctx context.Context, database string, work func(dialect.Querier) error) error {
	s, err := p.dialect.Open(ctx, p.target.On(database, ""))
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // which rolls back what was not committed
	if err := run(ctx, s, "BEGIN"); err != nil {
		return err
	}
	if err := work(s); err != nil {
		return err
	}
	return run(ctx, s, "COMMIT")
}

func run(ctx context.Context, q dialect.Querier, statements ...string) error {
	for _, s := range statements {
		if _, err := q.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// there tells whether a query gives a row.
func there(ctx context.Context, q dialect.Querier, query string, args ...any) (found bool, err error) {
	err = each(ctx, q, query, args, func(*sql.Rows) error { found = true; return nil })
	return found, err
}

// absent is an error of kind Exists if a query gives a row.
func absent(ctx context.Context, q dialect.Querier, step dialect.ProvisionStep, query string, args ...any) error {
	found, err := there(ctx, q, query, args...)
	if err != nil || !found {
		return err
	}
	return exists(step)
}

func exists(step dialect.ProvisionStep) error {
	reason := map[dialect.StepKind]string{
		dialect.CreateDatabase: "DATABASE_EXISTS", dialect.CreateSchema: "SCHEMA_EXISTS",
		dialect.CreateUser: "USER_EXISTS", dialect.GrantUse: "GRANTS_EXIST",
	}[step.Kind]
	return fault.New(fault.Exists, reason, "the server already has the %s", step.Describe()).
		Suggest("take another name, or use what is there without making it")
}

const databaseThere = "SELECT 1 FROM pg_database WHERE datname = $1"

func (p *provision) createDatabase(ctx context.Context, name string) error {
	step := dialect.ProvisionStep{Kind: dialect.CreateDatabase, Database: name}
	if err := absent(ctx, p.session, step, databaseThere, name); err != nil {
		return err
	}
	if err := run(ctx, p.session, "CREATE DATABASE "+quote(name)+" TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		if state(err) == "42P04" {
			return exists(step)
		}
		return err
	}
	if err := p.closeToPublic(ctx, name); err != nil {
		_ = run(context.WithoutCancel(ctx), p.session, dropDatabase(name))
		return err
	}
	return nil
}

// publicSchemaClosed: since PostgreSQL 15 only the owner may create in public.
const publicSchemaClosed = 15

// closeToPublic takes from everybody what a new database gives them: another
// tenant's user has no business there.
func (p *provision) closeToPublic(ctx context.Context, name string) error {
	if err := run(ctx, p.session, "REVOKE ALL ON DATABASE "+quote(name)+" FROM PUBLIC"); err != nil {
		return err
	}
	if p.session.Version().Major >= publicSchemaClosed {
		return nil
	}
	return p.within(ctx, name, func(q dialect.Querier) error {
		return run(ctx, q, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	})
}

func dropDatabase(name string) string {
	return "DROP DATABASE IF EXISTS " + quote(name) + " WITH (FORCE)"
}

// tables are what somebody would miss.
const tables = `SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ` + ownSchemas

func (p *provision) dropDatabase(ctx context.Context, name string, contents bool) error {
	if !contents {
		err := p.within(ctx, name, func(q dialect.Querier) error {
			return empty(ctx, q, "database "+name, tables)
		})
		if err != nil {
			return err
		}
	}
	return run(ctx, p.session, dropDatabase(name))
}

// empty is an error of kind Refused if a query gives a row.
func empty(ctx context.Context, q dialect.Querier, what, query string, args ...any) error {
	found, err := there(ctx, q, query, args...)
	if err != nil || !found {
		return err
	}
	return fault.New(fault.Refused, "NOT_EMPTY", "the %s holds tables and was kept", what).
		Suggest("ask for its contents to be dropped, too, if nobody needs them")
}

const schemaThere = "SELECT 1 FROM pg_namespace WHERE nspname = $1"

func createSchema(ctx context.Context, q dialect.Querier, step dialect.ProvisionStep) error {
	if err := absent(ctx, q, step, schemaThere, step.Schema); err != nil {
		return err
	}
	err := run(ctx, q, "CREATE SCHEMA "+quote(step.Schema))
	if state(err) == "42P06" {
		return exists(step)
	}
	return err
}

func dropSchema(ctx context.Context, q dialect.Querier, step dialect.ProvisionStep, contents bool) error {
	if !contents {
		if err := empty(ctx, q, step.Describe(), tables+" AND n.nspname = $1", step.Schema); err != nil {
			return err
		}
	}
	return run(ctx, q, "DROP SCHEMA IF EXISTS "+quote(step.Schema)+" CASCADE")
}

const roleThere = "SELECT 1 FROM pg_roles WHERE rolname = $1"

// createUser sends a verifier and never the password, so that it can be in no
// log of the server.
func (p *provision) createUser(ctx context.Context, name string, password secret.Redacted) error {
	step := dialect.ProvisionStep{Kind: dialect.CreateUser, User: dialect.Account{Name: name}}
	if password.Empty() {
		return fault.New(fault.Invalid, "PASSWORD_MISSING", "the user %s would have no password", name)
	}
	if err := absent(ctx, p.session, step, roleThere, name); err != nil {
		return err
	}
	kept, err := verifier(password.Reveal(), salt(), scramIterations)
	if err != nil {
		return err
	}
	err = run(ctx, p.session, "CREATE ROLE "+quote(name)+" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD "+literal(kept))
	if state(err) == "42710" {
		return exists(step)
	}
	return err
}

// state is an error's SQLSTATE, or "".
func state(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

const (
	scramIterations = 4096
	saltBytes       = 16
)

func salt() []byte {
	b := make([]byte, saltBytes)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program first
	return b
}

// verifier is what the server keeps of a password, by RFC 5803 and RFC 7677 and
// in the server's own spelling:
// https://www.postgresql.org/docs/current/catalog-pg-authid.html
// Only printable ASCII is taken, which SASLprep leaves as it is.
func verifier(password string, salt []byte, iterations int) (string, error) {
	if strings.ContainsFunc(password, func(r rune) bool { return r < '!' || r > '~' }) {
		return "", fault.New(fault.Invalid, "PASSWORD_UNUSABLE", "the password holds something else than printable ASCII").
			Suggest("let lockstep generate it")
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", fault.New(fault.Bug, "PASSWORD_HASH", "the password could not be hashed")
	}
	sign := func(text string) []byte {
		h := hmac.New(sha256.New, salted)
		_, _ = h.Write([]byte(text)) // never fails
		return h.Sum(nil)
	}
	stored := sha256.Sum256(sign("Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, text(salt), text(stored[:]), text(sign("Server Key"))), nil
}
