package entity

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// gormSettings are the settings that GORM, or a plugin that it comes with, looks up in
// a field's tag; any other is ignored in silence (schema.ParseField and
// ParseTagSetting, schema.parseFieldIndexes, soft_delete).
var gormSettings = map[string]bool{ //nolint:gochecknoglobals // a constant table
	"": true, "-": true, "->": true, "<-": true,
	"AUTOCREATETIME": true, "AUTOINCREMENT": true, "AUTOINCREMENTINCREMENT": true, "AUTOUPDATETIME": true,
	"BELONGSTO": true, "CHECK": true, "COLUMN": true, "COMMENT": true, "CONSTRAINT": true, "DEFAULT": true,
	"DELETEDATFIELD": true, "EMBEDDED": true, "EMBEDDEDPREFIX": true, "FOREIGNKEY": true, "INDEX": true,
	"JOINFOREIGNKEY": true, "JOINREFERENCES": true, "JSON": true, "MANY2MANY": true, "NOT NULL": true, "NOTNULL": true,
	"POLYMORPHIC": true, "POLYMORPHICID": true, "POLYMORPHICTYPE": true, "POLYMORPHICVALUE": true, "PRECISION": true,
	"PRIMARYKEY": true, "PRIMARY_KEY": true, "REFERENCES": true, "SCALE": true, "SERIALIZER": true, "SIZE": true,
	"SOFTDELETE": true, "TYPE": true, "UNIQUE": true, "UNIQUEINDEX": true, "ZEROVALUE": true,
}

// doubtTag warns of what GORM ignores in the tag of a field: the table is as GORM
// makes it, and hardly as its author meant it.
func (p *pass) doubtTag(f *field) {
	if p.quiet > 0 {
		return
	}
	const wellFormed = "settings stand as key:\"value\", with one space between"
	if unseen(f.tag, "gorm") {
		p.warnField(f, "its tag is not well formed, so that gorm:… is not seen: "+wellFormed)
	}
	if unseen(f.tag, "lockstep") { // as what it says is refused when it is misspelt
		p.reportField(f, wellFormed, "its tag is not well formed, so that lockstep:… is not seen")
	}
	for _, setting := range slices.Sorted(maps.Keys(f.settings)) {
		if !gormSettings[setting] {
			p.warnField(f, "GORM does not know the setting %q, and ignores it", strings.ToLower(setting))
		}
	}
}

// unseen says whether a tag holds a key that reflect, and with it GORM, does not find.
func unseen(tag reflect.StructTag, key string) bool {
	_, ok := tag.Lookup(key)
	return !ok && strings.Contains(" "+string(tag), " "+key+`:"`)
}

// warnField says once what is dubious in a field.
func (p *pass) warnField(f *field, format string, args ...any) {
	mod, at := p.w.position(p.mendable(f))
	if mod != p.w.own {
		return
	}
	text := fmt.Sprintf("%s: field %s: %s", at, f.name, fmt.Sprintf(format, args...))
	if !slices.Contains(p.dubious, text) {
		p.dubious = append(p.dubious, text)
	}
}
