package sqlserver

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// differs is what GORM makes otherwise, by fixture. The column's default NULL is an
// object that stands in the way of the column, so it is told; characters beyond
// ASCII may be lost without N, which only the server's code page tells.
func differs() map[string][]string {
	return map[string][]string{"defaults": {
		"set the default of column null to (NULL)", "set the default of column nothing to (NULL)",
		"set the default of column unicode to ('grün')",
	}}
}

// TestAutoMigrate carries out what AutoMigrate and what lockstep send for GORM's
// fixtures, as the tests of gormproof have written it down: the two tenants are
// the same, to the last text.
func TestAutoMigrate(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/automigrate.txtar")
	require.NoError(t, err)
	require.Greater(t, len(archive.Files), 20)
	eachPlace(t, func(t *testing.T, p proving) {
		for i := 0; i+1 < len(archive.Files); i += 2 {
			theirs, ours := archive.Files[i], archive.Files[i+1]
			t.Run(strings.TrimSuffix(theirs.Name, ".gorm"), func(t *testing.T) {
				if p.name == "the simulation" {
					p.d = simulated().dialect()
				} else if why := refused(t, p, qualified(string(theirs.Data))); why != nil {
					t.Skipf("SKIPPED, NOT TESTED: AutoMigrate fails on this server itself: %v", why)
				}
				byGorm := carriedOut(t, p, p.target(t), qualified(string(theirs.Data)))
				if p.name == "the simulation" {
					p.d = simulated().dialect()
				}
				byLockstep := carriedOut(t, p, p.target(t), string(ours.Data))
				require.NotEmpty(t, byGorm.Tables)
				changes, err := diff.Diff(byLockstep, byGorm)
				require.NoError(t, err)
				var got []string
				for _, c := range changes {
					got = append(got, c.String())
				}
				assert.Equal(t, differs()[strings.TrimSuffix(theirs.Name, ".gorm")], got)
			})
		}
	})
}

// refused tries batches out in a scratch: some of the fixtures are made for other
// engines' functions and for newer servers' types, which the simulation takes as
// they are.
func refused(t *testing.T, p proving, batches string) error {
	t.Helper()
	s, err := p.d.Scratch(t.Context(), parsed(t, p.target(t)))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(t.Context())) }()
	for _, b := range split(batches) {
		if _, err := s.ExecContext(t.Context(), b); err != nil {
			return err
		}
	}
	return nil
}

func split(batches string) []string {
	return strings.Split(strings.TrimSuffix(batches, "\nGO\n"), "\nGO\n")
}

// carriedOut is what a tenant has after batches with GO between them.
func carriedOut(t *testing.T, p proving, url, batches string) *schema.Schema {
	t.Helper()
	executed(t, p, url, split(batches)...)
	s, err := p.d.Open(t.Context(), parsed(t, url))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	tables, err := p.d.Tables(t.Context(), s)
	require.NoError(t, err)
	found, err := p.d.Inspect(t.Context(), s, tables)
	require.NoError(t, err)
	return found
}

var (
	aTable   = regexp.MustCompile(`\b(CREATE TABLE|REFERENCES|ON) (".+?")`)
	aSchema  = regexp.MustCompile(`'SCHEMA', N?'dbo'`)
	property = regexp.MustCompile(`EXEC sp_addextendedproperty`)
)

// qualified is what GORM sends from a user whose default schema is the tenant's.
func qualified(batches string) string {
	out := aTable.ReplaceAllString(batches, "$1 [$$(schema)].$2")
	out = aSchema.ReplaceAllString(out, `'SCHEMA', N'$$(schema)'`)
	return property.ReplaceAllString(out, "EXEC sys.sp_addextendedproperty")
}
