package sqlserver_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect/sqlserver"
	"github.com/lockstepdb/lockstep/internal/schema"
)

func TestTypes(t *testing.T) {
	lower := func(c schema.Column, indexes ...*schema.Index) (string, error) {
		c.Name = "c"
		s, err := sqlserver.New().Lower(&schema.Schema{Tables: []*schema.Table{{Name: "t", Columns: []*schema.Column{&c}, Indexes: indexes}}})
		if err != nil {
			return "", err
		}
		return sqlserver.ColumnType(s.Tables[0].Columns[0]), nil
	}
	on := func(unique, constraint bool) *schema.Index {
		return &schema.Index{Name: "i", Unique: unique, Constraint: constraint, Parts: []schema.IndexPart{{Column: "c"}}}
	}
	text := schema.Column{Type: schema.Type{Kind: schema.String}}
	for _, c := range []struct {
		column  schema.Column
		indexes []*schema.Index
		want    string // "": refused
	}{
		{schema.Column{Type: schema.Type{Kind: schema.Bool}}, nil, "bit"},
		{schema.Column{Type: schema.Type{Kind: schema.Int, Bits: 8}}, nil, "smallint"},
		{schema.Column{Type: schema.Type{Kind: schema.Int, Bits: 16}}, nil, "int"},
		{schema.Column{Type: schema.Type{Kind: schema.Int, Bits: 32}}, nil, "bigint"},
		{schema.Column{Type: schema.Type{Kind: schema.Uint, Bits: 64}, AutoIncrement: true}, nil, "bigint IDENTITY(1,1)"},
		{schema.Column{Type: schema.Type{Kind: schema.Float, Bits: 64}}, nil, "float"},
		{schema.Column{Type: schema.Type{Kind: schema.Float, Bits: 64, Precision: 10, Scale: 2}}, nil, "decimal(10, 2)"},
		{schema.Column{Type: schema.Type{Kind: schema.Float, Bits: 64, Precision: 10}}, nil, "decimal(10)"},
		{text, nil, "nvarchar(MAX)"},
		{text, []*schema.Index{on(false, false)}, "nvarchar(256)"},
		{text, []*schema.Index{on(true, true)}, "nvarchar(256)"},
		{text, []*schema.Index{on(true, false)}, ""},
		{schema.Column{Type: schema.Type{Kind: schema.String, Size: 4000}}, nil, "nvarchar(4000)"},
		{schema.Column{Type: schema.Type{Kind: schema.String, Size: 4001}}, nil, "nvarchar(MAX)"},
		{schema.Column{Type: schema.Type{Kind: schema.Time, Precision: 3}}, nil, "datetimeoffset(3)"},
		{schema.Column{Type: schema.Type{Kind: schema.Bytes, Size: 10}}, nil, "varbinary(MAX)"},
		{schema.Column{Type: schema.Type{Kind: schema.Raw, Raw: "money"}}, nil, "money"},
		{schema.Column{Type: schema.Type{Kind: schema.Raw, Raw: "rowversion"}}, nil, ""},
	} {
		got, err := lower(c.column, c.indexes...)
		if c.want == "" {
			require.Error(t, err, "%v", c.column.Type)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
	}
}
