package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// dropColumn moves a column aside, where it keeps its place and its values, and
// removes it when all else is done. A generated column goes at once: there is
// nothing in it that its expression does not bring back.
func (r *render) dropColumn(c *schema.Column) {
	was := r.standing(c)
	if parseType(c.Physical).expr != "" {
		r.group.add(fmt.Sprintf("drop generated column %s from %s", c.Name, r.name), r.dropColumnMethod(c), acts(atlas.DropColumn(c.Name)), nil)
		r.group.last().place, r.group.last().reshapes = goesFirst, true
		r.restoreGenerated(was)
		return
	}
	away := r.d.awayColumn(was)
	if c.AutoIncrement {
		away.Default = &schema.Default{Value: noNumber(parseType(c.Physical)), Expr: true}
	}
	r.group.add(fmt.Sprintf("move column %s of %s aside", c.Name, r.name), r.d.renameColumnMethod(),
		acts(atlas.ChangeColumn(c.Name, away)), acts(atlas.ChangeColumn(away.Name, was)))
	r.aside = append(r.aside, away.Name)
	r.lost = append(r.lost, fmt.Sprintf("all values of %s in %s are removed", c.Name, r.name))
	if c.AutoIncrement {
		// Rows that were written meanwhile got none from the default.
		r.group.first = append(r.group.first, fmt.Sprintf(
			"UPDATE %[1]s, (SELECT @lockstep_last := COALESCE(MAX(%[2]s), 0) FROM %[1]s WHERE %[2]s <> %[4]s) AS last SET %[2]s = (@lockstep_last := @lockstep_last + 1)%[3]s WHERE %[2]s = %[4]s",
			quote(r.name), quote(away.Name), r.untouched(), noNumber(parseType(c.Physical))))
	}
}

// restoreGenerated brings a generated column back to its place.
func (r *render) restoreGenerated(c *schema.Column) {
	place := " FIRST"
	if i := slices.IndexFunc(r.before.Columns, func(x *schema.Column) bool { return x.Name == c.Name }); i > 0 {
		place = " AFTER " + quote(r.before.Columns[i-1].Name)
	}
	sql, err := r.d.altered(r.ctx, r.earlier(), acts(atlas.AddColumn(c)))
	if err != nil { // the same column was rendered when it was made
		r.failed = err
		return
	}
	r.group.then = append(r.group.then, sql+place)
	// In the order of the table, so that each finds the one before it.
	slices.SortStableFunc(r.group.then, func(a, b string) int { return r.rank(a) - r.rank(b) })
}

// rank is the place in the table of the column that a statement adds.
func (r *render) rank(sql string) int {
	return slices.IndexFunc(r.before.Columns, func(c *schema.Column) bool { return strings.Contains(sql, " ADD COLUMN "+quote(c.Name)+" ") })
}

// awayColumn is a column that was moved aside: inserts that do not know it any
// more must pass.
func (d *Dialect) awayColumn(c *schema.Column) *schema.Column {
	away := *c
	away.Name = asideName(c.Name)
	away.AutoIncrement = false
	if !c.Nullable && c.Default == nil {
		away.Default = &schema.Default{Value: zero(parseType(c.Physical)), Expr: true}
	}
	return &away
}

// noNumber is a value that no row is numbered by: the last, after which the engine
// has none.
func noNumber(t typeText) string {
	if !isInteger(t.base) {
		return "-1"
	}
	_, high := bounds(t)
	return high.String()
}

// zero is a default of a type that every SQL mode takes.
func zero(t typeText) string {
	switch {
	case isInteger(t.base), t.base == "decimal", t.base == "float", t.base == "double", t.base == "bit", t.base == "year":
		return "0"
	case isText(t.base), isBlob(t.base):
		return "('')"
	case t.base == "enum":
		return t.args[:min(closing(t.args, 0)+1, len(t.args))]
	case isSpatial(t.base):
		return "(ST_GeomFromText('" + wellKnown(t.base) + "'))"
	}
	switch t.base {
	case "json":
		return "('null')"
	case "date":
		return "'1970-01-02'"
	case "datetime", "timestamp": // a timestamp begins in 1970, in its zone
		return "'1970-01-02 00:00:00'"
	case "time":
		return "'00:00:00'"
	case "uuid":
		return "'00000000-0000-0000-0000-000000000000'"
	case "inet4":
		return "'0.0.0.0'"
	case "inet6":
		return "'::'"
	case "vector":
		return fmt.Sprintf("(UNHEX(REPEAT('00000000', %d)))", max(t.number(), 1))
	}
	return "''"
}

// wellKnown is a small value of a spatial type.
func wellKnown(base string) string {
	switch base {
	case "linestring":
		return "LINESTRING(0 0, 1 1)"
	case "polygon":
		return "POLYGON((0 0, 0 1, 1 1, 0 0))"
	case "multipoint":
		return "MULTIPOINT(0 0)"
	case "multilinestring":
		return "MULTILINESTRING((0 0, 1 1))"
	case "multipolygon":
		return "MULTIPOLYGON(((0 0, 0 1, 1 1, 0 0)))"
	case "geometrycollection":
		return "GEOMETRYCOLLECTION(POINT(0 0))"
	}
	return "POINT(0 0)"
}

// untouched keeps columns that note the time of an update from noting that of
// one that only repairs.
func (r *render) untouched() string {
	var b strings.Builder
	for _, c := range r.after.Columns {
		if r.d.onUpdate(c) != "" {
			fmt.Fprintf(&b, ", %[1]s = %[1]s", quote(c.Name))
		}
	}
	return b.String()
}

// finish removes for good what the step moved aside.
func (r *render) finish() {
	if len(r.aside) == 0 {
		return
	}
	word := "DROP COLUMN "
	if r.d.server.maria() {
		word += "IF EXISTS "
	}
	drops := make([]string, len(r.aside))
	for i, name := range r.aside {
		drops[i] = word + quote(name)
	}
	m := instant
	if !r.d.server.since(version(8, 0, 29), version(10, 4, 0)) {
		m = inplace
	}
	m = r.unlessFulltext(m)
	sql := "ALTER TABLE " + quote(r.name) + " " + strings.Join(drops, ", ")
	st := dialect.Statement{
		SQL: sql + ", " + r.d.server.clause(m), Summary: "drop what was moved aside of " + r.name, On: r.name, Final: true,
	}
	for _, what := range r.lost {
		st.Hazards = append(st.Hazards, dialect.Hazard{Kind: dialect.HazardDataLoss, Detail: what})
	}
	st.Hazards = dialect.Once(append(st.Hazards, r.d.server.methodHazards(m, r.name)...))
	for _, clause := range r.d.server.weaker(m) {
		st.Fallback = append(st.Fallback, sql+", "+clause)
	}
	r.emit(st)
}
