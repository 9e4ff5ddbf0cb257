package postgres

import (
	"github.com/lockstepdb/lockstep/internal/dialect"
)

// retypeHazards says what a change of type can do to present values, and
// whether it rewrites the table:
// https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
func retypeHazards(table, column, from, to string) []dialect.Hazard {
	var out []dialect.Hazard
	f, t := baseOf(from), baseOf(to)
	if !keepsBytes(from, to) {
		out = append(out, dialect.Rewrite(table, "every row of "+table+" is rewritten"))
	}
	if rounds(from, to) {
		out = append(out, dialect.Hazard{Kind: dialect.HazardDataLoss, Detail: "values of " + column + " are rounded to " + to})
	}
	switch {
	case f == t && !narrower(from, to):
	case f == t, family(f) == numbers && family(t) == numbers && rank(t) < rank(f),
		family(t) == strs && len(modsOf(to)) > 0, family(f) != family(t) && family(t) != strs, family(f) == others && f != t && family(t) != strs:
		out = append(out, dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when a value of " + column + " does not fit " + to})
	}
	return out
}

// keepsBytes tells whether stored values serve the new type as they are.
func keepsBytes(from, to string) bool {
	f, t := baseOf(from), baseOf(to)
	fm, tm := modsOf(from), modsOf(to)
	switch {
	case t == "text" && (f == "varchar" || f == "text"), f == "text" && t == "varchar" && len(tm) == 0:
		return true
	case f != t:
		return false
	case len(tm) == 0:
		return f != "char"
	case len(fm) == 0:
		return false
	case f == "numeric":
		return len(fm) == 2 && len(tm) == 2 && tm[1] == fm[1] && tm[0] >= fm[0]
	case f == "varchar", f == "bit varying", f == "timestamp", f == "timestamptz", f == "time", f == "timetz":
		return tm[0] >= fm[0]
	}
	return fm[0] == tm[0]
}

// narrower tells whether, within one base type, the new modifiers allow less.
func narrower(from, to string) bool {
	fm, tm := modsOf(from), modsOf(to)
	switch {
	case len(tm) == 0:
		return false
	case len(fm) == 0:
		return true
	case len(fm) == 2 && len(tm) == 2: // numeric: digits before the point
		return tm[0]-tm[1] < fm[0]-fm[1]
	}
	return tm[0] < fm[0]
}

// rounds tells whether values lose digits in silence.
func rounds(from, to string) bool {
	f, t := baseOf(from), baseOf(to)
	fm, tm := modsOf(from), modsOf(to)
	switch {
	case f == "numeric" && t == "numeric":
		return len(tm) == 2 && (len(fm) != 2 || tm[1] < fm[1])
	case family(f) == numbers && family(t) == numbers:
		return rank(f) > rank(t) && rank(f) >= rankFraction || t == "real" && f != "smallint" || t == "double precision" && (f == "numeric" || f == "bigint")
	case family(f) == dates && t == "date":
		return f != "date"
	case f == t && family(f) == dates:
		return len(tm) == 1 && (len(fm) != 1 || tm[0] < fm[0])
	}
	return false
}

// rankFraction is the rank of the first number type that has fractions.
const rankFraction = 4

// rank orders number types by what they hold.
func rank(base string) int {
	switch base {
	case "smallint":
		return 1
	case "integer":
		return 2
	case "bigint":
		return 3
	case "real":
		return rankFraction
	case "double precision":
		return 5
	case "numeric":
		return 6
	}
	return 0
}
