package sqlserver

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas/mssql"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Lower implements dialect.Lowerer. Names that differ in case only are refused:
// in most collations they are one.
func (*Dialect) Lower(s *schema.Schema) (*schema.Schema, error) {
	return dialect.Lowering{
		Engine: dialect.SQLServer, Mapping: MappingVersion,
		MaxIdentifier: maxIdentifier, MaxGenerated: maxGenerated, Characters: true,
		FoldCase: true, IndexNamesPerTable: true,
		Refuse: refuseName, Type: lowerType, Table: lowerTable, Schema: lowerSchema,
	}.Lower(s)
}

// refuseName: quoted, every name is one, but a script must survive sqlcmd, and
// the plan's own variable must be found.
func refuseName(name string) string {
	switch {
	case strings.Contains(name, "$("):
		return fmt.Sprintf("the name %q has $( in it, which sqlcmd reads as a variable", name)
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Sprintf("the name %q has a control character in it, which no script can hold", name)
	case strings.HasSuffix(name, " "):
		return fmt.Sprintf("the name %q ends in a blank, which comparisons leave out", name)
	case strings.HasPrefix(name, "#"):
		return fmt.Sprintf("the name %q begins with #, as temporary tables do", name)
	case len(utf16.Encode([]rune(name))) > maxIdentifier:
		return fmt.Sprintf("the name %q takes more than %d characters in UTF-16", name, maxIdentifier)
	}
	return ""
}

// lowerTable makes strings without a size nvarchar(256) where GORM does: in the
// primary key, indexed or unique. A unique index alone does not count, and
// stays nvarchar(MAX), which SQL Server takes in no index: so it is refused.
func lowerTable(t *schema.Table) string {
	for _, c := range t.Columns {
		if flexible(c) && (slices.Contains(t.PrimaryKey, c.Name) || indexed(t, c.Name)) {
			c.Physical = fmt.Sprintf("nvarchar(%d)", keyString)
		}
	}
	return ""
}

// flexible tells whether a column's type is a string whose size nobody gave.
func flexible(c *schema.Column) bool {
	return c.Type.Kind == schema.String && c.Type.Size == 0 && c.Physical == unlimited
}

// indexed tells whether a column is in an ordinary index or a unique constraint.
func indexed(t *schema.Table, column string) bool {
	return slices.ContainsFunc(t.Indexes, func(x *schema.Index) bool {
		return (!x.Unique || x.Constraint) &&
			slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return p.Column == column })
	})
}

// lowerSchema does what needs more than one table, and reports what the server
// would refuse later.
func lowerSchema(s *schema.Schema, report dialect.Report) {
	tables := make(map[string]*schema.Table, len(s.Tables))
	for _, t := range s.Tables {
		tables[t.Name] = t
	}
	copyTypes(s, tables)
	referred := referredKeys(s)
	for _, t := range s.Tables {
		for _, x := range t.Indexes {
			lowerIndex(t, x, referred, report)
		}
		checkTable(t, report)
		for _, f := range t.ForeignKeys {
			lowerForeignKey(t, f, tables, report)
		}
	}
	checkCascades(s, report)
	checkNames(s, report)
}

// copyTypes gives foreign key columns without a size the type of the column they
// refer to, through chains of references: SQL Server wants both alike, and takes
// no nvarchar(MAX) in either.
func copyTypes(s *schema.Schema, tables map[string]*schema.Table) {
	for changed := true; changed; { // each round gives a column a size for good
		changed = false
		for _, t := range s.Tables {
			for _, f := range t.ForeignKeys {
				for i, name := range f.Columns {
					c, ref := t.Column(name), refColumn(tables, f, i)
					if c != nil && ref != nil && c != ref && flexible(c) && ref.Type.Kind == schema.String && ref.Physical != unlimited {
						c.Physical, changed = ref.Physical, true
					}
				}
			}
		}
	}
}

func refColumn(tables map[string]*schema.Table, f *schema.ForeignKey, i int) *schema.Column {
	t := tables[f.RefTable]
	if t == nil || i >= len(f.RefColumns) {
		return nil
	}
	return t.Column(f.RefColumns[i])
}

// referredKeys are the keys that foreign keys refer to, as table and columns in
// any order.
func referredKeys(s *schema.Schema) map[string]bool {
	out := map[string]bool{}
	for _, t := range s.Tables {
		for _, f := range t.ForeignKeys {
			out[keyOf(f.RefTable, f.RefColumns)] = true
		}
	}
	return out
}

func keyOf(table string, columns []string) string {
	sorted := slices.Sorted(slices.Values(columns))
	return table + "\x00" + strings.Join(sorted, "\x00")
}

// lowerIndex normalises an index and reports what the engine cannot do. A unique
// index over columns that take NULL leaves rows with NULL out, so that there may
// be many of them, as on the other engines; SQL Server would take NULL for a
// value. Where a foreign key refers to it, it stays as it is: a filtered index is
// no key (error 1776).
func lowerIndex(t *schema.Table, x *schema.Index, referred map[string]bool, report dialect.Report) {
	what := fmt.Sprintf("index %q of table %q", x.Name, t.Name)
	say := func(suggestion, format string, args ...any) { report(t.Name, t.Origin, suggestion, format, args...) }
	switch method := strings.ToLower(x.Method); method {
	case "", "btree", "hash", "nonclustered":
		x.Method = ""
	default:
		say("leave the index type out for this engine", "SQL Server has no index type %s that lockstep knows (%s)", x.Method, what)
	}
	var columns []string
	for i := range x.Parts {
		p := &x.Parts[i]
		p.Length = 0 // there are no prefixes
		switch {
		case p.Column == "":
			say("add a computed column and index that", "SQL Server has no indexes on expressions (%s)", what)
		case p.Collate != "":
			say("give the column that collation", "SQL Server has no collations in indexes (%s)", what)
		}
		columns = append(columns, p.Column)
	}
	if mssql.OutsideStrings(x.Where) {
		say("write the condition otherwise", "the condition of %s has $( in it, which sqlcmd reads as a variable", what)
	}
	checkComment(t, what, x.Comment, report)
	checkKey(t, what, x.Parts, report)
	if !x.Unique || referred[keyOf(t.Name, columns)] {
		return
	}
	for _, name := range columns {
		if c := t.Column(name); c != nil && c.Nullable && !schema.MentionsIdentifier(x.Where, name) {
			if x.Where != "" {
				x.Where += " AND "
			}
			x.Where += isNotNull(name)
		}
	}
}

func isNotNull(column string) string { return mssql.Quote(column) + " IS NOT NULL" }
