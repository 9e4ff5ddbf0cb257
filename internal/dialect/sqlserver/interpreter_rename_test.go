package sqlserver

import (
	"fmt"
	"strings"
)

// rename is sp_rename. A name that is taken is refused even when it is the
// object's own in other letters.
func (i *interpreter) rename(object []string, to, kind string) error {
	if kind == "OBJECT" && len(object) == 2 {
		return i.renameObject(object, to)
	}
	if len(object) != 3 {
		return refusal(15248, "Either the parameter @objname is ambiguous or the claimed @objtype (%s) is wrong.", kind)
	}
	t := i.c.find(object[0], object[1])
	if t == nil {
		return refusal(15248, "Either the parameter @objname is ambiguous or the claimed @objtype (%s) is wrong.", kind)
	}
	switch kind {
	case "COLUMN":
		return i.renameColumn(t, object[2], to)
	case "INDEX":
		x := t.index(object[2])
		switch {
		case x == nil:
			return refusal(15225, "No item by the name of '%s' could be found.", object[2])
		case t.index(to) != nil || x.constr && i.c.taken(t.schema, to):
			return refusal(15335, "The new name '%s' is already in use.", to)
		}
		for _, k := range []string{"index ", "constraint "} {
			move(t.comments, k+x.name, k+to)
		}
		x.name = to
		return nil
	}
	return fmt.Errorf("%w: sp_rename of %s", errNotPlanned, kind)
}

func (i *interpreter) renameColumn(t *simTable, from, to string) error {
	col := t.column(from)
	switch {
	case col == nil:
		return refusal(15248, "Either the parameter @objname is ambiguous or the claimed @objtype (COLUMN) is wrong.")
	case t.column(to) != nil:
		return refusal(15335, "The new name '%s' is already in use as a COLUMN name.", to)
	}
	enforced := refusal(15336, "Object '%s' cannot be renamed because the object participates in enforced dependencies.", from)
	for _, k := range t.checks {
		if has(k.uses, from) {
			return enforced
		}
	}
	for _, x := range t.keys {
		if has(x.filterOn, from) {
			return enforced
		}
	}
	for _, c := range t.columns {
		if c.computed != "" && has(c.uses, from) {
			return enforced
		}
	}
	replace := func(list []string) {
		for n, name := range list {
			if same(name, from) {
				list[n] = to
			}
		}
	}
	for _, x := range t.keys {
		replace(x.columns)
	}
	for _, f := range t.foreign {
		replace(f.columns)
	}
	for f := range i.c.referring(t) {
		replace(f.refColumns)
	}
	col.name = to
	move(t.comments, "column "+from, "column "+to)
	return nil
}

func (i *interpreter) renameObject(object []string, to string) error {
	schema, from := object[0], object[1]
	if i.c.taken(schema, to) {
		return refusal(15335, "The new name '%s' is already in use as a OBJECT name.", to)
	}
	if t := i.c.find(schema, from); t != nil {
		for f := range i.c.referring(t) {
			f.table = to
		}
		t.name = to
		return nil
	}
	for _, t := range i.c.tables {
		if !same(t.schema, schema) {
			continue
		}
		switch t.object(from) {
		case "PK", "UQ":
			t.index(from).name = to
		case "F":
			for _, f := range t.foreign {
				if same(f.name, from) {
					f.name = to
				}
			}
		case "C":
			for _, k := range t.checks {
				if same(k.name, from) {
					k.name = to
				}
			}
		case "D":
			for _, c := range t.columns {
				if same(c.defName, from) {
					c.defName = to
				}
			}
		default:
			continue
		}
		move(t.comments, "constraint "+from, "constraint "+to)
		return nil
	}
	return refusal(15225, "No item by the name of '%s' could be found.", from)
}

func move(m map[string]string, from, to string) {
	if v, ok := m[strings.ToLower(from)]; ok {
		delete(m, strings.ToLower(from))
		m[strings.ToLower(to)] = v
	}
}
