package schema

import (
	"strconv"
	"strings"
)

// PhysicalType is the neutral type behind an engine's spelling, where all engines
// mean the same by it: whole numbers with their sign, and text of a length. It serves
// columns whose type was given as text, by a tag or by a database.
func PhysicalType(physical string) (Type, bool) {
	word, rest, _ := strings.Cut(strings.ToLower(strings.TrimSpace(physical)), "(")
	if bits := map[string]int{"smallint": 16, "integer": 32, "int": 32, "bigint": 64}[word]; bits > 0 && rest == "" {
		return Type{Kind: Int, Bits: bits}, true
	}
	size, err := strconv.Atoi(strings.TrimSuffix(rest, ")"))
	if (word == "varchar" || word == "nvarchar") && err == nil && size > 0 {
		return Type{Kind: String, Size: size}, true
	}
	return Type{}, false
}
