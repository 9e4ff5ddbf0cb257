package entity

import (
	"fmt"
	"maps"
	"regexp"
	"strings"

	gorm "gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// smallestBits is what an integer without a size is: `type:int` on a field of
// another kind gives none, and every GORM driver takes its smallest type then.
const smallestBits = 8

// defaultBits is what a number without a size is in lockstep's own type tag.
const defaultBits = 64

// columnType is the neutral form of what each GORM driver's DataTypeOf is
// given.
func (p *pass) columnType(f *field) schema.Type {
	t := neutralType(f)
	if t.Kind == schema.Raw && f.autoIncrement {
		t.Bits = f.size // drivers choose a serial type by it
	}
	engineTypes := p.engineTypes(f)
	if f.dataType == gorm.Time && f.settings["TYPE"] != "" && engineTypes["sqlite"] == "" {
		// GORM's SQLite dialector is the one that takes `type:time` at its word.
		engineTypes = maps.Clone(engineTypes)
		if engineTypes == nil {
			engineTypes = map[string]string{}
		}
		engineTypes["sqlite"] = f.settings["TYPE"]
	}
	if f.dataType == gorm.String && f.size == 0 && f.inheritsIndex() {
		engineTypes = f.asIndexed(engineTypes)
	}
	if f.lock.typ != "" {
		engineTypes = nil
		raw := *f
		raw.settings = map[string]string{"TYPE": f.lock.typ}
		raw.applyTypeTag()
		if raw.size == 0 && raw.dataType != gorm.String && raw.dataType != gorm.Bytes {
			raw.size = defaultBits
		}
		t = neutralType(&raw)
	}
	if len(f.lock.engines) > 0 {
		if engineTypes == nil {
			engineTypes = map[string]string{}
		}
		maps.Copy(engineTypes, f.lock.engines)
	}
	if len(engineTypes) > 0 {
		t.Engine = engineTypes
	}
	return t
}

// inheritsIndex says whether a struct that embeds f has an index tag: that makes
// no index, but GORM's MySQL and SQL Server dialectors see it on the column.
func (f *field) inheritsIndex() bool {
	own := gorm.ParseTagSetting(f.tag.Get("gorm"), ";")
	for _, key := range []string{"INDEX", "UNIQUE"} {
		if f.settings[key] != "" && own[key] == "" {
			return true
		}
	}
	return false
}

// asIndexed are the types of an indexed text of no size, where they are others.
func (f *field) asIndexed(engineTypes map[string]string) map[string]string {
	out := map[string]string{"mysql": "varchar(191)", "mariadb": "varchar(191)", "sqlserver": "nvarchar(256)"}
	maps.Copy(out, engineTypes)
	return out
}

func neutralType(f *field) schema.Type {
	switch f.dataType {
	case gorm.Bool:
		return schema.Type{Kind: schema.Bool}
	case gorm.Int:
		return schema.Type{Kind: schema.Int, Bits: bits(f)}
	case gorm.Uint:
		return schema.Type{Kind: schema.Uint, Bits: bits(f)}
	case gorm.Float:
		if f.precision > 0 {
			return schema.Type{Kind: schema.Decimal, Precision: f.precision, Scale: f.scale}
		}
		return schema.Type{Kind: schema.Float, Bits: bits(f)}
	case gorm.String:
		return schema.Type{Kind: schema.String, Size: f.size}
	case gorm.Time:
		return schema.Type{Kind: schema.Time, Precision: f.precision}
	case gorm.Bytes:
		return schema.Type{Kind: schema.Bytes, Size: f.size}
	default:
		return schema.Type{Kind: schema.Raw, Raw: string(f.dataType)}
	}
}

func bits(f *field) int {
	if f.size == 0 {
		return smallestBits
	}
	return f.size
}

// engineTypes evaluates GormDBDataType for every engine. It has precedence over
// all tags but lockstep's; an empty answer leaves the choice to the driver.
func (p *pass) engineTypes(f *field) map[string]string {
	if f.rep == nil && f.lock.typ != "" || f.indirect == nil {
		return nil
	}
	method := p.methodOf(f.indirect, "GormDBDataType")
	if method == nil || method.Signature().Params().Len() != 2 || !isStringResult(method) {
		return nil
	}
	found := map[string]string{}
	for _, engine := range engines() {
		if f.lock.engines[engine] != "" || f.lock.typ != "" {
			continue
		}
		dialector := engine
		if engine == "mariadb" {
			dialector = "mysql"
		}
		text, err := p.constantResult(method, dialector)
		if err != nil {
			p.reportField(f, fmt.Sprintf("say it: `lockstep:\"type.%s=…\"`", engine),
				"what GormDBDataType() of %s gives on %s cannot be told from its source: %s", typeName(f.indirect), engine, err)
			return nil
		}
		if text != "" {
			found[engine] = text
		}
	}
	return found
}

// rawFacts are what a verbatim type says that belongs elsewhere.
type rawFacts struct {
	notNull       bool
	autoIncrement bool
	primaryKey    bool
	refused       string
}

// splitRaw takes NOT NULL, AUTO_INCREMENT and PRIMARY KEY out of a verbatim
// type: GORM writes them where a column's type stands, which comes to the same.
func splitRaw(text string) (string, rawFacts) {
	var facts rawFacts
	for _, x := range []struct {
		pattern string
		set     *bool
	}{
		{`(?i)\s+not\s+null\b`, &facts.notNull},
		{`(?i)\s+null\b`, new(bool)},
		{`(?i)\s+auto_?increment\b`, &facts.autoIncrement},
		{`(?i)\s+primary\s+key\b`, &facts.primaryKey},
	} {
		re := regexp.MustCompile(x.pattern)
		if re.MatchString(text) {
			*x.set = true
			text = re.ReplaceAllString(text, "")
		}
	}
	facts.refused = strings.ToUpper(regexp.MustCompile(`(?i)\s(default|unique|references|check|comment|generated)\b`).FindString(text))
	return strings.TrimSpace(text), facts
}
