package dialecttest

import (
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// row is one row by the names of its columns.
type row map[string]string

func (r row) String() string { return fmt.Sprint(map[string]string(r)) }

// rows reads all rows of the tables that there were at the beginning.
func (u *undoer) rows() map[string][]row {
	u.t.Helper()
	out := map[string][]row{}
	for _, t := range u.from.Tables {
		out[t.Name] = u.read(t.Name)
	}
	return out
}

func (u *undoer) read(table string) []row {
	u.t.Helper()
	found, err := u.s.QueryContext(u.t.Context(), "SELECT * FROM "+u.d.Quote(table))
	require.NoError(u.t, err)
	defer func() { _ = found.Close() }()
	names, err := found.Columns()
	require.NoError(u.t, err)
	var out []row
	for found.Next() {
		values := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(u.t, found.Scan(into...))
		r := row{}
		for i, v := range values {
			r[names[i]] = v.String
			if !v.Valid {
				r[names[i]] = "NULL"
			}
		}
		out = append(out, r)
	}
	require.NoError(u.t, found.Err())
	slices.SortFunc(out, func(a, b row) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// fill puts rows into the tables, which the way to the other schema leaves alone.
func (u *undoer) fill() {
	const rows = 3
	for range rows {
		u.next++
		for range u.from.Tables { // parents may come later in the list
			for _, t := range u.from.Tables {
				if len(u.read(t.Name)) < u.next {
					_ = u.insert(t, u.next)
				}
			}
		}
	}
	for _, t := range u.from.Tables {
		require.NotEmpty(u.t, u.read(t.Name), "no row for %s", t.Name)
	}
}

// insert writes row n; where what it refers to is not there, it refers to nothing.
func (u *undoer) insert(t *schema.Table, n int) row {
	u.t.Helper()
	for _, refer := range []bool{true, false} {
		r := row{}
		var names, values []string
		for _, c := range t.Columns {
			v := u.value(t, c, n, refer)
			names, values = append(names, u.d.Quote(c.Name)), append(values, v)
			r[c.Name] = strings.Trim(v, "'")
		}
		_, err := u.s.ExecContext(u.t.Context(), fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", u.d.Quote(t.Name), strings.Join(names, ", "), strings.Join(values, ", ")))
		if err == nil {
			return r
		}
		u.t.Logf("row %d of %s: %v", n, t.Name, err)
	}
	return nil
}

// value is what a column holds in row n, as SQL: what either schema can make
// something of.
func (u *undoer) value(t *schema.Table, c *schema.Column, n int, refer bool) string {
	if to := u.refersTo(t.Name, c.Name); to != "" {
		switch {
		case !refer:
			return "NULL"
		case to == "id":
			return strconv.Itoa((n-1)%3 + 1)
		}
		return fmt.Sprintf("'0%d'", 20+(n-1)%2+1) // what row 3 has may be NULL
	}
	kinds, nullable := u.kinds(t.Name, c)
	among := func(some ...schema.Kind) bool {
		return slices.ContainsFunc(kinds, func(k schema.Kind) bool { return slices.Contains(some, k) })
	}
	text := among(schema.String, schema.Bytes, schema.Raw)
	switch {
	case c.AutoIncrement, slices.Contains(t.PrimaryKey, c.Name) && !text:
		return strconv.Itoa(n)
	case nullable && n == 3:
		return "NULL"
	case among(schema.Time):
		return fmt.Sprintf("'2020-01-%02d 10:11:12'", n%28+1)
	case c.Type.Kind == schema.String || c.Type.Kind == schema.Bytes || c.Type.Kind == schema.Raw:
		return fmt.Sprintf("'0%d'", 20+n)
	case !among(schema.Bool, schema.Int, schema.Uint, schema.Decimal) || c.Type.Scale > 0 && u.sameType(t.Name, c):
		return fmt.Sprintf("%d.5", 20+n)
	}
	return strconv.Itoa(20 + n)
}

// sameType tells whether a column has one type in both schemas.
func (u *undoer) sameType(table string, c *schema.Column) bool {
	for _, s := range []*schema.Schema{u.from, u.to} {
		if t := s.Table(table); t != nil && t.Column(c.Name) != nil && !t.Column(c.Name).Type.Equal(c.Type) {
			return false
		}
	}
	return true
}

// refersTo is the column that one refers to in either schema, or "".
func (u *undoer) refersTo(table, column string) string {
	for _, s := range []*schema.Schema{u.from, u.to} {
		t := s.Table(table)
		if t == nil {
			continue
		}
		for _, f := range t.ForeignKeys {
			if i := slices.Index(f.Columns, column); i >= 0 {
				return f.RefColumns[i]
			}
		}
	}
	return ""
}

// kinds are those of a column in both schemas; nullable: in both.
func (u *undoer) kinds(table string, c *schema.Column) (kinds []schema.Kind, nullable bool) {
	kinds, nullable = []schema.Kind{c.Type.Kind}, c.Nullable
	for _, s := range []*schema.Schema{u.from, u.to} {
		if t := s.Table(table); t != nil && t.Column(c.Name) != nil {
			kinds = append(kinds, t.Column(c.Name).Type.Kind)
			nullable = nullable && t.Column(c.Name).Nullable
		}
	}
	return kinds, nullable
}

// written is what an application wrote while a plan was half done.
type written struct {
	table  string // as it was called at the beginning
	insert row
	update row // column and value
	key    string
}

// write does what an application would do with the tables as they are now: a new
// row, and a new value in an old one.
func (u *undoer) write() []written {
	u.t.Helper()
	u.next++
	var out []written
	for _, t := range u.from.Tables {
		live := u.live(t)
		if live == nil {
			continue
		}
		w := written{table: t.Name, insert: u.insert(live, u.next)}
		for _, c := range live.Columns {
			key := live.Column("id")
			if key == nil || t.Column("id") == nil || !c.Nullable || t.Column(c.Name) == nil || len(live.Indexes) > 0 || u.related(t.Name, c.Name) {
				continue
			}
			v := u.value(live, c, u.next+30, true)
			w.key, w.update = "1", row{c.Name: strings.Trim(v, "'")}
			_, err := u.s.ExecContext(u.t.Context(), fmt.Sprintf("UPDATE %s SET %s = %s WHERE id = 1", u.d.Quote(live.Name), u.d.Quote(c.Name), v))
			require.NoError(u.t, err)
			break
		}
		out = append(out, w)
	}
	return out
}

// related tells whether a column is part of a key in either schema, or refers to
// one, or is referred to: an application changes no such thing on its own.
func (u *undoer) related(table, column string) bool {
	for _, s := range []*schema.Schema{u.from, u.to} {
		for _, t := range s.Tables {
			if t.Name == table && slices.Contains(t.PrimaryKey, column) {
				return true
			}
			for _, f := range t.ForeignKeys {
				if t.Name == table && slices.Contains(f.Columns, column) || f.RefTable == table && slices.Contains(f.RefColumns, column) {
					return true
				}
			}
		}
	}
	return false
}

// live is a table as it is halfway: columns of either schema, whichever is there.
func (u *undoer) live(t *schema.Table) *schema.Table {
	u.t.Helper()
	other := u.to.Table(t.Name)
	names := []string{t.Name}
	for _, o := range u.to.Tables {
		if slices.Contains(o.RenamedFrom, t.Name) {
			other, names = o, append(names, o.Name)
		}
	}
	found, err := u.d.Inspect(u.t.Context(), u.s, names)
	require.NoError(u.t, err)
	if len(found.Tables) == 0 {
		return nil
	}
	live := found.Tables[0]
	for _, c := range live.Columns {
		if c.Physical == "" {
			continue
		}
		for _, side := range []*schema.Table{t, other} {
			if side == nil {
				continue
			}
			if p := side.Column(c.Name); p != nil {
				c.Type = p.Type
				if len(u.d.Compare(&schema.Table{Columns: []*schema.Column{p}}, &schema.Table{Columns: []*schema.Column{c}})) == 0 {
					break
				}
			}
		}
	}
	return live
}

// compare holds the rows to those at the beginning and to what was written.
func (u *undoer) compare(before map[string][]row, wrote []written, done int) {
	u.t.Helper()
	after := u.rows()
	for _, w := range wrote {
		old := before[w.table]
		if w.insert != nil {
			require.Len(u.t, after[w.table], len(old)+1, "the new row of %s, after %d statements and back: %s", w.table, done, u.story(done))
			u.remove(after, w)
		}
		for _, r := range old {
			if r["id"] == w.key && w.update != nil {
				for c, v := range w.update {
					now := after[w.table][slices.IndexFunc(after[w.table], func(r row) bool { return r["id"] == w.key })]
					require.True(u.t, alike(v, now[c]), "%s of %s is %s and was set to %s%s", c, w.table, now[c], v, u.story(done))
					r[c] = now[c]
				}
			}
		}
		slices.SortFunc(old, func(a, b row) int { return strings.Compare(a.String(), b.String()) })
	}
	if !assert.Equal(u.t, before, after, "rows after %d statements and back: %s", done, u.story(done)) {
		u.t.FailNow()
	}
}

// remove takes the row out that was written, which has to be among them.
func (u *undoer) remove(after map[string][]row, w written) {
	u.t.Helper()
	i := slices.IndexFunc(after[w.table], func(r row) bool {
		for c, v := range w.insert {
			if now, there := r[c]; there && !alike(v, now) {
				return false
			}
		}
		return !slices.ContainsFunc(after[w.table], func(o row) bool { return o["id"] > r["id"] && len(o["id"]) >= len(r["id"]) })
	})
	require.GreaterOrEqual(u.t, i, 0, "the new row %v of %s is not among %v", w.insert, w.table, after[w.table])
	where := []string{}
	for c, v := range after[w.table][i] {
		if v != "NULL" && (c == "id" || after[w.table][i]["id"] == "") {
			where = append(where, u.d.Quote(c)+" = '"+v+"'")
		}
	}
	_, err := u.s.ExecContext(u.t.Context(), "DELETE FROM "+u.d.Quote(w.table)+" WHERE "+strings.Join(where, " AND "))
	require.NoError(u.t, err)
	after[w.table] = slices.Delete(after[w.table], i, i+1)
}

// alike compares values of whatever types by what they mean.
func alike(a, b string) bool {
	if x, err := strconv.ParseFloat(a, 64); err == nil {
		if y, err := strconv.ParseFloat(b, 64); err == nil {
			return x == y
		}
	}
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}
