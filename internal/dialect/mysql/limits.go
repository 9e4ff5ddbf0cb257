package mysql

import (
	"fmt"
	"strings"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// charBytes is how many bytes a character of the type takes at most. A table's
// own character set is not known here, so it is taken to be utf8mb4.
func charBytes(t typeText) int {
	name := t.charset
	if name == "" {
		name, _, _ = strings.Cut(t.collation, "_")
	}
	switch name {
	case "", "utf8mb4", "utf16", "utf16le", "utf32", "gb18030":
		return bytesPerChar
	case "utf8mb3", "utf8", "ujis", "eucjpms":
		return 3
	case "ucs2", "big5", "gbk", "gb2312", "sjis", "cp932", "euckr":
		return 2
	}
	return 1
}

// width is the space a type takes in a row:
// https://dev.mysql.com/doc/refman/8.4/en/storage-requirements.html
func width(t typeText) int {
	switch t.base {
	case "tinyint", "year":
		return 1
	case "smallint":
		return 2
	case "mediumint", "date":
		return 3
	case "int", "float", "inet4":
		return 4
	case "bigint", "double", "set":
		return 8
	case "uuid", "inet6":
		return 16
	case "enum":
		return 2
	case "decimal":
		return decimalWidth(t)
	case "bit":
		return (t.number() + 7) / 8
	case "datetime", "time", "timestamp":
		fixed := map[string]int{"datetime": 5, "time": 3, "timestamp": 4}[t.base]
		return fixed + (t.number()+1)/2
	case "char":
		return t.number() * charBytes(t)
	case "binary":
		return t.number()
	case "varchar":
		return variable(t.number() * charBytes(t))
	case "varbinary":
		return variable(t.number())
	case "tinytext", "tinyblob":
		return 9
	case "text", "blob":
		return 10
	case "mediumtext", "mediumblob":
		return 11
	}
	return 12
}

func variable(n int) int {
	if n > 255 {
		return n + 2
	}
	return n + 1
}

// decimalWidth: nine digits take four bytes.
func decimalWidth(t typeText) int {
	p, s := decimalSize(t)
	bytes := func(n int) int { return n/9*4 + (n%9+1)/2 }
	return bytes(p-s) + bytes(s)
}

func decimalSize(t typeText) (precision, scale int) {
	_, _ = fmt.Sscanf(t.args, "%d,%d", &precision, &scale)
	return precision, scale
}

// keyWidth is the space a column takes in an index. length is that of a prefix.
func keyWidth(t typeText, length int) int {
	switch {
	case isText(t.base):
		return length * charBytes(t)
	case isBlob(t.base):
		return length
	case t.base == "char", t.base == "varchar":
		if length > 0 {
			return length * charBytes(t)
		}
		return t.number() * charBytes(t)
	case t.base == "binary", t.base == "varbinary":
		if length > 0 {
			return length
		}
		return t.number()
	}
	return width(t)
}

// rowProblem says why a row does not fit: the limit of the server, not that of
// InnoDB's page, which depends on what the rows hold.
func rowProblem(t *schema.Table) string {
	total, nullable := 0, 0
	for _, c := range t.Columns {
		total += width(parseType(c.Physical))
		if c.Nullable {
			nullable++
		}
	}
	total += (nullable + 7) / 8
	switch {
	case total > maxRowBytes:
		return fmt.Sprintf("a row of table %q can take %d bytes, and %d are the most", t.Name, total, maxRowBytes)
	case len(t.Columns) > maxColumns:
		return fmt.Sprintf("table %q has %d columns, and %d are the most", t.Name, len(t.Columns), maxColumns)
	case len(t.Indexes) > maxIndexes:
		return fmt.Sprintf("table %q has %d indexes, and %d are the most", t.Name, len(t.Indexes), maxIndexes)
	}
	return ""
}
