package sqlserver

import (
	"fmt"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas/mssql"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Convert implements dialect.Asker. ALTER COLUMN converts implicitly: what
// TRY_CONVERT gives NULL for is refused; so is a text that is cut, which
// TRY_CONVERT does in silence. Conditions must not fail, since a failure undoes
// the transaction.
// https://learn.microsoft.com/sql/t-sql/functions/try-convert-transact-sql
func (*Dialect) Convert(_ int, from, to *schema.Column) dialect.Conversion {
	f, t := parseType(from.Physical), parseType(to.Physical)
	col, target := mssql.Quote(from.Name), t.String()
	out := dialect.Conversion{Value: fmt.Sprintf("TRY_CONVERT(%s, %s)", target, col)}
	misfit := func(kind dialect.MisfitKind, format string, args ...any) {
		out.Misfits = append(out.Misfits, dialect.Misfit{Kind: kind, Where: fmt.Sprintf(format, args...)})
	}
	refused := fmt.Sprintf("%s IS NOT NULL AND TRY_CONVERT(%s, %s) IS NULL", col, target, col)
	switch a, b := f.family(), t.family(); {
	case f.String() == t.String() && f.expr == t.expr, a == b && b != others && f.collate == t.collate && holds(f, t) && !rounds(f, t):
		return dialect.Conversion{Same: true}
	case f.isComputed() || t.isComputed():
		return dialect.Conversion{Unknown: "what a computed column will hold cannot be told beforehand"}
	case b == texts && a == texts:
		textToText(&out, col, f, t)
	case b == texts && a == numbers && isApproximate(f), b == texts && a == others:
		if t.number() < unbounded {
			out.Doubt = fmt.Sprintf("LEN(CONVERT(nvarchar(max), %s)) > %d", col, t.number())
		}
	case b == texts && a != bytes: // a narrow text of an integer becomes an asterisk
		misfit(dialect.TooLong, "LEN(CONVERT(nvarchar(max), %s)) > %d", col, t.number())
	case a == bytes && b == bytes:
		misfit(dialect.TooLong, "DATALENGTH(%s) > %d", col, capacity(t))
	case a == texts && (b == numbers || b == moments || t.base == "uniqueidentifier" || t.base == "time"):
		misfit(dialect.Unconvertible, "%s", refused)
	case a == numbers && b == numbers, a == moments && b == moments:
		misfit(dialect.OutOfRange, "%s", refused)
		if rounds(f, t) {
			out.Changed = fmt.Sprintf("TRY_CONVERT(%s, %s) <> %s", target, col, col)
		}
	default:
		return dialect.Conversion{Unknown: fmt.Sprintf("whether %s values are taken as %s cannot be told beforehand", f, t)}
	}
	return out
}

// textToText: blanks at the end count nowhere, and characters that a code page
// lacks become question marks.
func textToText(out *dialect.Conversion, col string, f, t typeText) {
	if capacity(t) < capacity(f) {
		out.Misfits = append(out.Misfits, dialect.Misfit{
			Kind: dialect.TooLong, Where: fmt.Sprintf("LEN(%s) > %d", col, t.number()), Mend: fmt.Sprintf("LEFT(%s, %d)", col, t.number()),
		})
		width := 1
		if wide(f) {
			width = 2
		}
		out.Doubt = fmt.Sprintf("LEN(%s) <= %d AND DATALENGTH(%s) > %d", col, t.number(), col, t.number()*width)
	}
	if wide(f) && !wide(t) {
		out.Changed = fmt.Sprintf("CONVERT(nvarchar(max), CONVERT(varchar(max), %s)) <> %s", col, col)
	}
}
