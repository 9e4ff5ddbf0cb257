package migrate

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// quotedPlain is a plain name in backquotes, as MySQL, MariaDB and SQLite print it.
var quotedPlain = regexp.MustCompile("`([A-Za-z_][A-Za-z0-9_]*)`")

// tagText writes a value as it stands in a struct's tag: GORM ends a setting at a
// semicolon, reflect unquotes the whole, and the tag itself is in backquotes.
func tagText(value string) string {
	value = quotedPlain.ReplaceAllString(value, "$1")
	quoted := strconv.Quote(strings.ReplaceAll(value, ";", `\;`))
	return quoted[1 : len(quoted)-1]
}

// indexOption writes one of the options of an index, which end at a comma.
func indexOption(name, value string) string {
	return name + ":" + tagText(strings.ReplaceAll(value, ",", `\,`))
}

// acceptExpressions says how to declare an index over expressions, which belong
// into the tag itself.
func acceptExpressions(table string, x *schema.Index, options []string) string {
	var tags []string
	for _, p := range x.Parts {
		tag := "index:" + x.Name
		if p.Column != "" {
			tags = append(tags, tag+" to the field of "+p.Column)
			continue
		}
		if len(tags) == 0 {
			tag = strings.Join(append([]string{tag}, options...), ",")
		}
		tags = append(tags, tag+","+indexOption("expression", p.Expr)+" to a field of "+table)
	}
	return fmt.Sprintf("give the tag %s", strings.Join(tags, ", and "))
}
