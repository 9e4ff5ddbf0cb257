// Package strategy gives each change its verdict: apply it, withhold it for
// later, split it, or refuse it; always with a reason a person can read.
//
// A strategy never loses track: what it does not apply stays pending, because
// the snapshot records what is really there and a later diff finds the rest.
package strategy

import (
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// Name is one of the three strategies.
type Name string

// The strategies, from cautious to complete.
const (
	// AddOnly applies what code compiled against the tenant's present module
	// versions cannot notice. For grey releases: old and new code run together.
	AddOnly Name = "add-only"
	// Safe applies everything that loses no data. The default.
	Safe Name = "safe"
	// Full applies everything.
	Full Name = "full"
)

// Parse reads a strategy's name; "" means Safe.
func Parse(s string) (Name, error) {
	switch n := Name(s); n {
	case "":
		return Safe, nil
	case AddOnly, Safe, Full:
		return n, nil
	default:
		return "", fault.New(fault.Invalid, "STRATEGY_UNKNOWN", "there is no strategy %q", s).
			Suggest("use add-only, safe or full")
	}
}

// Decision is what becomes of a change.
type Decision string

// The decisions.
const (
	Apply    Decision = "apply"    // carried out whole
	Withhold Decision = "withhold" // left for later
	Split    Decision = "split"    // a part is carried out now, the rest is left for later
	Refuse   Decision = "refuse"   // the plan cannot go on
)

// Verdict is the decision on one change.
type Verdict struct {
	diff.Assessment
	Decision Decision
	Reason   string        // why, for a person
	Now      []diff.Change // what is carried out: the change itself, or parts of it
	Later    []diff.Change // what stays pending
}
