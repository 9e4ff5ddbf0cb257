package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Lower implements dialect.Lowerer. Names that differ in case only are refused,
// since columns and indexes never differ by it, and tables do not where
// lower_case_table_names is set.
func (d *Dialect) Lower(s *schema.Schema) (*schema.Schema, error) {
	return dialect.Lowering{
		Engine: d.server.Engine, Mapping: MappingVersion,
		MaxIdentifier: maxIdentifier, MaxGenerated: maxIdentifier, Characters: true,
		FoldCase: true, IndexNamesPerTable: true,
		Refuse: refuseName, Type: d.lowerType, Schema: d.lowerSchema,
	}.Lower(s)
}

// refuseName: https://dev.mysql.com/doc/refman/8.4/en/identifiers.html
func refuseName(name string) string {
	switch {
	case strings.HasSuffix(name, " "):
		return fmt.Sprintf("the name %q ends in a blank", name)
	case strings.ContainsFunc(name, func(r rune) bool { return r > 0xFFFF }):
		return fmt.Sprintf("the name %q has characters beyond U+FFFF, which the engine does not take", name)
	case strings.HasPrefix(name, "#mysql50#"):
		return fmt.Sprintf("the name %q has a prefix that the engine takes for its own", name)
	}
	return ""
}

// lowerSchema does what needs whole tables: short strings, columns that copy
// others, and all that the engine would refuse later.
func (d *Dialect) lowerSchema(s *schema.Schema, report dialect.Report) {
	for _, t := range s.Tables {
		shorten(t)
	}
	copyTypes(s)
	for _, t := range s.Tables {
		for _, x := range t.Indexes {
			d.lowerIndex(t, x, report)
		}
		d.checkKey(t, "the primary key", keyParts(t.PrimaryKey), false, report)
		if problem := d.rowProblem(t); problem != "" {
			report(t.Name, t.Origin, "make columns smaller, or text, or split the table", "%s", problem)
		}
		d.checkColumns(t, report)
	}
	d.checkForeignKeys(s, report)
	d.checkNames(s, report)
}

// flexible tells whether a column's type is a string whose size nobody gave.
func flexible(c *schema.Column) bool { return c.Type.Kind == schema.String && c.Physical == longText }

// shorten makes strings without a size varchar(191) where GORM does: in a key,
// with a default, indexed or unique. A unique index alone does not count. The
// model does not tell `index:,unique` from `uniqueIndex`; it is taken for the
// latter.
func shorten(t *schema.Table) {
	for _, c := range t.Columns {
		if flexible(c) && (slices.Contains(t.PrimaryKey, c.Name) || c.Default != nil || indexed(t, c.Name)) {
			c.Physical = shortText
		}
	}
}

func indexed(t *schema.Table, column string) bool {
	return slices.ContainsFunc(t.Indexes, func(x *schema.Index) bool {
		return (!x.Unique || x.Constraint) && slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool {
			return p.Column == column && p.Length == 0 && !fulltext(x) || p.Column == "" && schema.MentionsIdentifier(p.Expr, column)
		})
	})
}

func fulltext(x *schema.Index) bool { return strings.EqualFold(x.Method, "FULLTEXT") }

// copyTypes gives foreign key columns without a size the type of the column
// they refer to, through chains of references.
func copyTypes(s *schema.Schema) {
	tables := make(map[string]*schema.Table, len(s.Tables))
	for _, t := range s.Tables {
		tables[t.Name] = t
	}
	for changed := true; changed; { // each round makes a column short for good
		changed = false
		for _, t := range s.Tables {
			for _, f := range t.ForeignKeys {
				for i, name := range f.Columns {
					c, ref := t.Column(name), referred(tables, f, i)
					if c != nil && ref != nil && flexible(c) && ref.Physical != longText && ref.Type.Kind == schema.String {
						c.Physical, changed = ref.Physical, true
					}
				}
			}
		}
	}
}

func referred(tables map[string]*schema.Table, f *schema.ForeignKey, i int) *schema.Column {
	t := tables[f.RefTable]
	if t == nil || i >= len(f.RefColumns) {
		return nil
	}
	return t.Column(f.RefColumns[i])
}

func keyParts(columns []string) []schema.IndexPart {
	out := make([]schema.IndexPart, len(columns))
	for i, c := range columns {
		out[i].Column = c
	}
	return out
}

// lowerIndex normalises an index and reports what the engine cannot do. A unique
// constraint is a unique index here and nothing else, and InnoDB makes a B-tree
// of a hash index: https://dev.mysql.com/doc/refman/8.4/en/create-index.html
func (d *Dialect) lowerIndex(t *schema.Table, x *schema.Index, report dialect.Report) {
	what := fmt.Sprintf("index %q of table %q", x.Name, t.Name)
	say := func(suggestion, format string, args ...any) { report(t.Name, t.Origin, suggestion, format, args...) }
	x.Constraint = false
	switch method := strings.ToLower(x.Method); method {
	case "", "btree", "hash":
		x.Method = ""
	case "fulltext", "spatial":
		x.Method = method
		if x.Unique {
			say("leave out unique", "%s cannot be both unique and %s", what, method)
		}
	default:
		say("leave the index type out for this engine", "%s has no index type %s (%s)", d.name(), x.Method, what)
	}
	if x.Where != "" {
		say("leave the condition out, or index a generated column that is NULL where the condition does not hold",
			"%s has no partial indexes, and %s has a condition", d.name(), what)
	}
	if slices.ContainsFunc(t.ForeignKeys, func(f *schema.ForeignKey) bool { return strings.EqualFold(f.Name, x.Name) }) {
		say("name one of them differently", "%s has the name of a foreign key, which the engine gives to the index of its own", what)
	}
	for i := range x.Parts {
		p := &x.Parts[i]
		switch {
		case p.Collate != "":
			say("give the column that collation", "%s has no collations in indexes (%s)", d.name(), what)
		case p.Column == "" && !d.server.expressionIndexes():
			say("add a generated column and index that", "%s has no indexes on expressions (%s)", d.name(), what)
		case p.Desc && !d.server.descendingIndexes():
			p.Desc = false // parsed and ignored
		}
		if c := t.Column(p.Column); c != nil && p.Length >= parseType(c.Physical).number() && isSized(parseType(c.Physical).base) {
			p.Length = 0 // the whole value
		} else if c != nil && p.Length > 0 && !hasPrefixes(parseType(c.Physical).base) {
			say("leave the length out", "%s is over the beginning of column %q, and a value of %s has none", what, c.Name, c.Physical)
		}
	}
	d.checkKey(t, what, x.Parts, x.Unique, report)
}

// isSized tells the types whose length is known, so that a prefix may be all.
func isSized(base string) bool {
	return slices.Contains([]string{"char", "varchar", "binary", "varbinary"}, base)
}

// hasPrefixes tells the types of which an index can be over the beginning.
func hasPrefixes(base string) bool { return isSized(base) || isText(base) || isBlob(base) }
