package text

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// entry is one line of a list of changes.
type entry struct {
	change *lockstepv1.Change
	note   string // after the change: why, or the reason of the verdict
	alarm  bool   // it removes data, or may, and will be carried out
	muted  bool   // it is not carried out
}

// tables writes entries grouped by table, sorted by its name.
func (p *Printer) tables(entries []entry) {
	groups := map[string][]entry{}
	for _, e := range entries {
		t := e.change.GetTable()
		groups[t] = append(groups[t], e)
	}
	for _, t := range slices.Sorted(maps.Keys(groups)) {
		p.group(t, groups[t])
	}
}

func (p *Printer) group(table string, entries []entry) {
	p.line("  ", p.paint(bold, table))
	width := 0
	for _, e := range entries {
		width = max(width, utf8.RuneCountInString(object(e.change)))
	}
	width = min(width, 40)
	for _, e := range entries {
		mark, colour := symbol(e.change.GetVerb())
		if e.muted {
			colour = dim
		}
		words := []string{"    ", p.paint(colour, mark+" "+pad(object(e.change), width))}
		if d := detail(e.change); d != "" {
			words = append(words, "  ", d)
		}
		if e.alarm {
			words = append(words, "  ", p.paint(alarm, "DESTRUCTIVE"))
		}
		p.line(words...)
		if e.note != "" {
			p.line("        ", p.paint(dim, e.note))
		}
	}
}

func symbol(v lockstepv1.Verb) (string, style) {
	switch v {
	case lockstepv1.Verb_VERB_ADD:
		return "+", green
	case lockstepv1.Verb_VERB_DROP:
		return "-", red
	case lockstepv1.Verb_VERB_ALTER:
		return "~", yellow
	case lockstepv1.Verb_VERB_RENAME:
		return ">", cyan
	case lockstepv1.Verb_VERB_UNSPECIFIED:
	}
	return "?", dim
}

// object names what a change concerns within its table.
func object(c *lockstepv1.Change) string {
	if c.GetName() == "" {
		return kindWord(c.GetKind())
	}
	return kindWord(c.GetKind()) + " " + c.GetName()
}

// detail says what changes.
func detail(c *lockstepv1.Change) string {
	switch c.GetVerb() {
	case lockstepv1.Verb_VERB_ADD:
		return c.GetTo()
	case lockstepv1.Verb_VERB_DROP:
		return c.GetFrom()
	case lockstepv1.Verb_VERB_RENAME:
		return "was " + c.GetOldName()
	case lockstepv1.Verb_VERB_ALTER:
		text := c.GetFrom() + " → " + c.GetTo()
		if c.GetAspect() == "definition" || c.GetAspect() == "null" {
			return text
		}
		return strings.ReplaceAll(c.GetAspect(), "_", " ") + " " + text
	case lockstepv1.Verb_VERB_UNSPECIFIED:
	}
	return ""
}

// effectNote explains an effect that deserves it.
func effectNote(c *lockstepv1.Change) string {
	switch c.GetEffect() {
	case lockstepv1.Effect_EFFECT_DESTRUCTIVE:
		return c.GetWhy() // the word itself stands beside the change
	case lockstepv1.Effect_EFFECT_RESTRICTING:
		return strings.TrimSuffix("restricting: "+c.GetWhy(), ": ")
	case lockstepv1.Effect_EFFECT_UNSPECIFIED, lockstepv1.Effect_EFFECT_NEUTRAL,
		lockstepv1.Effect_EFFECT_ADDITIVE, lockstepv1.Effect_EFFECT_RELAXING:
	}
	return ""
}

// decided sorts verdicts into what is carried out, left for later and refused.
func decided(verdicts []*lockstepv1.Verdict) (now, later, refused []entry) {
	for _, v := range verdicts {
		c := v.GetChange()
		e := entry{change: c, note: effectNote(c)}
		switch v.GetDecision() {
		case lockstepv1.Decision_DECISION_APPLY:
			e.alarm = c.GetEffect() == lockstepv1.Effect_EFFECT_DESTRUCTIVE
			now = append(now, e)
		case lockstepv1.Decision_DECISION_WITHHOLD:
			later = append(later, entry{change: c, note: v.GetReason(), muted: true})
		case lockstepv1.Decision_DECISION_SPLIT:
			for _, part := range v.GetNow() {
				now = append(now, entry{change: part, note: "in part; the rest is withheld below"})
			}
			for _, part := range v.GetLater() {
				later = append(later, entry{change: part, note: v.GetReason(), muted: true})
			}
		case lockstepv1.Decision_DECISION_REFUSE:
			refused = append(refused, entry{change: c, note: v.GetReason()})
		case lockstepv1.Decision_DECISION_UNSPECIFIED:
		}
	}
	return now, later, refused
}
