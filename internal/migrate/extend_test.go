package migrate_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
)

// goFiles makes the files of a module with one package.
func goFiles(path, requires, source string, more ...string) map[string]string {
	files := map[string]string{"go.mod": "module " + path + "\n\ngo 1.26\n" + requires, "m.go": source}
	for i := 0; i+1 < len(more); i += 2 {
		files[more[i]] = more[i+1]
	}
	return files
}

const baseUser = "package base\n\ntype User struct {\n\tID uint64 `gorm:\"primaryKey\"`\n\tName string\n}\n"

func require1(path, version string) string { return "\nrequire " + path + " " + version + "\n" }

// TestExtensionsJoinTheTable adds the columns of two modules to the table of a
// third, which both require in different versions; each column keeps its origin.
func TestExtensionsJoinTheTable(t *testing.T) {
	proxy := "file://" + filepath.Join(t.TempDir(), "proxy")
	for _, v := range []string{"v1.0.0", "v1.1.0", "v1.2.0"} {
		publishFiles(t, proxy, v, goFiles("example.com/e/base", "", baseUser))
	}
	publishFiles(t, proxy, "v1.0.0", goFiles("example.com/e/loyalty", require1("example.com/e/base", "v1.1.0"),
		"package loyalty\n\nimport _ \"example.com/e/base\"\n\n//lockstep:extends base.User\ntype UserPoints struct {\n\tID uint64\n"+
			"\tPoints int `gorm:\"not null;default:0;index\"`\n\tTierID *uint\n\tTier *Tier\n}\n\ntype Tier struct{ ID uint `gorm:\"primaryKey\"` }\n"))
	publishFiles(t, proxy, "v1.0.0", goFiles("example.com/e/geo", require1("example.com/e/base", "v1.0.0"),
		"package geo\n\nimport _ \"example.com/e/base\"\n\n//lockstep:extends example.com/e/base.User\ntype UserPlace struct {\n\tPlace string\n}\n"))
	s := newService(t, proxy, nil)
	got, err := s.Compose(t.Context(), migrate.ModuleSet{Refs: []module.Ref{{Path: "example.com/e/loyalty"}, {Path: "example.com/e/geo"}}})
	require.NoError(t, err)
	require.Len(t, got.Modules, 3)
	assert.Equal(t, "example.com/e/base@v1.1.0", got.Modules[0].String())

	users := got.Schema.Table("users")
	require.NotNil(t, users)
	assert.Equal(t, "example.com/e/base", users.Origin.Module)
	origins := map[string]string{}
	for _, c := range users.Columns {
		origins[c.Name] = c.Origin.Module
	}
	assert.Equal(t, map[string]string{
		"id": "example.com/e/base", "name": "example.com/e/base", "place": "example.com/e/geo",
		"points": "example.com/e/loyalty", "tier_id": "example.com/e/loyalty",
	}, origins)
	assert.NotNil(t, users.Index("idx_users_points"))
	assert.NotNil(t, users.ForeignKey("fk_users_tier"))

	// Composing again from the cache, without the extension, must not see it.
	got, err = s.Compose(t.Context(), migrate.ModuleSet{Refs: []module.Ref{{Path: "example.com/e/base"}}})
	require.NoError(t, err)
	assert.Nil(t, got.Schema.Table("users").Column("points"))
}

// TestTwoOwnersOfAColumn names both places.
func TestTwoOwnersOfAColumn(t *testing.T) {
	proxy := "file://" + filepath.Join(t.TempDir(), "proxy")
	publishFiles(t, proxy, "v1.0.0", goFiles("example.com/e/base", "", baseUser))
	for name, typ := range map[string]string{"a": "string", "b": "int"} {
		publishFiles(t, proxy, "v1.0.0", goFiles("example.com/e/"+name, require1("example.com/e/base", "v1.0.0"),
			"package "+name+"\n\nimport _ \"example.com/e/base\"\n\n//lockstep:extends base.User\ntype More struct {\n\tExtra "+typ+"\n}\n"))
	}
	s := newService(t, proxy, nil)
	_, err := s.Compose(t.Context(), migrate.ModuleSet{Refs: []module.Ref{{Path: "example.com/e/a"}, {Path: "example.com/e/b"}}})
	require.Equal(t, "MODULES_CONFLICT", fault.ReasonOf(err))
	require.Len(t, fault.As(err).Violations, 1)
	v := fault.As(err).Violations[0]
	assert.Equal(t, "example.com/e/b@v1.0.0", v.Subject)
	assert.Equal(t, "m.go:7:2", v.Position.String())
	assert.Contains(t, v.Description, "declared differently at example.com/e/a@v1.0.0 m.go:7")
}

// TestOneEntityThroughTwoModules takes the table once.
func TestOneEntityThroughTwoModules(t *testing.T) {
	proxy := "file://" + filepath.Join(t.TempDir(), "proxy")
	publishFiles(t, proxy, "v1.0.0", goFiles("example.com/e/base", "", baseUser))
	for _, name := range []string{"a", "b"} {
		publishFiles(t, proxy, "v1.0.0", goFiles("example.com/e/"+name, require1("example.com/e/base", "v1.0.0"),
			"package "+name+"\n\nimport \"example.com/e/base\"\n\n//lockstep:table of_"+name+
				"\ntype Of struct {\n\tID uint64\n\tUserID uint64\n\tUser base.User\n}\n"))
	}
	s := newService(t, proxy, nil)
	got, err := s.Compose(t.Context(), migrate.ModuleSet{Refs: []module.Ref{{Path: "example.com/e/a"}, {Path: "example.com/e/b"}}})
	require.NoError(t, err)
	assert.Len(t, got.Schema.Tables, 3)
	assert.Equal(t, "users", got.Schema.Table("of_a").ForeignKeys[0].RefTable)
	assert.Equal(t, "users", got.Schema.Table("of_b").ForeignKeys[0].RefTable)
	assert.Len(t, got.Edges, 2)
	assert.Equal(t, []string{"example.com/e/a", "example.com/e/b"}, got.Named)
}

// TestManifestOfAModuleThatIsReferredTo names the foreign table as the
// operator's manifest for its module says, not only when it is read itself.
func TestManifestOfAModuleThatIsReferredTo(t *testing.T) {
	proxy := "file://" + filepath.Join(t.TempDir(), "proxy")
	publishFiles(t, proxy, "v1.0.0", goFiles("example.com/e/base", "", baseUser))
	publishFiles(t, proxy, "v1.0.0", goFiles("example.com/e/crm", require1("example.com/e/base", "v1.0.0"),
		"package crm\n\nimport \"example.com/e/base\"\n\ntype Note struct {\n\tID uint64 `gorm:\"primaryKey\"`\n\tUserID uint64\n\tUser base.User\n}\n"))
	s := newService(t, proxy, nil)
	refs := []module.Ref{{Path: "example.com/e/crm"}}
	for _, prefix := range []string{"", "b_", "c_"} { // the cache must tell them apart
		set := migrate.ModuleSet{Refs: refs}
		if prefix != "" {
			set.Manifests = map[string]*entity.Manifest{"example.com/e/base": {Naming: entity.Naming{TablePrefix: prefix}}}
		}
		got, err := s.Compose(t.Context(), set)
		require.NoError(t, err)
		assert.NotNil(t, got.Schema.Table(prefix+"users"))
		assert.Equal(t, prefix+"users", got.Schema.Table("notes").ForeignKeys[0].RefTable)
	}
}

// TestWarningsReachTheTarget tells of a struct that looks like an entity.
func TestWarningsReachTheTarget(t *testing.T) {
	proxy := "file://" + filepath.Join(t.TempDir(), "proxy")
	publishFiles(t, proxy, "v1.0.0", goFiles("example.com/e/base", "", baseUser+"\ntype Extra struct{ ID uint }\n",
		"lockstep.yaml", "version: 1\nleave_alone: [legacy, audit]\n"))
	s := newService(t, proxy, nil)
	got, err := s.Compose(t.Context(), migrate.ModuleSet{Refs: []module.Ref{{Path: "example.com/e/base"}}})
	require.NoError(t, err)
	require.Len(t, got.Warnings, 1)
	assert.Contains(t, got.Warnings[0], "example.com/e/base: m.go:8:6: struct Extra has an ID but no gorm tag: left out")
	assert.Equal(t, []string{"audit", "legacy"}, got.LeaveAlone)
}

// TestCheckComparesWithWhatIsPublished reads a working copy and a release.
func TestCheckComparesWithWhatIsPublished(t *testing.T) {
	proxy := "file://" + filepath.Join(t.TempDir(), "proxy")
	publishFiles(t, proxy, "v1.0.0", goFiles("example.com/e/base", "", baseUser))
	publishFiles(t, proxy, "v1.1.0", goFiles("example.com/e/base", "", baseUser+"\ntype Tag struct {\n\tID uint `gorm:\"primaryKey\"`\n}\n"))
	s := newService(t, proxy, nil)
	ref := module.Ref{Path: "example.com/e/base", Query: "v1.1.0"}
	got, err := s.Check(t.Context(), migrate.CheckRequest{Ref: ref, Against: "v1.0.0"})
	require.NoError(t, err)
	require.NotNil(t, got.Against)
	assert.Equal(t, "v1.0.0", got.Against.Version)
	assert.Regexp(t, "^h1:", got.Against.Sum)
	assert.Equal(t, 2, got.Tables)
	require.Len(t, got.Changes, 1)
	assert.Equal(t, diff.Additive, got.Changes[0].Effect)
	assert.Empty(t, got.Problems)
	assert.Equal(t, []dialect.Engine{dialect.MariaDB, dialect.MySQL, dialect.Postgres, dialect.SQLite}, got.Engines)

	got, err = s.Check(t.Context(), migrate.CheckRequest{Ref: ref, Against: migrate.AgainstNone})
	require.NoError(t, err)
	assert.Nil(t, got.Against)
	_, err = s.Check(t.Context(), migrate.CheckRequest{Ref: ref, Engines: []dialect.Engine{dialect.SQLServer}})
	assert.Equal(t, "ENGINE_UNSUPPORTED", fault.ReasonOf(err))
}
