package gormproof

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"
)

// sqliteCatalogue reads what the pragmas tell, and from the stored text of
// tables and indexes what they do not: names of constraints, checks, expressions
// and predicates, AUTOINCREMENT.
func sqliteCatalogue(ctx context.Context, db *sql.DB) ([]string, error) {
	var lines []string
	for _, query := range []string{
		`SELECT 'object', type, name, tbl_name FROM sqlite_master ORDER BY type, name`,
		`SELECT 'column', m.name, x.name, x.type, x."notnull", x.pk, x.hidden, x.dflt_value FROM sqlite_master m
			JOIN pragma_table_xinfo(m.name) x WHERE m.type = 'table' ORDER BY m.name, x.cid`,
		`SELECT 'index', m.name, l.name, l."unique", l.origin, l.partial, x.name, x."desc", x.coll, x.key FROM sqlite_master m
			JOIN pragma_index_list(m.name) l JOIN pragma_index_xinfo(l.name) x WHERE m.type = 'table' ORDER BY m.name, l.name, x.seqno`,
		`SELECT 'foreign key', m.name, f."table", f."from", f."to", f.on_update, f.on_delete FROM sqlite_master m
			JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' ORDER BY m.name, f."table", f."from", f."to", f.on_delete`,
	} {
		rows, err := texts(ctx, db, query)
		if err != nil {
			return nil, err
		}
		lines = append(lines, sqliteLines(rows)...)
	}
	rows, err := texts(ctx, db, `SELECT type, name, sql FROM sqlite_master WHERE sql <> '' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY type, name`)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if row[0] == "table" {
			lines = append(lines, tableClauses(row[1], row[2])...)
			continue
		}
		lines = append(lines, "text | "+indexText(row[2]))
	}
	return lines, nil
}

var autoIndex = regexp.MustCompile(`^sqlite_autoindex_(.*)_[0-9]+$`)

// sqliteLines renders rows, with the defaults of GORM's dialector, a string in
// double quotes, as the literal that SQLite takes it for. GORM does not write
// NOT NULL for a key column, and lockstep does. Indexes that SQLite made itself
// are numbered in the order of the text, which carries no meaning.
func sqliteLines(rows [][]string) []string {
	columns := map[string]string{} // of the indexes that SQLite made itself
	for _, row := range rows {
		if row[0] == "index" && autoIndex.MatchString(row[2]) {
			columns[row[2]] += " " + row[6]
		}
	}
	var lines []string
	for _, row := range rows {
		if row[0] == "index" && columns[row[2]] != "" {
			row[2] = "automatic" + columns[row[2]]
		}
		if row[0] == "column" && strings.HasPrefix(row[7], `"`) {
			row[7] = "'" + strings.ReplaceAll(strings.Trim(row[7], `"`), "'", "''") + "'"
		}
		if row[0] == "column" && strings.EqualFold(row[7], "null") {
			row[7] = ""
		}
		if row[0] == "column" && row[5] != "0" {
			row[4] = "key"
		}
		for i := range row {
			row[i] = autoIndex.ReplaceAllString(row[i], "automatic $1")
		}
		lines = append(lines, strings.Join(row, " | "))
	}
	if len(rows) > 0 && (rows[0][0] == "index" || rows[0][0] == "foreign key") {
		// The parts of an index stay in order.
		slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(head(a, 3), head(b, 3)) })
	}
	if len(rows) > 0 && rows[0][0] == "object" {
		slices.Sort(lines)
	}
	return lines
}

// head is the first n fields of a line.
func head(line string, n int) string {
	return strings.Join(strings.SplitN(line, " | ", n+1)[:min(n, strings.Count(line, " | ")+1)], " | ")
}

// tableClauses are the clauses of a CREATE TABLE that pragmas do not show:
// constraints, sorted, and what stands beside a column's type, default and
// nullability.
func tableClauses(table, text string) []string {
	tokens := sqlTokens(text)
	open := slices.Index(tokens, "(")
	end := closing(tokens, open)
	var lines []string
	for _, item := range splitTokens(tokens[open+1 : end]) {
		switch strings.ToUpper(item[0]) {
		case "PRIMARY":
			continue
		case "CONSTRAINT", "FOREIGN", "CHECK", "UNIQUE":
			line := strings.Join(item, " ")
			if i := strings.Index(line, " REFERENCES "); i > 0 { // its actions are among the foreign keys
				line, _, _ = strings.Cut(line, " ON ")
			}
			lines = append(lines, "clause | "+table+" | "+line)
			continue
		}
		for i, token := range item {
			switch strings.ToUpper(token) {
			case "AUTOINCREMENT", "CHECK", "REFERENCES", "UNIQUE", "COLLATE", "GENERATED":
				line := "clause | " + table + " | " + item[0] + " " + strings.Join(item[i:], " ")
				lines = append(lines, strings.TrimSuffix(line, " NOT NULL"))
			}
		}
	}
	slices.Sort(lines)
	if rest := strings.Join(tokens[end+1:], " "); rest != "" {
		lines = append(lines, "options | "+table+" | "+rest)
	}
	return lines
}

// indexText is a CREATE INDEX with its words in lower case, and its expressions
// without needless parentheses.
func indexText(text string) string {
	tokens := sqlTokens(text)
	for i, token := range tokens {
		if token[0] != '\'' {
			tokens[i] = strings.ToLower(token)
		}
	}
	open := slices.Index(tokens, "(")
	end := closing(tokens, open)
	parts := splitTokens(tokens[open+1 : end])
	for i, part := range parts {
		for len(part) > 2 && part[0] == "(" && closing(part, 0) == len(part)-1 {
			part = part[1 : len(part)-1]
		}
		if part[len(part)-1] == "asc" {
			part = part[:len(part)-1]
		}
		parts[i] = part
	}
	line := strings.Join(tokens[:open], " ")
	for _, part := range parts {
		line += " | " + strings.Join(part, " ")
	}
	return line + " | " + strings.Join(tokens[end+1:], " ")
}

// closing is the place of the parenthesis that closes the one at open.
func closing(tokens []string, open int) int {
	depth := 0
	for i := open; i < len(tokens); i++ {
		switch tokens[i] {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(tokens) - 1
}

// splitTokens splits at the commas outside of parentheses.
func splitTokens(tokens []string) [][]string {
	var out [][]string
	depth, start := 0, 0
	for i, token := range tokens {
		switch {
		case token == "(":
			depth++
		case token == ")":
			depth--
		case token == "," && depth == 0:
			out = append(out, tokens[start:i])
			start = i + 1
		}
	}
	return append(out, tokens[start:])
}

var sqlToken = regexp.MustCompile("'(?:[^']|'')*'|`[^`]*`|\"[^\"]*\"|[A-Za-z0-9_.]+|[^\\s]")

// sqlTokens splits SQL. Quoted names come without their quotes: GORM and
// lockstep quote differently. Spaces do not count, nor does a missing NO ACTION.
func sqlTokens(text string) []string {
	var out []string
	for _, token := range sqlToken.FindAllString(text, -1) {
		if token[0] == '`' || token[0] == '"' {
			token = token[1 : len(token)-1]
		}
		out = append(out, token)
	}
	return out
}
