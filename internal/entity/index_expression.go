package entity

import (
	"regexp"
	"strconv"
	"strings"
)

// GORM writes an index's expression into the statement as it is, so people put
// whatever may stand at a column there: gorm.io/gorm/migrator BuildIndexOptions.
var (
	orderedNulls = regexp.MustCompile(`(?i)\s+nulls\s+(?:first|last)$`)
	ordered      = regexp.MustCompile(`(?is)^(.*\S)\s+(asc|desc)$`)
	collated     = regexp.MustCompile("(?is)^(\\S+)\\s+collate\\s+[\"`]?([\\w.-]+)[\"`]?$")
	prefixed     = regexp.MustCompile(`(?s)^(\S+?)\s*\(\s*([0-9]+)\s*\)$`)
)

// expressionPart takes an index's expression apart. It tells whether all that is left
// is the field's own column.
func (p *pass) expressionPart(f *field, expr string, part *indexPart) bool {
	expr = strings.TrimSpace(expr)
	if orderedNulls.MatchString(expr) {
		p.reportField(f, "leave it out: NULL sorts as the engine has it", "the index expression %q orders NULLs", expr)
		expr = orderedNulls.ReplaceAllString(expr, "")
	}
	if m := ordered.FindStringSubmatch(expr); m != nil {
		expr, part.Desc = m[1], strings.EqualFold(m[2], "desc")
	}
	own := func(name string) bool { return strings.EqualFold(strings.Trim(name, "\"`"), f.dbName) }
	if m := collated.FindStringSubmatch(expr); m != nil && own(m[1]) {
		expr, part.Collate = m[1], m[2]
	}
	if m := prefixed.FindStringSubmatch(expr); m != nil && own(m[1]) {
		expr = m[1]
		part.Length, _ = strconv.Atoi(m[2]) // too many digits are no length either
	}
	if own(expr) {
		return true
	}
	part.Expr = expr
	return false
}
