package mysql

import (
	"slices"
	"strings"
)

// How many tables MariaDB is asked for by name. Each name costs a temporary table of
// its own, which of a view with long texts is a file: these are somewhat cheaper than
// to read the names of 5,000 tables, which it does otherwise, and dearer than to read
// those of some hundred.
const (
	portionOfTexts = 8  // of views with long texts, in one query: more cost more than in several
	fewWithTexts   = 16 // of views with long texts
	fewWithout     = 64
)

// view is one of the information schema's, with what inspection reads of it: MariaDB
// opens a table only as far as the columns asked for need it.
type view struct {
	key, name, catalog, database, columns string
	texts                                 bool // it has columns of long texts, read or not
}

func (d *Dialect) viewsRead() []view {
	hidden, _ := d.server.hiddenIndexes()
	more := ", " + hidden + " AS SHOWN"
	if d.server.expressionIndexes() {
		more += ", EXPRESSION"
	}
	enforced := ""
	if !d.server.maria() {
		enforced = ", ENFORCED"
	}
	const catalog, database, ofConstraint = "TABLE_CATALOG", "TABLE_SCHEMA", "CONSTRAINT_CATALOG"
	return []view{
		{"TABLES", "TABLES", catalog, database, "TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_COMMENT, TABLE_COLLATION", false},
		{"SIZES", "TABLES", catalog, database, "TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_ROWS, DATA_LENGTH, INDEX_LENGTH", false},
		{
			"COLUMNS", "COLUMNS", catalog, database, "TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, " +
				"COLUMN_DEFAULT, EXTRA, COLUMN_COMMENT, COLLATION_NAME, GENERATION_EXPRESSION", true,
		},
		{"NAMES", "COLUMNS", catalog, database, "TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME", true},
		{
			"STATISTICS", "STATISTICS", catalog, database, "TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, SEQ_IN_INDEX, COLUMN_NAME, COLLATION, " +
				"SUB_PART, INDEX_TYPE, INDEX_COMMENT" + more, false,
		},
		{
			"KEY_COLUMN_USAGE", "KEY_COLUMN_USAGE", catalog, database, "TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, ORDINAL_POSITION, COLUMN_NAME, " +
				"REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME", false,
		},
		{
			"REFERENTIAL_CONSTRAINTS", "REFERENTIAL_CONSTRAINTS", ofConstraint, "CONSTRAINT_SCHEMA",
			"CONSTRAINT_SCHEMA, CONSTRAINT_NAME, TABLE_NAME, UNIQUE_CONSTRAINT_CATALOG, UNIQUE_CONSTRAINT_SCHEMA, REFERENCED_TABLE_NAME, DELETE_RULE, UPDATE_RULE", false,
		},
		{"TABLE_CONSTRAINTS", "TABLE_CONSTRAINTS", ofConstraint, database, "TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, CONSTRAINT_TYPE" + enforced, false},
		{"CHECK_CONSTRAINTS", "CHECK_CONSTRAINTS", ofConstraint, "CONSTRAINT_SCHEMA", "CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, LEVEL, CHECK_CLAUSE", true}, // MariaDB's
	}
}

// readsTexts tells whether a query reads a view with long texts.
func (i *inspection) readsTexts(query string) bool {
	return slices.ContainsFunc(i.d.viewsRead(), func(v view) bool { return v.texts && strings.Contains(query, "{"+v.key+"}") })
}

// portions are the names asked for, each once, as they go into one query each.
func (i *inspection) portions(query string) [][]string {
	names := slices.Compact(slices.Sorted(slices.Values(i.asked)))
	if !i.d.server.maria() || len(i.asked) > fewWithTexts || !i.readsTexts(query) {
		return [][]string{names}
	}
	return slices.Collect(slices.Chunk(names, portionOfTexts))
}

// views puts the views of the information schema where a query has them in braces,
// each with the rows of the named tables alone, whose list a % stands for.
//
// MySQL finds them through an index when it is told the catalog too, of which there
// is one: https://dev.mysql.com/doc/refman/8.4/en/information-schema-optimization.html
//
// MariaDB finds a table at once by an equation with its name, and by a list of names
// only by looking at every table of the database, so a few tables are asked for one
// by one. It opens the tables of a joined view again for each row of the first; a
// subquery with a limit it reads once, by the names in there.
// https://mariadb.com/kb/en/derived-table-merge-optimization/
func (i *inspection) views(query string, names []string) string {
	for _, v := range i.d.viewsRead() {
		if !strings.Contains(query, "{"+v.key+"}") {
			continue
		}
		read := "SELECT " + v.columns + " FROM information_schema." + v.name + " WHERE " + v.database + " = DATABASE() AND TABLE_NAME "
		switch {
		case !i.d.server.maria():
			read += "IN (%) AND " + v.catalog + " = 'def'"
		case v.texts && len(i.asked) > fewWithTexts, len(i.asked) > fewWithout:
			read += "IN (%) LIMIT 18446744073709551615"
		default:
			read = i.oneByOne(read, names)
		}
		query = strings.Replace(query, "{"+v.key+"}", "("+read+")", 1)
	}
	return query
}

// oneByOne reads the rows of each table by itself. Of names that are one to a server
// that folds them, such as both of a rename, each would find the table, and so only
// the first is asked for there; to other servers they may be two tables.
func (i *inspection) oneByOne(read string, names []string) string {
	parts := make([]string, len(names))
	for k, name := range names {
		parts[k] = read + "= ?"
		if i.asked[slices.IndexFunc(i.asked, func(a string) bool { return strings.EqualFold(a, name) })] != name {
			parts[k] += " AND @@lower_case_table_names = 0"
		}
	}
	return strings.Join(parts, " UNION ALL ") + " LIMIT 18446744073709551615"
}
