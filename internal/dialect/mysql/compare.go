package mysql

import (
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Compare implements dialect.Inspector. Table names count without case where
// they are referred to: with lower_case_table_names the server changes them.
// https://dev.mysql.com/doc/refman/8.4/en/identifier-case-sensitivity.html
func (d *Dialect) Compare(promised, found *schema.Table) []string {
	if promised != nil && found != nil {
		promised, found = d.alike(promised), d.matched(promised, found)
	}
	return dialect.Comparison{Type: canonicalType, Method: "btree", Lengths: true}.Compare(promised, found)
}

// alike is a promised table in the words of Inspect.
func (d *Dialect) alike(t *schema.Table) *schema.Table {
	t = t.Clone()
	for _, f := range t.ForeignKeys {
		f.OnDelete, f.OnUpdate = restrict(f.OnDelete), restrict(f.OnUpdate)
	}
	for _, x := range t.Indexes {
		for i := range x.Parts {
			x.Parts[i].Desc = x.Parts[i].Desc && d.server.descendingIndexes()
		}
	}
	return t
}

func restrict(a schema.Action) schema.Action {
	if a == schema.Restrict {
		return schema.NoAction
	}
	return a
}

// matched is a found table without differences that are none: the case of the
// tables it refers to, and the collation that a character set brings along.
func (*Dialect) matched(promised, found *schema.Table) *schema.Table {
	found = found.Clone()
	for _, f := range found.ForeignKeys {
		f.OnDelete, f.OnUpdate = restrict(f.OnDelete), restrict(f.OnUpdate)
		if p := promised.ForeignKey(f.Name); p != nil && strings.EqualFold(p.RefTable, f.RefTable) {
			f.RefTable = p.RefTable
		}
	}
	for _, c := range found.Columns {
		p := promised.Column(c.Name)
		if p == nil {
			continue
		}
		want, got := parseType(p.Physical), parseType(c.Physical)
		switch {
		case want.collation != "" && (got.collation == "" || want.collation == got.collation):
			// The table's own collation may be the one that was asked for.
			got.collation, got.charset = want.collation, want.charset
		case want.charset != "" && want.collation == "" && (got.collation == "" || strings.HasPrefix(got.collation, want.charset+"_")):
			got.collation, got.charset = "", want.charset
		}
		c.Physical = got.spell()
	}
	return found
}
