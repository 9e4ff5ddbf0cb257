package mysql

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// columnType is the type in a column's definition, without what is generated.
func columnType(c *schema.Column) string { return parseType(c.Physical).head() }

// generated returns a generated column's expression and how it is kept:
// https://dev.mysql.com/doc/refman/8.4/en/create-table-generated-columns.html
func generated(c *schema.Column) (expr, kind string) {
	t := parseType(c.Physical)
	return t.expr, t.kept
}

// onUpdateText is the ON UPDATE that GORM users write behind a default:
// `default:CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)`.
const onUpdateText = `(?i)^(.*?)\s+ON\s+UPDATE\s+((?:CURRENT_TIMESTAMP|NOW|LOCALTIME|LOCALTIMESTAMP)\s*(?:\(\s*[0-6]?\s*\))?)\s*$`

func splitDefault(d *schema.Default) (value, update string) {
	if d == nil || !d.Expr || !strings.Contains(strings.ToLower(d.Value), "update") {
		if d == nil {
			return "", ""
		}
		return d.Value, ""
	}
	if m := regexp.MustCompile(onUpdateText).FindStringSubmatch(d.Value); m != nil {
		return m[1], m[2]
	}
	return d.Value, ""
}

func (d *Dialect) onUpdate(c *schema.Column) string {
	_, update := splitDefault(c.Default)
	return d.moment(parseType(c.Physical), update)
}

// moment gives the current time the column's fractional digits, without which
// MySQL refuses it (GORM's `default:CURRENT_TIMESTAMP` on its own datetime(3)
// fails there) and MariaDB cuts it:
// https://dev.mysql.com/doc/refman/8.4/en/timestamp-initialization.html
func (*Dialect) moment(t typeText, v string) string {
	if t.base != "datetime" && t.base != "timestamp" {
		return v
	}
	name, args, _ := strings.Cut(strings.ToLower(v), "(")
	if strings.Trim(args, " 0123456)") != "" {
		return v
	}
	switch strings.TrimSpace(name) {
	case "current_timestamp", "now", "localtime", "localtimestamp":
		if t.args != "" {
			return "CURRENT_TIMESTAMP(" + t.args + ")"
		}
		return "CURRENT_TIMESTAMP"
	}
	return v
}

// defaultText is what follows DEFAULT. MySQL takes expressions in parentheses
// only, and of TEXT, BLOB and JSON no other defaults at all:
// https://dev.mysql.com/doc/refman/8.4/en/data-type-defaults.html
func (d *Dialect) defaultText(c *schema.Column) string {
	t := parseType(c.Physical)
	v, _ := splitDefault(c.Default)
	if c.Default.Expr {
		return d.moment(t, expression(v))
	}
	text := literal(v)
	switch {
	case t.base == "bit" && isBits(v):
		text = v
	case t.base == "tinyint" || t.base == "bit":
		if b, err := strconv.ParseBool(v); err == nil && !isPlainNumber(v) {
			text = strings.ToLower(strconv.FormatBool(b))
		} else if isPlainNumber(v) {
			text = v
		}
	case (isInteger(t.base) || t.base == "decimal" || t.base == "float" || t.base == "double") && isPlainNumber(v):
		text = v
	}
	if isText(t.base) || isBlob(t.base) || t.base == "json" || isSpatial(t.base) {
		return "(" + text + ")"
	}
	return text
}

// expression wraps what is no literal and no current time in parentheses.
func expression(v string) string {
	v = strings.TrimSpace(v)
	lower := strings.ToLower(v)
	name, _, _ := strings.Cut(lower, "(")
	switch strings.TrimSpace(name) {
	case "current_timestamp", "now", "localtime", "localtimestamp", "null", "true", "false":
		return v
	}
	switch {
	case strings.HasPrefix(v, "(") || isPlainNumber(v) || isBits(v):
		return v
	case strings.HasPrefix(v, "'") && closing(v, 0) == len(v)-1:
		return v
	}
	return "(" + v + ")"
}

// isBits tells literals such as b'101' and 0x1F.
func isBits(v string) bool {
	lower := strings.ToLower(v)
	if inner, ok := strings.CutPrefix(lower, "b'"); ok {
		return strings.HasSuffix(inner, "'") && strings.Trim(inner[:len(inner)-1], "01") == ""
	}
	inner, ok := strings.CutPrefix(lower, "0x")
	return ok && inner != "" && strings.Trim(inner, "0123456789abcdef") == ""
}

// isPlainNumber keeps out what ParseFloat takes and SQL does not: hexadecimal
// floats, "inf", "nan" and underscores.
func isPlainNumber(s string) bool {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}
