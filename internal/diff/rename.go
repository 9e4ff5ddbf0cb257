package diff

import (
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// tableRenames finds the declared renames that apply to this base, carries them
// out on draft, and returns them in an order in which each new name is free.
//
// A hint counts when the base lacks the new name and has the old one; a base
// that was renamed before, or never had the old table, is not concerned.
func tableRenames(draft *schema.Draft, target *schema.Schema) ([]Change, error) {
	pairs := map[string]string{} // old name to new name
	for _, t := range target.Tables {
		if len(t.RenamedFrom) == 0 || draft.Table(t.Name) != nil && !claimed(target, draft, t.Name) {
			continue
		}
		for _, old := range t.RenamedFrom {
			if old == t.Name || draft.Table(old) == nil {
				continue
			}
			if other, taken := pairs[old]; taken {
				return nil, ambiguous("table", old, other, t.Name)
			}
			pairs[old] = t.Name
			break
		}
	}
	order, err := renameOrder("table", pairs)
	if err != nil {
		return nil, err
	}
	var out []Change
	for _, old := range order {
		from := draft.Table(old)
		c := Change{
			Verb: Rename, Kind: Table, Table: pairs[old], OldName: old,
			From: &Part{Table: from},
		}
		if err := c.Apply(draft); err != nil {
			return nil, err
		}
		c.To = &Part{Table: draft.Table(pairs[old])}
		out = append(out, c)
	}
	return out, nil
}

// claimed tells whether the base's table of that name is itself to be renamed
// away by another table of the target that the base lacks.
func claimed(target *schema.Schema, draft *schema.Draft, name string) bool {
	for _, t := range target.Tables {
		if t.Name != name && draft.Table(t.Name) == nil && slices.Contains(t.RenamedFrom, name) {
			return true
		}
	}
	return false
}

// claimedColumn is claimed for the columns of one table.
func claimedColumn(to, from *schema.Table, name string) bool {
	for _, c := range to.Columns {
		if c.Name != name && from.Column(c.Name) == nil && slices.Contains(c.RenamedFrom, name) {
			return true
		}
	}
	return false
}

// columnRenames does the same for the columns of one table.
func columnRenames(draft *schema.Draft, to *schema.Table) ([]Change, error) {
	from := draft.Table(to.Name)
	pairs := map[string]string{}
	for _, c := range to.Columns {
		if len(c.RenamedFrom) == 0 || from.Column(c.Name) != nil && !claimedColumn(to, from, c.Name) {
			continue
		}
		for _, old := range c.RenamedFrom {
			if old == c.Name || from.Column(old) == nil {
				continue
			}
			if other, taken := pairs[old]; taken {
				return nil, ambiguous("column", to.Name+"."+old, other, c.Name)
			}
			pairs[old] = c.Name
			break
		}
	}
	order, err := renameOrder("column", pairs)
	if err != nil {
		return nil, err
	}
	var out []Change
	for _, old := range order {
		c := Change{
			Verb: Rename, Kind: Column, Table: to.Name, Name: pairs[old], OldName: old,
			From: &Part{Column: draft.Table(to.Name).Column(old)},
		}
		if err := c.Apply(draft); err != nil {
			return nil, err
		}
		c.To = &Part{Column: draft.Table(to.Name).Column(pairs[old])}
		out = append(out, c)
	}
	return out, nil
}

func ambiguous(kind, old, a, b string) error {
	return fault.New(fault.Invalid, "RENAME_AMBIGUOUS",
		"both %s and %s declare that they were renamed from the %s %s", a, b, kind, old).
		Suggest("leave renamed_from on the one that keeps the data")
}

// renameOrder sorts renames so that a name is vacated before it is taken.
func renameOrder(kind string, pairs map[string]string) ([]string, error) {
	var order []string
	state := map[string]int{} // 1: being visited, 2: done
	var visit func(old string) error
	visit = func(old string) error {
		switch state[old] {
		case 1:
			return fault.New(fault.Unsupported, "RENAME_CYCLE",
				"the %s renames around %s form a cycle", kind, old).
				Suggest("rename in two releases, by way of a name that is free")
		case 2:
			return nil
		}
		state[old] = 1
		if _, leaves := pairs[pairs[old]]; leaves {
			if err := visit(pairs[old]); err != nil {
				return err
			}
		}
		state[old] = 2
		order = append(order, old)
		return nil
	}
	olds := make([]string, 0, len(pairs))
	for old := range pairs {
		olds = append(olds, old)
	}
	slices.SortFunc(olds, strings.Compare)
	for _, old := range olds {
		if err := visit(old); err != nil {
			return nil, err
		}
	}
	return order, nil
}
