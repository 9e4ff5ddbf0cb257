// Package preflight asks a tenant's rows whether they allow a plan, before its
// first statement: NULLs before NOT NULL, duplicates before a unique index,
// orphans before a foreign key, rows that violate a check, values that do not fit
// a new type, and how many rows and values a drop takes away.
//
// Making the questions is pure and separate from asking them: Checks derives them
// from a plan, Run asks them. The engine has the last word all the same, since
// rows change between the question and the statement; preflight says the same
// earlier, with the rows' keys, and before anything is locked.
//
// The questions run before the first statement, on tables and columns by the
// names they have then. Where the plan renames, converts or adds columns, a
// question reads from a query that shows the rows as they will be.
package preflight

import (
	"slices"
	"time"
)

// Kind is what a check looks for.
type Kind string

// The kinds. The last three inform, all others are in the plan's way.
const (
	Nulls          Kind = "nulls"           // NULL where the column becomes NOT NULL
	Duplicates     Kind = "duplicates"      // rows that agree where they must be unique
	Orphans        Kind = "orphans"         // rows that refer to no row
	CheckViolation Kind = "check_violation" // rows for which a check is false
	TooLong        Kind = "too_long"        // values longer than the new type
	OutOfRange     Kind = "out_of_range"    // values beyond the new type's bounds
	Unconvertible  Kind = "unconvertible"   // values that are none of the new type
	RowsLost       Kind = "rows_lost"       // rows of a table that is dropped
	ValuesLost     Kind = "values_lost"     // values of a column that is dropped
	ValuesChanged  Kind = "values_changed"  // values that the engine rounds or cuts in silence
)

// Blocks tells whether the engine refuses a plan over such rows.
func (k Kind) Blocks() bool { return k != RowsLost && k != ValuesLost && k != ValuesChanged }

// Reason is the reason with which the engine's refusal would be classified, or ""
// for kinds that block nothing.
func (k Kind) Reason() string {
	switch k {
	case Nulls:
		return "DATA_NULL"
	case Duplicates:
		return "DATA_DUPLICATE"
	case Orphans:
		return "DATA_ORPHAN"
	case CheckViolation:
		return "DATA_CHECK"
	case TooLong, OutOfRange, Unconvertible:
		return "DATA_CAST"
	case RowsLost, ValuesLost, ValuesChanged:
	}
	return ""
}

// Subject is what a check, a finding or a gap is about.
type Subject struct {
	Kind    Kind
	Table   string   // by the name it has before the plan
	Columns []string // likewise; of a new column, its name
	Object  string   // the index, foreign key or check, by its name after the plan; "": none
	Change  string   // the change of the plan that asks for it, for a person
}

// Check is one question to a tenant's rows. Its SQL is unqualified, and reads
// only.
type Check struct {
	Subject
	// Holds is an SQL condition: there are such rows. Total counts them. Keys
	// selects the keys of a few; "" where the table has no key.
	Holds, Total, Keys string
	// Show is a query for a person that shows the rows, Mend a statement that
	// mends them; "" when what is right is for a person to say.
	Show, Mend string
	Suggestion string

	// Unchecked says why nothing can be asked; there is no SQL then.
	Unchecked string

	some  string   // counts to countedTo at most; "": there is no such way
	keys  []string // names of the key's columns
	doubt string   // what it means for the plan is not known when such rows exist; why
	try   bool     // Total fails when there are such rows
}

// Finding is what a check found.
type Finding struct {
	Subject
	Count int64
	// Estimated: Count is not exact. Of rows that a drop takes it is what the
	// engine's statistics say, of all others there are at least as many.
	Estimated bool
	Keys      []string // of up to five rows, as column=value; never other columns' values
	Blocks    bool     // the engine would refuse the plan
	// Suggestion says what to do, Query shows the rows, Mend mends them; "" when
	// what is right is for a person to say.
	Suggestion, Query, Mend string
}

// Gap is a question that was not answered, which is no reason to believe that
// all is well.
type Gap struct {
	Subject
	Reason string // a clause for people
}

// Report is the outcome of a Run, in plan order.
type Report struct {
	Findings  []Finding
	Unchecked []Gap
	Asked     int // questions that were answered, those of empty tables included
}

// Blocking returns the findings over which the engine would refuse the plan.
func (r *Report) Blocking() []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return !f.Blocks })
}

// Options bound a Run.
type Options struct {
	Each  time.Duration // for each question; 0: 10 s
	Total time.Duration // for all of them; 0: 60 s
	// Estimate spares the counting on big tables: what drops take is taken from
	// the engine's statistics, and other rows are counted to a thousand.
	Estimate bool
	Now      func() time.Time // the clock; nil: Total is not watched
}

const (
	defaultEach  = 10 * time.Second
	defaultTotal = time.Minute
	shownKeys    = 5
	bigTable     = 5_000 // rows from which on a table is asked one question at a time
	countedTo    = 1000  // with Estimate
)
