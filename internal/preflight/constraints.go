package preflight

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

func list(items []string) string { return strings.Join(items, ", ") }

func sorted(sides map[string]*side) []*side {
	out := make([]*side, 0, len(sides))
	for _, name := range slices.Sorted(maps.Keys(sides)) {
		out = append(out, sides[name])
	}
	return out
}

// primaryKey: rows must be unique under a new key, and hold no NULL in it.
func (b *builder) primaryKey(s *side, key []string, change string, isNew bool) {
	if len(key) == 0 {
		return
	}
	if isNew {
		b.numbering(s, change)
		b.keyNulls(s, key, change)
	}
	if slices.ContainsFunc(key, func(n string) bool {
		c := s.columns[n]
		return c.before == nil && c.after != nil && c.after.AutoIncrement
	}) {
		return // every row gets a number of its own
	}
	x := &schema.Index{Name: "primary key", Unique: true}
	for _, n := range key {
		x.Parts = append(x.Parts, schema.IndexPart{Column: n})
	}
	b.unique(s, x, change)
}

// keyNulls looks for NULL in the columns of a new key, unless a change of the
// column asks for that already.
func (b *builder) keyNulls(s *side, key []string, change string) {
	if b.d.Rows().KeysHoldNull {
		return
	}
	for _, n := range key {
		c := s.columns[n]
		switch {
		case c.after == nil, c.before != nil && !c.before.Nullable, c.before != nil && !c.after.Nullable:
		case c.before == nil && (c.after.AutoIncrement || !c.after.Nullable && c.after.Default == nil):
		default:
			b.nulls(s, n, change)
		}
	}
}

// index asks about a new unique index, unless the rows are unique in the same way
// already.
func (b *builder) index(s *side, c diff.Change) {
	x := c.To.Index
	if was := c.From; !x.Unique || was != nil && was.Index.Unique && was.Index.Deviation == "" && was.Index.Where == x.Where && sameParts(was.Index.Parts, x.Parts) {
		return
	}
	b.unique(s, x, c.String())
}

// sameParts: the direction of an index does not matter to what is unique.
func sameParts(a, b []schema.IndexPart) bool {
	return slices.EqualFunc(a, b, func(p, q schema.IndexPart) bool {
		p.Desc, q.Desc = false, false
		return p == q
	})
}

// indexColumns are the columns that an index rests on.
func (s *side) indexColumns(x *schema.Index) []string {
	var out []string
	for _, p := range x.Parts {
		if p.Column != "" {
			out = append(out, p.Column)
		}
	}
	texts := indexTexts(x)
	for _, n := range s.mentioned(texts...) {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func indexTexts(x *schema.Index) []string {
	var out []string
	for _, p := range x.Parts {
		if p.Column == "" {
			out = append(out, p.Expr)
		}
	}
	if x.Where != "" {
		out = append(out, x.Where)
	}
	return out
}

// unique looks for rows that agree in all parts of an index. Rows with NULL in a
// part agree with none, on most engines.
func (b *builder) unique(s *side, x *schema.Index, change string) {
	columns := s.indexColumns(x)
	if !b.d.Rows().NullsEqual && slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return s.columns[p.Column].null }) {
		return
	}
	check := Check{Subject: s.subject(Duplicates, change, columns, x.Name)}
	src := s.source(columns, len(indexTexts(x)) > 0, "")
	if src.gap != "" {
		check.Unchecked = src.gap
		b.out = append(b.out, check)
		return
	}
	var parts, where []string
	for _, p := range x.Parts {
		expr, col := "("+p.Expr+")", (*schema.Column)(nil)
		if p.Column != "" {
			expr, col = src.cols[p.Column], s.after.Column(p.Column)
		}
		parts = append(parts, b.d.KeyPart(expr, p, col))
		if !b.d.Rows().NullsEqual {
			where = append(where, expr+" IS NOT NULL")
		}
	}
	if x.Where != "" {
		where = append(where, "("+x.Where+")")
	}
	cond := strings.Join(where, " AND ")
	if cond == "" {
		cond = "1 = 1"
	}
	b.twice(s, check, src, parts, cond)
}

// twice finishes a check of rows that agree.
func (b *builder) twice(s *side, c Check, src source, parts []string, where string) {
	c.Holds = b.d.Twice(src.from, where, parts)
	c.Total = fmt.Sprintf("SELECT coalesce(sum(lockstep_n), 0) FROM (SELECT%s count(*) AS lockstep_n FROM %s WHERE %s GROUP BY %s HAVING count(*) > 1) AS g",
		b.d.Rows().Grouping, src.from, where, list(parts))
	c.Show = fmt.Sprintf("SELECT %s, count(*) FROM %s WHERE %s GROUP BY %s HAVING count(*) > 1", list(parts), src.from, where, list(parts))
	c.Suggestion = "make these rows differ in " + list(c.Columns) + ", or remove those that are too many"
	if len(src.keys) == 0 {
		b.out = append(b.out, c)
		return
	}
	c.Keys = b.surplusKeys(s, src, parts, where)
	c.keys = s.before.PrimaryKey
	if src.own {
		c.Mend = b.deleteSurplus(src, parts, where)
		c.Suggestion += ": the statement keeps of each the one with the lowest key"
	}
	b.out = append(b.out, c)
}

// surplusKeys selects the keys of rows that agree: a few groups first, then their
// rows, so that nothing has to be sorted.
func (b *builder) surplusKeys(s *side, src source, parts []string, where string) string {
	named, same := make([]string, len(parts)), make([]string, len(parts))
	for i, p := range parts {
		name := fmt.Sprintf("lockstep_part_%d", i+1)
		named[i] = p + " AS " + name
		same[i] = p + " = g." + name
		if b.d.Rows().NullsEqual {
			same[i] = fmt.Sprintf("(%s OR %s IS NULL AND g.%s IS NULL)", same[i], p, name)
		}
	}
	groups := b.d.First(shownKeys+1, fmt.Sprintf("SELECT%s %s FROM %s WHERE %s GROUP BY %s HAVING count(*) > 1", b.d.Rows().Grouping, list(named), src.from, where, list(parts)))
	return b.d.First(shownKeys+1, fmt.Sprintf("SELECT %s FROM %s JOIN (%s) AS g ON %s WHERE %s",
		b.keyTexts(s, src.keys), src.from, groups, strings.Join(same, " AND "), where))
}

// deleteSurplus keeps the first row, by key, of those that agree.
func (b *builder) deleteSurplus(src source, parts []string, where string) string {
	aliased := make([]string, len(src.keys))
	outer := make([]string, len(src.keys))
	for i, k := range src.keys {
		outer[i] = b.d.Quote(keyAlias(i))
		aliased[i] = k + " AS " + outer[i]
	}
	number := fmt.Sprintf("row_number() OVER (PARTITION BY %s ORDER BY %s) AS lockstep_n", list(parts), list(src.keys))
	if b.d.Rows().DeletesFromQuery {
		return fmt.Sprintf("WITH g AS (SELECT %s FROM %s WHERE %s) DELETE FROM g WHERE lockstep_n > 1", number, src.from, where)
	}
	key := list(src.keys)
	if len(src.keys) > 1 {
		key = "(" + key + ")"
	}
	return fmt.Sprintf("DELETE FROM %s WHERE %s IN (SELECT %s FROM (SELECT %s, %s FROM %s WHERE %s) AS g WHERE lockstep_n > 1)",
		src.from, key, list(outer), list(aliased), number, src.from, where)
}

// check looks for rows for which a check is false; NULL is no violation.
func (b *builder) check(s *side, k *schema.Check, change string) {
	columns := s.mentioned(k.Expr)
	src := s.source(columns, true, "")
	c := Check{
		Subject:    s.subject(CheckViolation, change, columns, k.Name),
		Suggestion: "change these rows so that the check holds, or the check",
	}
	shown := make([]string, len(columns))
	for i, n := range columns {
		shown[i] = src.cols[n]
	}
	b.add(s, c, src, "NOT ("+k.Expr+")", shown)
}

// parentAlias is what the other side of a reference is called in a question.
const parentAlias = "lockstep_parent"

// foreignKey looks for rows that refer to no row: of no NULL, none of the other
// side's rows agrees. To a table that the plan makes, every such row is one. of
// a key that stays, only rows that are to lose what they refer to count.
func (b *builder) foreignKey(s *side, f *schema.ForeignKey, change string, stays bool) {
	if slices.ContainsFunc(f.Columns, func(n string) bool { return s.columns[n].null }) {
		return
	}
	c := Check{
		Subject:    s.subject(Orphans, change, f.Columns, f.Name),
		Suggestion: fmt.Sprintf("bring the missing rows of %s, or let these rows refer to others or to none", f.RefTable),
	}
	src := s.source(f.Columns, false, b.d.Quote(s.before.Name))
	where := make([]string, 0, len(f.Columns)+1)
	shown := make([]string, len(f.Columns))
	for i, n := range f.Columns {
		shown[i] = src.cols[n]
		where = append(where, src.cols[n]+" IS NOT NULL")
	}
	self := false
	if p := b.sides[f.RefTable]; p != nil {
		parent := p.source(f.RefColumns, false, parentAlias)
		if parent.gap != "" {
			src.gap = parent.gap
		}
		where = append(where, b.missing(s, p, f, src, parent))
		self = p == s
		if stays {
			where = append(where, b.before(s, p, f))
		}
	}
	if src.own && src.gap == "" {
		c.Mend = b.mendOrphans(s, f, where, self)
	}
	b.add(s, c, src, strings.Join(where, " AND "), shown)
}

// missing is the condition that no row of the other side agrees.
func (b *builder) missing(s, p *side, f *schema.ForeignKey, child, parent source) string {
	match := make([]string, len(f.Columns))
	for i, n := range f.Columns {
		ref := f.RefColumns[i]
		match[i] = b.d.Match(parent.cols[ref], child.cols[n], p.after.Column(ref), s.after.Column(n))
	}
	return fmt.Sprintf("NOT EXISTS (SELECT 1 FROM %s WHERE %s)", parent.from, strings.Join(match, " AND "))
}

// before is the condition that a row refers to one as things are.
func (b *builder) before(s, p *side, f *schema.ForeignKey) string {
	match := make([]string, 0, len(f.Columns))
	for i, n := range f.Columns {
		c, r := s.columns[n].before, p.columns[f.RefColumns[i]].before
		if c == nil || r == nil {
			continue
		}
		match = append(match, b.d.Match(parentAlias+"."+b.d.Quote(r.Name), b.d.Quote(s.before.Name)+"."+b.d.Quote(c.Name), r, c))
	}
	return fmt.Sprintf("EXISTS (SELECT 1 FROM %s AS %s WHERE %s)", tableName(b.d, p.before.Name), parentAlias, strings.Join(match, " AND "))
}

// mendOrphans lets rows refer to none where they may, and otherwise removes them.
func (b *builder) mendOrphans(s *side, f *schema.ForeignKey, where []string, self bool) string {
	if self {
		return "" // not every engine reads the table that it writes
	}
	table, cond := tableName(b.d, s.before.Name), strings.Join(where, " AND ")
	for _, n := range f.Columns {
		c := s.columns[n]
		if c.before.Nullable && c.after.Nullable {
			return fmt.Sprintf("UPDATE %s SET %s = NULL WHERE %s", table, b.d.Quote(c.before.Name), cond)
		}
	}
	return fmt.Sprintf("DELETE FROM %s WHERE %s", table, cond)
}
