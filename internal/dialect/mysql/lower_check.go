package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// checkKey reports what cannot be a key: long columns, and too long a key.
// https://dev.mysql.com/doc/refman/8.4/en/innodb-limits.html
func (d *Dialect) checkKey(t *schema.Table, what string, parts []schema.IndexPart, unique bool, report dialect.Report) {
	total, hashed := 0, false
	for _, p := range parts {
		c := t.Column(p.Column)
		if c == nil {
			continue // an expression, or reported already
		}
		typ, at := parseType(c.Physical), origin(t, c)
		subject := t.Name + "." + c.Name
		long := (isText(typ.base) || isBlob(typ.base)) && p.Length == 0
		switch {
		case d.isSpecial(t, what, parts):
			return
		case typ.base == "json" || isSpatial(typ.base):
			report(subject, at, "index a generated column that takes a value out of it", "%s cannot be over the %s column %q", what, typ.base, c.Name)
		case long && unique && d.server.hashedUniques():
			hashed = true
		case long:
			report(subject, at, fmt.Sprintf(`give the column a size, such as gorm:"size:191", or the index a length: gorm:"index:%s,length:191"`, "…"),
				"%s is over the whole of column %q, and %s indexes %s only up to a length", what, c.Name, d.name(), c.Physical)
		default:
			total += keyWidth(typ, p.Length)
		}
	}
	switch {
	case total > maxKeyBytes && (!unique || !d.server.hashedUniques()) && !hashed:
		report(t.Name, t.Origin, "give the columns a smaller size, or the index a length", "%s takes up to %d bytes, and %d are the most", what, total, maxKeyBytes)
	case len(parts) > d.server.maxParts():
		report(t.Name, t.Origin, "", "%s is over %d columns, and %d are the most", what, len(parts), d.server.maxParts())
	}
}

// isSpecial tells full-text and spatial indexes, to which other rules apply.
func (*Dialect) isSpecial(t *schema.Table, _ string, parts []schema.IndexPart) bool {
	return slices.ContainsFunc(t.Indexes, func(x *schema.Index) bool {
		return x.Method != "" && len(parts) > 0 && len(x.Parts) > 0 && &x.Parts[0] == &parts[0]
	})
}

func origin(t *schema.Table, c *schema.Column) schema.Origin {
	if c.Origin.File == "" {
		return t.Origin
	}
	return c.Origin
}

// checkColumns reports columns that the table cannot have.
func (d *Dialect) checkColumns(t *schema.Table, report dialect.Report) {
	var numbered []string
	for _, c := range t.Columns {
		if !c.AutoIncrement {
			continue
		}
		numbered = append(numbered, c.Name)
		if !leads(t, c.Name) {
			report(t.Name+"."+c.Name, origin(t, c), "make it the primary key, or index it",
				"column %q numbers rows, and %s wants it first in a key", c.Name, d.name())
		}
	}
	d.checkChecks(t, report)
	if len(numbered) > 1 {
		report(t.Name, t.Origin, "leave one of them", "columns %s number rows, and %s allows one in a table", strings.Join(numbered, ", "), d.name())
	}
}

// checkChecks reports checks of columns that may have none, with error 3818 and
// 3823: https://dev.mysql.com/doc/refman/8.4/en/create-table-check-constraints.html
func (d *Dialect) checkChecks(t *schema.Table, report dialect.Report) {
	for _, k := range t.Checks {
		for _, c := range t.Columns {
			if c.AutoIncrement && schema.MentionsIdentifier(k.Expr, c.Name) {
				report(t.Name+"."+c.Name, origin(t, c), "leave the check out", "check %q is about column %q, which numbers rows; %s refuses that", k.Name, c.Name, d.name())
			}
		}
		for _, f := range t.ForeignKeys {
			changes := f.OnUpdate == schema.Cascade || f.OnUpdate == schema.SetNull || f.OnDelete == schema.SetNull
			for _, name := range f.Columns {
				if c := t.Column(name); changes && c != nil && !d.server.maria() && schema.MentionsIdentifier(k.Expr, name) {
					report(t.Name+"."+name, origin(t, c), "leave out the check, or what the foreign key does to the column",
						"check %q is about column %q, which foreign key %q changes by itself; MySQL refuses that", k.Name, name, f.Name)
				}
			}
		}
	}
}

// leads tells whether a column is the first of a key or an index.
func leads(t *schema.Table, column string) bool {
	return len(t.PrimaryKey) > 0 && t.PrimaryKey[0] == column || slices.ContainsFunc(t.Indexes, func(x *schema.Index) bool {
		return len(x.Parts) > 0 && x.Parts[0].Column == column && x.Parts[0].Length == 0 && x.Method == ""
	})
}

// checkForeignKeys reports what InnoDB refuses:
// https://dev.mysql.com/doc/refman/8.4/en/create-table-foreign-keys.html
func (d *Dialect) checkForeignKeys(s *schema.Schema, report dialect.Report) {
	tables := make(map[string]*schema.Table, len(s.Tables))
	for _, t := range s.Tables {
		tables[t.Name] = t
	}
	for _, t := range s.Tables {
		for _, f := range t.ForeignKeys {
			what := fmt.Sprintf("foreign key %q of table %q", f.Name, t.Name)
			if f.OnDelete == schema.SetDefault || f.OnUpdate == schema.SetDefault {
				report(t.Name, t.Origin, "use another action", "%s is SET DEFAULT, which InnoDB does not do", what)
			}
			for i, name := range f.Columns {
				c, ref := t.Column(name), referred(tables, f, i)
				if c == nil || ref == nil {
					continue
				}
				if (f.OnDelete == schema.SetNull || f.OnUpdate == schema.SetNull) && !c.Nullable {
					report(t.Name+"."+name, origin(t, c), "make the column a pointer, or use another action", "%s is SET NULL, and column %q is NOT NULL", what, name)
				}
				if !compatible(parseType(c.Physical), parseType(ref.Physical)) {
					report(t.Name+"."+name, origin(t, c), "give both columns the same type",
						"%s is from a column of type %s to one of type %s", what, c.Physical, ref.Physical)
				}
			}
		}
	}
}

// compatible tells whether a foreign key may join two types: numbers of one
// size and sign; strings and bytes of any length.
func compatible(a, b typeText) bool {
	group := func(t typeText) string {
		switch t.base {
		case "char", "varchar":
			return "character"
		case "binary", "varbinary":
			return "bytes"
		case "decimal", "datetime", "timestamp", "time", "bit", "enum", "set":
			return t.base + t.args
		}
		return t.base
	}
	return group(a) == group(b) && a.unsigned == b.unsigned && !isText(a.base) && !isBlob(a.base)
}

// checkNames reports names that have to be unique in the database: of foreign
// keys, and on MySQL of checks too.
func (d *Dialect) checkNames(s *schema.Schema, report dialect.Report) {
	taken := map[string]string{} // kind and folded name, to the table
	use := func(kind, name string, t *schema.Table) {
		key := kind + " " + strings.ToLower(name)
		if other, dup := taken[key]; dup && other != t.Name {
			report(t.Name, t.Origin, "give one of them another name", "the %s name %q of table %q is also used on table %q, and %s has one space of names for all tables", kind, name, t.Name, other, d.name())
		}
		taken[key] = t.Name
	}
	for _, t := range s.Tables {
		for _, f := range t.ForeignKeys {
			use("foreign key", f.Name, t)
		}
		for _, c := range t.Checks {
			if !d.server.maria() {
				use("check", c.Name, t)
			}
		}
	}
}
