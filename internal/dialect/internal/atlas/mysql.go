package atlas

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/mysql"
	as "ariga.io/atlas/sql/schema"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// MySQL returns the planner of MySQL and MariaDB, in the words that a server of
// that version understands: "8.4.0", or "10.11.0-MariaDB".
func MySQL(s Spelling, version string) *Planner {
	p := &Planner{apply: mysqlPlanApplier(version), quote: "`", spell: s, index: mysqlIndex}
	p.column = func(phys, def string, c *schema.Column) (as.Type, as.Expr, []as.Attr) {
		return mysqlColumn(s, phys, def, c)
	}
	return p
}

// mysqlColumn writes a type as an integer's, which Atlas prints verbatim but for
// its case, and whose raw defaults it does not quote. Types with values in them
// keep their case only as what they are.
func mysqlColumn(s Spelling, phys, def string, c *schema.Column) (as.Type, as.Expr, []as.Attr) {
	var attrs []as.Attr
	if s.Generated != nil {
		if expr, kind := s.Generated(c); expr != "" {
			attrs = append(attrs, &as.GeneratedExpr{Expr: "(" + expr + ")", Type: kind})
		}
	}
	if s.OnUpdate != nil {
		if x := s.OnUpdate(c); x != "" {
			attrs = append(attrs, &mysql.OnUpdate{A: x})
		}
	}
	if c.AutoIncrement {
		attrs = append(attrs, &mysql.AutoIncrement{})
	}
	if c.Comment != "" && s.Comment != nil {
		attrs = append(attrs, &as.Comment{Text: s.Comment(c.Comment)})
	}
	typ, x := as.Type(&as.IntegerType{T: phys}), as.Expr(nil)
	if def != "" {
		x = &as.RawExpr{X: def}
	}
	if kind, values, tail, ok := valueList(phys); ok {
		typ = &as.EnumType{T: kind, Values: values}
		if kind == mysql.TypeSet {
			typ = &mysql.SetType{Values: values}
		}
		attrs = append(attrs, tail...)
		if strings.HasPrefix(def, "'") {
			x = &as.Literal{V: def} // quoted already, and so printed verbatim
		}
	}
	return typ, x, attrs
}

// valueList takes an ENUM or SET apart: its values with their quotes, and the
// character set and collation behind them.
func valueList(phys string) (kind string, values []string, tail []as.Attr, ok bool) {
	kind, rest, ok := strings.Cut(phys, "(")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if !ok || kind != mysql.TypeEnum && kind != mysql.TypeSet {
		return "", nil, nil, false
	}
	for {
		rest = strings.TrimLeft(rest, " ,")
		if !strings.HasPrefix(rest, "'") {
			break
		}
		end := closingQuote(rest)
		values, rest = append(values, rest[:end]), rest[end:]
	}
	words := strings.Fields(strings.TrimPrefix(rest, ")"))
	for i, w := range words[:max(0, len(words)-1)] {
		switch w {
		case "set", "charset":
			tail = append(tail, &as.Charset{V: words[i+1]})
		case "collate":
			tail = append(tail, &as.Collation{V: words[i+1]})
		}
	}
	return kind, values, tail, true
}

// closingQuote is the index behind the string literal that s begins with.
func closingQuote(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '\'' && i+1 < len(s) && s[i+1] == '\'':
			i++
		case s[i] == '\'':
			return i + 1
		}
	}
	return len(s)
}

func mysqlIndex(b *builder, from *schema.Index, to *as.Index) {
	if from.Method != "" {
		to.AddAttrs(&mysql.IndexType{T: strings.ToUpper(from.Method)})
	}
	if from.Comment != "" && b.p.spell.Comment != nil {
		to.AddAttrs(&as.Comment{Text: b.p.spell.Comment(from.Comment)})
	}
	for i, part := range from.Parts {
		if part.Length > 0 {
			to.Parts[i].Attrs = append(to.Parts[i].Attrs, &mysql.SubPart{Len: part.Length})
		}
	}
}

// ChangeColumn gives a column a new name and the definition of c at once.
func ChangeColumn(from string, c *schema.Column) Action {
	return func(b *builder) as.Change {
		old := b.newColumn(c)
		old.Name = b.p.esc(from)
		return &as.ModifyColumn{From: old, To: b.newColumn(c), Change: as.ChangeType}
	}
}

// TableComment sets the table's comment, where it is part of the table.
func TableComment(text string) Action {
	return func(b *builder) as.Change {
		return &as.AddAttr{A: &as.Comment{Text: b.p.spell.Comment(text)}}
	}
}

// mysqlPlanApplier is a planner that believes itself connected to a server of
// that version: Atlas decides by it what it may write.
func mysqlPlanApplier(version string) migrate.PlanApplier {
	db := sql.OpenDB(stubServer(version))
	defer func() { _ = db.Close() }()
	drv, err := mysql.Open(db)
	if err != nil { // only if a newer Atlas asks other questions
		return mysql.DefaultPlan
	}
	return drv
}

// stubServer answers Atlas's one question: version, collation, character set,
// and the case of table names. The empty character set and collation make Atlas
// print those that a column names.
type stubServer string

func (s stubServer) Connect(context.Context) (driver.Conn, error) { return stubConn{string(s)}, nil }
func (s stubServer) Driver() driver.Driver                        { return nil }

type stubConn struct{ version string }

func (c stubConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (c stubConn) Close() error                        { return nil }
func (c stubConn) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }

func (c stubConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &stubRows{row: []driver.Value{c.version, "", "", int64(0)}}, nil
}

type stubRows struct{ row []driver.Value }

func (r *stubRows) Columns() []string { return []string{"version", "collation", "charset", "case"} }
func (r *stubRows) Close() error      { return nil }

func (r *stubRows) Next(dest []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	copy(dest, r.row)
	r.row = nil
	return nil
}
