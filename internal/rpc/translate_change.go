package rpc

import (
	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

func toVerdict(v *strategy.Verdict) *lockstepv1.Verdict {
	out := &lockstepv1.Verdict{
		Change: toAssessed(v.Assessment), Decision: toDecision(v.Decision), Reason: v.Reason,
	}
	if v.Decision != strategy.Split {
		return out
	}
	for _, c := range v.Now {
		out.Now = append(out.Now, toChange(c))
	}
	for _, c := range v.Later {
		out.Later = append(out.Later, toChange(c))
	}
	return out
}

func toAssessed(a diff.Assessment) *lockstepv1.Change {
	out := toChange(a.Change)
	out.Effect, out.Why = toEffect(a.Effect), a.Why
	return out
}

func toChange(c diff.Change) *lockstepv1.Change {
	out := &lockstepv1.Change{
		Op:      c.Op(),
		Verb:    toVerb(c.Verb),
		Kind:    toObjectKind(c.Kind),
		Aspect:  string(c.Aspect),
		Table:   c.Table,
		Name:    c.Name,
		OldName: c.OldName,
	}
	if c.Verb == diff.Rename {
		out.From, out.To = c.OldName, c.Name
		if c.Kind == diff.Table {
			out.To = c.Table
		}
		return out
	}
	out.From, out.To = describe(c.From, c.Aspect), describe(c.To, c.Aspect)
	if c.Aspect == diff.AspectType && out.GetFrom() == out.GetTo() { // the engine has one type for both
		out.From, out.To = c.From.Column.Type.String(), c.To.Column.Type.String()
	}
	return out
}

func toVerb(v diff.Verb) lockstepv1.Verb {
	switch v {
	case diff.Add:
		return lockstepv1.Verb_VERB_ADD
	case diff.Drop:
		return lockstepv1.Verb_VERB_DROP
	case diff.Alter:
		return lockstepv1.Verb_VERB_ALTER
	case diff.Rename:
		return lockstepv1.Verb_VERB_RENAME
	}
	return lockstepv1.Verb_VERB_UNSPECIFIED
}

func toObjectKind(k diff.Kind) lockstepv1.ObjectKind {
	switch k {
	case diff.Table:
		return lockstepv1.ObjectKind_OBJECT_KIND_TABLE
	case diff.Column:
		return lockstepv1.ObjectKind_OBJECT_KIND_COLUMN
	case diff.PrimaryKey:
		return lockstepv1.ObjectKind_OBJECT_KIND_PRIMARY_KEY
	case diff.Index:
		return lockstepv1.ObjectKind_OBJECT_KIND_INDEX
	case diff.ForeignKey:
		return lockstepv1.ObjectKind_OBJECT_KIND_FOREIGN_KEY
	case diff.Check:
		return lockstepv1.ObjectKind_OBJECT_KIND_CHECK
	}
	return lockstepv1.ObjectKind_OBJECT_KIND_UNSPECIFIED
}

func toEffect(e diff.Effect) lockstepv1.Effect {
	switch e {
	case diff.Neutral:
		return lockstepv1.Effect_EFFECT_NEUTRAL
	case diff.Additive:
		return lockstepv1.Effect_EFFECT_ADDITIVE
	case diff.Relaxing:
		return lockstepv1.Effect_EFFECT_RELAXING
	case diff.Restricting:
		return lockstepv1.Effect_EFFECT_RESTRICTING
	case diff.Destructive:
		return lockstepv1.Effect_EFFECT_DESTRUCTIVE
	}
	return lockstepv1.Effect_EFFECT_UNSPECIFIED
}

func toDecision(d strategy.Decision) lockstepv1.Decision {
	switch d {
	case strategy.Apply:
		return lockstepv1.Decision_DECISION_APPLY
	case strategy.Withhold:
		return lockstepv1.Decision_DECISION_WITHHOLD
	case strategy.Split:
		return lockstepv1.Decision_DECISION_SPLIT
	case strategy.Refuse:
		return lockstepv1.Decision_DECISION_REFUSE
	}
	return lockstepv1.Decision_DECISION_UNSPECIFIED
}
