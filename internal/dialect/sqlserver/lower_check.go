package sqlserver

import (
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas/mssql"
	"github.com/lockstepdb/lockstep/internal/schema"
)

func origin(t *schema.Table, c *schema.Column) schema.Origin {
	if c.Origin.File == "" {
		return t.Origin
	}
	return c.Origin
}

// checkTable reports what the server refuses of a table by itself.
func checkTable(t *schema.Table, report dialect.Report) {
	checkColumns(t, report)
	parts := make([]schema.IndexPart, len(t.PrimaryKey))
	for i, name := range t.PrimaryKey {
		parts[i].Column = name
	}
	checkKey(t, fmt.Sprintf("the primary key of table %q", t.Name), parts, report)
	checkComment(t, fmt.Sprintf("table %q", t.Name), t.Comment, report)
	for _, k := range t.Checks {
		if mssql.OutsideStrings(k.Expr) {
			report(t.Name, t.Origin, "write the check otherwise", "check %q of table %q has $( in it, which sqlcmd reads as a variable", k.Name, t.Name)
		}
	}
	if len(t.Columns) > maxColumns {
		report(t.Name, t.Origin, "split the table", "table %q has %d columns, and %d are the most", t.Name, len(t.Columns), maxColumns)
	}
	if len(t.Indexes) > maxIndexes {
		report(t.Name, t.Origin, "", "table %q has %d indexes, and %d are the most", t.Name, len(t.Indexes), maxIndexes)
	}
}

// checkColumns reports columns that cannot be, or not together. A row keeps what
// has a fixed size; longer values of the others move elsewhere.
// https://learn.microsoft.com/sql/relational-databases/pages-and-extents-architecture-guide#large-row-support
func checkColumns(t *schema.Table, report dialect.Report) {
	var numbered []string
	row := 0
	for _, c := range t.Columns {
		subject, at, typ := t.Name+"."+c.Name, origin(t, c), parseType(c.Physical)
		if size, fixed := typ.width(); fixed && !typ.isComputed() {
			row += size
		}
		if c.AutoIncrement {
			numbered = append(numbered, c.Name)
		}
		if c.Default != nil && c.Default.Expr && mssql.OutsideStrings(c.Default.Value) {
			report(subject, at, "write the default otherwise", "the default of column %q has $( in it, which sqlcmd reads as a variable", c.Name)
		}
		checkComment(t, fmt.Sprintf("column %q of table %q", c.Name, t.Name), c.Comment, report)
	}
	if row > maxRowBytes {
		report(t.Name, t.Origin, "make columns smaller, or of a variable length, or split the table",
			"a row of table %q takes at least %d bytes, and %d are the most", t.Name, row, maxRowBytes)
	}
	if len(numbered) > 1 {
		report(t.Name, t.Origin, "leave one of them", "columns %s number rows, and SQL Server allows one in a table", strings.Join(numbered, ", "))
	}
}

func checkComment(t *schema.Table, what, comment string, report dialect.Report) {
	if n := len(utf16.Encode([]rune(comment))); n > maxComment {
		report(t.Name, t.Origin, "shorten it", "the comment on %s has %d characters, and %d are the most", what, n, maxComment)
	}
}

// checkKey reports what cannot be a key. Of columns with a variable length only
// the values that are too long are refused, later and one by one, which is a
// hazard and no error.
func checkKey(t *schema.Table, what string, parts []schema.IndexPart, report dialect.Report) {
	if len(parts) > maxKeyColumns {
		report(t.Name, t.Origin, "", "%s is over %d columns, and %d are the most", what, len(parts), maxKeyColumns)
	}
	limit, fixedBytes := maxKeyBytes, 0
	if strings.HasPrefix(what, "the primary key") {
		limit = maxClustered
	}
	for _, p := range parts {
		c := t.Column(p.Column)
		if c == nil {
			continue // an expression, or reported already
		}
		typ := parseType(c.Physical)
		if typ.large() {
			report(t.Name+"."+c.Name, origin(t, c), `give the column a size, such as gorm:"size:256"`,
				"%s is over column %q, and SQL Server takes no %s as a key", what, c.Name, c.Physical)
		}
		if size, fixed := typ.width(); fixed {
			fixedBytes += size
		}
	}
	if fixedBytes > limit {
		report(t.Name, t.Origin, "make the columns smaller", "%s takes %d bytes, and %d are the most", what, fixedBytes, limit)
	}
}

// lowerForeignKey turns RESTRICT into NO ACTION, which is the same here, and
// reports what the server refuses:
// https://learn.microsoft.com/sql/relational-databases/tables/primary-and-foreign-key-constraints
func lowerForeignKey(t *schema.Table, f *schema.ForeignKey, tables map[string]*schema.Table, report dialect.Report) {
	what := fmt.Sprintf("foreign key %q of table %q", f.Name, t.Name)
	for _, a := range []*schema.Action{&f.OnDelete, &f.OnUpdate} {
		if *a == schema.Restrict {
			*a = schema.NoAction
		}
	}
	for i, name := range f.Columns {
		c, ref := t.Column(name), refColumn(tables, f, i)
		if c == nil || ref == nil {
			continue
		}
		subject, at := t.Name+"."+name, origin(t, c)
		if (f.OnDelete == schema.SetNull || f.OnUpdate == schema.SetNull) && !c.Nullable {
			report(subject, at, "make the column a pointer, or use another action", "%s is SET NULL, and column %q is NOT NULL", what, name)
		}
		if (f.OnDelete == schema.SetDefault || f.OnUpdate == schema.SetDefault) && !c.Nullable && c.Default == nil {
			report(subject, at, "give the column a default, or use another action", "%s is SET DEFAULT, and column %q is NOT NULL without a default", what, name)
		}
		if a, b := canonicalType(c.Physical), canonicalType(ref.Physical); a != b {
			report(subject, at, "give both columns the same type", "%s is from a column of type %s to one of type %s", what, c.Physical, ref.Physical)
		}
	}
}

// checkNames reports names that two objects of the schema would have: tables and
// constraints share one space, the keys and defaults that lockstep names
// included. Indexes are apart.
func checkNames(s *schema.Schema, report dialect.Report) {
	owner := map[string]string{}
	use := func(t *schema.Table, name, what string) {
		key := strings.ToLower(name)
		if other, taken := owner[key]; taken {
			report(t.Name, t.Origin, "rename one of them", "%s and %s have one name on SQL Server: %q", other, what, name)
			return
		}
		owner[key] = what
	}
	for _, t := range s.Tables {
		owner[strings.ToLower(t.Name)] = fmt.Sprintf("table %q", t.Name) // tables of one name are reported already
	}
	for _, t := range s.Tables {
		in := fmt.Sprintf(" of table %q", t.Name)
		if len(t.PrimaryKey) > 0 {
			use(t, mssql.KeyName(t.Name), "the primary key"+in)
		}
		for _, c := range t.Columns {
			if c.Default != nil {
				use(t, mssql.DefaultName(t.Name, c.Name), fmt.Sprintf("the default of column %q", c.Name)+in)
			}
		}
		for _, f := range t.ForeignKeys {
			use(t, f.Name, fmt.Sprintf("foreign key %q", f.Name)+in)
		}
		for _, k := range t.Checks {
			use(t, k.Name, fmt.Sprintf("check %q", k.Name)+in)
		}
		for _, x := range t.Indexes {
			if x.Constraint && x.Where == "" {
				use(t, x.Name, fmt.Sprintf("unique constraint %q", x.Name)+in)
			}
		}
	}
}
