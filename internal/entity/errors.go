package entity

import (
	"cmp"
	"fmt"
	"go/token"
	"slices"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
)

// The reasons of the errors that Read and ParseManifest answer.
const (
	ReasonUnreadable = "ENTITY_UNREADABLE" // what the module declares cannot be read; see Violations
	ReasonNoEntities = "NO_ENTITIES"       // the module declares no entity at all
	ReasonManifest   = "MANIFEST_INVALID"  // lockstep.yaml is wrong
	ReasonSource     = "MODULE_UNREADABLE" // the content of the module cannot be listed or read
)

// problems collects everything that is wrong with one module.
type problems struct {
	list  []fault.Violation
	known map[string]bool
}

// add records v once: an embedded struct is read again for every struct that
// embeds it, and would repeat its problems.
func (p *problems) add(v fault.Violation) {
	key := v.Subject + "\x00" + v.Position.String() + "\x00" + v.Description
	if p.known[key] {
		return
	}
	if p.known == nil {
		p.known = map[string]bool{}
	}
	p.known[key] = true
	p.list = append(p.list, v)
}

// err answers the problems as one error, sorted by position, or nil.
func (p *problems) err(mod module.Version) error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b fault.Violation) int {
		return cmp.Or(
			cmp.Compare(a.Subject, b.Subject),
			cmp.Compare(a.Position.File, b.Position.File),
			cmp.Compare(a.Position.Line, b.Position.Line),
			cmp.Compare(a.Position.Column, b.Position.Column),
			cmp.Compare(a.Description, b.Description),
		)
	})
	e := fault.New(fault.Invalid, ReasonUnreadable, "the entities of %s cannot be read: %s", mod, count(len(p.list), "problem"))
	e.Violations = p.list
	e.Suggestion = "mend what is listed, or say which structs are entities: --entities, or entities and exclude in " + ManifestFile
	return e
}

// count renders "1 problem", "2 problems".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// report records a problem at pos. While the struct of another module is read
// nothing is recorded: what is wrong there is that module's concern, unless a
// relation needs it, and then the relation reports it.
func (p *pass) report(pos token.Pos, suggestion, format string, args ...any) {
	if p.quiet > 0 {
		return
	}
	mod, at := p.w.position(pos)
	if mod == nil {
		mod = p.w.own
	}
	p.problems.add(fault.Violation{
		Subject:     mod.String(),
		Position:    at,
		Description: fmt.Sprintf(format, args...),
		Suggestion:  suggestion,
	})
}

// reportField records a problem of f where its author can mend it: at the
// field, or, when that belongs to a known type such as gorm.Model, at the field
// that embeds it.
func (p *pass) reportField(f *field, suggestion, format string, args ...any) {
	subject := "field " + f.name
	if f.model != nil && f.model.name != "" {
		subject = "field " + f.model.name + "." + f.name
	}
	p.report(p.mendable(f), suggestion, "%s: %s", subject, fmt.Sprintf(format, args...))
}

// mendable is the innermost position of f that lies in a real module.
func (p *pass) mendable(f *field) token.Pos {
	for _, pos := range f.positions {
		if mod, _ := p.w.position(pos); mod != nil {
			return pos
		}
	}
	return token.NoPos
}
