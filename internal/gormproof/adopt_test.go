package gormproof_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/gormproof"
	"github.com/lockstepdb/lockstep/internal/gormproof/automigrate"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TestAdopt takes over what AutoMigrate built: the report is empty, the next
// preview has nothing to do, and nothing has drifted.
func TestAdopt(t *testing.T) {
	gormproof.EachEngine(t, func(t *testing.T, e gormproof.Engine) {
		s := gormproof.NewService(t, e)
		for _, f := range fixtures() {
			if f.engines == nil || slices.Contains(f.engines, e.Engine()) {
				t.Run(f.name, func(t *testing.T) { f.adopt(t, e, s) })
			}
		}
	})
}

func (f fixture) adopt(t *testing.T, e gormproof.Engine, s *migrate.Service) {
	t.Helper()
	url := e.Fresh(t)
	require.NoError(t, automigrate.Run(url, f.options(), f.models...))
	target, err := dialect.ParseTarget(url)
	require.NoError(t, err)
	keys := !f.noKeys
	own := gormproof.Source(t, ".")
	own.Path = gormproof.Self
	set := migrate.ModuleSet{
		Refs: []module.Ref{{Path: gormproof.Self}},
		Manifests: map[string]*entity.Manifest{gormproof.Self: {
			Naming: f.naming, ForeignKeys: &keys, Entities: gormproof.Patterns(own, f.models...),
		}},
	}
	r, err := s.Adopt(t.Context(), migrate.AdoptRequest{Modules: set, Target: target, Actor: "proof"})
	gormproof.NoViolations(t, err)
	assert.Equal(t, migrate.ByScratch, r.Method)
	for i := range r.Differences {
		t.Errorf("%s (%s)", r.Differences[i].String(), r.Differences[i].Severity)
	}
	assert.Equal(t, int64(1), r.Revision)
	p, err := s.Preview(t.Context(), migrate.Request{Modules: set, Target: target, Strategy: strategy.Full})
	require.NoError(t, err)
	assert.False(t, p.Changed)
	assert.Empty(t, p.Plan.Verdicts)
	drift, err := s.Drift(t.Context(), migrate.DriftRequest{Target: target})
	require.NoError(t, err)
	assert.Empty(t, drift.Differences)
}
