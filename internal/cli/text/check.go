package text

import (
	"fmt"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Check writes what a check found: a line for each problem and warning that an
// editor can follow, then what changed. local gives the path of a file of the
// module that was checked.
func (p *Printer) Check(r *lockstepv1.CheckModuleResponse, local func(string) string) {
	own := r.GetModule().GetPath() + "@" + r.GetModule().GetVersion()
	for _, problem := range r.GetProblems() {
		p.problem(problem, own, local)
	}
	for _, w := range r.GetWarnings() {
		rest, mine := strings.CutPrefix(w, r.GetModule().GetPath()+": ")
		if file, _, ok := strings.Cut(rest, ":"); mine && ok && strings.HasSuffix(file, ".go") {
			w = local(file) + strings.TrimPrefix(rest, file)
		}
		p.line(p.paint(yellow, "warning: "), w)
	}
	var names []string
	for _, e := range r.GetEngines() {
		names = append(names, enumWord(e, "ENGINE_", ""))
	}
	engines := strings.Join(names, ", ")
	if n := len(r.GetProblems()); n > 0 {
		p.line(p.paint(alarm, count(n, "problem")), " in ", r.GetModule().GetPath(), "  (checked for ", engines, ")")
	} else {
		p.line(p.paint(green, "ok"), "  ", p.paint(bold, r.GetModule().GetPath()), "  ",
			count(int(r.GetTables()), "table"), "  (checked for ", engines, ")")
	}
	if a := r.GetAgainst(); a != nil {
		p.line()
		p.line("since ", p.paint(bold, a.GetPath()+"@"+a.GetVersion()), effects(r.GetChanges()))
		p.changes(r.GetChanges())
	}
}

// problem writes one problem, with its place in front.
func (p *Printer) problem(m *lockstepv1.ModuleProblem, own string, local func(string) string) {
	v := m.GetViolation()
	at := place(v)
	if v.GetSubject() == own && v.GetFile() != "" {
		at = place(&lockstepv1.Violation{File: local(v.GetFile()), Line: v.GetLine(), Column: v.GetColumn()})
	}
	words := []string{p.paint(bold, at), ": ", v.GetDescription()}
	if len(m.GetEngines()) > 0 {
		var names []string
		for _, e := range m.GetEngines() {
			names = append(names, enumWord(e, "ENGINE_", ""))
		}
		words = append(words, " [", strings.Join(names, ", "), "]")
	}
	p.line(words...)
	if v.GetSuggestion() != "" {
		p.line("    ", p.paint(dim, v.GetSuggestion()))
	}
}

// effects counts changes by effect, the gravest first.
func effects(changes []*lockstepv1.Change) string {
	counts := map[lockstepv1.Effect]int{}
	for _, c := range changes {
		counts[c.GetEffect()]++
	}
	var words []string
	for _, e := range []lockstepv1.Effect{
		lockstepv1.Effect_EFFECT_DESTRUCTIVE, lockstepv1.Effect_EFFECT_RESTRICTING, lockstepv1.Effect_EFFECT_RELAXING,
		lockstepv1.Effect_EFFECT_ADDITIVE, lockstepv1.Effect_EFFECT_NEUTRAL,
	} {
		if counts[e] > 0 {
			words = append(words, fmt.Sprintf("%d %s", counts[e], enumWord(e, "EFFECT_", "")))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return ": " + strings.Join(words, ", ")
}

// Graph writes who brings what.
func (p *Printer) Graph(r *lockstepv1.GetModuleGraphResponse) {
	p.Warnings(r.GetWarnings())
	tables := 0
	for i, n := range r.GetModules() {
		if i > 0 || len(r.GetWarnings()) > 0 {
			p.line()
		}
		note := ""
		if n.GetNamed() {
			note = "  named"
		}
		p.line(p.paint(bold, n.GetModule().GetPath()+"@"+n.GetModule().GetVersion()), p.paint(dim, note))
		for _, q := range n.GetRequiredBy() {
			p.line("  required by  ", q.GetBy().GetPath()+"@"+q.GetBy().GetVersion(), "  (", q.GetVersion(), ")")
		}
		if len(n.GetTables()) > 0 {
			p.line("  tables       ", p.paint(cyan, strings.Join(n.GetTables(), ", ")))
		}
		for _, x := range n.GetExtends() {
			p.line("  extends      ", x.GetTable(), " of ", x.GetOwner(), ": ", p.paint(cyan, strings.Join(x.GetColumns(), ", ")))
		}
		tables += len(n.GetTables())
	}
	p.line()
	p.line(count(len(r.GetModules()), "module"), ", ", count(tables, "table"))
}
