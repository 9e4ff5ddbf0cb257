package mssql

import (
	"fmt"
	"strings"

	"ariga.io/atlas/sql/schema"
)

// addTable creates a table with its constraints, then its indexes, then writes
// its comments.
func (s *state) addTable(c *schema.AddTable) error {
	t := c.T
	var lines []string
	for _, col := range t.Columns {
		def, err := s.column(t, col)
		if err != nil {
			return err
		}
		lines = append(lines, def)
	}
	if t.PrimaryKey != nil {
		lines = append(lines, primaryKey(t, t.PrimaryKey))
	}
	for _, x := range t.Indexes {
		if _, constraint := attr[*Unique](x.Attrs); constraint {
			lines = append(lines, uniqueConstraint(x))
		}
	}
	for _, f := range t.ForeignKeys {
		lines = append(lines, s.foreignKey(t, f))
	}
	for _, k := range t.Checks() {
		lines = append(lines, check(k))
	}
	separator, end := ", ", ")"
	if s.options.Indent != "" {
		separator, end = ",\n"+s.options.Indent, "\n)"
	}
	open := strings.TrimPrefix(separator, ",")
	if s.options.Indent == "" {
		open = ""
	}
	s.emit(c, "create table "+t.Name, "CREATE TABLE "+s.name(t)+" ("+open+strings.Join(lines, separator)+end)
	for _, x := range t.Indexes {
		if _, constraint := attr[*Unique](x.Attrs); !constraint {
			s.emit(c, fmt.Sprintf("create index %s on %s", x.Name, t.Name), s.createIndex(t, x))
		}
	}
	s.describe(c, t)
	return nil
}

// describe writes the comments of a new table.
func (s *state) describe(c schema.Change, t *schema.Table) {
	if text, ok := attr[*schema.Comment](t.Attrs); ok {
		s.addComment(c, t, place{}, text.Text)
	}
	for _, col := range t.Columns {
		if text, ok := attr[*schema.Comment](col.Attrs); ok {
			s.addComment(c, t, place{"COLUMN", col.Name}, text.Text)
		}
	}
	for _, x := range t.Indexes {
		if text, ok := attr[*schema.Comment](x.Attrs); ok {
			s.addComment(c, t, indexPlace(x), text.Text)
		}
	}
}

// column is a column's definition.
func (s *state) column(t *schema.Table, c *schema.Column) (string, error) {
	null := "NOT NULL"
	if c.Type.Null {
		null = "NULL"
	}
	if x, ok := attr[*schema.GeneratedExpr](c.Attrs); ok {
		def := Quote(c.Name) + " AS " + wrap(Expression(x.Expr))
		if x.Type != "" {
			def += " " + x.Type
			if !c.Type.Null {
				def += " " + null
			}
		}
		return def, nil
	}
	typ, err := typeText(c)
	if err != nil {
		return "", err
	}
	def := Quote(c.Name) + " " + typ
	if _, numbers := attr[*Identity](c.Attrs); numbers {
		def += " IDENTITY(1,1)"
	}
	def += " " + null
	if x := exprText(c.Default); x != "" {
		def += fmt.Sprintf(" CONSTRAINT %s DEFAULT %s", Quote(defaultName(t, c)), x)
	}
	return def, nil
}

func defaultName(t *schema.Table, c *schema.Column) string {
	if named, ok := c.Default.(*schema.NamedDefault); ok && named.Name != "" {
		return named.Name
	}
	return DefaultName(t.Name, c.Name)
}

func typeText(c *schema.Column) (string, error) {
	if t, ok := c.Type.Type.(*Type); ok && t.T != "" {
		return t.T, nil
	}
	return "", fmt.Errorf("mssql: column %s has the type %T, which is not one of SQL Server", c.Name, c.Type.Type)
}

func exprText(x schema.Expr) string {
	switch x := x.(type) {
	case *schema.NamedDefault:
		return exprText(x.Expr)
	case *schema.RawExpr:
		return Expression(x.X)
	case *schema.Literal:
		return x.V
	}
	return ""
}

// wrap puts an expression into one pair of parentheses of its own: what seems
// to have one is not always wrapped, as in (a) + (b).
func wrap(x string) string { return "(" + x + ")" }

func primaryKey(t *schema.Table, pk *schema.Index) string {
	name := pk.Name
	if name == "" {
		name = KeyName(t.Name)
	}
	return "CONSTRAINT " + Quote(name) + " PRIMARY KEY " + parts(pk)
}

func uniqueConstraint(x *schema.Index) string {
	return "CONSTRAINT " + Quote(x.Name) + " UNIQUE " + parts(x)
}

func check(k *schema.Check) string {
	return "CONSTRAINT " + Quote(k.Name) + " CHECK " + Expression(k.Expr)
}

func (s *state) foreignKey(t *schema.Table, f *schema.ForeignKey) string {
	ref := *f.RefTable
	if ref.Schema == nil {
		ref.Schema = t.Schema
	}
	def := fmt.Sprintf("CONSTRAINT %s FOREIGN KEY %s REFERENCES %s %s",
		Quote(f.Symbol), names(f.Columns), s.name(&ref), names(f.RefColumns))
	for _, on := range []struct {
		what   string
		action schema.ReferenceOption
	}{{"DELETE", f.OnDelete}, {"UPDATE", f.OnUpdate}} {
		if on.action != "" && on.action != schema.NoAction {
			def += " ON " + on.what + " " + string(on.action)
		}
	}
	return def
}

func names(columns []*schema.Column) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = Quote(c.Name)
	}
	return "(" + strings.Join(quoted, ", ") + ")"
}

func parts(x *schema.Index) string {
	out := make([]string, 0, len(x.Parts))
	for _, p := range x.Parts {
		if p.C == nil {
			continue // an expression, which SQL Server has none of; lowering refuses it
		}
		part := Quote(p.C.Name)
		if p.Desc {
			part += " DESC"
		}
		out = append(out, part)
	}
	return "(" + strings.Join(out, ", ") + ")"
}

// createIndex is one statement, in two forms where it may be online: the edition
// is known only to the server, and one plan serves many.
func (s *state) createIndex(t *schema.Table, x *schema.Index) string {
	unique := ""
	if x.Unique {
		unique = "UNIQUE "
	}
	if m, ok := attr[*Method](x.Attrs); ok {
		unique += strings.ToUpper(m.T) + " "
	}
	sql := fmt.Sprintf("CREATE %sINDEX %s ON %s %s", unique, Quote(x.Name), s.name(t), parts(x))
	if f, ok := attr[*Filter](x.Attrs); ok {
		sql += " WHERE " + Expression(f.P)
	}
	return online(x, sql)
}

func online(x *schema.Index, sql string) string {
	if _, ok := attr[*Online](x.Attrs); !ok {
		return sql
	}
	return "IF SERVERPROPERTY(N'EngineEdition') IN (3, 5, 8)\n  " + sql + " WITH (ONLINE = ON)\nELSE\n  " + sql
}

// renameTable gives the table its new name, and with it the objects that are
// named after it, where they are: so names equal those of a fresh table.
func (s *state) renameTable(c *schema.RenameTable) {
	from, to := c.From, c.To.Name
	s.rename(c, fmt.Sprintf("rename table %s to %s", from.Name, to), s.name(from), from.Name, to, "OBJECT", func(free string) string {
		return s.beside(from, free)
	})
	if from.PrimaryKey != nil {
		s.renameIfThere(c, from, KeyName(from.Name), KeyName(to), "PK")
	}
	for _, col := range from.Columns {
		if col.Default != nil {
			s.renameIfThere(c, from, DefaultName(from.Name, col.Name), DefaultName(to, col.Name), "D")
		}
	}
}

// rename goes by way of a free name when the case alone changes, since most
// collations take both names for one.
func (s *state) rename(c schema.Change, comment, object, old, to, kind string, beside func(free string) string) {
	emit := func(object, to string) {
		s.emit(c, comment, fmt.Sprintf("EXEC sys.sp_rename %s, %s, %s", text(object), text(to), text(kind)))
	}
	if old != to && strings.EqualFold(old, to) {
		free := freeName(to)
		emit(object, free)
		object = beside(free)
	}
	emit(object, to)
}

// renameIfThere renames an object that lockstep would have named so.
func (s *state) renameIfThere(c schema.Change, t *schema.Table, from, to, kind string) {
	if from == to {
		return
	}
	if strings.EqualFold(from, to) { // as in rename
		free := freeName(to)
		s.renameIfThere(c, t, from, free, kind)
		from = free
	}
	object := text(s.beside(t, from))
	s.emit(c, fmt.Sprintf("rename %s to %s", from, to), fmt.Sprintf(
		"IF OBJECT_ID(%s, %s) IS NOT NULL EXEC sys.sp_rename %s, %s, N'OBJECT'", object, text(kind), object, text(to)))
}
