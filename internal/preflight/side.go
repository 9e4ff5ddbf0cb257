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

// side is one table that the plan keeps, before and after it.
type side struct {
	d             dialect.Asker
	before, after *schema.Table
	columns       map[string]column // by the name after the plan
}

// column is one column of a table after the plan, as its rows are before it.
type column struct {
	before *schema.Column // nil: it is new
	after  *schema.Column
	conv   dialect.Conversion // of before into after
	expr   string             // its value after the plan, over the table before it
	plain  bool               // expr is the column itself
	null   bool               // it is new, and NULL in every row
	gap    string             // why the value cannot be told
}

// sides pairs the tables that a plan keeps, by the names they have after it.
func sides(d dialect.Asker, p *plan.Plan) map[string]*side {
	out := map[string]*side{}
	if p.BaseSchema == nil || p.ResultSchema == nil {
		return out
	}
	before := make(map[string]*schema.Table, len(p.BaseSchema.Tables))
	for _, t := range p.BaseSchema.Tables {
		before[t.Name] = t
	}
	after := make(map[string]*schema.Table, len(p.ResultSchema.Tables))
	for _, t := range p.ResultSchema.Tables {
		after[t.Name] = t
	}
	m := movesOf(p)
	for name, t := range after {
		if b := before[m.table(name)]; b != nil && !m.created[name] && (m.touched[name] || m.referred[name]) {
			out[name] = newSide(d, p.EngineVersion, b, t, m)
		}
	}
	return out
}

// moves is what a plan does to names.
type moves struct {
	tables   map[string]string // new name to old one
	columns  map[string]string // table.column after the plan, to the old column
	fresh    map[string]bool   // table.column of new columns
	created  map[string]bool   // new tables
	touched  map[string]bool   // tables with changes
	referred map[string]bool   // tables to which keys refer that are added
}

func movesOf(p *plan.Plan) moves {
	m := moves{
		tables: map[string]string{}, columns: map[string]string{}, fresh: map[string]bool{},
		created: map[string]bool{}, touched: map[string]bool{}, referred: map[string]bool{},
	}
	for _, v := range p.Verdicts {
		for _, c := range v.Now {
			m.add(c)
		}
	}
	for _, t := range p.ResultSchema.Tables { // a change of a key's other side concerns both
		for _, f := range t.ForeignKeys {
			if m.touched[f.RefTable] || m.touched[t.Name] {
				m.referred[t.Name], m.referred[f.RefTable] = true, true
			}
		}
	}
	return m
}

func (m moves) add(c diff.Change) {
	m.touched[c.Table] = true
	switch {
	case c.Kind == diff.Table && c.Verb == diff.Rename:
		m.tables[c.Table] = c.OldName
	case c.Kind == diff.Table && c.Verb == diff.Add:
		m.created[c.Table] = true
	case c.Kind == diff.Column && c.Verb == diff.Rename:
		m.columns[c.Object()] = c.OldName
	case c.Kind == diff.Column && c.Verb == diff.Add:
		m.fresh[c.Object()] = true
	}
}

func (m moves) table(name string) string {
	if old, moved := m.tables[name]; moved {
		return old
	}
	return name
}

func newSide(d dialect.Asker, major int, before, after *schema.Table, m moves) *side {
	s := &side{d: d, before: before, after: after, columns: make(map[string]column, len(after.Columns))}
	for _, c := range after.Columns {
		object := after.Name + "." + c.Name
		if m.fresh[object] {
			s.columns[c.Name] = s.freshColumn(c)
			continue
		}
		old := c.Name
		if moved, ok := m.columns[object]; ok {
			old = moved
		}
		if b := before.Column(old); b != nil {
			s.columns[c.Name] = s.keptColumn(major, b, c)
		}
	}
	return s
}

func (s *side) freshColumn(c *schema.Column) column {
	out := column{after: c, expr: s.d.Fresh(c)}
	out.null = c.Default == nil && !c.AutoIncrement && (out.expr == "NULL" || strings.HasPrefix(out.expr, "CAST(NULL "))
	if out.expr == "" {
		out.gap = fmt.Sprintf("what present rows get in the new column %s cannot be told beforehand", c.Name)
	}
	return out
}

func (s *side) keptColumn(major int, before, after *schema.Column) column {
	out := column{before: before, after: after, expr: s.d.Quote(before.Name), plain: true}
	if before.Physical == after.Physical {
		out.conv.Same = true
		return out
	}
	out.conv = s.d.Convert(major, before, after)
	if out.conv.Same {
		return out
	}
	out.plain, out.expr = false, out.conv.Value
	if out.conv.Unknown != "" || out.expr == "" {
		out.gap = fmt.Sprintf("what becomes of the values of %s cannot be told beforehand", before.Name)
	}
	var misfits []string
	for _, m := range out.conv.Misfits {
		misfits = append(misfits, "("+m.Where+")")
	}
	if len(misfits) > 0 {
		out.expr = fmt.Sprintf("CASE WHEN NOT (%s) THEN %s END", strings.Join(misfits, " OR "), out.expr)
	}
	return out
}

// old returns the name that a column has before the plan.
func (s *side) old(name string) string {
	if c := s.columns[name]; c.before != nil {
		return c.before.Name
	}
	return name
}

// olds maps names of columns to those before the plan.
func (s *side) olds(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = s.old(n)
	}
	return out
}

// tableName is a table's name as a statement must write it.
func tableName(d dialect.Asker, name string) string {
	if n, ok := d.(dialect.TableNamer); ok {
		return n.TableName(name)
	}
	return d.Quote(name)
}

// keyAlias is what a column of the key is called in a derived source.
func keyAlias(i int) string { return fmt.Sprintf("lockstep_key_%d", i+1) }

// source is what a question reads from.
type source struct {
	from string
	cols map[string]string // a column's name after the plan to what it is called here
	keys []string          // what the columns of the table's present key are called here
	own  bool              // it is the table itself
	gap  string            // why the rows' values after the plan cannot be told
}

// source gives the named columns of the rows as they will be. literal: a text
// names the columns as they are called after the plan. alias is needed where a
// subquery has to name them from within; the table's own name serves as such.
func (s *side) source(names []string, literal bool, alias string) source {
	q := s.d.Quote
	out := source{cols: map[string]string{}, own: true}
	for _, n := range names {
		c := s.columns[n]
		if c.gap != "" {
			out.gap = c.gap
		}
		out.own = out.own && c.plain && (!literal || c.before.Name == n)
	}
	out.own = out.own && (!literal || s.before.Name == s.after.Name)
	prefix, name := "", tableName(s.d, s.before.Name)
	if alias != "" {
		prefix = alias + "."
	}
	if out.own {
		if out.from = name; alias != "" && alias != name {
			out.from += " AS " + alias
		}
		for _, n := range names {
			out.cols[n] = prefix + q(s.columns[n].before.Name)
		}
		for _, k := range s.before.PrimaryKey {
			out.keys = append(out.keys, prefix+q(k))
		}
		return out
	}
	if alias == "" {
		alias = q(s.after.Name)
	}
	var list []string
	for i, k := range s.before.PrimaryKey {
		called := k
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, k) }) {
			called = keyAlias(i) // the name means another column after the plan, or its new value
		}
		list = append(list, q(k)+" AS "+q(called))
		out.keys = append(out.keys, prefix+q(called))
	}
	for _, n := range names {
		list = append(list, s.columns[n].expr+" AS "+q(n))
		out.cols[n] = prefix + q(n)
	}
	if len(list) == 0 {
		list = []string{"1 AS one"}
	}
	out.from = fmt.Sprintf("(SELECT %s FROM %s) AS %s", strings.Join(list, ", "), name, alias)
	return out
}

// mentioned returns the columns, by their names after the plan, that a text names.
func (s *side) mentioned(texts ...string) []string {
	var out []string
	for _, c := range s.after.Columns {
		for _, t := range texts {
			if schema.MentionsIdentifier(t, c.Name) {
				out = append(out, c.Name)
				break
			}
		}
	}
	return out
}
