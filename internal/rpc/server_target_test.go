package rpc_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// TestADirectoryIsAServerAndNoTenant: where files below a directory are allowed,
// the directory is allowed as a server, and only files as tenants.
func TestADirectoryIsAServerAndNoTenant(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	require.NoError(t, os.Symlink(other, filepath.Join(dir, "link")))
	targets, err := access.NewTargets(access.TargetRules{Directories: []string{dir}, Files: access.FileSystem{
		Absolute: filepath.Abs, Resolve: filepath.EvalSymlinks,
		Exists: func(path string) bool { _, err := os.Lstat(path); return err == nil },
	}})
	require.NoError(t, err)
	_, _, withStore := stored(t)
	known, verifier := tokens(t)
	conn, _ := start(t, &fakeMigrator{}, secured(t, verifier), withStore, engines(nil), func(cfg *rpc.Config) { cfg.Access.Targets = targets })
	servers, tenants := lockstepv1.NewServerServiceClient(conn), lockstepv1.NewTenantServiceClient(conn)
	ctx := with(t.Context(), known['A'])
	for path, reason := range map[string]string{
		dir: "", filepath.Join(dir, "below"): "", other: access.ReasonTarget, filepath.Join(dir, "link"): access.ReasonTarget,
		filepath.Dir(dir): access.ReasonTarget, filepath.Join(dir, ".."): access.ReasonTarget,
	} {
		_, err := servers.CreateServer(ctx, &lockstepv1.CreateServerRequest{Id: "s" + filepath.Base(path) + reason[:min(1, len(reason))], Address: "sqlite:" + path})
		assert.Equal(t, reason, reasonOf(err), path)
	}
	for path, reason := range map[string]string{filepath.Join(dir, "a.db"): "", dir: access.ReasonTarget, filepath.Join(other, "a.db"): access.ReasonTarget} {
		_, err := tenants.CreateTenant(ctx, &lockstepv1.CreateTenantRequest{Id: "t" + filepath.Base(path), Target: "sqlite:" + path})
		assert.Equal(t, reason, reasonOf(err), path)
	}
}

// reasonOf is "" for no error.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return status.Fault(err).Reason
}
