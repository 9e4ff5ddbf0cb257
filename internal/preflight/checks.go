package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Checks returns the questions that the changes of p put to the tenant's rows, in
// plan order. It is pure, so that they can be kept with a plan that many tenants
// share. A plan that initialises a tenant asks nothing: there are no rows yet.
func Checks(d dialect.Asker, p *plan.Plan) []Check {
	b := &builder{d: d, major: p.EngineVersion, sides: sides(d, p), asked: map[string]bool{}}
	if p.BaseSchema == nil {
		return nil
	}
	for _, v := range p.Verdicts {
		for _, c := range v.Now {
			b.note(c)
		}
	}
	for _, v := range p.Verdicts {
		for _, c := range v.Now {
			b.change(c)
		}
	}
	return b.out
}

type builder struct {
	d     dialect.Asker
	major int
	sides map[string]*side
	asked map[string]bool // objects that a change of their own asks for, as kind table.name
	out   []Check
}

func object(kind diff.Kind, table, name string) string {
	return string(kind) + " " + table + "." + name
}

// note remembers the keys, indexes, references and checks that are new.
func (b *builder) note(c diff.Change) {
	if c.To != nil && c.Verb != diff.Rename && c.Kind != diff.Table && c.Kind != diff.Column {
		b.asked[object(c.Kind, c.Table, c.Name)] = true
	}
}

// change asks what one change has to know.
func (b *builder) change(c diff.Change) {
	s := b.sides[c.Table]
	switch {
	case c.Kind == diff.Table && c.Verb == diff.Drop:
		b.dropTable(c)
	case s == nil || c.Kind == diff.Table:
	case c.Kind == diff.Column:
		b.column(s, c)
	case c.To == nil || c.Verb == diff.Rename:
	case c.Kind == diff.PrimaryKey:
		b.primaryKey(s, c.To.PrimaryKey, c.String(), true)
	case c.Kind == diff.Index:
		b.index(s, c)
	case c.Kind == diff.ForeignKey:
		if c.From == nil || !sameReference(c.From.ForeignKey, c.To.ForeignKey) {
			b.foreignKey(s, c.To.ForeignKey, c.String(), false)
		}
	case c.Kind == diff.Check:
		if c.From == nil || c.From.Check.Expr != c.To.Check.Expr || c.From.Check.Deviation != "" {
			b.check(s, c.To.Check, c.String())
		}
	}
}

// sameReference tells whether rows that a key lets be are let be by another.
func sameReference(a, b *schema.ForeignKey) bool {
	return a.Deviation == "" && a.RefTable == b.RefTable && slices.Equal(a.Columns, b.Columns) && slices.Equal(a.RefColumns, b.RefColumns)
}

func (b *builder) column(s *side, c diff.Change) {
	switch {
	case c.Verb == diff.Drop:
		b.dropColumn(s, c)
	case c.Verb == diff.Add:
		b.addColumn(s, c)
	case c.Verb != diff.Alter:
	case c.Aspect == diff.AspectNull:
		if !c.To.Column.Nullable {
			b.nulls(s, c.Name, c.String())
		}
	case c.Aspect == diff.AspectType:
		b.retype(s, c)
	case c.Aspect == diff.AspectAutoIncrement:
		b.numbering(s, c.String())
	}
}

// subject begins a check about columns, which are named as they are after the
// plan.
func (s *side) subject(kind Kind, change string, columns []string, object string) Subject {
	return Subject{Kind: kind, Table: s.before.Name, Columns: s.olds(columns), Object: object, Change: change}
}

// add finishes a check of single rows: those of src where a condition holds. shown
// are the expressions that Show selects beside the key.
func (b *builder) add(s *side, c Check, src source, where string, shown []string) {
	if src.gap != "" {
		c.Unchecked = src.gap
		b.out = append(b.out, c)
		return
	}
	c.Holds = fmt.Sprintf("EXISTS (SELECT 1 FROM %s%s)", src.from, wherePart(where))
	c.Total = fmt.Sprintf("SELECT count(*) FROM %s%s", src.from, wherePart(where))
	c.some = b.countSome(fmt.Sprintf("%s%s", src.from, wherePart(where)))
	if len(src.keys) > 0 {
		c.Keys = b.d.First(shownKeys+1, fmt.Sprintf("SELECT %s FROM %s%s", b.keyTexts(s, src.keys), src.from, wherePart(where)))
		c.keys = s.before.PrimaryKey
	}
	list := slices.Clone(src.keys)
	for _, e := range shown {
		if !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	if len(list) == 0 {
		list = []string{"*"}
	}
	if c.Show == "" {
		c.Show = fmt.Sprintf("SELECT %s FROM %s%s", strings.Join(list, ", "), src.from, wherePart(where))
	}
	b.out = append(b.out, c)
}

// countSome counts rows until there are enough.
func (b *builder) countSome(from string) string {
	return "SELECT count(*) FROM (" + b.d.First(countedTo, "SELECT 1 AS one FROM "+from) + ") AS g"
}

func wherePart(where string) string {
	if where == "" {
		return ""
	}
	return " WHERE " + where
}

// keyTexts are the values of the present key, each as a text.
func (b *builder) keyTexts(s *side, keys []string) string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = b.d.KeyText(k, s.before.Column(s.before.PrimaryKey[i]))
	}
	return strings.Join(out, ", ")
}

// itself is the table as it is, without the plan.
func (s *side) itself() source {
	out := source{from: tableName(s.d, s.before.Name), own: true}
	for _, k := range s.before.PrimaryKey {
		out.keys = append(out.keys, s.d.Quote(k))
	}
	return out
}

func (b *builder) dropTable(c diff.Change) {
	table := tableName(b.d, c.Table)
	b.out = append(b.out, Check{
		Subject: Subject{Kind: RowsLost, Table: c.Table, Change: c.String()},
		Holds:   fmt.Sprintf("EXISTS (SELECT 1 FROM %s)", table),
		Total:   "SELECT count(*) FROM " + table, some: b.countSome(table),
		Show: "SELECT * FROM " + table, Suggestion: "copy the rows elsewhere first if they are still needed",
	})
}

func (b *builder) dropColumn(s *side, c diff.Change) {
	old := c.Name
	col := b.d.Quote(old)
	src := s.itself()
	src.keys = nil // every row has one: their keys would tell nothing
	check := Check{
		Subject: Subject{Kind: ValuesLost, Table: s.before.Name, Columns: []string{old}, Change: c.String()},
		Show:    fmt.Sprintf("SELECT %s FROM %s WHERE %s IS NOT NULL", strings.Join(append(s.itself().keys, col), ", "), src.from, col), Suggestion: "copy the values elsewhere first if they are still needed",
	}
	b.add(s, check, src, col+" IS NOT NULL", nil)
}

// addColumn: present rows have no value for a column that is NOT NULL without a
// default. Where the engine itself would fill in zeros, the plan asks and fails.
func (b *builder) addColumn(s *side, c diff.Change) {
	col := s.after.Column(c.Name)
	if col == nil || col.Nullable || col.Default != nil || col.AutoIncrement || s.columns[c.Name].gap != "" {
		return
	}
	check := Check{
		Subject:    s.subject(Nulls, c.String(), []string{c.Name}, ""),
		Suggestion: fmt.Sprintf("give %s a default; or execute with add-only, which adds it nullable, fill it, and execute again", c.Name),
		Show:       "SELECT count(*) FROM " + s.itself().from,
	}
	if n := b.d.Numbering(s.before, s.after); n.Column == c.Name && n.FillsNulls {
		return
	}
	if !s.columns[c.Name].null {
		return // generated from other columns
	}
	b.add(s, check, s.itself(), "", nil)
}

// nulls looks for NULL in a column that becomes NOT NULL.
func (b *builder) nulls(s *side, name, change string) {
	c := s.columns[name]
	if n := b.d.Numbering(s.before, s.after); n.Column == name && n.FillsNulls || c.after == nil {
		return
	}
	check := Check{
		Subject:    s.subject(Nulls, change, []string{name}, ""),
		Suggestion: fmt.Sprintf("give these rows a value in %s, or let the column be NULL", s.old(name)),
	}
	if c.before == nil {
		src := s.source([]string{name}, false, "")
		b.add(s, check, src, src.cols[name]+" IS NULL", nil)
		return
	}
	col := b.d.Quote(c.before.Name)
	if c.after.Default != nil && !c.after.Default.Expr && c.plain {
		check.Mend = fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s IS NULL", tableName(b.d, s.before.Name), col, b.d.Fresh(c.after), col)
	}
	b.add(s, check, s.itself(), col+" IS NULL", nil)
}
