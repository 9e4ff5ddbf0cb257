package accessproof

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"

	"github.com/lockstepdb/lockstep/entities/versions"
	"github.com/lockstepdb/lockstep/internal/compose"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// planned stands in for the command line on engines that it does not serve: it
// makes the plan that execute would make, and runs its statements.
type planned struct {
	dialect dialect.Dialect
	base    *schema.Schema
}

func newPlanned(engine string) *planned {
	switch engine {
	case "mysql":
		return &planned{dialect: mysql.New()}
	case "mariadb":
		return &planned{dialect: mysql.New(mysql.WithMariaDB())}
	}
	return nil
}

func (p *planned) bring(t testing.TB, tn tenant, reference, strat string) {
	t.Helper()
	made, err := plan.Build(t.Context(), p.dialect, plan.Input{
		EngineVersion: 1, Strategy: strategy.Name(strat), Base: p.base, Target: p.target(t, reference),
	})
	require.NoError(t, err)
	p.base = made.ResultSchema
	parsed, err := dialect.ParseTarget(tn.target)
	require.NoError(t, err)
	session, err := p.dialect.Open(t.Context(), parsed)
	require.NoError(t, err)
	defer func() { _ = session.Close() }()
	tx, err := session.Begin(t.Context(), dialect.TxOptions{LockWait: time.Minute, CreateNamespace: true})
	require.NoError(t, err)
	for i := range made.Statements {
		_, err := tx.ExecContext(t.Context(), made.Statements[i].SQL)
		if err != nil {
			_ = tx.Rollback(context.WithoutCancel(t.Context()))
		}
		require.NoError(t, err, made.Statements[i].SQL)
	}
	require.NoError(t, tx.Commit(t.Context()))
}

// target is the model that a release of the example means on this engine.
func (p *planned) target(t testing.TB, reference string) *schema.Schema {
	t.Helper()
	all, err := versions.All()
	require.NoError(t, err)
	path, version, _ := strings.Cut(reference, "@")
	dir := t.TempDir()
	for _, r := range all {
		if r.Path() == path && r.Version == version {
			require.NoError(t, r.WriteTo(dir))
		}
	}
	data, err := os.ReadFile(dir + "/go.mod")
	require.NoError(t, err)
	file, err := modfile.Parse("go.mod", data, nil)
	require.NoError(t, err)
	read, err := entity.Read(t.Context(), &module.Module{Version: module.Version{Path: path, Version: version}, FS: os.DirFS(dir), File: file}, nil, entity.Options{})
	require.NoError(t, err)
	composed, err := compose.Compose([]*entity.Result{read})
	require.NoError(t, err)
	lowered, err := p.dialect.Lower(composed)
	require.NoError(t, err)
	return lowered
}
