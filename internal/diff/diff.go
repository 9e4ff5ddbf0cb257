package diff

import (
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// Diff returns what leads from base to target, renames first, then by table
// name. base is nil for a tenant that is being initialised. Equal input gives
// equal output. It fails only on contradictory rename hints.
func Diff(base, target *schema.Schema) ([]Change, error) {
	draft := schema.NewDraft(base)
	changes, err := tableRenames(draft, target)
	if err != nil {
		return nil, err
	}
	tables := slices.Clone(target.Tables)
	slices.SortFunc(tables, func(a, b *schema.Table) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range tables {
		if draft.Table(t.Name) == nil {
			continue
		}
		renames, err := columnRenames(draft, t)
		if err != nil {
			return nil, err
		}
		changes = append(changes, renames...)
	}
	wanted := make(map[string]bool, len(tables))
	for _, t := range tables {
		wanted[t.Name] = true
		from := draft.Table(t.Name)
		if from == nil {
			changes = append(changes, Change{Verb: Add, Kind: Table, Table: t.Name, To: &Part{Table: t}})
			continue
		}
		changes = append(changes, tableChanges(from, t)...)
	}
	for _, t := range draft.Schema().Tables {
		if !wanted[t.Name] {
			changes = append(changes, Change{Verb: Drop, Kind: Table, Table: t.Name, From: &Part{Table: t}})
		}
	}
	return changes, nil
}

// tableChanges compares two tables of the same name after renames.
func tableChanges(from, to *schema.Table) []Change {
	if from == to {
		return nil
	}
	var out []Change
	if from.Comment != to.Comment {
		out = append(out, Change{
			Verb: Alter, Kind: Table, Aspect: AspectComment, Table: to.Name,
			From: &Part{Table: from}, To: &Part{Table: to},
		})
	}
	out = append(out, columnChanges(from, to)...)
	if !slices.Equal(from.PrimaryKey, to.PrimaryKey) {
		out = append(out, Change{
			Verb: Alter, Kind: PrimaryKey, Aspect: AspectDefinition, Table: to.Name,
			From: &Part{PrimaryKey: from.PrimaryKey}, To: &Part{PrimaryKey: to.PrimaryKey},
		})
	}
	out = append(out, compareNamed(to.Name, Index, from.Indexes, to.Indexes, indexTraits)...)
	out = append(out, compareNamed(to.Name, ForeignKey, from.ForeignKeys, to.ForeignKeys, foreignKeyTraits)...)
	out = append(out, compareNamed(to.Name, Check, from.Checks, to.Checks, checkTraits)...)
	return out
}

func columnChanges(from, to *schema.Table) []Change {
	var out []Change
	for _, c := range to.Columns {
		old := from.Column(c.Name)
		if old == nil {
			out = append(out, Change{Verb: Add, Kind: Column, Table: to.Name, Name: c.Name, To: &Part{Column: c}})
			continue
		}
		for _, aspect := range alteredAspects(old, c) {
			out = append(out, Change{
				Verb: Alter, Kind: Column, Aspect: aspect, Table: to.Name, Name: c.Name,
				From: &Part{Column: old}, To: &Part{Column: c},
			})
		}
	}
	for _, c := range from.Columns {
		if to.Column(c.Name) == nil {
			out = append(out, Change{Verb: Drop, Kind: Column, Table: to.Name, Name: c.Name, From: &Part{Column: c}})
		}
	}
	return out
}

func alteredAspects(from, to *schema.Column) []Aspect {
	if from == to {
		return nil
	}
	var out []Aspect
	if from.Physical != to.Physical || !from.Type.Equal(to.Type) {
		out = append(out, AspectType)
	}
	if from.Nullable != to.Nullable {
		out = append(out, AspectNull)
	}
	if !from.Default.Equal(to.Default) {
		out = append(out, AspectDefault)
	}
	if from.AutoIncrement != to.AutoIncrement {
		out = append(out, AspectAutoIncrement)
	}
	if from.Comment != to.Comment {
		out = append(out, AspectComment)
	}
	return out
}

// traits tell compareNamed how to handle one kind of named object.
type traits[T any] struct {
	name func(*T) string
	same func(a, b *T) bool // equal but for the name
	part func(*T) *Part
}

//nolint:gochecknoglobals // constant tables of functions
var (
	indexTraits = traits[schema.Index]{
		name: func(x *schema.Index) string { return x.Name },
		same: func(a, b *schema.Index) bool {
			return a.Unique == b.Unique && a.Constraint == b.Constraint && a.Where == b.Where &&
				a.Method == b.Method && a.Comment == b.Comment && a.Deviation == b.Deviation && slices.Equal(a.Parts, b.Parts)
		},
		part: func(x *schema.Index) *Part { return &Part{Index: x} },
	}
	foreignKeyTraits = traits[schema.ForeignKey]{
		name: func(f *schema.ForeignKey) string { return f.Name },
		same: func(a, b *schema.ForeignKey) bool {
			return a.RefTable == b.RefTable && a.OnDelete == b.OnDelete && a.OnUpdate == b.OnUpdate && a.Deviation == b.Deviation &&
				slices.Equal(a.Columns, b.Columns) && slices.Equal(a.RefColumns, b.RefColumns)
		},
		part: func(f *schema.ForeignKey) *Part { return &Part{ForeignKey: f} },
	}
	checkTraits = traits[schema.Check]{
		name: func(k *schema.Check) string { return k.Name },
		same: func(a, b *schema.Check) bool { return a.Expr == b.Expr && a.Deviation == b.Deviation },
		part: func(k *schema.Check) *Part { return &Part{Check: k} },
	}
)

// compareNamed compares objects by name, and pairs a removed with an added one
// that is otherwise the same into a rename.
func compareNamed[T any](table string, kind Kind, from, to []*T, tr traits[T]) []Change {
	find := func(list []*T, name string) *T {
		for _, v := range list {
			if tr.name(v) == name {
				return v
			}
		}
		return nil
	}
	var out []Change
	renamed := map[string]bool{} // names in from that a rename has used up
	for _, v := range to {
		change := Change{Kind: kind, Table: table, Name: tr.name(v), To: tr.part(v)}
		if old := find(from, tr.name(v)); old != nil {
			if !tr.same(old, v) {
				change.Verb, change.Aspect, change.From = Alter, AspectDefinition, tr.part(old)
				out = append(out, change)
			}
			continue
		}
		change.Verb = Add
		for _, old := range from {
			if name := tr.name(old); find(to, name) == nil && !renamed[name] && tr.same(old, v) {
				renamed[name] = true
				change.Verb, change.OldName, change.From = Rename, name, tr.part(old)
				break
			}
		}
		out = append(out, change)
	}
	for _, v := range from {
		if name := tr.name(v); find(to, name) == nil && !renamed[name] {
			out = append(out, Change{Verb: Drop, Kind: kind, Table: table, Name: name, From: tr.part(v)})
		}
	}
	return out
}
