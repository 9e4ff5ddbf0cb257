package grammar

import (
	"fmt"
	"strings"
)

// columnType is a Go type of columns, with tag settings that make sense on it.
type columnType struct {
	typ      string
	settings []string
	keyed    bool // may be indexed on every engine, given a size where it is a text
	text     bool
}

func columnTypes() []columnType {
	numbers := []string{"", "", "default:0", "default:7", "default:42", "not null;default:1"}
	list := []columnType{
		{typ: "bool", settings: []string{"", "default:true", "default:false;not null"}, keyed: true},
		{typ: "*bool", settings: []string{"", "not null"}, keyed: true},
		{typ: "string", settings: []string{"", "size:100", "size:255;not null", "size:20;default:abc", "size:20;default:'two words'", "size:5000", "size:20;check:%s <> ''", "size:20;default:''", "type:varchar(30)", "type:char(4)", "type:text"}, text: true},
		{typ: "*string", settings: []string{"", "size:64", "size:64;not null"}, text: true},
		{typ: "float64", settings: []string{"", "precision:10;scale:2", "default:1.5", "type:decimal(12,4);default:0", "type:numeric(8,2);not null"}, keyed: true},
		{typ: "float32", settings: []string{"", "default:-2.25", "precision:6"}, keyed: true},
		{typ: "time.Time", settings: []string{"", "not null", "precision:6", "type:date", "autoCreateTime"}, keyed: true},
		{typ: "*time.Time", settings: []string{"", "precision:3"}, keyed: true},
		{typ: "[]byte", settings: []string{"", "size:16", "size:70000", "not null"}},
		{typ: "time.Duration", settings: []string{""}, keyed: true},
		{typ: "json.RawMessage", settings: []string{""}},
		{typ: "[]string", settings: []string{"serializer:json", "serializer:json;not null", "serializer:json;type:text"}},
		{typ: "sql.NullString", settings: []string{"", "size:30", "size:20;default:x"}, text: true},
		{typ: "sql.NullInt64", settings: numbers, keyed: true},
		{typ: "sql.NullTime", settings: []string{"", "precision:3"}, keyed: true},
		{typ: "sql.NullBool", settings: []string{"", "default:true"}, keyed: true},
		{typ: "sql.Null[int16]", settings: numbers, keyed: true},
		{typ: "sql.Null[string]", settings: []string{"", "size:12"}, text: true},
		{typ: "gorm.DeletedAt", settings: []string{"", "index"}, keyed: true},
		{typ: "uuid.UUID", settings: []string{"size:36", "type:char(36)", "size:36;not null"}, text: true},
		{typ: "decimal.Decimal", settings: []string{"type:decimal(20,8)", "type:decimal(10,2);not null;default:0"}},
		{typ: "datatypes.JSON", settings: []string{"", "not null"}},
		{typ: "datatypes.JSONType[map[string]int]", settings: []string{""}},
		{typ: "datatypes.JSONSlice[int]", settings: []string{""}},
		{typ: "datatypes.Date", settings: []string{"", "not null"}},
		{typ: "valuers.Level", settings: []string{"", "size:9"}, text: true},
		{typ: "valuers.Names", settings: []string{"", "size:90"}, text: true},
		{typ: "valuers.MaybeInt", settings: []string{""}, keyed: true},
		{typ: "*valuers.Blob", settings: []string{""}},
		{typ: "valuers.Price", settings: []string{"", "precision:8;scale:2"}, keyed: true},
		{typ: "valuers.Raw", settings: []string{"", "not null"}, text: true},
	}
	for _, kind := range []string{"int", "int8", "int16", "int32", "*int64", "uint", "uint8", "uint16", "uint32", "*uint64"} {
		list = append(list, columnType{typ: kind, settings: append(numbers, "size:16", "check:%s < 100"), keyed: true})
	}
	return list
}

// column adds a column with a random name and random settings.
func (g *generator) column(s *structure) {
	s.fields++
	name := fmt.Sprintf("%s%d", pick(g, "Name", "HTTPCode", "ValueOf", "UserID", "X", "MyJSONDoc", "APIKey"), s.fields)
	c := pick(g, columnTypes()...)
	setting := pick(g, c.settings...)
	column := ""
	if g.chance(6) {
		column = fmt.Sprintf("%s%d", pick(g, "col", "Camel", "order", "with space"), s.fields)
	}
	if strings.Contains(setting, "%s") {
		column = fmt.Sprintf("checked%d", s.fields)
		setting = fmt.Sprintf(setting, column)
	}
	if column != "" {
		column = "column:" + column
	}
	index := ""
	if sized := c.keyed || c.text && strings.Contains(setting, "size:") && !strings.Contains(setting, "size:5000"); sized && g.chance(4) {
		index = pick(g, "index", "uniqueIndex", "unique", "index:,sort:desc",
			fmt.Sprintf("index:%s_one%d", strings.ToLower(g.prefix), s.fields),
			fmt.Sprintf("uniqueIndex:%s_%s%d", strings.ToLower(g.prefix), strings.ToLower(s.name), s.fields))
	}
	other := ""
	if column == "" && g.chance(8) { // GORM makes columns without a type of `-` with a name
		other = pick(g, "comment:it's a \"comment\"", "->", "<-:create", "-:migration", "-", "<-:false", "comment:plain")
	}
	s.field(name, c.typ, column, setting, index, other)
}
