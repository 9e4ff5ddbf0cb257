package mysql

import (
	"fmt"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// A change of type whose way back would not bring every value back, such as that
// of '007' to 7, keeps the old values until the revision is recorded:
//
//  1. ADD COLUMN lockstep_dropped_c OLD AS (c) STORED. The server keeps it in
//     step with every writer.
//  2. One ALTER TABLE that copies the table, with writers waiting: it makes that
//     column a plain one, which keeps its values, retypes c, and notes in
//     lockstep_now_c what has become of each value.
//
// Back: c gets its old type again, with room for whatever the new one can hold;
// an UPDATE brings the old values back wherever c still is what it became, so
// that what applications wrote meanwhile stays; then c gets its old definition.
// Both servers turn a stored generated column into a plain one and keep the
// values, but only by copying; a virtual one, which would come without a copy,
// they do not.
// https://dev.mysql.com/doc/refman/8.4/en/alter-table-generated-columns.html

// nowPrefix is put in front of a column's name for what its values became.
const nowPrefix = "lockstep_now_"

func nowName(column string) string { return dialect.CutName(nowPrefix+column, maxIdentifier) }

// keeps tells whether the old values have to be kept. A generated column's come
// back from its expression.
func (r *render) keeps(from, to *schema.Column) bool {
	f, t := parseType(from.Physical), parseType(to.Physical)
	return f.expr == "" && f.head() != t.head() && !r.d.restores(f, t)
}

// unnumbered is a column that numbers no rows: of one that does, nothing can be
// generated, and no default computed.
func unnumbered(c *schema.Column) *schema.Column {
	out := *c
	out.AutoIncrement = false
	return &out
}

// keep renders a change of type that keeps the old values.
func (r *render) keep(was, becomes *schema.Column) {
	from, to := unnumbered(was), unnumbered(becomes)
	old := parseType(from.Physical)
	away := &schema.Column{Name: asideName(from.Name), Nullable: true, Physical: old.head()}
	copyOf := *away
	copyOf.Physical += " generated always as (" + quote(from.Name) + ") stored"
	now := &schema.Column{Name: nowName(from.Name), Nullable: true, Physical: parseType(to.Physical).head()}
	noted := *now
	noted.Default = &schema.Default{Value: "(" + quote(from.Name) + ")", Expr: true}

	modify := func(c *schema.Column) atlas.Action { return atlas.ModifyColumn(c, atlas.Aspects{Type: true}) }
	do, undo := acts(atlas.AddColumn(&copyOf)), acts(atlas.DropColumn(away.Name))
	if was.AutoIncrement {
		do, undo = append(acts(modify(from)), do...), append(undo, modify(was))
	}
	r.prepare.add(fmt.Sprintf("keep the values of %s of %s", from.Name, r.name), copying, do, undo)
	if becomes.AutoIncrement {
		r.late.add(fmt.Sprintf("number new rows of %s by %s", r.name, to.Name), copying, acts(modify(now), modify(becomes)), acts(modify(to), modify(&noted)))
	}
	r.group.add("", copying, acts(modify(away), modify(to), atlas.AddColumn(&noted)),
		acts(modify(from), modify(&copyOf), atlas.DropColumn(now.Name)))
	r.back(from, to, now)
	r.aside = append(r.aside, away.Name, now.Name)
	r.lost = append(r.lost, fmt.Sprintf("what values of %s in %s lost when they became %s cannot be had back", from.Name, r.name, to.Physical))
}

// back brings the old values back, before the one ALTER TABLE brings the old
// definition: c and what was noted of it get a type that has room for both.
func (r *render) back(from, to, now *schema.Column) {
	roomy := room(parseType(from.Physical), parseType(to.Physical))
	c := &schema.Column{Name: from.Name, Nullable: to.Nullable, Physical: roomy.head()}
	was := &schema.Column{Name: now.Name, Nullable: true, Physical: roomy.head()}
	actions := acts(atlas.ModifyColumn(c, atlas.Aspects{Type: true}), atlas.ModifyColumn(was, atlas.Aspects{Type: true}))
	if made := r.group.parts[r.newKey]; (isText(roomy.base) || isBlob(roomy.base)) && slices.Contains(r.after.PrimaryKey, c.Name) && made.undo != nil {
		actions = append(made.undo, actions...) // such a type cannot be in a key
		r.group.parts[r.newKey].undo = nil
	}
	sql, err := r.d.altered(r.ctx, r.earlier(), actions)
	if err != nil {
		r.failed = err
		return
	}
	same := quote(c.Name) + " <=> " + quote(was.Name)
	if class(roomy) == "text" || class(roomy) == "bytes" || roomy.base == "enum" || roomy.base == "set" {
		same = "CAST(" + quote(c.Name) + " AS BINARY) <=> CAST(" + quote(was.Name) + " AS BINARY)" // not by a collation
	}
	away := quote(asideName(from.Name))
	r.group.first = append(r.group.first, sql, fmt.Sprintf("UPDATE %s SET %s = %s%s WHERE %s IS NOT NULL AND %s",
		quote(r.name), quote(c.Name), away, r.untouched(), away, same))
}

// room is the old type, made large enough for every value that the new type can
// have got from it: a short text for what is spelled longer now, digits for what
// was rounded up.
func room(f, t typeText) typeText {
	out := f
	switch {
	case class(f) == class(t) && class(f) != "number":
	case f.base == "char" || f.base == "varchar":
		out.base, out.args = "varchar", fmt.Sprint(max(f.number(), 255))
		if t.base == "json" || capacity(t) > 255 {
			out.base, out.args = "longtext", ""
		}
	case f.base == "binary" || f.base == "varbinary":
		out.base, out.args = "varbinary", fmt.Sprint(max(f.number(), 255))
		if t.base == "json" || capacity(t) > 255 {
			out.base, out.args = "longblob", ""
		}
	case isInteger(f.base):
		out = typeText{base: "decimal", args: "65,0"}
	case f.base == "decimal":
		_, s := decimalSize(f)
		out = typeText{base: "decimal", args: fmt.Sprintf("65,%d", s)}
	}
	return out
}

// restores tells whether every value of one type comes back as it was from the
// other, or fails on its way there.
func (d *Dialect) restores(f, t typeText) bool {
	if d.server.maria() { // where JSON is a text with a check
		for _, p := range []*typeText{&f, &t} {
			if p.base == "json" {
				*p = typeText{base: "longtext", charset: "utf8mb4", collation: "utf8mb4_bin"}
			}
		}
	}
	switch {
	case f.base == "json" || t.base == "json" || f.base == "bit" != (t.base == "bit"):
		return f.head() == t.head()
	case class(f) == "number" && class(t) == "number":
		return restoresNumber(f, t)
	case class(f) == "text":
		return restoresText(f, t)
	case class(f) == "bytes" && (class(t) == "bytes" || class(t) == "text"):
		return f.base != "binary" && t.base != "binary" && t.base != "char" && byteCapacity(t) >= byteCapacity(f)
	case class(f) == class(t) && (f.base == "enum" || f.base == "set"):
		return f.charset == t.charset
	case (f.base == "datetime" || f.base == "timestamp" || f.base == "time") && f.base == t.base:
		return t.number() >= f.number()
	case f.base == "date" && t.base == "datetime":
		return true
	case class(t) == "text": // spelled out, and read again
		return isInteger(f.base) || f.base == "decimal" || f.base == "date" || f.base == "datetime" || f.base == "time" || f.base == "enum" || f.base == "set"
	}
	return false
}

func restoresNumber(f, t typeText) bool {
	if rounds(f, t) || f.base == "bit" && f.args != t.args {
		return false
	}
	switch f.base {
	case "float":
		return t.base == "float" && f.args == t.args || t.base == "double" && f.args+t.args == ""
	case "double":
		return t.base == "double" && f.args == t.args
	}
	return true
}

func restoresText(f, t typeText) bool {
	switch class(t) {
	case "text":
		// Into these, strict mode refuses what it cannot spell.
		if f.charset != t.charset && !slices.Contains([]string{"", "utf8mb4", "utf8mb3", "latin1", "ascii"}, t.charset) {
			return false
		}
		return (t.base != "char" || f.base == "char") && capacity(t) >= capacity(f)
	case "bytes":
		return f.base != "char" && t.base != "binary" && byteCapacity(t) >= byteCapacity(f)
	}
	return false
}

// byteCapacity is the length of the longest value in bytes.
func byteCapacity(t typeText) int {
	if t.base == "char" || t.base == "varchar" {
		return t.number() * charBytes(t)
	}
	return capacity(t)
}
