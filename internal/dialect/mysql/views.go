package mysql

import "strings"

// fewTables is how many tables are looked for one by one.
const fewTables = 8

// view is one of the information schema's, with what inspection reads of it: MariaDB
// opens a table only as far as the columns asked for need it.
type view struct{ key, name, database, columns string }

func (d *Dialect) viewsRead() []view {
	expression := ""
	if d.server.expressionIndexes() {
		expression = ", EXPRESSION"
	}
	return []view{
		{"TABLES", "TABLES", "TABLE_SCHEMA", "TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_COMMENT, TABLE_COLLATION"},
		{"SIZES", "TABLES", "TABLE_SCHEMA", "TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_ROWS, DATA_LENGTH, INDEX_LENGTH"},
		{
			"COLUMNS", "COLUMNS", "TABLE_SCHEMA", "TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, " +
				"COLUMN_DEFAULT, EXTRA, COLUMN_COMMENT, COLLATION_NAME, GENERATION_EXPRESSION",
		},
		{
			"STATISTICS", "STATISTICS", "TABLE_SCHEMA", "TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, SEQ_IN_INDEX, COLUMN_NAME, COLLATION, " +
				"SUB_PART, INDEX_TYPE, INDEX_COMMENT" + expression,
		},
		{
			"KEY_COLUMN_USAGE", "KEY_COLUMN_USAGE", "TABLE_SCHEMA", "TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, ORDINAL_POSITION, COLUMN_NAME, " +
				"REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME",
		},
		{
			"REFERENTIAL_CONSTRAINTS", "REFERENTIAL_CONSTRAINTS", "CONSTRAINT_SCHEMA",
			"CONSTRAINT_SCHEMA, CONSTRAINT_NAME, TABLE_NAME, DELETE_RULE, UPDATE_RULE",
		},
		{"TABLE_CONSTRAINTS", "TABLE_CONSTRAINTS", "TABLE_SCHEMA", "TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, CONSTRAINT_TYPE"},
		{"CHECK_CONSTRAINTS", "CHECK_CONSTRAINTS", "CONSTRAINT_SCHEMA", "CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, LEVEL, CHECK_CLAUSE"}, // MariaDB's
	}
}

// views puts the views of the information schema where a query has them in braces.
//
// Both servers find a table at once by an equation with its name, and by a list of
// names only by looking at every table of the database, so a few tables are asked for
// one by one. Of many, MariaDB opens the tables of a joined view again for each row
// of the first; a subquery with a limit it reads once, by the names in there.
// https://mariadb.com/kb/en/derived-table-merge-optimization/
func (i *inspection) views(query string) string {
	for _, v := range i.d.viewsRead() {
		if !strings.Contains(query, "{"+v.key+"}") {
			continue
		}
		read := "SELECT " + v.columns + " FROM information_schema." + v.name + " WHERE " + v.database + " = DATABASE() AND TABLE_NAME "
		switch {
		case len(i.asked) <= fewTables:
			and := " UNION ALL "
			if i.alike() {
				and = " UNION "
			}
			read = strings.TrimSuffix(strings.Repeat(read+"= ?"+and, len(i.asked)), and)
		case i.d.server.maria():
			read += "IN (%)"
		default:
			query = strings.Replace(query, "{"+v.key+"}", "information_schema."+v.name, 1)
			continue
		}
		if i.d.server.maria() {
			read += " LIMIT 18446744073709551615"
		}
		query = strings.Replace(query, "{"+v.key+"}", "("+read+")", 1)
	}
	return query
}

// alike tells whether two of the names asked for, such as both of a rename, are one
// to a server that folds them: it then finds a table by each.
func (i *inspection) alike() bool {
	seen := map[string]bool{}
	for _, name := range i.asked {
		folded := strings.ToLower(name)
		if seen[folded] {
			return true
		}
		seen[folded] = true
	}
	return false
}
