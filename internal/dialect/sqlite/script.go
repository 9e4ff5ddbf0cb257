package sqlite

import (
	"fmt"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// Script implements dialect.Renderer: a script for the sqlite3 shell that stops
// at the first error; closing the shell then rolls back. PRAGMA
// foreign_key_check prints violations, it cannot stop the script: so the guard
// table takes a row only when there are none. Another stands before each copy of a
// table, for what the copy would lose.
func (*Dialect) Script(_ dialect.Target, statements []string) string {
	var b strings.Builder
	b.WriteString(".bail on\nPRAGMA foreign_keys=OFF;\nBEGIN IMMEDIATE;\n")
	for i, s := range statements {
		if table := copied(s, statements[i+1:]); table != "" {
			for _, l := range losses() {
				words := strings.Fields(l.query)
				query, _, _ := strings.Cut(strings.Join(words, " "), " ORDER BY")
				what, _, _ := strings.Cut(l.what, " ")
				guardBy(&b, what+"_that_the_copy_would_lose", "("+strings.ReplaceAll(query, "?1", literal(jsonList([]string{table})))+")")
			}
		}
		b.WriteString(s + ";\n")
	}
	b.WriteString("PRAGMA foreign_key_check;\n")
	guardBy(&b, "violations", "pragma_foreign_key_check")
	b.WriteString("COMMIT;\n")
	return b.String()
}

// guardBy stops a script where a source has rows; the message names the check.
func guardBy(b *strings.Builder, check, source string) {
	_, _ = fmt.Fprintf(b, "CREATE TEMP TABLE `lockstep_guard` (`%[1]s` integer CHECK (`%[1]s` = 0));\n"+
		"INSERT INTO `lockstep_guard` SELECT count(*) FROM %[2]s;\nDROP TABLE `lockstep_guard`;\n", check, source)
}

// copied is the table for which a statement makes the new form, as one of those
// that follow puts it in place; "": it does something else.
func copied(statement string, following []string) string {
	rest, found := strings.CutPrefix(statement, "CREATE TABLE ")
	if !found || !strings.HasPrefix(rest, "`"+dialect.CopyPrefix) {
		return ""
	}
	for _, s := range following {
		form, name, found := strings.Cut(strings.TrimPrefix(s, "ALTER TABLE "), " RENAME TO ")
		if found && strings.HasPrefix(rest, form+" (") {
			return strings.ReplaceAll(strings.Trim(name, "`"), "``", "`")
		}
	}
	return ""
}
