package entity

import (
	"fmt"
	"go/ast"
	"go/token"
	"reflect"
	"slices"
	"strings"
)

// directives are the //lockstep: lines in the comment above a struct:
//
//	//lockstep:entity             the struct is an entity
//	//lockstep:ignore             the struct is none
//	//lockstep:table name         its table's name, when TableName cannot be read
//	//lockstep:renamed_from a[,b] the table's earlier names
//	//lockstep:extends pkg.Type   its columns join the table of that struct
type directives struct {
	entity      bool
	ignore      bool
	table       string
	extends     string
	renamedFrom []string
}

// directiveError is what is wrong with a directive, and where.
type directiveError struct {
	pos  token.Pos
	text string
}

const directivePrefix = "//lockstep:"

// parseDirectives reads the directives of a comment.
func parseDirectives(doc []*ast.Comment) (directives, []directiveError) {
	var (
		d    directives
		errs []directiveError
	)
	for _, c := range doc {
		text, ok := strings.CutPrefix(c.Text, directivePrefix)
		if !ok {
			continue
		}
		word, arg, _ := strings.Cut(strings.TrimSpace(text), " ")
		arg = strings.TrimSpace(arg)
		switch {
		case word == "entity" && arg == "":
			d.entity = true
		case word == "ignore" && arg == "":
			d.ignore = true
		case word == "table" && arg != "" && !strings.ContainsAny(arg, " \t"):
			d.table = arg
		case word == "extends" && arg != "" && !strings.ContainsAny(arg, " \t"):
			d.extends = arg
		case word == "renamed_from" && arg != "":
			d.renamedFrom = append(d.renamedFrom, commaList(arg)...)
		default:
			errs = append(errs, directiveError{c.Pos(), fmt.Sprintf("the directive %q is not understood", c.Text)})
		}
	}
	return d, errs
}

// Hints that several errors share.
const (
	hintDirectives = "the directives are //lockstep:entity, //lockstep:ignore, //lockstep:table NAME, //lockstep:renamed_from NAME[,NAME] and //lockstep:extends PACKAGE.TYPE"
	hintLockTag    = `the settings are renamed_from:NAME[,NAME], type=TYPE, type.ENGINE=TYPE, default.ENGINE=SQL and ignore, separated by ";"`
)

// fieldTag is the content of a `lockstep:"…"` tag: settings separated by ";",
// each `key:value` or `key=value`.
type fieldTag struct {
	ignore      bool
	typ         string            // type=…: for every engine
	engines     map[string]string // type.ENGINE=…
	defaults    map[string]string // default.ENGINE=…
	renamedFrom []string
}

// engines are the names that type.ENGINE knows.
func engines() []string { return []string{"postgres", "mysql", "mariadb", "sqlserver", "sqlite"} }

// parseFieldTag reads a lockstep tag; problems are texts for a person. What is
// said for mysql stands for mariadb too unless that has one of its own, as in GORM
// both go by the name of mysql.
func parseFieldTag(tag reflect.StructTag) (fieldTag, []string) {
	var (
		t    fieldTag
		errs []string
	)
	for setting := range strings.SplitSeq(tag.Get("lockstep"), ";") {
		if setting = strings.TrimSpace(setting); setting == "" {
			continue
		}
		key, value := setting, ""
		if i := strings.IndexAny(setting, ":="); i >= 0 {
			key, value = strings.TrimSpace(setting[:i]), strings.TrimSpace(setting[i+1:])
		}
		if err := t.set(key, value); err != "" {
			errs = append(errs, err)
		}
	}
	withMariaDB(t.engines)
	withMariaDB(t.defaults)
	return t, errs
}

func (t *fieldTag) set(key, value string) string {
	what, engine, perEngine := strings.Cut(key, ".")
	switch {
	case key == "ignore" && value == "":
		t.ignore = true
	case value == "":
		return fmt.Sprintf("the lockstep setting %q has no value, or is not known", key)
	case key == "renamed_from":
		t.renamedFrom = append(t.renamedFrom, commaList(value)...)
	case key == "type":
		t.typ = value
	case !perEngine || what != "type" && what != "default":
		return fmt.Sprintf("the lockstep setting %q is not known", key)
	case !slices.Contains(engines(), engine):
		return fmt.Sprintf("the lockstep setting %q names no engine; there are %s", key, strings.Join(engines(), ", "))
	case what == "type":
		t.engines = with(t.engines, engine, value)
	default:
		t.defaults = with(t.defaults, engine, value)
	}
	return ""
}

// with sets an entry, in a map that is made when it is needed.
func with(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

// commaList splits "a, b" into its non-empty parts.
func commaList(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
