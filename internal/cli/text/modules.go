package text

import (
	"fmt"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Versions writes the versions of a module, newest first.
func (p *Printer) Versions(r *lockstepv1.ListModuleVersionsResponse) {
	rows := make([][]string, 0, len(r.GetVersions()))
	for _, v := range r.GetVersions() {
		note := ""
		if v.GetRetracted() {
			note = strings.TrimSuffix("retracted: "+v.GetRetraction(), ": ")
		}
		rows = append(rows, []string{v.GetVersion(), v.GetTime(), note})
	}
	p.rows("", rows, func(row, col int, cell string) string {
		if r.GetVersions()[row].GetRetracted() && col != 1 {
			return p.paint(yellow, cell)
		}
		return cell
	})
}

// Module writes a module with its tables.
func (p *Printer) Module(r *lockstepv1.GetModuleResponse) {
	m := r.GetModule()
	p.field("module", p.paint(bold, m.GetPath()+"@"+m.GetVersion()))
	p.field("sum", m.GetSum())
	for i, q := range r.GetRequires() {
		name := "requires"
		if i > 0 {
			name = ""
		}
		p.field(name, q.GetPath()+"@"+q.GetVersion())
	}
	p.Warnings(r.GetWarnings())
	for _, t := range r.GetTables() {
		p.table(t)
	}
	for _, t := range r.GetExtensions() {
		p.line()
		p.line(p.paint(dim, "adds to a table of "+t.GetOrigin().GetModule()+":"))
		p.table(t)
	}
	p.line()
	p.line(count(len(r.GetTables()), "table"))
}

func (p *Printer) table(t *lockstepv1.Table) {
	p.line()
	where := ""
	if o := t.GetOrigin(); o != nil {
		where = fmt.Sprintf("  %s:%d", o.GetFile(), o.GetLine())
	}
	p.line(p.paint(bold, t.GetName()), p.paint(dim, where))
	rows := make([][]string, 0, len(t.GetColumns()))
	for _, c := range t.GetColumns() {
		rows = append(rows, []string{c.GetName(), c.GetType(), strings.Join(columnTraits(t, c), ", ")})
	}
	p.rows("  ", rows, func(_, col int, cell string) string {
		if col == 1 {
			return p.paint(cyan, cell)
		}
		return cell
	})
	for _, x := range t.GetIndexes() {
		kind := "index"
		if x.GetUnique() {
			kind = "unique index"
		}
		text := fmt.Sprintf("%s %s (%s)", kind, x.GetName(), strings.Join(x.GetParts(), ", "))
		if x.GetWhere() != "" {
			text += " where " + x.GetWhere()
		}
		p.line("  ", p.paint(dim, text))
	}
	for _, f := range t.GetForeignKeys() {
		text := fmt.Sprintf("foreign key %s (%s) references %s (%s)",
			f.GetName(), strings.Join(f.GetColumns(), ", "), f.GetRefTable(), strings.Join(f.GetRefColumns(), ", "))
		if f.GetOnDelete() != "" {
			text += " on delete " + strings.ToLower(f.GetOnDelete())
		}
		if f.GetOnUpdate() != "" {
			text += " on update " + strings.ToLower(f.GetOnUpdate())
		}
		p.line("  ", p.paint(dim, text))
	}
	for _, c := range t.GetChecks() {
		p.line("  ", p.paint(dim, fmt.Sprintf("check %s (%s)", c.GetName(), c.GetExpression())))
	}
}

func columnTraits(t *lockstepv1.Table, c *lockstepv1.Column) []string {
	var out []string
	for _, k := range t.GetPrimaryKey() {
		if k == c.GetName() {
			out = append(out, "primary key")
		}
	}
	if c.GetAutoIncrement() {
		out = append(out, "auto increment")
	}
	if !c.GetNullable() {
		out = append(out, "not null")
	}
	switch {
	case c.DefaultValue == nil:
	case c.GetDefaultIsExpression():
		out = append(out, "default "+c.GetDefaultValue())
	default:
		out = append(out, "default '"+c.GetDefaultValue()+"'")
	}
	for _, d := range c.GetEngineDefaults() {
		out = append(out, "default on "+d.GetEngine()+" "+d.GetValue())
	}
	return out
}

// Comparison writes what leads from one set of versions to another.
func (p *Printer) Comparison(r *lockstepv1.CompareModulesResponse) {
	for i, l := range p.versions(r.GetFrom(), r.GetTo(), false) {
		name := "modules"
		if i > 0 {
			name = ""
		}
		p.field(name, l)
	}
	p.Warnings(r.GetWarnings())
	p.changes(r.GetChanges())
}

// changes writes changes with their effects, by table.
func (p *Printer) changes(changes []*lockstepv1.Change) {
	if len(changes) == 0 {
		p.line()
		p.line("No changes.")
		return
	}
	entries := make([]entry, 0, len(changes))
	for _, c := range changes {
		entries = append(entries, entry{
			change: c, note: effectNote(c), alarm: c.GetEffect() == lockstepv1.Effect_EFFECT_DESTRUCTIVE,
		})
	}
	p.section(entries, "CHANGES", count(len(entries), "change"))
}

// Published writes the version that was published.
func (p *Printer) Published(m *lockstepv1.ModuleVersion) {
	p.line("published ", p.paint(bold, m.GetPath()+"@"+m.GetVersion()), "  ", p.paint(dim, m.GetSum()))
}
