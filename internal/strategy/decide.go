package strategy

import (
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Decide gives every change its verdict, in the order given.
//
// The policy looks at each change by itself first; then whatever builds on a
// withheld change is withheld with it (an index on a column whose rename
// waits), so that what is applied always stands on its own.
func Decide(name Name, changes []diff.Assessment) []Verdict {
	verdicts := make([]Verdict, len(changes))
	for i, c := range changes {
		verdicts[i] = decide(name, c)
	}
	return settle(verdicts)
}

// allows is the whole policy: which effects a strategy applies.
func allows(name Name, effect diff.Effect) bool {
	switch effect {
	case diff.Neutral, diff.Additive, diff.Relaxing:
		return true
	case diff.Restricting:
		return name == Safe || name == Full
	case diff.Destructive:
		return name == Full
	}
	return false
}

func decide(name Name, c diff.Assessment) Verdict {
	if allows(name, c.Effect) {
		return Verdict{Assessment: c, Decision: Apply, Reason: c.Why, Now: []diff.Change{c.Change}}
	}
	if now, later, why := split(c.Change); why != "" {
		return Verdict{Assessment: c, Decision: Split, Reason: why, Now: now, Later: later}
	}
	v := withhold(c, "")
	switch c.Effect {
	case diff.Destructive:
		v.Reason = c.Why + "; " + string(name) + " removes nothing, use full"
	case diff.Restricting:
		v.Reason = c.Why + "; " + string(name) + " waits for safe or full"
	case diff.Neutral, diff.Additive, diff.Relaxing:
	}
	return v
}

func withhold(c diff.Assessment, reason string) Verdict {
	return Verdict{Assessment: c, Decision: Withhold, Reason: reason, Later: []diff.Change{c.Change}}
}

// Postpone withholds one more change, for a reason that the policy does not know,
// and whatever builds on it.
func Postpone(verdicts []Verdict, i int, reason string) []Verdict {
	verdicts[i] = withhold(verdicts[i].Assessment, reason)
	return settle(verdicts)
}

// split divides a change that is not allowed whole into what is allowed now and
// what is left; why is "" when it cannot be divided.
func split(c diff.Change) (now, later []diff.Change, why string) {
	if c.Kind != diff.Column {
		return nil, nil, ""
	}
	switch c.Verb {
	case diff.Add:
		col := c.To.Column
		if col.Nullable || col.Default != nil || col.AutoIncrement {
			return nil, nil, ""
		}
		first := c
		first.To = &diff.Part{Column: nullable(col)}
		rest := nullChange(c.Table, first.To.Column, col)
		return []diff.Change{first}, []diff.Change{rest},
			"added nullable now, so that inserts of present code go on; NOT NULL stays pending"
	case diff.Drop:
		col := c.From.Column
		if col.Nullable || col.Default != nil || col.AutoIncrement {
			return nil, nil, ""
		}
		relaxed := nullable(col)
		rest := c
		rest.From = &diff.Part{Column: relaxed}
		return []diff.Change{nullChange(c.Table, col, relaxed)}, []diff.Change{rest},
			"made nullable now, so that inserts of new code, which does not know it, go on; its removal stays pending"
	case diff.Alter, diff.Rename:
	}
	return nil, nil, ""
}

func nullable(c *schema.Column) *schema.Column {
	n := c.Clone()
	n.Nullable = true
	return n
}

func nullChange(table string, from, to *schema.Column) diff.Change {
	return diff.Change{
		Verb: diff.Alter, Kind: diff.Column, Aspect: diff.AspectNull, Table: table, Name: to.Name,
		From: &diff.Part{Column: from}, To: &diff.Part{Column: to},
	}
}
