package dialect

import (
	"context"
	"database/sql"
	"time"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// Asker spells questions about a tenant's rows in one engine's SQL, so that what
// a plan would run into is known before its first statement. It is pure. Columns
// go by the names that they have before the plan.
type Asker interface {
	// Quote quotes an identifier.
	Quote(name string) string
	// Rows says how the engine's rules about rows differ from the standard's.
	Rows() RowRules
	// Convert says what becomes of a column's present values under another type.
	// major is the engine's major version.
	Convert(major int, from, to *schema.Column) Conversion
	// Fresh is what present rows get in a new column, as an expression.
	Fresh(c *schema.Column) string
	// Numbering says what rows must hold where a column becomes the one that
	// identifies or numbers them by the engine's own means.
	Numbering(before, after *schema.Table) Numbering
	// KeyText is a key's value as a short text to show; expr is of column c.
	KeyText(expr string, c *schema.Column) string
	// KeyPart is what a unique index compares of an expression; c is nil when it
	// is no column of the table.
	KeyPart(expr string, p schema.IndexPart, c *schema.Column) string
	// Match compares a foreign key's two sides as the engine does.
	Match(parent, child string, p, c *schema.Column) string
	// Twice is a condition: two rows of from, where it holds, agree in all parts.
	Twice(from, where string, parts []string) string
	// First limits a query, which begins with SELECT, to its first n rows.
	First(n int, query string) string
}

// Prober is a Dialect that can ask what rows hold, and leaves no trace.
type Prober interface {
	Asker
	// Reading begins to ask on q: a Session, or the Tx of an execution, which
	// stays as it was even when a question fails.
	Reading(ctx context.Context, q Querier, limits ReadLimits) (Reading, error)
	// Blank is a query for the names of those of some tables that have no rows for
	// certain, without looking into each; "": there is none that is quicker.
	Blank(tables []string) string
	// Sizes reads how much the named tables hold, in one or two queries for all
	// of them. Tables that do not exist are left out.
	Sizes(ctx context.Context, q Querier, tables []string) (map[string]Size, error)
}

// ReadLimits bound a Reading.
type ReadLimits struct {
	Each time.Duration // for a question; 0: none
}

// Reading is a stretch of questions during which nothing can be written.
type Reading interface {
	// Ask runs one query and calls row with the columns of each row as text. A
	// question that took too long fails with kind Deadline; the next can be asked
	// all the same. Errors are classified.
	Ask(ctx context.Context, query string, row func(cells []sql.NullString) error) error
	// Close ends it and gives the connection back as it was.
	Close(ctx context.Context) error
}

// Size is how much a table holds.
type Size struct {
	Rows      int64
	Bytes     int64 // with its indexes; 0 where the engine does not tell
	Estimated bool  // Rows is what the engine's statistics say
}

// RowRules are an engine's rules about rows where engines differ.
type RowRules struct {
	// KeysHoldNull: a primary key does not forbid NULL by itself.
	KeysHoldNull bool
	// NullsEqual: to a unique constraint, and to a unique index without a
	// condition, two NULLs are duplicates.
	NullsEqual bool
	// DeletesFromQuery: rows are deleted through a query that selects them (WITH …
	// DELETE); otherwise by a list of their keys, which may be row values.
	DeletesFromQuery bool
	// Grouping follows SELECT where a query groups the rows of a whole table.
	Grouping string
}

// MisfitKind says why a value does not fit a type.
type MisfitKind string

// The kinds of misfit.
const (
	TooLong       MisfitKind = "too_long"
	OutOfRange    MisfitKind = "out_of_range"
	Unconvertible MisfitKind = "unconvertible"
)

// Conversion is what becomes of a column's present values under another type.
// Conditions never hold for NULL.
type Conversion struct {
	// Same: every value fits and stays what it is to keys, checks and references.
	Same bool
	// Value is the new value of one that fits, over the old column.
	Value string
	// Misfits are the values that make the engine refuse the change.
	Misfits []Misfit
	// Try is an expression that fails for a value that does not fit, where no
	// condition can say which do not.
	Try string
	// Doubt is a condition: it cannot be told whether the engine takes the value.
	Doubt string
	// Changed is a condition: the engine takes the value, and changes it in
	// silence, by rounding for one.
	Changed string
	// Unknown says why nothing can be told of these types; "" otherwise.
	Unknown string
}

// Misfit is one way in which values do not fit.
type Misfit struct {
	Kind  MisfitKind
	Where string // the condition
	Mend  string // what of the value fits, as an expression; "" when nothing does
	// QueryOnly: the condition serves in a query alone; a statement that writes
	// fails over the values that it asks about.
	QueryOnly bool
}

// Numbering is what rows must hold in the column that identifies or numbers them.
type Numbering struct {
	Column     string // its name after the plan; "": nothing new is demanded
	FillsNulls bool   // the engine gives rows with NULL a number
	Misfit     string // a condition: the engine refuses the value
	Doubt      string // a condition: it cannot be told what the engine does
	Why        string // says of what Doubt is
}

// QueryText runs a query and calls row with the columns of each row as text.
func QueryText(ctx context.Context, q Querier, query string, row func(cells []sql.NullString) error) error {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	cells := make([]sql.NullString, len(columns))
	dest := make([]any, len(columns))
	for i := range cells {
		dest[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if err := row(cells); err != nil {
			return err
		}
	}
	return rows.Err()
}
