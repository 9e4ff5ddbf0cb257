package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

var (
	_ dialect.Provisioner      = (*Dialect)(nil)
	_ dialect.ProvisionSession = (*provision)(nil)
)

// provision makes files in a directory, and nothing outside of it: the root lets
// no link lead away. An empty file is an empty database.
type provision struct {
	dialect *Dialect
	path    string
	root    *os.Root
}

// OpenProvision implements dialect.Provisioner. The path of t is a directory.
func (d *Dialect) OpenProvision(ctx context.Context, t dialect.Target) (dialect.ProvisionSession, error) {
	if _, err := d.OpenServer(ctx, t); err != nil { // it says what is wrong with the directory
		return nil, err
	}
	path, err := filepath.Abs(t.Database)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "TARGET_INVALID", "the path of the directory cannot be resolved")
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, denied(err, path)
	}
	return &provision{dialect: d, path: path, root: root}, nil
}

// Close implements dialect.ProvisionSession.
func (p *provision) Close() error { return p.root.Close() }

// ownerOnly: whoever else is to use the file is let in by its owner.
const ownerOnly = 0o600

// Do implements dialect.ProvisionSession.
func (p *provision) Do(ctx context.Context, step dialect.ProvisionStep, _ secret.Redacted) error {
	if ctx.Err() != nil {
		return walkError(ctx.Err(), p.path)
	}
	switch step.Kind {
	case dialect.CreateDatabase:
		return p.create(step)
	case dialect.RefreshUse:
		return nil
	case dialect.CreateSchema, dialect.CreateUser, dialect.GrantUse:
	}
	return fault.New(fault.Unsupported, "NOT_SUPPORTED", "SQLite has no schemas and no users").
		Suggest("give each tenant a file of its own; who may use it is the file system's affair")
}

func (p *provision) create(step dialect.ProvisionStep) error {
	if sidecar(step.Database) {
		return fault.New(fault.Invalid, "TARGET_INVALID", "%s is a name that SQLite keeps for itself", step.Database)
	}
	f, err := p.root.OpenFile(filepath.FromSlash(step.Database), os.O_CREATE|os.O_EXCL|os.O_WRONLY, ownerOnly)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fault.New(fault.Exists, "DATABASE_EXISTS", "the directory already has the %s", step.Describe()).
			Suggest("take another name, or register the file that is there")
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(err, fault.NotFound, "DIRECTORY_UNKNOWN", "the directory of %s is not there", step.Describe()).Suggest("make it first")
	case err != nil:
		return fault.Wrap(err, fault.Denied, "DATABASE_PERMISSION", "%s cannot be made in %s", step.Describe(), p.path).
			Suggest("let the user that lockstep runs as write there; name a file below the directory")
	}
	if err := f.Close(); err != nil {
		_ = p.root.Remove(filepath.FromSlash(step.Database))
		return fault.Wrap(err, fault.Exhausted, "DATABASE_FULL", "%s could not be written", step.Describe())
	}
	return nil
}

// There implements dialect.ProvisionSession.
func (p *provision) There(_ context.Context, step dialect.ProvisionStep) (bool, error) {
	if step.Kind != dialect.CreateDatabase {
		return false, nil
	}
	_, err := p.root.Lstat(filepath.FromSlash(step.Database))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, denied(err, p.path)
	}
	return err == nil, nil
}

// Tables implements dialect.ProvisionSession.
func (p *provision) Tables(ctx context.Context, step dialect.ProvisionStep) (names []string, err error) {
	s, err := p.dialect.Open(ctx, dialect.Target{Engine: dialect.SQLite, Database: filepath.Join(p.path, filepath.FromSlash(step.Database))})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	const query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name"
	err = scanEach(ctx, s, query, nil, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	if err != nil {
		return nil, p.dialect.Classify(err)
	}
	return names, nil
}

// Undo implements dialect.ProvisionSession.
func (p *provision) Undo(ctx context.Context, step dialect.ProvisionStep, contents bool) error {
	if step.Kind != dialect.CreateDatabase {
		return nil
	}
	if !contents {
		names, err := p.Tables(ctx, step)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			return fault.New(fault.Refused, "NOT_EMPTY", "the %s holds tables and was kept", step.Describe()).
				Suggest("ask for its contents to be dropped, too, if nobody needs them")
		}
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := p.root.Remove(filepath.FromSlash(step.Database) + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.Wrap(err, fault.Denied, "DATABASE_PERMISSION", "%s cannot be removed from %s", step.Describe(), p.path)
		}
	}
	return nil
}
