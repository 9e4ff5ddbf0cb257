package gormproof_test

import (
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	driver "gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	"gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/dialect/sqlserver"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/gormproof"
	lockschema "github.com/lockstepdb/lockstep/internal/schema"
)

// TestSQLServerColumns holds the DDL of every column of the fixtures
// against GORM's SQL Server dialector. There is no server to ask, so the
// dialector itself is: what it answers is what AutoMigrate would write.
func TestSQLServerColumns(t *testing.T) {
	finder := gormproof.NewFinder(t)
	compared, named := 0, 0
	for _, f := range fixtures() {
		if f.engines != nil { // made for other engines' types
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			model := f.neutral(t, finder)
			lowered, err := sqlserver.New().Lower(model)
			if err != nil {
				// SQL Server cannot take it, and GORM finds out at the server; it
				// may be for actions of foreign keys that meet.
				require.Equal(t, "SCHEMA_NOT_LOWERABLE", fault.ReasonOf(err))
				t.Logf("refused: %v", err)
				for _, table := range model.Tables {
					for _, f := range table.ForeignKeys {
						f.OnDelete, f.OnUpdate = lockschema.NoAction, lockschema.NoAction
					}
				}
				if lowered, err = sqlserver.New().Lower(model); err != nil {
					return
				}
			}
			for _, parsed := range f.parse(t) {
				table := lowered.Table(parsed.Table)
				require.NotNil(t, table, parsed.Table)
				named += sameNames(t, table, parsed)
				for _, name := range parsed.DBNames {
					field := parsed.FieldsByDBName[name]
					if field.IgnoreMigration {
						continue
					}
					column := table.Column(field.DBName)
					require.NotNil(t, column, "%s.%s", parsed.Table, field.DBName)
					assert.Equal(t, theirType(field), sqlserver.ColumnType(column), "%s.%s", parsed.Table, field.DBName)
					// The rest of Migrator.FullDataTypeOf.
					assert.Equal(t, field.NotNull || field.PrimaryKey, !column.Nullable, "NOT NULL of %s.%s", parsed.Table, field.DBName)
					assert.Equal(t, writesDefault(field), column.Default != nil, "DEFAULT of %s.%s", parsed.Table, field.DBName)
					compared++
				}
			}
		})
	}
	t.Logf("%d columns and %d names compared", compared, named)
	assert.Greater(t, compared, 100)
	assert.Greater(t, named, 50)
}

// sameNames compares the names of what AutoMigrate would make on a table, and
// which uniques are constraints.
func sameNames(t *testing.T, table *lockschema.Table, parsed *schema.Schema) (compared int) {
	t.Helper()
	for _, x := range parsed.ParseIndexes() {
		index := table.Index(x.Name)
		if assert.NotNil(t, index, "index %s of %s", x.Name, parsed.Table) {
			assert.Equal(t, x.Class == "UNIQUE", index.Unique, x.Name)
			assert.False(t, index.Constraint, x.Name)
		}
		compared++
	}
	for _, u := range parsed.ParseUniqueConstraints() {
		index := table.Index(u.Name)
		if assert.NotNil(t, index, "unique constraint %s of %s", u.Name, parsed.Table) {
			assert.True(t, index.Constraint, u.Name)
		}
		compared++
	}
	for _, k := range parsed.ParseCheckConstraints() {
		assert.NotNil(t, table.Check(k.Name), "check %s of %s", k.Name, parsed.Table)
		compared++
	}
	return compared
}

// neutral is the model before any engine.
func (f fixture) neutral(t *testing.T, finder entity.Finder) *lockschema.Schema {
	t.Helper()
	mod := gormproof.Source(t, f.dir)
	keys := !f.noKeys
	r, err := entity.Read(t.Context(), mod, finder, entity.Options{
		Manifest: &entity.Manifest{Naming: f.naming, ForeignKeys: &keys, Entities: gormproof.Patterns(mod, f.models...)},
	})
	gormproof.NoViolations(t, err)
	return r.Schema
}

// parse parses all models with one cache, as an application does: a relation
// gives the column at its other end its type.
func (f fixture) parse(t *testing.T) []*schema.Schema {
	t.Helper()
	var cache sync.Map
	var out []*schema.Schema
	for _, m := range f.models {
		parsed, err := schema.Parse(m, &cache, f.options().Naming)
		require.NoError(t, err)
		out = append(out, parsed)
	}
	return out
}

// writesDefault tells whether FullDataTypeOf writes a DEFAULT clause that says
// something: DEFAULT NULL is what a column has without one.
func writesDefault(field *schema.Field) bool {
	return field.HasDefaultValue && !strings.EqualFold(field.DefaultValue, "null") && (field.DefaultValueInterface != nil || field.DefaultValue != "" && field.DefaultValue != "(-)")
}

// theirType is what GORM's Migrator.DataTypeOf answers: the type's own word
// first, then the dialector's.
func theirType(field *schema.Field) string {
	dialector := driver.New(driver.Config{})
	db := &gorm.DB{Config: &gorm.Config{Dialector: dialector}}
	if own, ok := reflect.New(field.IndirectFieldType).Interface().(migrator.GormDataTypeInterface); ok {
		if text := own.GormDBDataType(db, field); text != "" {
			return text
		}
	}
	return dialector.DataTypeOf(field)
}
