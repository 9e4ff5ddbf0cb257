package rpc

import (
	"cmp"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
)

func toDifferences(in []migrate.Difference) []*lockstepv1.Difference {
	out := make([]*lockstepv1.Difference, 0, len(in))
	for i := range in {
		out = append(out, toDifference(&in[i]))
	}
	return out
}

func toDifference(d *migrate.Difference) *lockstepv1.Difference {
	out := &lockstepv1.Difference{
		Kind: toObjectKind(d.Kind), Table: d.Table, Name: d.Name, Status: toDifferenceStatus(d.Status),
		Want: describeAspects(d.Want, d.Aspects), Have: describeAspects(d.Have, d.Aspects),
		Severity: toSeverity(d.Severity), Restore: d.Restore, Accept: d.Accept, Summary: d.String(),
	}
	for _, a := range d.Aspects {
		out.Aspects = append(out.Aspects, string(a))
	}
	switch {
	case d.OtherName != "":
		out.Want, out.Have = cmp.Or(d.Name, d.Table), d.OtherName
	case len(d.Clauses) > 0:
		out.Want, out.Have = "", strings.Join(d.Clauses, ", ")
	}
	return out
}

// describeAspects renders an object, or the aspects of it that count.
func describeAspects(p *diff.Part, aspects []diff.Aspect) string {
	if p == nil || len(aspects) == 0 {
		return describe(p, diff.AspectNone)
	}
	words := make([]string, len(aspects))
	for i, a := range aspects {
		words[i] = describe(p, a)
		if a != diff.AspectType && a != diff.AspectNull && p.Table == nil {
			words[i] = strings.ReplaceAll(string(a), "_", " ") + " " + words[i]
		}
	}
	return strings.Join(words, ", ")
}

func toDifferenceStatus(s migrate.Status) lockstepv1.DifferenceStatus {
	switch s {
	case migrate.Missing:
		return lockstepv1.DifferenceStatus_DIFFERENCE_STATUS_MISSING
	case migrate.Extra:
		return lockstepv1.DifferenceStatus_DIFFERENCE_STATUS_EXTRA
	case migrate.Altered:
		return lockstepv1.DifferenceStatus_DIFFERENCE_STATUS_ALTERED
	}
	return lockstepv1.DifferenceStatus_DIFFERENCE_STATUS_UNSPECIFIED
}

func toSeverity(s migrate.Severity) lockstepv1.Severity {
	switch s {
	case migrate.Cosmetic:
		return lockstepv1.Severity_SEVERITY_COSMETIC
	case migrate.Acceptable:
		return lockstepv1.Severity_SEVERITY_ACCEPTABLE
	case migrate.Blocking:
		return lockstepv1.Severity_SEVERITY_BLOCKING
	}
	return lockstepv1.Severity_SEVERITY_UNSPECIFIED
}

func toMethod(m migrate.Method) lockstepv1.DriftMethod {
	switch m {
	case migrate.ByScratch:
		return lockstepv1.DriftMethod_DRIFT_METHOD_SCRATCH
	case migrate.ByStructure:
		return lockstepv1.DriftMethod_DRIFT_METHOD_STRUCTURE
	}
	return lockstepv1.DriftMethod_DRIFT_METHOD_UNSPECIFIED
}

func toReferences(in []dialect.Referrer) []*lockstepv1.ForeignReference {
	out := make([]*lockstepv1.ForeignReference, 0, len(in))
	for _, r := range in {
		out = append(out, &lockstepv1.ForeignReference{
			Table: r.Table, Name: r.ForeignKey.Name, Columns: r.ForeignKey.Columns,
			RefTable: r.ForeignKey.RefTable, RefColumns: r.ForeignKey.RefColumns,
		})
	}
	return out
}

func fromDriftPolicy(p lockstepv1.DriftPolicy) (migrate.DriftPolicy, error) {
	switch p {
	case lockstepv1.DriftPolicy_DRIFT_POLICY_UNSPECIFIED, lockstepv1.DriftPolicy_DRIFT_POLICY_FAIL:
		return migrate.DriftFail, nil
	case lockstepv1.DriftPolicy_DRIFT_POLICY_WARN:
		return migrate.DriftWarn, nil
	case lockstepv1.DriftPolicy_DRIFT_POLICY_IGNORE:
		return migrate.DriftIgnore, nil
	}
	return "", fault.New(fault.Invalid, "DRIFT_POLICY_UNKNOWN", "there is no drift policy %d", int32(p)).
		Suggest("use fail, warn or ignore")
}
