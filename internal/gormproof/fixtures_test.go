package gormproof_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/gormproof"
	"github.com/lockstepdb/lockstep/internal/gormproof/automigrate"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/checks"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/cycles"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/defaults"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/embeds"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/expressions"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/generics"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/indexes"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/inherited"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/joins"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/jointable"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/keys"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/kinds"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/longnames"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/mytypes"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/oddkeys"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/partial"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/permissions"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/pgtypes"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/polymorphic"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/relations"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/spread"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/tablenames"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/thirdparty"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/uniquekey"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/valuers"
	lockschema "github.com/lockstepdb/lockstep/internal/schema"
)

// fixture is a package of structs, and how an application uses it.
type fixture struct {
	name    string
	dir     string
	models  []any
	engines []dialect.Engine // nil: all
	naming  entity.Naming
	noKeys  bool // foreign keys are off
	setup   func(*gorm.DB) error
}

func fixtures() []fixture {
	plain := func(name string, models []any, engines ...dialect.Engine) fixture {
		return fixture{name: name, dir: "fixtures/" + name, models: models, engines: engines}
	}
	list := []fixture{
		plain("kinds", kinds.Models()),
		plain("defaults", defaults.Models()),
		plain("expressions", expressions.Models(), dialect.SQLite, dialect.Postgres),
		plain("mytypes", mytypes.Models(), dialect.MySQL, dialect.MariaDB),
		plain("oddkeys", oddkeys.Models(), dialect.SQLite, dialect.Postgres),
		plain("inherited", inherited.Models(), dialect.SQLite, dialect.Postgres),
		plain("valuers", valuers.Models()),
		plain("thirdparty", thirdparty.Models()),
		plain("pgtypes", pgtypes.Models(), dialect.Postgres),
		plain("embeds", embeds.Models()),
		plain("keys", keys.Models()),
		plain("uniquekey", uniquekey.Models(), dialect.MySQL, dialect.MariaDB),
		plain("indexes", indexes.Models()),
		plain("partial", partial.Models(), dialect.SQLite, dialect.Postgres),
		plain("checks", checks.Models()),
		plain("polymorphic", polymorphic.Models()),
		plain("relations", relations.Models()),
		plain("joins", joins.Models()),
		{name: "jointable", dir: "fixtures/jointable", models: jointable.Models(), setup: jointable.Setup},
		plain("longnames", longnames.Models()),
		plain("tablenames", tablenames.Models()),
		plain("spread", spread.Models()),
		plain("generics", generics.Models()),
		plain("permissions", permissions.Models()),
	}
	for _, name := range []string{"tablenames", "relations", "joins", "embeds"} {
		base := list[slices.IndexFunc(list, func(f fixture) bool { return f.name == name })]
		prefixed, cased, loose := base, base, base
		prefixed.name, prefixed.naming = name+" prefixed", entity.Naming{TablePrefix: "app_", SingularTable: true}
		cased.name, cased.naming = name+" cased", entity.Naming{NoLowerCase: true}
		loose.name, loose.noKeys = name+" without foreign keys", true
		list = append(list, prefixed, cased, loose)
	}
	return list
}

// TestFixtures is the proof: what AutoMigrate makes of a struct, and what
// lockstep makes of its source, is the same in the catalogue of each engine.
func TestFixtures(t *testing.T) {
	gormproof.EachEngine(t, func(t *testing.T, e gormproof.Engine) {
		finder := gormproof.NewFinder(t)
		for _, f := range fixtures() {
			if f.engines == nil || slices.Contains(f.engines, e.Engine()) {
				t.Run(f.name, func(t *testing.T) { f.prove(t, e, finder) })
			}
		}
	})
}

// TestCycles has tables that refer to each other in circles. AutoMigrate fails on
// every engine that wants the other table first; lockstep adds the constraints
// late, and where GORM gets by, the two agree.
func TestCycles(t *testing.T) {
	f := fixture{dir: "fixtures/cycles", models: cycles.Models()}
	gormproof.EachEngine(t, func(t *testing.T, e gormproof.Engine) {
		if e.Engine() == dialect.SQLite {
			f.prove(t, e, gormproof.NewFinder(t))
			return
		}
		require.Error(t, automigrate.Run(e.Fresh(t), f.options(), f.models...))
		ours := e.Fresh(t)
		model := f.target(t, e, gormproof.NewFinder(t))
		e.Build(t, ours, model)
		assert.Empty(t, e.LikeWithLike(t, ours, model))
	})
}

func (f fixture) prove(t *testing.T, e gormproof.Engine, finder entity.Finder) {
	theirs, ours := e.Fresh(t), e.Fresh(t)
	require.NoError(t, automigrate.Run(theirs, f.options(), f.models...))
	model := f.target(t, e, finder)
	e.Build(t, ours, model)
	require.Empty(t, lineDiff(e.Dump(t, theirs), e.Dump(t, ours)), "GORM's lines have a -, lockstep's a +")
	nothingToDo(t, e, theirs, ours, model)
}

// nothingToDo holds the tenant that GORM made against the model, through
// lockstep's own eyes.
func nothingToDo(t *testing.T, e gormproof.Engine, theirs, ours string, model *lockschema.Schema) {
	t.Helper()
	found := e.Inspect(t, theirs, model)
	assert.Empty(t, gormproof.Differences(e.Inspect(t, ours, model), found), "inspections of the two databases")
	for _, table := range model.Tables {
		assert.Empty(t, e.Dialect.Compare(table, found.Table(table.Name)), table.Name)
	}
	assert.Empty(t, e.LikeWithLike(t, theirs, model), "like with like, in a scratch schema")
}

// target is the model as lockstep reads it from the source.
func (f fixture) target(t *testing.T, e gormproof.Engine, finder entity.Finder) *lockschema.Schema {
	t.Helper()
	mod := gormproof.Source(t, f.dir)
	keys := !f.noKeys
	model, err := gormproof.Target(t.Context(), e.Dialect, mod, finder, entity.Options{
		Manifest: &entity.Manifest{Naming: f.naming, ForeignKeys: &keys, Entities: gormproof.Patterns(mod, f.models...)},
	})
	gormproof.NoViolations(t, err)
	return model
}

// options are what the application says to GORM.
func (f fixture) options() automigrate.Options {
	return automigrate.Options{
		NoForeignKeys: f.noKeys, Setup: f.setup,
		Naming: schema.NamingStrategy{
			TablePrefix: f.naming.TablePrefix, SingularTable: f.naming.SingularTable, NoLowerCase: f.naming.NoLowerCase,
		},
	}
}

// lineDiff is what two texts do not share.
func lineDiff(theirs, ours string) string {
	if theirs == ours {
		return ""
	}
	a, b := strings.Split(theirs, "\n"), strings.Split(ours, "\n")
	var out []string
	for _, line := range a {
		if !slices.Contains(b, line) {
			out = append(out, "- "+line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			out = append(out, "+ "+line)
		}
	}
	if len(out) == 0 {
		return "the same lines in another order:\n" + theirs + "\n---\n" + ours
	}
	slices.SortStableFunc(out, func(a, b string) int { return strings.Compare(a[2:], b[2:]) })
	return strings.Join(out, "\n")
}
