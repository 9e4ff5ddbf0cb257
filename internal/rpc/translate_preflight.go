package rpc

import (
	"maps"
	"slices"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/preflight"
)

// toPreflight renders what a tenant's rows said; nil gives nil.
func toPreflight(r *preflight.Report) *lockstepv1.PreflightReport {
	if r == nil {
		return nil
	}
	out := &lockstepv1.PreflightReport{Asked: i32(r.Asked), Blocked: len(r.Blocking()) > 0}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, &lockstepv1.PreflightFinding{
			Kind: string(f.Kind), Table: f.Table, Columns: f.Columns, Object: f.Object, Change: f.Change,
			Count: f.Count, Estimated: f.Estimated, Keys: f.Keys, Blocks: f.Blocks,
			Suggestion: f.Suggestion, Query: f.Query, Mend: f.Mend,
		})
	}
	for _, g := range r.Unchecked {
		out.Unchecked = append(out.Unchecked, &lockstepv1.PreflightGap{
			Kind: string(g.Kind), Table: g.Table, Columns: g.Columns, Object: g.Object, Change: g.Change, Reason: g.Reason,
		})
	}
	return out
}

// toSizes renders sizes in the order of the tables' names.
func toSizes(sizes map[string]dialect.Size) []*lockstepv1.TableSize {
	out := make([]*lockstepv1.TableSize, 0, len(sizes))
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		out = append(out, toSize(name, sizes[name]))
	}
	return out
}

func toSize(name string, s dialect.Size) *lockstepv1.TableSize {
	return &lockstepv1.TableSize{Table: name, Rows: s.Rows, Bytes: s.Bytes, Estimated: s.Estimated}
}

func toCompatibility(c plan.Compatibility) *lockstepv1.Compatibility {
	return &lockstepv1.Compatibility{Reads: c.Reads, Writes: c.Writes, Breaking: toBreaking(c.Breaking)}
}

func toBreaking(breaking []diff.Assessment) []*lockstepv1.BreakingChange {
	var out []*lockstepv1.BreakingChange
	for _, a := range breaking {
		out = append(out, &lockstepv1.BreakingChange{
			Op: a.Op(), Object: a.Object(), Detail: a.String(), Why: a.Why, Reads: a.Breaks.Reads, Writes: a.Breaks.Writes,
		})
	}
	return out
}
