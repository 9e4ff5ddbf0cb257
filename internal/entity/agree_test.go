package entity_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	gorm "gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/entity/testdata/agree"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// models are the entities of the fixture, in the order of the source, as the
// reader takes them.
func models() []any {
	return []any{
		agree.Kinds{},
		agree.Valuers{},
		agree.Conditions{},
		agree.Auto{},
		agree.Composite{},
		agree.NoKey{},
		agree.StringKey{},
		agree.Embeds{},
		agree.OwnKey{},
		agree.Shadow{},
		agree.Indexes{},
		agree.User{},
		agree.Company{},
		agree.CreditCard{},
		agree.Order{},
		agree.Line{},
		agree.Language{},
		agree.Toy{},
		agree.Account{},
		agree.Profile{},
		agree.Photo{},
		agree.Truck{},
		agree.Load{},
		agree.Node{},
		agree.Student{},
		agree.Course{},
		agree.Named{},
	}
}

// TestAgreesWithGORM gives the same structs to GORM by reflection and to the
// reader as source: the tables must be the same in every respect.
func TestAgreesWithGORM(t *testing.T) {
	t.Parallel()
	for _, naming := range []entity.Naming{
		{},
		{TablePrefix: "app_", SingularTable: true},
		{NoLowerCase: true},
	} {
		t.Run(fmt.Sprintf("%+v", naming), func(t *testing.T) {
			t.Parallel()
			got, err := entity.Read(context.Background(), &module.Module{
				Version: module.Version{Path: reflect.TypeFor[agree.User]().PkgPath(), Version: "v1.0.0"},
				FS:      os.DirFS("testdata/agree"),
			}, nil, entity.Options{Manifest: &entity.Manifest{Naming: naming, Entities: modelPatterns()}})
			require.NoError(t, err)
			require.Equal(t, dump(fromGORM(t, naming), false), dump(got.Schema, false))
		})
	}
}

func modelPatterns() []string {
	var out []string
	for _, m := range models() {
		out = append(out, "."+reflect.TypeOf(m).Name())
	}
	return out
}

// fromGORM parses the models as a gorm.DB would, and reads off what its
// migrator would create.
func fromGORM(t *testing.T, naming entity.Naming) *schema.Schema {
	t.Helper()
	cache := &sync.Map{}
	namer := gorm.NamingStrategy{
		TablePrefix: naming.TablePrefix, SingularTable: naming.SingularTable, NoLowerCase: naming.NoLowerCase,
		IdentifierMaxLength: math.MaxInt32,
	}
	var parsed []*gorm.Schema
	for _, m := range models() {
		s, err := gorm.Parse(reflect.New(reflect.TypeOf(m)).Interface(), cache, namer)
		require.NoError(t, err)
		parsed = append(parsed, s)
	}
	for _, s := range slices.Clone(parsed) {
		for _, name := range relationNames(s) {
			if join := s.Relationships.Relations[name].JoinTable; join != nil {
				parsed = append(parsed, join)
			}
		}
	}
	out := &schema.Schema{}
	for _, s := range slices.Backward(parsed) { // the migrator takes the last of one name
		if out.Table(s.Table) == nil {
			out.Tables = append(out.Tables, tableOf(t, s))
		}
	}
	slices.SortFunc(out.Tables, func(a, b *schema.Table) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func relationNames(s *gorm.Schema) []string {
	var names []string
	for name := range s.Relationships.Relations {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func tableOf(t *testing.T, s *gorm.Schema) *schema.Table {
	t.Helper()
	out := &schema.Table{Name: s.Table}
	for _, f := range s.PrimaryFields {
		out.PrimaryKey = append(out.PrimaryKey, f.DBName)
	}
	for _, name := range s.DBNames {
		if f := s.FieldsByDBName[name]; !f.IgnoreMigration {
			out.Columns = append(out.Columns, columnOf(f, slices.Contains(out.PrimaryKey, name)))
		}
	}
	for _, x := range s.ParseIndexes() {
		out.Indexes = append(out.Indexes, indexOf(x))
	}
	for name, u := range s.ParseUniqueConstraints() {
		out.Indexes = append(out.Indexes, &schema.Index{Name: name, Unique: true, Constraint: true, Parts: []schema.IndexPart{{Column: u.Field.DBName}}})
	}
	for _, c := range s.ParseCheckConstraints() {
		out.Checks = append(out.Checks, &schema.Check{Name: c.Name, Expr: c.Constraint})
	}
	for _, name := range relationNames(s) {
		rel := s.Relationships.Relations[name]
		if rel.Field.IgnoreMigration {
			continue
		}
		c := rel.ParseConstraint()
		if c == nil || c.Schema != s {
			continue
		}
		fk := &schema.ForeignKey{
			Name: c.Name, RefTable: c.ReferenceSchema.Table,
			OnDelete: schema.Action(c.OnDelete), OnUpdate: schema.Action(c.OnUpdate),
		}
		for i := range c.ForeignKeys {
			fk.Columns = append(fk.Columns, c.ForeignKeys[i].DBName)
			fk.RefColumns = append(fk.RefColumns, c.References[i].DBName)
		}
		out.ForeignKeys = append(out.ForeignKeys, fk)
	}
	return out
}

func columnOf(f *gorm.Field, key bool) *schema.Column {
	c := &schema.Column{
		Name: f.DBName, Nullable: !f.NotNull && !key && !f.AutoIncrement,
		AutoIncrement: f.AutoIncrement, Comment: f.Comment,
	}
	switch f.DataType {
	case gorm.Bool:
		c.Type = schema.Type{Kind: schema.Bool}
	case gorm.Int:
		c.Type = schema.Type{Kind: schema.Int, Bits: f.Size}
		if f.Size == 0 {
			c.Type.Bits = 8
		}
	case gorm.Uint:
		c.Type = schema.Type{Kind: schema.Uint, Bits: f.Size}
	case gorm.Float:
		c.Type = schema.Type{Kind: schema.Float, Bits: f.Size}
		if f.Precision > 0 {
			c.Type = schema.Type{Kind: schema.Decimal, Precision: f.Precision, Scale: f.Scale}
		}
	case gorm.String:
		c.Type = schema.Type{Kind: schema.String, Size: f.Size}
	case gorm.Time:
		c.Type = schema.Type{Kind: schema.Time, Precision: f.Precision}
		if own := f.TagSettings["TYPE"]; own != "" {
			c.Type.Engine = map[string]string{"sqlite": own}
		}
	case gorm.Bytes:
		c.Type = schema.Type{Kind: schema.Bytes, Size: f.Size}
	default:
		c.Type = schema.Type{Kind: schema.Raw, Raw: string(f.DataType)}
	}
	switch {
	case !f.HasDefaultValue || f.DefaultValue == "(-)" || strings.EqualFold(f.DefaultValue, "null"):
	case f.DefaultValueInterface != nil:
		c.Default = &schema.Default{Value: fmt.Sprint(f.DefaultValueInterface)}
	case strings.HasPrefix(f.DefaultValue, "'"):
		c.Default = &schema.Default{Value: strings.Trim(f.DefaultValue, "'")}
	case f.DefaultValue != "":
		c.Default = &schema.Default{Value: f.DefaultValue, Expr: true}
	}
	return c
}

func indexOf(x *gorm.Index) *schema.Index {
	out := &schema.Index{Name: x.Name, Unique: x.Class == "UNIQUE", Where: x.Where, Method: x.Type, Comment: x.Comment}
	if x.Class != "" && x.Class != "UNIQUE" {
		out.Method = x.Class
	}
	for _, o := range x.Fields {
		part := schema.IndexPart{Column: o.DBName, Expr: o.Expression, Desc: strings.EqualFold(o.Sort, "desc"), Collate: o.Collate, Length: o.Length}
		if part.Expr != "" {
			part.Column = ""
		}
		out.Parts = append(out.Parts, part)
	}
	return out
}
