package entity

import (
	"go/types"
	"slices"

	gorm "gorm.io/gorm/schema"
	"gorm.io/gorm/utils"
)

// embed is the last part of GORM's ParseField: an anonymous struct, or a field
// with the `embedded` tag, gives its fields to the struct around it.
func (p *pass) embed(m *model, f *field, anonymous, isValuer bool) {
	_, tagged := f.settings["EMBEDDED"]
	byName := anonymous && f.permitted && !isValuer && f.gormDataType != gorm.Time && f.gormDataType != gorm.Bytes
	if !tagged && !byName || f.rep == nil {
		return
	}
	switch f.rep.Underlying().(type) {
	case *types.Struct:
	case *types.Basic:
		return // an anonymous field of a basic kind is a column
	default:
		p.reportField(f, hintColumnType, "%s cannot be embedded, it is no struct", typeName(f.indirect))
		f.permitted = false
		return
	}
	f.permitted = false
	if p.tooDeep(m, f.rep) {
		p.reportField(f, "break the cycle, or leave the field out: `gorm:\"-\"`", "%s is embedded in itself, or too deeply", typeName(f.indirect))
		return
	}
	if len(f.lock.renamedFrom) > 0 {
		p.reportField(f, "move the tag to the columns", "renamed_from is on an embedded struct, which has no column of its own")
	}
	p.stack = append(p.stack, f.rep)
	f.embedded = p.parseEmbedded(m, f.rep)
	p.stack = p.stack[:len(p.stack)-1]
	for _, ef := range f.embedded.fields {
		f.adopt(m, ef)
	}
}

// maxEmbeds bounds the embedded structs of one module, against source that was
// made to be endless.
const maxEmbeds = 100_000

// tooDeep says whether t may not be embedded in m.
func (p *pass) tooDeep(m *model, t types.Type) bool {
	p.embeds++
	return p.embeds > maxEmbeds || len(p.stack) >= maxEmbedding || m.typ != nil && types.Identical(m.typ, t) ||
		slices.ContainsFunc(p.stack, func(outer types.Type) bool { return types.Identical(outer, t) })
}

// adopt makes ef, a field of the embedded struct, a field of m. A key that no
// tag made loses its status; the tags of the embedding field count over the
// child's own.
func (f *field) adopt(m *model, ef *field) {
	ef.model, ef.owner = m, f.embedded
	ef.bindNames = append([]string{f.name}, ef.bindNames...)
	ef.positions = append(slices.Clone(ef.positions), f.positions...)
	if prefix, ok := f.settings["EMBEDDEDPREFIX"]; ok && ef.dbName != "" {
		ef.dbName = prefix + ef.dbName
		for i, old := range ef.lock.renamedFrom {
			ef.lock.renamedFrom[i] = prefix + old
		}
	}
	if ef.primaryKey && !utils.CheckTruth(ef.settings["PRIMARYKEY"], ef.settings["PRIMARY_KEY"]) {
		ef.primaryKey = false
		if val, ok := ef.settings["AUTOINCREMENT"]; !ok || !utils.CheckTruth(val) {
			ef.autoIncrement = false
		}
		if !ef.autoIncrement && ef.def == "" {
			ef.hasDefault = false
		}
	}
	for k, v := range f.settings {
		ef.settings[k] = v
	}
}
