package dialect

import "slices"

// HazardKind classifies a hazard.
type HazardKind string

// The hazards a statement can carry.
const (
	HazardDataLoss HazardKind = "data_loss" // rows or values are removed, or may be
	HazardMayFail  HazardKind = "may_fail"  // present data can make it fail
	HazardRewrite  HazardKind = "rewrite"   // the table is rewritten or copied
	HazardScan     HazardKind = "scan"      // every row of the table is read
	HazardLock     HazardKind = "lock"      // readers, writers or other changes wait
)

// LockTime says with what the time grows for which a statement needs a lock. What
// is locked in a transaction stays locked until its end.
type LockTime string

// The classes of time.
const (
	LockMoment    LockTime = "moment"    // with nothing: the dictionary changes
	LockScan      LockTime = "scan"      // with the rows: they are read
	LockRewrite   LockTime = "rewrite"   // with the rows: they are written anew
	LockExecution LockTime = "execution" // with the plan: the lock is not the statement's own
)

// Hazard is something to know before a statement runs.
type Hazard struct {
	Kind   HazardKind
	Detail string // for a person
	// Table is what is rewritten, read or locked, by the name it has when the
	// statement runs; "": nothing of the kind, or the whole database.
	Table string
	// Mode is that of a lock, as the engine's manual calls it; "" where the engine
	// decides only when the statement runs.
	Mode  string
	Lasts LockTime // of a lock
}

// Rewrite is the hazard of a table whose rows are written anew.
func Rewrite(table, detail string) Hazard {
	return Hazard{Kind: HazardRewrite, Detail: detail, Table: table}
}

// Scan is the hazard of a table whose rows are all read.
func Scan(table string) Hazard {
	return Hazard{Kind: HazardScan, Detail: "every row of " + table + " is read", Table: table}
}

// Once says every hazard once, and of the locks of one table in one mode the longest.
func Once(in []Hazard) []Hazard {
	var out []Hazard
	for _, h := range in {
		i := slices.IndexFunc(out, func(o Hazard) bool {
			return o == h || h.Kind == HazardLock && o.Kind == h.Kind && o.Table == h.Table && o.Mode == h.Mode
		})
		switch {
		case i < 0:
			out = append(out, h)
		case h.Lasts.Longer(out[i].Lasts):
			out[i] = h
		}
	}
	return out
}

// Longer tells whether a lock of this class may last longer than one of another.
func (l LockTime) Longer(than LockTime) bool {
	order := []LockTime{"", LockMoment, LockScan, LockRewrite, LockExecution}
	return slices.Index(order, l) > slices.Index(order, than)
}
