package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Inspect implements dialect.Inspector with the pragma functions, and with the
// text of CREATE TABLE for what they do not tell. A table comes back under the
// name that was asked for: SQLite does not tell case apart.
func (d *Dialect) Inspect(ctx context.Context, q dialect.Querier, tables []string) (*schema.Schema, error) {
	i := &inspection{
		q: q, names: jsonList(tables), out: &schema.Schema{Engine: string(dialect.SQLite)},
		byName: map[string]*inspected{}, exact: tables, asked: map[string]string{}, indexTexts: map[string]string{},
	}
	for _, t := range tables {
		i.asked[foldASCII(t)] = t
	}
	for _, read := range []func(context.Context) error{i.tables, i.columns, i.indexes, i.foreignKeys} {
		if err := read(ctx); err != nil {
			return nil, d.Classify(err)
		}
	}
	return i.out, nil
}

// Compare implements dialect.Inspector.
func (*Dialect) Compare(promised, found *schema.Table) []string {
	return dialect.Comparison{Type: canonicalType}.Compare(promised, found)
}

type inspection struct {
	q      dialect.Querier
	names  string
	exact  []string          // the names asked for
	asked  map[string]string // the same, by their folded form
	out    *schema.Schema
	byName map[string]*inspected // by the name in the database
	// indexTexts are the texts of the tables' indexes by their names.
	indexTexts map[string]string
}

type inspected struct {
	*schema.Table
	text parsed
	keys map[int]string // primary key columns by position
}

func (i *inspection) each(ctx context.Context, query string, scan func(*sql.Rows) error) error {
	return scanEach(ctx, i.q, query, []any{i.names}, scan)
}

// tables reads the texts of the tables and of their indexes. sqlite_master has no
// index, and so is read once, however many tables there are beside these.
func (i *inspection) tables(ctx context.Context) error {
	return i.each(ctx, `SELECT m.type = 'table', m.name, m.sql FROM sqlite_master m
		WHERE m.type IN ('table', 'index') AND m.sql IS NOT NULL AND m.tbl_name COLLATE NOCASE IN (SELECT value FROM json_each(?1))
		ORDER BY m.name`, func(rows *sql.Rows) error {
		var name, text string
		var isTable bool
		if err := rows.Scan(&isTable, &name, &text); err != nil {
			return err
		}
		if !isTable {
			i.indexTexts[name] = text
			return nil
		}
		called := name
		if !slices.Contains(i.exact, name) { // both names of a rename may be asked for
			called = i.asked[foldASCII(name)]
		}
		t := &inspected{Table: &schema.Table{Name: called}, text: parseTable(text), keys: map[int]string{}}
		t.Checks, t.ForeignKeys = t.text.checks, t.text.foreignKeys
		i.byName[name] = t
		i.out.Tables = append(i.out.Tables, t.Table)
		return nil
	})
}

// perTable calls a pragma function x for each of the tables that were found. It goes
// from their names to the schema in memory.
const perTable = " FROM json_each(?1) m CROSS JOIN "

func (i *inspection) columns(ctx context.Context) error {
	i.names = jsonList(slices.Sorted(maps.Keys(i.byName)))
	err := i.each(ctx, `SELECT m.value, x.name, x.type, x."notnull", x.dflt_value, x.pk`+perTable+`pragma_table_xinfo(m.value) x
		ORDER BY m.value, x.cid`, func(rows *sql.Rows) error {
		var table string
		var notNull bool
		var def sql.NullString
		var key int
		c := &schema.Column{}
		if err := rows.Scan(&table, &c.Name, &c.Physical, &notNull, &def, &key); err != nil {
			return err
		}
		t := i.byName[table]
		if t == nil {
			return nil
		}
		// GORM does not write NOT NULL at a key, and means it.
		c.Nullable = !notNull && key == 0
		if own := t.text.collations[foldASCII(c.Name)]; own != "" {
			c.Physical += " collate " + own
		}
		c.Physical = canonicalType(c.Physical)
		c.AutoIncrement = key > 0 && t.text.autoIncrement
		if def.Valid && !strings.EqualFold(def.String, "null") {
			c.Default = &schema.Default{Value: defaultLiteral(def.String), Expr: true}
		}
		if key > 0 {
			t.keys[key] = c.Name
		}
		t.Columns = append(t.Columns, c)
		return nil
	})
	for _, t := range i.byName {
		for n := 1; t.keys[n] != ""; n++ {
			t.PrimaryKey = append(t.PrimaryKey, t.keys[n])
		}
	}
	return err
}

// defaultLiteral writes a string in double quotes, which SQLite takes for a
// literal where no column can stand, and GORM writes, as the literal it is.
func defaultLiteral(text string) string {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return text
	}
	return literal(strings.ReplaceAll(text[1:len(text)-1], `""`, `"`))
}

func (i *inspection) indexes(ctx context.Context) error {
	err := i.each(ctx, `SELECT m.value, l.name, l."unique", l.origin, l.partial, x.seqno, coalesce(x.name, ''), x."desc",
		CASE x.coll WHEN 'BINARY' THEN '' ELSE coalesce(x.coll, '') END`+perTable+`pragma_index_list(m.value) l CROSS JOIN pragma_index_xinfo(l.name) x
		WHERE x.key = 1 AND l.origin <> 'pk' ORDER BY m.value, l.name, x.seqno`, func(rows *sql.Rows) error {
		var table, origin string
		var partial bool
		var seq int
		x := &schema.Index{}
		var part schema.IndexPart
		if err := rows.Scan(&table, &x.Name, &x.Unique, &origin, &partial, &seq, &part.Column, &part.Desc, &part.Collate); err != nil {
			return err
		}
		t := i.byName[table]
		if t == nil {
			return nil
		}
		texts, where := indexTexts(i.indexTexts[x.Name])
		if partial {
			x.Where = where
		}
		if part.Column == "" {
			part.Expr = "?"
			if seq < len(texts) {
				part.Expr = texts[seq]
			}
		}
		x.Constraint = origin == "u"
		if n := len(t.Indexes); n > 0 && t.Indexes[n-1].Name == x.Name {
			t.Indexes[n-1].Parts = append(t.Indexes[n-1].Parts, part)
		} else {
			x.Parts = []schema.IndexPart{part}
			t.Indexes = append(t.Indexes, x)
		}
		return nil
	})
	for _, t := range i.byName {
		t.nameUniques()
	}
	return err
}

// nameUniques gives unique constraints, which SQLite calls sqlite_autoindex_…,
// the names they have in the table's text, found by their columns, and what else it
// says of them.
func (t *inspected) nameUniques() {
	for _, x := range t.Indexes {
		if !x.Constraint {
			continue
		}
		for _, u := range t.text.uniques {
			if (u.Name != "" || u.Deviation != "") && slices.EqualFunc(u.Parts, x.Parts, func(a, b schema.IndexPart) bool { return strings.EqualFold(a.Column, b.Column) }) {
				x.Name, x.Deviation = cmp.Or(u.Name, x.Name), u.Deviation
				break
			}
		}
	}
	slices.SortFunc(t.Indexes, func(a, b *schema.Index) int { return strings.Compare(a.Name, b.Name) })
}

// foreignKeys holds the number read from the text against the engine's own
// count; where they differ the text was not understood, and the structure
// without names is the truth.
func (i *inspection) foreignKeys(ctx context.Context) error {
	truth := map[string][]*schema.ForeignKey{}
	last := map[string]int{}
	err := i.each(ctx, `SELECT m.value, f.id, f."table", f."from", coalesce(f."to", ''), f.on_update, f.on_delete`+perTable+`pragma_foreign_key_list(m.value) f
		ORDER BY m.value, f.id, f.seq`, func(rows *sql.Rows) error {
		var table, ref, from, to, onUpdate, onDelete string
		var id int
		if err := rows.Scan(&table, &id, &ref, &from, &to, &onUpdate, &onDelete); err != nil {
			return err
		}
		if n, seen := last[table]; !seen || n != id {
			truth[table] = append(truth[table], &schema.ForeignKey{RefTable: ref, OnUpdate: actionOf(onUpdate), OnDelete: actionOf(onDelete)})
			last[table] = id
		}
		f := truth[table][len(truth[table])-1]
		f.Columns = append(f.Columns, from)
		if to != "" {
			f.RefColumns = append(f.RefColumns, to)
		}
		return nil
	})
	for name, t := range i.byName {
		if len(t.ForeignKeys) != len(truth[name]) {
			t.ForeignKeys = truth[name]
		}
	}
	return err
}

func actionOf(s string) schema.Action {
	if a := schema.Action(s); a != "NO ACTION" {
		return a
	}
	return schema.NoAction
}
