package entity

import (
	"fmt"
	"go/types"
	"path"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Judgement says of one exported struct whether it was taken for an entity, and
// why.
type Judgement struct {
	Pattern  string // as a manifest names it: "./models.User"
	Position fault.Position
	Entity   bool
	Why      string // a clause: "it embeds gorm.Model"
	// Doubtful: it was left out by the default rule although it looks like an
	// entity.
	Doubtful bool
}

const hintDoubtful = "mark it //lockstep:entity or //lockstep:ignore, or name it in " + ManifestFile

// warning is what a person reads of a doubtful struct.
func (j *Judgement) warning() string {
	name := j.Pattern[strings.LastIndex(j.Pattern, ".")+1:]
	return fmt.Sprintf("%s: struct %s has an ID but no gorm tag: left out; %s", j.Position, name, hintDoubtful)
}

// judge notes what became of the structs that are looked at.
func (s *selection) judge(taken map[*candidate]bool) {
	lively := map[string]bool{} // packages with entities
	for c := range taken {
		lively[c.named.Obj().Pkg().Path()] = true
	}
	for _, c := range s.list {
		if !c.named.Obj().Exported() || !c.scope && !taken[c] && !c.excluded {
			continue
		}
		_, at := s.p.w.position(c.named.Obj().Pos())
		j := judged{candidate: c, Judgement: Judgement{Pattern: s.patternOf(c), Position: at, Entity: taken[c]}}
		if j.Why = c.refusal(); j.Entity {
			j.Why = c.merit()
		}
		j.Doubtful = !j.Entity && lively[c.named.Obj().Pkg().Path()] && c.looksLikeEntity()
		s.p.judged = append(s.p.judged, j)
	}
}

// judged is a judgement before it is known what relations pull in.
type judged struct {
	*candidate
	Judgement
}

// patternOf is the pattern that names c.
func (s *selection) patternOf(c *candidate) string {
	dir, _ := within(s.p.w.own.Path, c.named.Obj().Pkg().Path())
	if dir == "." {
		return "." + c.named.Obj().Name()
	}
	return "./" + path.Clean(dir) + "." + c.named.Obj().Name()
}

// judgements are those of a finished pass: what a relation refers to has a
// table although the default rule left it out.
func (p *pass) judgements() []Judgement {
	out := make([]Judgement, 0, len(p.judged))
	for _, j := range p.judged {
		if m := p.models[types.TypeString(j.named, nil)]; m != nil && !j.Entity && !m.excluded {
			j.Entity, j.Doubtful, j.Why = true, false, "a relation of an entity refers to it"
		}
		out = append(out, j.Judgement)
	}
	return out
}

// warnings are those of the doubtful judgements.
func warnings(list []Judgement) []string {
	var out []string
	for _, j := range list {
		if j.Doubtful {
			out = append(out, j.warning())
		}
	}
	return out
}

// merit is why c is an entity.
func (c *candidate) merit() string {
	switch {
	case c.dirs.extends != "":
		return "marked //lockstep:extends " + c.dirs.extends
	case c.dirs.entity:
		return "marked //lockstep:entity"
	case c.dirs.table != "":
		return "marked //lockstep:table " + c.dirs.table
	case c.forced:
		return "named by a pattern"
	case c.tables:
		return "it declares TableName"
	case c.tagged:
		return "it has gorm tags, or embeds a struct that has"
	default:
		return "it embeds a struct that is a part of entities"
	}
}

// refusal is why c is none.
func (c *candidate) refusal() string {
	switch {
	case c.dirs.ignore:
		return "marked //lockstep:ignore"
	case c.excluded:
		return "excluded by the manifest"
	case c.named.TypeParams() != nil:
		return "it is generic, and has no one table"
	case c.isPart():
		return "it is only a part of the entities that embed it"
	case c.inherits:
		return "it embeds an entity: a view of it"
	case c.tagged:
		return "whether it is an entity cannot be told"
	default:
		return "it has no gorm tag, no TableName and no gorm.Model"
	}
}

// looksLikeEntity says whether a struct that the default rule left out has the
// shape of an entity: a key of its own, which GORM would take.
func (c *candidate) looksLikeEntity() bool {
	if !c.scope || c.excluded || c.tagged || len(c.embedders) > 0 {
		return false
	}
	return slices.ContainsFunc(slices.Collect(c.st.Fields()), func(f *types.Var) bool {
		if f.Embedded() || f.Name() != "ID" && f.Name() != "Id" {
			return false
		}
		switch t := types.Unalias(derefAll(f.Type())).(type) {
		case *types.Basic, *types.Named, *types.Array:
			_, isInterface := t.Underlying().(*types.Interface)
			return !isInterface
		default:
			return false
		}
	})
}
