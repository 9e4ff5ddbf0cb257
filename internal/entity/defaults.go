package entity

import (
	"go/types"
	"regexp"
	"strconv"
	"strings"

	gorm "gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// The verbatim types that hold texts, and those that hold numbers.
var (
	rawText   = regexp.MustCompile(`(?i)^\s*\w*(char|text|clob|string)`)
	rawNumber = regexp.MustCompile(`(?i)^\s*(decimal|numeric|dec|number|money|real|float|double|(tiny|small|medium|big)?int|integer|int\d|float\d)\b`)
)

// rawDefault is GORM's skipParseDefaultValue: a default with parentheses, null
// or nothing is not read but taken as SQL.
func rawDefault(def string) bool {
	return strings.Contains(def, "(") && strings.Contains(def, ")") || strings.EqualFold(def, "null") || def == ""
}

// literalDefault reads a default as a literal of the Go kind, as GORM's
// ParseField does. What does not parse is an error there too.
func (p *pass) literalDefault(f *field, kind *types.Basic) {
	if !f.hasDefault || rawDefault(f.def) {
		return
	}
	var (
		err  error
		word string
	)
	switch info := kind.Info(); {
	case info&types.IsBoolean != 0:
		var v bool
		v, err = strconv.ParseBool(f.def)
		f.setLiteral(err, strconv.FormatBool(v))
		word = "bool"
	case info&types.IsUnsigned != 0:
		var v uint64
		v, err = strconv.ParseUint(f.def, 0, 64)
		f.setLiteral(err, strconv.FormatUint(v, 10))
		word = "unsigned number"
	case info&types.IsInteger != 0:
		var v int64
		v, err = strconv.ParseInt(f.def, 0, 64)
		f.setLiteral(err, strconv.FormatInt(v, 10))
		word = "whole number"
	case info&types.IsFloat != 0:
		var v float64
		v, err = strconv.ParseFloat(f.def, 64)
		f.setLiteral(err, strconv.FormatFloat(v, 'f', -1, 64))
		word = "number"
	case info&types.IsString != 0:
		f.setLiteral(nil, strings.Trim(strings.Trim(f.def, "'"), `"`))
	}
	if err != nil {
		p.reportField(f, "give a value of that kind, or an SQL expression in parentheses", "default:%s is no %s", f.def, word)
	}
}

func (f *field) setLiteral(err error, text string) {
	if err == nil {
		f.def, f.defLiteral = text, true
	}
}

// defaultOf is the default as GORM's FullDataTypeOf would write it: a literal,
// else the text of the tag as SQL. `default:(-)` and null mean none.
// A lockstep tag adds defaults for single engines.
func (p *pass) defaultOf(f *field) *schema.Default {
	d := p.taggedDefault(f)
	if len(f.lock.defaults) == 0 {
		return d
	}
	if d == nil {
		d = &schema.Default{Expr: true}
	}
	d.Engine = f.lock.defaults
	return d
}

// taggedDefault is the default of the gorm tag.
func (p *pass) taggedDefault(f *field) *schema.Default {
	switch {
	case !f.hasDefault:
		return nil
	case f.defLiteral:
		return f.literal()
	case f.def == "" || f.def == "(-)" || strings.EqualFold(f.def, "null"):
		return nil
	}
	if text, ok := quoted(f.def); ok {
		return &schema.Default{Value: text}
	}
	if f.timeLike() && !isExpression(f.def) {
		p.reportField(f, "write an SQL expression such as `default:CURRENT_TIMESTAMP`, or a quoted literal",
			"default:%s on a time would be read leniently: it would become a date of today", f.def)
		return nil
	}
	return &schema.Default{Value: f.def, Expr: true}
}

// literal is a default that was read as a literal. Dialects write it as the
// column's type wants it; where that is not what the Go kind makes of it, a
// number for a text or the other way round, it is SQL as GORM writes it.
func (f *field) literal() *schema.Default {
	t := neutralType(f)
	text := t.Kind == schema.String || t.Kind == schema.Raw && rawText.MatchString(t.Raw)
	number := t.Kind == schema.Int || t.Kind == schema.Uint || t.Kind == schema.Float || t.Kind == schema.Decimal ||
		t.Kind == schema.Raw && rawNumber.MatchString(t.Raw)
	basic, ok := f.rep.Underlying().(*types.Basic)
	switch {
	case !ok:
	case basic.Info()&types.IsString != 0 && number:
		return &schema.Default{Value: "'" + strings.ReplaceAll(f.def, "'", "''") + "'", Expr: true}
	case basic.Info()&types.IsNumeric != 0 && text:
		return &schema.Default{Value: f.def, Expr: true}
	}
	return &schema.Default{Value: f.def}
}

// timeLike says whether GORM would read f's default as a time.
func (f *field) timeLike() bool {
	return f.dataType == gorm.Time || f.rep != nil && isTime(f.rep)
}

// isExpression says whether a text is surely SQL and no date: a call, or a
// keyword such as CURRENT_TIMESTAMP.
func isExpression(text string) bool {
	if strings.Contains(text, "(") && strings.Contains(text, ")") {
		return true
	}
	return regexp.MustCompile(`^[A-Za-z_][A-Za-z_ ]*$`).MatchString(text)
}

// quoted is the content of a text that is one plain SQL string literal.
func quoted(text string) (string, bool) {
	if len(text) < 2 || text[0] != '\'' || text[len(text)-1] != '\'' {
		return "", false
	}
	inner := text[1 : len(text)-1]
	if strings.Contains(strings.ReplaceAll(inner, "''", ""), "'") {
		return "", false
	}
	return strings.ReplaceAll(inner, "''", "'"), true
}
