package dialect

import "strings"

// TypeClass tells roughly what values a physical type holds, in any engine's
// words: "integer", "decimal", "float", "text", "bytes", "time", "bool", "json",
// "uuid", or else the type's own first word. Between types of one class values
// can be carried over as they are, as long as they fit.
func TypeClass(physical string) string {
	word := strings.ToLower(physical)
	word, _, _ = strings.Cut(word, "(")
	word = strings.TrimSpace(word)
	if class, ok := typeClass(word); ok {
		return class
	}
	first, _, _ := strings.Cut(word, " ")
	class, _ := typeClass(first)
	return class
}

func typeClass(word string) (string, bool) {
	switch word {
	case "smallint", "integer", "int", "bigint", "tinyint", "mediumint", "int2", "int4", "int8", "serial", "bigserial", "year":
		return "integer", true
	case "numeric", "decimal", "dec", "money", "smallmoney":
		return "decimal", true
	case "real", "double", "double precision", "float", "float4", "float8":
		return "float", true
	case "text", "varchar", "character varying", "char", "character", "bpchar", "citext", "nvarchar", "nchar", "ntext",
		"tinytext", "mediumtext", "longtext", "enum", "set", "clob", "name":
		return "text", true
	case "bytea", "blob", "tinyblob", "mediumblob", "longblob", "binary", "varbinary", "image", "rowversion":
		return "bytes", true
	case "date", "time", "timestamp", "timestamptz", "timetz", "datetime", "datetime2", "smalldatetime", "datetimeoffset":
		return "time", true
	case "bool", "boolean", "bit":
		return "bool", true
	case "json", "jsonb":
		return "json", true
	case "uuid", "uniqueidentifier":
		return "uuid", true
	}
	return word, false
}
