package entity

import (
	"go/types"
	"strings"

	gorm "gorm.io/gorm/schema"
)

// representative finds the type that decides f's kind, as the first part of
// GORM's ParseField does: the type itself, or for a driver.Valuer what Value
// answers for the zero value, or the first field of the struct. It answers
// whether the type is a Valuer.
func (p *pass) representative(f *field, anonymous bool) bool {
	_, settled := f.settings["TYPE"]
	if unresolved(f.indirect) {
		p.unresolvedField(f, settled && !anonymous)
		return false
	}
	f.rep = f.indirect
	value := p.methodOf(f.indirect, "Value")
	if !isValue(value) {
		return false
	}
	if isDataType(p.methodOf(f.indirect, "GormDataType")) {
		return true
	}
	base, err := p.zeroValueType(f.indirect, value)
	if err != nil {
		f.rep = nil
		if !settled {
			p.wantBody(value)
			p.reportField(f, hintColumnType, "what Value() of %s gives cannot be told from its source: %s", typeName(f.indirect), err)
			f.dataType = gorm.String // so that nothing else is said of the field
		}
		return true
	}
	f.rep = p.firstField(f, base)
	if unresolved(f.rep) {
		p.unresolvedField(f, settled)
		f.rep = nil
	}
	return true
}

const (
	hintColumn     = "say what the column is: `gorm:\"type:…\"` or `lockstep:\"type=…\"`; "
	hintLeaveOut   = "or leave the field out: `gorm:\"-\"`"
	hintColumnType = hintColumn + hintLeaveOut
	// An operator cannot tag the fields of somebody else's module.
	hintElsewhere = hintColumn + "in a module that is not yours, known_types in a manifest says it; " + hintLeaveOut
)

// unresolvedField asks for the package that declares f's type; when nobody has
// it, that is an error unless a tag says what the column is.
func (p *pass) unresolvedField(f *field, settled bool) {
	f.rep = nil
	if settled {
		return
	}
	f.unknown = true
	var paths []string
	if p.quiet == 0 || f.primaryKey || strings.EqualFold(f.name, "id") {
		for _, pos := range f.positions[:1] {
			paths = p.want(pos)
		}
	}
	f.dataType = gorm.String // so that nothing else is said of the field
	if len(paths) > 0 {
		p.reportField(f, "name a module source that has that module, or "+hintElsewhere, "its type comes from %s, which no module source has", strings.Join(paths, ", "))
		return
	}
	name := typeName(f.typ)
	if site, ok := p.w.index.fields[f.positions[0]]; ok {
		name = types.ExprString(site.node.Type)
	}
	p.reportField(f, hintColumnType, "its type %s is not declared", name)
}

// firstField is the nested getRealFieldValue of GORM's ParseField: for a struct
// that is no time, the tags of its fields count as f's own, and its first field
// decides, recursively.
func (p *pass) firstField(f *field, t types.Type) types.Type {
	for range maxEmbedding {
		t = derefAll(t)
		st, ok := t.Underlying().(*types.Struct)
		if !ok || isTime(t) || st.NumFields() == 0 {
			return t
		}
		for i := range st.NumFields() {
			for key, value := range gorm.ParseTagSetting(tagOf(st, i).Get("gorm"), ";") {
				if _, ok := f.settings[key]; !ok {
					f.settings[key] = value
				}
			}
		}
		first := derefAll(st.Field(0).Type())
		if unresolved(first) {
			p.want(st.Field(0).Pos())
			return types.Typ[types.Invalid]
		}
		if types.Identical(first, t) {
			return t
		}
		t = first
	}
	return t
}

// applySerializer makes a string of what a serializer writes. Serializers are
// registered in application code; every one of them counts as known, as GORM
// gives the column the same type whichever it is.
func (p *pass) applySerializer(f *field) {
	if f.rep != nil && p.isSerializer(f.rep) {
		f.dataType = gorm.String
		return
	}
	if f.settings["JSON"] != "" || f.settings["SERIALIZER"] != "" {
		f.dataType = gorm.String
	}
}

// applyKind lets the Go kind decide, also over a serializer, and reads the
// default in that light.
func (p *pass) applyKind(f *field) {
	if def, ok := f.settings["DEFAULT"]; ok {
		f.hasDefault = true
		f.def = strings.TrimSpace(def)
	}
	if f.rep == nil {
		return
	}
	switch u := f.rep.Underlying().(type) {
	case *types.Basic:
		if kind := basicKind(u); kind != "" {
			f.dataType = kind
			p.literalDefault(f, u)
		}
	case *types.Struct:
		if isTime(f.rep) {
			f.dataType = gorm.Time
		}
	case *types.Slice:
		if isByte(u.Elem()) && f.dataType == "" {
			f.dataType = gorm.Bytes
		}
	case *types.Array:
		if isByte(u.Elem()) && f.dataType == "" {
			f.dataType = gorm.Bytes
		}
	}
}

func basicKind(b *types.Basic) gorm.DataType {
	switch info := b.Info(); {
	case b.Kind() == types.Uintptr:
		return ""
	case info&types.IsBoolean != 0:
		return gorm.Bool
	case info&types.IsUnsigned != 0:
		return gorm.Uint
	case info&types.IsInteger != 0:
		return gorm.Int
	case info&types.IsFloat != 0:
		return gorm.Float
	case info&types.IsString != 0:
		return gorm.String
	}
	return ""
}

// applyGormDataType asks the type itself, where it implements GormDataType.
func (p *pass) applyGormDataType(f *field) {
	if f.rep == nil {
		return
	}
	method := p.methodOf(f.rep, "GormDataType")
	if !isDataType(method) {
		return
	}
	text, err := p.constantResult(method, "")
	if err != nil {
		if _, settled := f.settings["TYPE"]; !settled {
			p.reportField(f, hintColumnType, "what GormDataType() of %s gives cannot be told from its source: %s", typeName(f.rep), err)
			text = string(gorm.String)
		}
	}
	f.dataType = gorm.DataType(text)
}

// isSerializer says whether t implements GORM's SerializerInterface.
func (p *pass) isSerializer(t types.Type) bool {
	scan, value := p.methodOf(t, "Scan"), p.methodOf(t, "Value")
	return scan != nil && value != nil &&
		scan.Signature().Params().Len() == 4 && scan.Signature().Results().Len() == 1 &&
		value.Signature().Params().Len() == 4 && value.Signature().Results().Len() == 2
}

// isByte says whether t is byte itself; a named byte type does not count.
func isByte(t types.Type) bool {
	return types.Identical(t, types.Typ[types.Uint8])
}

// isTime says whether t converts to time.Time: that, or a type made of it.
func isTime(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return false
	}
	st, ok := named.Underlying().(*types.Struct)
	if !ok || st.NumFields() == 0 {
		return false
	}
	first := st.Field(0)
	return first.Name() == "wall" && first.Pkg() != nil && first.Pkg().Path() == "time"
}

// typeName renders t for a person, with package names.
func typeName(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string { return p.Name() })
}
