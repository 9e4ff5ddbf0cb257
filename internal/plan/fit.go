package plan

import (
	"slices"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// Keyer is a Planner of an engine on which keys, indexes and foreign keys do not
// take columns of every type.
type Keyer interface {
	// Unkeyed tells why a column of s cannot be as it is under the keys, indexes and
	// foreign keys that are over it, as a clause; "" when it can.
	Unkeyed(s *schema.Schema, table, column string) string
}

// fit withholds the changes of type that a target allows and a partial result does
// not: a varchar cannot become text while the index over it stays, for one. The
// index is not given a prefix instead: under a strategy that lets it stay, present
// code may rely on it as it is.
func fit(d Planner, base *schema.Schema, verdicts []strategy.Verdict) ([]strategy.Verdict, error) {
	k, ok := d.(Keyer)
	waits := func(v strategy.Verdict) bool { return len(v.Later) > 0 }
	if !ok || base == nil || !slices.ContainsFunc(verdicts, waits) {
		return verdicts, nil
	}
	for {
		draft := schema.NewDraft(base)
		for _, v := range verdicts {
			for _, c := range v.Now {
				if err := c.Apply(draft); err != nil {
					return nil, err
				}
			}
		}
		s, why := draft.Schema(), ""
		i := slices.IndexFunc(verdicts, func(v strategy.Verdict) bool {
			if len(v.Now) == 0 || v.Kind != diff.Column || v.Aspect != diff.AspectType {
				return false
			}
			why = k.Unkeyed(s, v.Table, v.Name)
			return why != ""
		})
		if i < 0 {
			return verdicts, nil
		}
		verdicts = strategy.Postpone(verdicts, i, why)
	}
}
