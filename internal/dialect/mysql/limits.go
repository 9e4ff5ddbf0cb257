package mysql

import (
	"fmt"
	"slices"
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

// pageBytes is what a row in InnoDB's DYNAMIC format takes of a page of 16 KB at
// least, as the servers reckon it: of long columns MySQL keeps 40 bytes there,
// and MariaDB 20 when they can be longer than 255.
// https://dev.mysql.com/doc/refman/8.4/en/innodb-row-format.html
// https://mariadb.com/kb/en/troubleshooting-row-size-too-large-errors-with-innodb/
func (d *Dialect) pageBytes(t *schema.Table) int {
	const header, hidden, rowID = 5, 13, 6
	total, nullable := header+hidden, 0
	if len(t.PrimaryKey) == 0 {
		total += rowID
	}
	for _, c := range t.Columns {
		typ := parseType(c.Physical)
		if typ.kept == "VIRTUAL" {
			continue
		}
		if c.Nullable {
			nullable++
		}
		total += d.pageWidth(typ, slices.Contains(t.PrimaryKey, c.Name))
	}
	return total + (nullable+7)/8
}

// pageWidth is that of one column; inline: it is part of the key, and so never
// kept outside.
func (d *Dialect) pageWidth(t typeText, inline bool) int {
	const mysqlPart, mariaPart, short = 40, 20, 255
	var bytes int
	switch {
	case t.base == "char" && charBytes(t) > 1, t.base == "varchar":
		bytes = t.number() * charBytes(t)
	case t.base == "varbinary":
		bytes = t.number()
	case isText(t.base), isBlob(t.base), isSpatial(t.base), t.base == "json", t.base == "vector":
		bytes = short + 1
	default:
		return width(t)
	}
	switch {
	case inline, d.server.maria() && bytes <= short:
	case d.server.maria():
		bytes = mariaPart
	default:
		bytes = min(bytes, mysqlPart)
	}
	return bytes + 1
}

// rowProblem says why a row does not fit: the limit of the server, and that of
// InnoDB's page where it is certain whatever the rows hold.
func (d *Dialect) rowProblem(t *schema.Table) string {
	total, nullable := 0, 0
	for _, c := range t.Columns {
		total += width(parseType(c.Physical))
		if c.Nullable {
			nullable++
		}
	}
	total += (nullable + 7) / 8
	switch inPage := d.pageBytes(t); {
	case inPage >= maxPageBytes:
		return fmt.Sprintf("a row of table %q takes %d bytes of a page even when all that can be is kept outside, and InnoDB has room for %d", t.Name, inPage, maxPageBytes-1)
	case total > maxRowBytes:
		return fmt.Sprintf("a row of table %q can take %d bytes, and %d are the most", t.Name, total, maxRowBytes)
	case len(t.Columns) > maxColumns:
		return fmt.Sprintf("table %q has %d columns, and %d are the most", t.Name, len(t.Columns), maxColumns)
	case len(t.Indexes) > maxIndexes:
		return fmt.Sprintf("table %q has %d indexes, and %d are the most", t.Name, len(t.Indexes), maxIndexes)
	}
	return ""
}
