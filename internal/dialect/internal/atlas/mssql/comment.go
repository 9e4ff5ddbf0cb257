package mssql

import (
	"fmt"
	"strings"

	"ariga.io/atlas/sql/schema"
)

// Description is the extended property that holds a comment, as SQL Server's own
// tools and GORM have it:
// https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-addextendedproperty-transact-sql
const Description = "MS_Description"

// place is what a table's comment is about; the zero value is the table.
type place struct{ kind, name string }

func indexPlace(x *schema.Index) place {
	if _, constraint := attr[*Unique](x.Attrs); constraint {
		return place{"CONSTRAINT", x.Name}
	}
	return place{"INDEX", x.Name}
}

// levels are the arguments that name a place.
func (s *state) levels(t *schema.Table, p place) []string {
	out := []string{"SCHEMA", s.schemaOf(t), "TABLE", t.Name}
	if p.kind != "" {
		out = append(out, p.kind, p.name)
	}
	return out
}

// call is a call of one of the procedures; value is nil for the one that drops.
func (s *state) call(procedure string, t *schema.Table, p place, value *string) string {
	args := []string{"@name = " + text(Description)}
	if value != nil {
		v := text(*value)
		if !simple(*value) {
			v = "@value"
		}
		args = append(args, "@value = "+v)
	}
	for i, v := range s.levels(t, p) {
		kind := "type"
		if i%2 == 1 {
			kind = "name"
		}
		args = append(args, fmt.Sprintf("@level%d%s = %s", i/2, kind, s.argument(v)))
	}
	return "EXEC sys." + procedure + " " + strings.Join(args, ", ")
}

// argument is a name as an argument; without a schema's name it is that of the
// user's default one.
func (s *state) argument(v string) string {
	if v == "" {
		return "@schema"
	}
	return text(v)
}

// declare declares what the calls below need: a procedure takes no expressions.
func (s *state) declare(t *schema.Table, value string) string {
	out := ""
	if s.schemaOf(t) == "" {
		out = "DECLARE @schema sysname = SCHEMA_NAME();\n"
	}
	if !simple(value) {
		out += "DECLARE @value nvarchar(3750) = " + Literal(value) + ";\n"
	}
	return out
}

// addComment writes the comment of something that has none.
func (s *state) addComment(c schema.Change, t *schema.Table, p place, value string) {
	s.emit(c, commentOn(t, p), s.declare(t, value)+s.call("sp_addextendedproperty", t, p, &value))
}

// setComment writes or removes a comment, whether or not there is one: other
// programs leave comments out.
func (s *state) setComment(c schema.Change, t *schema.Table, p place, to *schema.Comment) {
	there := make([]string, 0, 7)
	there = append(there, text(Description))
	for _, v := range s.levels(t, p) {
		there = append(there, s.argument(v))
	}
	for len(there) < 7 {
		there = append(there, "NULL")
	}
	exists := "IF EXISTS (SELECT 1 FROM sys.fn_listextendedproperty(" + strings.Join(there, ", ") + "))\n  "
	if to == nil || to.Text == "" {
		s.emit(c, commentOn(t, p), s.declare(t, "")+exists+s.call("sp_dropextendedproperty", t, p, nil))
		return
	}
	s.emit(c, commentOn(t, p), s.declare(t, to.Text)+exists+s.call("sp_updateextendedproperty", t, p, &to.Text)+
		"\nELSE\n  "+s.call("sp_addextendedproperty", t, p, &to.Text))
}

func commentOn(t *schema.Table, p place) string {
	if p.kind == "" {
		return "comment on table " + t.Name
	}
	return fmt.Sprintf("comment on %s %s of %s", strings.ToLower(p.kind), p.name, t.Name)
}
