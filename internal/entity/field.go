package entity

import (
	"go/token"
	"go/types"
	"reflect"
	"strconv"
	"strings"

	gorm "gorm.io/gorm/schema"
	"gorm.io/gorm/utils"
)

// field mirrors GORM's schema.Field over go/types.
type field struct {
	name      string
	dbName    string
	bindNames []string

	dataType      gorm.DataType
	gormDataType  gorm.DataType
	primaryKey    bool
	autoIncrement bool
	hasDefault    bool
	def           string // the default as GORM keeps it
	defLiteral    bool   // GORM's DefaultValueInterface is set: def is a plain value
	notNull       bool
	unique        bool
	comment       string
	size          int
	precision     int
	scale         int

	unknown         bool // the type could not be resolved
	permitted       bool // GORM's Creatable || Updatable || Readable
	ignoreMigration bool

	typ      types.Type // as declared
	indirect types.Type // without pointers
	rep      types.Type // what decides the kind: GORM's fieldValue; nil: not known
	tag      reflect.StructTag
	settings map[string]string
	lock     fieldTag

	model    *model // the schema it belongs to
	owner    *model // the embedded struct it comes from; nil: the model itself
	embedded *model

	// positions: where it is declared, then the fields that embed it, from
	// the inside out.
	positions []token.Pos
}

// fieldDecl is a struct field as declared, or as many2many makes one up.
type fieldDecl struct {
	name      string
	typ       types.Type
	tag       reflect.StructTag
	anonymous bool
	pos       token.Pos
}

// parseField is GORM's Schema.ParseField.
func (p *pass) parseField(m *model, d fieldDecl) *field {
	f := newField(m, d)
	p.doubtTag(f)
	p.readLockTag(f)
	if f.ignored() {
		f.permitted, f.dataType, f.gormDataType = false, "", ""
		f.ignoreMigration = true
		return f
	}
	isValuer := p.representative(f, d.anonymous)
	p.applySerializer(f)
	p.applyNumbers(f)
	p.applyKind(f)
	p.applyGormDataType(f)
	f.gormDataType = f.dataType
	f.applyTypeTag()
	f.applySize()
	f.applyPermission()
	p.embed(m, f, d.anonymous, isValuer)
	return f
}

func newField(m *model, d fieldDecl) *field {
	settings := gorm.ParseTagSetting(d.tag.Get("gorm"), ";")
	f := &field{
		name:          d.name,
		dbName:        settings["COLUMN"],
		bindNames:     []string{d.name},
		typ:           d.typ,
		indirect:      derefAll(d.typ),
		tag:           d.tag,
		settings:      settings,
		model:         m,
		permitted:     true,
		primaryKey:    utils.CheckTruth(settings["PRIMARYKEY"], settings["PRIMARY_KEY"]),
		autoIncrement: utils.CheckTruth(settings["AUTOINCREMENT"]),
		hasDefault:    utils.CheckTruth(settings["AUTOINCREMENT"]),
		notNull:       utils.CheckTruth(settings["NOT NULL"], settings["NOTNULL"]),
		unique:        utils.CheckTruth(settings["UNIQUE"]),
		comment:       settings["COMMENT"],
		positions:     []token.Pos{d.pos},
	}
	return f
}

// readLockTag reads the `lockstep:"…"` tag. Its type counts where GORM's is
// missing, so that it settles what cannot be read.
func (p *pass) readLockTag(f *field) {
	tag, errs := parseFieldTag(f.tag)
	for _, text := range errs {
		p.reportField(f, hintLockTag, "%s", text)
	}
	f.lock = tag
	p.applyManifest(f)
	tag = f.lock
	if _, ok := f.settings["TYPE"]; !ok && tag.typ != "" {
		f.settings["TYPE"] = tag.typ
	}
}

// ignored says whether the field is no column and no relation: `gorm:"-"`,
// `gorm:"-:all"` or `lockstep:"ignore"`. An `embedded` tag beats GORM's dash.
func (f *field) ignored() bool {
	if f.lock.ignore {
		return true
	}
	if _, ok := f.settings["EMBEDDED"]; ok {
		return false
	}
	switch strings.ToLower(strings.TrimSpace(f.settings["-"])) {
	case "-", "all":
		return true
	}
	return false
}

// applyNumbers reads size, precision and scale. GORM takes a size that is no
// number for -1 and forgets a precision that is none; here they are refused.
func (p *pass) applyNumbers(f *field) {
	for _, n := range []struct {
		key string
		to  *int
	}{{"SIZE", &f.size}, {"PRECISION", &f.precision}, {"SCALE", &f.scale}} {
		text, ok := f.settings[n.key]
		if !ok {
			continue
		}
		v, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || v < 0 {
			p.reportField(f, "give a whole number", "%s:%s is not a number", strings.ToLower(n.key), text)
			continue
		}
		*n.to = v
	}
}

// applyTypeTag lets the `type` tag have the last word: an abstract word selects
// the kind, anything else goes to every engine as it stands.
func (f *field) applyTypeTag() {
	val, ok := f.settings["TYPE"]
	if !ok {
		return
	}
	switch lower := gorm.DataType(strings.ToLower(val)); lower {
	case gorm.Bool, gorm.Int, gorm.Uint, gorm.Float, gorm.String, gorm.Time, gorm.Bytes:
		f.dataType = lower
	default:
		f.dataType = gorm.DataType(val)
	}
}

// applySize gives numbers the size of their Go kind unless a tag gave one.
func (f *field) applySize() {
	if f.size != 0 || f.rep == nil {
		return
	}
	basic, ok := f.rep.Underlying().(*types.Basic)
	if !ok || basic.Info()&(types.IsInteger|types.IsFloat) == 0 || basic.Kind() == types.Uintptr {
		return
	}
	const bitsPerByte = 8
	f.size = int(types.SizesFor("gc", "amd64").Sizeof(basic)) * bitsPerByte
}

// applyPermission reads `-:migration`, `->` and `<-`. Only the first has to do
// with the schema; a field that nobody may read or write is no relation.
func (f *field) applyPermission() {
	creatable, updatable, readable := true, true, true
	if val, ok := f.settings["-"]; ok {
		switch strings.ToLower(strings.TrimSpace(val)) {
		case "-":
			creatable, updatable, readable = false, false, false
			f.dataType = ""
		case "all":
			creatable, updatable, readable = false, false, false
			f.dataType = ""
			f.ignoreMigration = true
		case "migration":
			f.ignoreMigration = true
		}
	}
	if v, ok := f.settings["->"]; ok {
		creatable, updatable = false, false
		readable = strings.ToLower(v) != "false"
	}
	if v, ok := f.settings["<-"]; ok {
		creatable = v == "<-" || strings.Contains(v, "create")
		updatable = v == "<-" || strings.Contains(v, "update")
	}
	f.permitted = creatable || updatable || readable
}

// derefAll strips all pointers.
func derefAll(t types.Type) types.Type {
	for {
		ptr, ok := types.Unalias(t).(*types.Pointer)
		if !ok {
			return types.Unalias(t)
		}
		t = ptr.Elem()
	}
}

// deref strips one pointer.
func deref(t types.Type) types.Type {
	if ptr, ok := types.Unalias(t).(*types.Pointer); ok {
		return ptr.Elem()
	}
	return t
}
