package plan

import "github.com/lockstepdb/lockstep/internal/diff"

// Compatibility answers whether code compiled against the module versions now
// deployed still works on the schema after a plan.
type Compatibility struct {
	Reads  bool // its queries work
	Writes bool // its inserts, updates, upserts and deletes work
	// Breaking are the changes that break it, with what and why.
	Breaking []diff.Assessment
}

// Compatibility looks at what the plan carries out, not at what it withholds.
// Nothing that is deployed can break while a tenant is being initialised.
func (p *Plan) Compatibility() Compatibility {
	out := Compatibility{Reads: true, Writes: true}
	if p.BaseSchema == nil {
		return out
	}
	var now []diff.Change
	for _, v := range p.Verdicts {
		now = append(now, v.Now...)
	}
	for _, a := range diff.Assess(now) {
		if a.Breaks.Any() {
			out.Reads = out.Reads && !a.Breaks.Reads
			out.Writes = out.Writes && !a.Breaks.Writes
			out.Breaking = append(out.Breaking, a)
		}
	}
	return out
}
