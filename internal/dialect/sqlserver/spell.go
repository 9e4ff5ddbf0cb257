package sqlserver

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas/mssql"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// columnType is the type in a column's definition.
func columnType(c *schema.Column) string { return c.Physical }

// computed returns the expression of a computed column, and PERSISTED.
func computed(c *schema.Column) (expr, kind string) {
	t := parseType(c.Physical)
	if t.persisted {
		return t.expr, "PERSISTED"
	}
	return t.expr, ""
}

// defaultText is what follows DEFAULT.
func defaultText(c *schema.Column) string {
	v := c.Default.Value
	if c.Default.Expr {
		return v
	}
	switch t := parseType(c.Physical); {
	case t.base == "bit":
		if b, err := strconv.ParseBool(v); err == nil {
			if b {
				return "1"
			}
			return "0"
		}
	case t.family() == numbers:
		if _, err := strconv.ParseFloat(v, 64); err == nil && strings.Trim(v, "0123456789+-.eE") == "" {
			return v
		}
	case t.family() == bytes: // there is no implicit conversion from text
		return "0x" + strings.ToUpper(hex.EncodeToString([]byte(v)))
	}
	return mssql.Literal(v)
}
