package dialect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// Comparison is what the dialects' Compare methods share. Texts that engines
// rewrite (defaults, checks, predicates, index expressions) count by presence.
type Comparison struct {
	// Type returns the canonical spelling of a physical type.
	Type func(physical string) string
	// Method is the access method that an empty one stands for.
	Method string
	// Lengths: indexes may be over the beginning of a column.
	Lengths bool
}

// Compare returns a clause per difference.
func (c Comparison) Compare(promised, found *schema.Table) []string {
	switch {
	case promised == nil && found == nil:
		return nil
	case found == nil:
		return []string{fmt.Sprintf("table %s is missing", promised.Name)}
	case promised == nil:
		return []string{fmt.Sprintf("table %s is unexpected", found.Name)}
	}
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	pair(promised.Columns, found.Columns, func(x *schema.Column) string { return x.Name }, "column", say,
		func(p, f *schema.Column) { c.column(p, f, say) })
	if !slices.Equal(promised.PrimaryKey, found.PrimaryKey) {
		say("the primary key is %s instead of %s", list(found.PrimaryKey), list(promised.PrimaryKey))
	}
	pair(promised.Indexes, found.Indexes, func(x *schema.Index) string { return x.Name }, "index", say,
		func(p, f *schema.Index) { c.index(p, f, say) })
	pair(promised.ForeignKeys, found.ForeignKeys, func(x *schema.ForeignKey) string { return x.Name }, "foreign key", say,
		func(p, f *schema.ForeignKey) { foreignKey(p, f, say) })
	pair(promised.Checks, found.Checks, func(x *schema.Check) string { return x.Name }, "check", say,
		func(p, f *schema.Check) { deviation("check "+p.Name, p.Deviation, f.Deviation, say) })
	return out
}

type sayFunc = func(format string, args ...any)

// pair matches two lists by name: promised ones in order, then the unexpected.
func pair[T any](promised, found []T, name func(T) string, what string, say sayFunc, both func(p, f T)) {
	byName := make(map[string]T, len(found))
	for _, f := range found {
		byName[name(f)] = f
	}
	for _, p := range promised {
		f, ok := byName[name(p)]
		if !ok {
			say("%s %s is missing", what, name(p))
			continue
		}
		delete(byName, name(p))
		both(p, f)
	}
	for _, f := range found {
		if _, left := byName[name(f)]; left {
			say("%s %s is unexpected", what, name(f))
		}
	}
}

func (c Comparison) column(p, f *schema.Column, say sayFunc) {
	if want, got := c.Type(p.Physical), c.Type(f.Physical); want != got {
		say("column %s has type %s instead of %s", p.Name, got, want)
	}
	if p.Nullable != f.Nullable {
		say("column %s is %s instead of %s", p.Name, nullable(f.Nullable), nullable(p.Nullable))
	}
	if p.AutoIncrement != f.AutoIncrement {
		say("column %s %s", p.Name, either(f.AutoIncrement, "numbers rows by itself", "does not number rows by itself"))
	}
	if (p.Default != nil) != (f.Default != nil) {
		say("column %s %s", p.Name, either(f.Default != nil, "has an unexpected default", "has no default"))
	}
}

func (c Comparison) index(p, f *schema.Index, say sayFunc) {
	if p.Constraint != f.Constraint {
		say("index %s is %s", p.Name, either(f.Constraint, "a unique constraint", "no unique constraint"))
	}
	if p.Unique != f.Unique {
		say("index %s is %s", p.Name, either(f.Unique, "unique", "not unique"))
	}
	if want, got := c.method(p.Method), c.method(f.Method); want != got {
		say("index %s uses %s instead of %s", p.Name, got, want)
	}
	if (p.Where != "") != (f.Where != "") {
		say("index %s %s", p.Name, either(f.Where != "", "is partial", "is not partial"))
	}
	if want, got := c.parts(p.Parts), c.parts(f.Parts); want != got {
		say("index %s is over %s instead of %s", p.Name, got, want)
	}
	deviation("index "+p.Name, p.Deviation, f.Deviation, say)
}

// deviation tells that something is not what it looks like.
func deviation(what, promised, found string, say sayFunc) {
	if promised != found {
		say("%s is %s", what, either(found == "", "not "+promised, found))
	}
}

func (c Comparison) method(m string) string {
	if m == "" {
		return c.Method
	}
	return strings.ToLower(m)
}

func foreignKey(p, f *schema.ForeignKey, say sayFunc) {
	text := func(k *schema.ForeignKey) string {
		return fmt.Sprintf("%s to %s%s on delete %s on update %s", list(k.Columns), k.RefTable, list(k.RefColumns),
			action(k.OnDelete), action(k.OnUpdate))
	}
	if want, got := text(p), text(f); want != got {
		say("foreign key %s is from %s instead of from %s", p.Name, got, want)
	}
	deviation("foreign key "+p.Name, p.Deviation, f.Deviation, say)
}

func action(a schema.Action) string {
	if a == schema.NoAction {
		return "NO ACTION"
	}
	return string(a)
}

// parts renders index parts; an expression counts as one, whatever its text.
func (c Comparison) parts(in []schema.IndexPart) string {
	names := make([]string, len(in))
	for i, p := range in {
		names[i] = p.Column
		if p.Column == "" {
			names[i] = "an expression"
		}
		if c.Lengths && p.Length > 0 {
			names[i] += fmt.Sprintf("(%d)", p.Length)
		}
		if p.Desc {
			names[i] += " desc"
		}
	}
	return list(names)
}

func list(names []string) string { return "(" + strings.Join(names, ", ") + ")" }

func nullable(b bool) string { return either(b, "nullable", "not nullable") }

func either(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}
