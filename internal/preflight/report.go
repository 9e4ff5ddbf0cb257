package preflight

import (
	"context"
	"fmt"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// String says what was found on one line, without a suggestion.
func (f Finding) String() string {
	var b strings.Builder
	amount := fmt.Sprint(f.Count)
	if f.Estimated {
		if f.Kind == RowsLost {
			amount = "about " + amount
		} else {
			amount = "at least " + amount
		}
	}
	fmt.Fprintf(&b, "%s: %s %s", f.Table, amount, f.words())
	if len(f.Keys) > 0 {
		fmt.Fprintf(&b, " (%s", strings.Join(f.Keys, "; "))
		if f.Count > int64(len(f.Keys)) {
			b.WriteString("; …")
		}
		b.WriteString(")")
	}
	return b.String()
}

// words name what the rows are like.
func (f Finding) words() string {
	columns := strings.Join(f.Columns, ", ")
	one := f.Count == 1 && !f.Estimated
	rows := func(singular, plural string) string {
		if one {
			return "row " + singular
		}
		return "rows " + plural
	}
	switch f.Kind {
	case Nulls:
		return rows("", "") + "without a value in " + columns
	case Duplicates:
		return rows("", "") + "that agree in " + columns
	case Orphans:
		return rows(fmt.Sprintf("with %s that refers to no row (%s)", columns, f.Object), fmt.Sprintf("with %s that refer to no row (%s)", columns, f.Object))
	case CheckViolation:
		return rows("that violates ", "that violate ") + f.Object
	case TooLong:
		return rows("", "") + fmt.Sprintf("with a value of %s that is too long", columns)
	case OutOfRange:
		return rows("", "") + fmt.Sprintf("with a value of %s that is out of range", columns)
	case Unconvertible:
		return rows("", "") + fmt.Sprintf("with a value of %s that cannot be converted", columns)
	case RowsLost:
		return rows("is removed with the table", "are removed with the table")
	case ValuesLost:
		if one {
			return fmt.Sprintf("value of %s is removed with the column", columns)
		}
		return fmt.Sprintf("values of %s are removed with the column", columns)
	case ValuesChanged:
		return rows("", "") + fmt.Sprintf("with a value of %s that is rounded or cut", columns)
	}
	return strings.TrimSpace(rows("", ""))
}

// String says what was not answered, and why, on one line.
func (g Gap) String() string {
	what := g.Table
	if len(g.Columns) > 0 {
		what += "(" + strings.Join(g.Columns, ", ") + ")"
	}
	return fmt.Sprintf("%s: %s not checked for %s: %s", what, strings.ReplaceAll(string(g.Kind), "_", " "), g.Change, g.Reason)
}

// Err is the refusal of a plan over what was found: of kind Refused, with the
// reason that the engine's own refusal of the first would have, and a violation
// for each. nil when nothing blocks.
func (r *Report) Err() *fault.Error {
	blocking := r.Blocking()
	if len(blocking) == 0 {
		return nil
	}
	e := fault.New(fault.Refused, blocking[0].Kind.Reason(), "the tenant's rows do not allow the plan: %d problem(s)", len(blocking)).
		Suggest("mend the rows, or relax the change, and execute again; nothing was changed")
	for _, f := range blocking {
		e.Violations = append(e.Violations, fault.Violation{Subject: f.Table, Description: f.String() + ", for: " + f.Change, Suggestion: f.Suggestion})
	}
	return e
}

// Sizes returns how much the named tables hold, in one or two queries for all.
// Tables that do not exist are left out.
func Sizes(ctx context.Context, d dialect.Prober, q dialect.Querier, tables []string) (map[string]dialect.Size, error) {
	if len(tables) == 0 {
		return map[string]dialect.Size{}, nil
	}
	return d.Sizes(ctx, q, tables)
}
