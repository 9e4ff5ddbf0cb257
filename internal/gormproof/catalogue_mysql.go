package gormproof

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"
)

// mysqlCatalogue reads how the server itself would write each table: columns in
// their order, keys and constraints sorted, since their order carries no meaning.
func mysqlCatalogue(ctx context.Context, db *sql.DB) ([]string, error) {
	lines := []string{}
	tables, err := texts(ctx, db, `SELECT table_name, engine, table_collation, table_comment, row_format FROM information_schema.tables
		WHERE table_schema = database() ORDER BY table_name`)
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		lines = append(lines, "table | "+strings.Join(table, " | "))
		quoted := "`" + strings.ReplaceAll(table[0], "`", "``") + "`"
		rows, err := texts(ctx, db, "SHOW CREATE TABLE "+quoted) // the name is the catalogue's own
		if err != nil {
			return nil, err
		}
		lines = append(lines, mysqlLines(table[0], rows[0][1])...)
	}
	columns, err := texts(ctx, db, `SELECT 'column', table_name, column_name, column_type, is_nullable, column_default, collation_name, extra, column_comment
		FROM information_schema.columns WHERE table_schema = database() ORDER BY table_name, ordinal_position`)
	if err != nil {
		return nil, err
	}
	for _, row := range columns {
		lines = append(lines, strings.Join(row, " | "))
	}
	return lines, nil
}

// noAction is the action of a foreign key that names none; MariaDB shows it where
// it was written.
var noAction = strings.NewReplacer(" ON DELETE NO ACTION", "", " ON UPDATE NO ACTION", "")

var nextNumber = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

func mysqlLines(table, text string) []string {
	body := strings.Split(nextNumber.ReplaceAllString(text, ""), "\n")
	var columns, others []string
	for _, line := range body[1:] {
		line = noAction.Replace(line)
		line = table + " | " + strings.TrimSuffix(strings.TrimSpace(line), ",")
		if rest := strings.TrimPrefix(line, table+" | "); rest != "" && (rest[0] == '`' || rest[0] == '"') {
			columns = append(columns, line)
			continue
		}
		others = append(others, line)
	}
	slices.Sort(others)
	return append(columns, others...)
}
