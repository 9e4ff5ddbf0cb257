package plan

import (
	"fmt"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
)

// irreversible says why what a statement does could not be taken back, in structure
// and with its rows, once it is recorded; "" when it could. It is said at the
// statement that loses something, or, when none does and the engine just has no way
// back, at the last one of its step. Until it is recorded, everything is taken back.
func irreversible(s step, st *Statement, caps dialect.Capabilities, last bool) string {
	switch {
	case st.Final:
		return "it removes for good what was moved aside"
	case len(st.Reverse) > 0:
		return ""
	case !caps.TransactionalDDL && st.On == "":
		return "" // it changes nothing
	case st.Destructive:
		return s.loss(st)
	case !caps.TransactionalDDL || last && !s.destructive():
		return "the engine has no statement that takes it back"
	}
	return ""
}

// loss tells a removal, which a hazard of the statement names, from a change of type.
func (s step) loss(st *Statement) string {
	if slices.ContainsFunc(st.Hazards, func(h dialect.Hazard) bool { return h.Kind == dialect.HazardDataLoss }) {
		return "what it removes does not come back"
	}
	for _, it := range s.items {
		if it.destructive && it.change.Aspect == diff.AspectType {
			return fmt.Sprintf("values of %s.%s that it cuts or rounds stay so", it.change.Table, it.change.Name)
		}
	}
	return "what it removes does not come back"
}
