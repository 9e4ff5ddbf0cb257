package entity

import (
	"fmt"
	"regexp"
	"strings"

	gorm "gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// constraint mirrors GORM's schema.Constraint.
type constraint struct {
	name     string
	on       *model // the table that carries it
	foreign  []*field
	target   *model
	refers   []*field
	onDelete string
	onUpdate string
}

// constraint is GORM's Relationship.ParseConstraint; nil when the relation
// makes none.
func (r *relation) constraint() *constraint {
	text := r.field.settings["CONSTRAINT"]
	if text == "-" || r.kind == belongsTo && r.repeated() {
		return nil
	}
	settings := gorm.ParseTagSetting(text, ",")
	c := &constraint{onDelete: settings["ONDELETE"], onUpdate: settings["ONUPDATE"]}
	if name, _, ok := strings.Cut(text, ","); ok && isWord(name) {
		c.name = name
	} else {
		c.name = r.model.namer.foreignKey(r.model.table, r.name)
	}
	for _, ref := range r.refs {
		if ref.primary == nil || r.join != nil && !ref.ownPrimary {
			continue
		}
		c.foreign = append(c.foreign, ref.foreign)
		c.refers = append(c.refers, ref.primary)
		if ref.ownPrimary {
			c.on, c.target = ref.foreign.model, r.model
		} else {
			c.on, c.target = r.model, ref.primary.model
		}
	}
	return c
}

// repeated says whether the other side declares the same references: then the
// constraint is that side's.
func (r *relation) repeated() bool {
	for _, key := range r.target.relNames {
		other := r.target.byRel[key]
		if other == r || other.target != r.model || len(other.refs) != len(r.refs) {
			continue
		}
		same := true
		for i, ref := range other.refs {
			mine := r.refs[i]
			if mine.primary != ref.primary || mine.foreign != ref.foreign || mine.primaryValue != ref.primaryValue {
				same = false
				break
			}
		}
		if same {
			return true
		}
	}
	return false
}

// isWord is GORM's regEnLetterAndMidline: a name before the first comma.
func isWord(s string) bool { return regexp.MustCompile(`^[\w-]+$`).MatchString(s) }

// foreignKeys adds the constraints that sit on m, as GORM's CreateTable does.
func (p *pass) foreignKeys(m *model, t *schema.Table) {
	if p.opts.noForeignKeys {
		return
	}
	for _, key := range m.relNames {
		r := m.byRel[key]
		if r.field.ignoreMigration {
			continue
		}
		if c := r.constraint(); c != nil && c.on == m {
			p.foreignKey(t, r, c)
		} else if c != nil && c.on != nil && c.on.foreign && r.kind == has && r.field.owner == nil && !r.polymorphic {
			p.reportField(r.field, "declare the belongs-to side in that module, and switch this one off: `gorm:\"constraint:-\"`",
				"its foreign key would sit on the table %s, which belongs to %s", c.on.table, moduleName(c.on))
		}
	}
}

func moduleName(m *model) string {
	if m.mod == nil {
		return "no module"
	}
	return m.mod.String()
}

func (p *pass) foreignKey(t *schema.Table, r *relation, c *constraint) {
	if c.target.nameless && (c.target.foreign || c.target.excluded) {
		p.reportField(r.field, hintTable, "the table name of %s, which it refers to, cannot be told from TableName", typeName(c.target.typ))
		return
	}
	if given, _, ok := strings.Cut(r.field.settings["CONSTRAINT"], ","); ok && given == c.name {
		p.givenName(r.field, "foreign key", given)
	}
	fk := &schema.ForeignKey{Name: c.name, RefTable: c.target.table}
	var err error
	if fk.OnDelete, err = action(c.onDelete); err == nil {
		fk.OnUpdate, err = action(c.onUpdate)
	}
	if err != nil {
		p.reportField(r.field, "the actions are CASCADE, RESTRICT, SET NULL, SET DEFAULT and NO ACTION", "%s", err)
	}
	for i, f := range c.foreign {
		if f.dbName == "" || f.ignoreMigration {
			p.reportField(r.field, "give it a column, or switch the constraint off: `gorm:\"constraint:-\"`", "its foreign key %s has no column", f.name)
			return
		}
		fk.Columns = append(fk.Columns, f.dbName)
		fk.RefColumns = append(fk.RefColumns, c.refers[i].dbName)
	}
	if t.ForeignKey(fk.Name) != nil {
		p.reportField(r.field, "name it: `gorm:\"constraint:NAME,…\"`", "the table %s has two foreign keys called %s", t.Name, fk.Name)
		return
	}
	t.ForeignKeys = append(t.ForeignKeys, fk)
}

// action reads a referential action.
func action(text string) (schema.Action, error) {
	switch a := schema.Action(strings.ToUpper(strings.Join(strings.Fields(text), " "))); a {
	case schema.NoAction, "NO ACTION":
		return schema.NoAction, nil
	case schema.Restrict, schema.Cascade, schema.SetNull, schema.SetDefault:
		return a, nil
	default:
		return "", fmt.Errorf("the action %q is not known", text)
	}
}

// checks adds GORM's ParseCheckConstraints, in the order of the columns.
func (p *pass) checks(m *model, t *schema.Table) {
	for _, name := range m.dbNames {
		f := m.byDBName[name]
		text := f.settings["CHECK"]
		if text == "" {
			continue
		}
		parts := strings.Split(text, ",")
		check := &schema.Check{Name: m.namer.CheckerName(m.table, f.dbName), Expr: text}
		switch {
		case len(parts) > 1 && isWord(parts[0]):
			check.Name, check.Expr = parts[0], strings.Join(parts[1:], ",")
			p.givenName(f, "check", check.Name)
		case parts[0] == "":
			check.Expr = strings.Join(parts[1:], ",")
		}
		check.Expr = strings.TrimSpace(check.Expr)
		if old := t.Check(check.Name); old != nil {
			// The tags of an embedded struct are those of each of its columns.
			if old.Expr != check.Expr {
				p.reportField(f, "give each check a name of its own: `gorm:\"check:NAME,…\"`", "the table %s has two checks called %s", t.Name, check.Name)
			}
			continue
		}
		t.Checks = append(t.Checks, check)
	}
}
