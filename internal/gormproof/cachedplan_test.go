package gormproof_test

import (
	"testing"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/lockstepdb/lockstep/internal/gormproof"
	"github.com/lockstepdb/lockstep/internal/gormproof/automigrate"
)

// CachedPlan is a table that gets a column while it is read.
type CachedPlan struct {
	ID   uint
	Name string
}

// TestCachedPlan proves what docs/strategies.md says of `SELECT *` on a connection
// that prepared it before a column was added, and of the setting that helps.
func TestCachedPlan(t *testing.T) {
	gormproof.EachEngine(t, func(t *testing.T, e gormproof.Engine) {
		target := e.Fresh(t)
		star, fields := openOnce(t, target, false), openOnce(t, target, true)
		require.NoError(t, star.AutoMigrate(&CachedPlan{}))
		require.NoError(t, star.Create(&CachedPlan{Name: "a"}).Error)
		find := func(db *gorm.DB) error {
			var rows []CachedPlan
			return db.Find(&rows).Error
		}
		require.NoError(t, find(star))
		require.NoError(t, find(fields))
		require.NoError(t, openOnce(t, target, false).Exec("ALTER TABLE cached_plans ADD COLUMN fresh int").Error)
		assert.NoError(t, find(fields), "with QueryFields")
		err := find(star)
		if e.Engine() != dialect.Postgres {
			assert.NoError(t, err)
			return
		}
		require.ErrorContains(t, err, "0A000")
		assert.NoError(t, find(star), "the second time")
	})
}

// openOnce opens a tenant with a single connection.
func openOnce(t *testing.T, target string, queryFields bool) *gorm.DB {
	t.Helper()
	db, err := automigrate.Open(target, automigrate.Options{})
	require.NoError(t, err)
	db.QueryFields = queryFields
	pool, err := db.DB()
	require.NoError(t, err)
	pool.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = pool.Close() })
	return db
}
