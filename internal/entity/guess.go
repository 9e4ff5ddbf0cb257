package entity

import "strings"

// guessLevel mirrors GORM's guessLevel: which side of a relation to look for
// the foreign key on.
type guessLevel uint8

const (
	guessAny guessLevel = iota
	guessBelongs
	guessEmbeddedBelongs
	guessHas
	guessEmbeddedHas
)

// next is GORM's reguessOrErr: what to try when a guess fails.
func (l guessLevel) next() (guessLevel, bool) {
	switch l {
	case guessAny:
		return guessBelongs, true
	case guessBelongs:
		return guessEmbeddedBelongs, true
	case guessEmbeddedBelongs:
		return guessHas, true
	case guessHas:
		return guessEmbeddedHas, true
	case guessEmbeddedHas:
	}
	return 0, false
}

// guess is GORM's guessRelation: it tries the levels in order and takes the
// first that finds a foreign key.
func (p *pass) guess(r *relation, level guessLevel) bool {
	for {
		if r.try(level) {
			return true
		}
		var more bool
		if level, more = level.next(); !more {
			return false
		}
	}
}

// try looks for the foreign key as one level says.
func (r *relation) try(level guessLevel) bool {
	if level == guessAny {
		level = guessHas
		if r.field.model == r.target {
			level = guessBelongs
		}
	}
	primary, foreign := r.model, r.target
	switch level {
	case guessBelongs:
		primary, foreign = r.target, r.model
	case guessEmbeddedBelongs:
		primary, foreign = r.target, r.field.owner
	case guessEmbeddedHas:
		primary, foreign = r.field.owner, r.target
	case guessHas, guessAny:
	}
	if primary == nil || foreign == nil {
		return false
	}
	primaries, foreigns, ok := r.pair(level, primary, foreign)
	if !ok {
		return false
	}
	own := level == guessHas || level == guessEmbeddedHas
	for i, f := range foreigns {
		r.refs = append(r.refs, reference{primary: primaries[i], foreign: f, ownPrimary: own})
	}
	r.kind = belongsTo
	if own {
		r.kind = has
	}
	return true
}

// pair finds the columns that belong together.
func (r *relation) pair(level guessLevel, primary, foreign *model) (primaries, foreigns []*field, ok bool) {
	if len(r.foreignKeys) > 0 {
		for _, name := range r.foreignKeys {
			f := foreign.lookUp(name)
			if f == nil {
				return nil, nil, false
			}
			foreigns = append(foreigns, f)
		}
	} else {
		primaries, foreigns = r.byName(level, primary, foreign)
	}
	if len(foreigns) == 0 {
		return nil, nil, false
	}
	switch {
	case len(r.primaryKeys) > 0:
		primaries, ok = r.tagged(primary, primaries)
	case len(primaries) > 0:
		ok = true
	case len(foreigns) == 1 && primary.first != nil:
		primaries, ok = []*field{primary.first}, true
	case len(primary.primary) == len(foreigns):
		primaries, ok = primary.primary, true
	}
	return primaries, foreigns, ok && len(primaries) >= len(foreigns)
}

// byName finds foreign keys by what GORM would call them: relation or struct
// name, then the key's name, or ID where the key is one column.
func (r *relation) byName(level guessLevel, primary, foreign *model) (primaries, foreigns []*field) {
	prefix := primary.name
	if prefix == "" {
		prefix = r.target.name
	}
	if level == guessBelongs {
		prefix = r.field.name
	}
	var keys []*field
	if len(r.primaryKeys) > 0 {
		for _, name := range r.primaryKeys {
			if f := primary.lookUp(name); f != nil {
				keys = append(keys, f)
			}
		}
	} else {
		keys = append(keys, primary.primary...)
	}
	primaries = append(primaries, keys...)
	for _, key := range keys {
		if f := r.foreignNamed(foreign, foreignNames(prefix, key, foreign, len(keys) == 1)); f != nil {
			foreigns = append(foreigns, f)
			primaries = append(primaries, key)
		}
	}
	return primaries, foreigns
}

// foreignNames are the names a foreign key for key may have.
func foreignNames(prefix string, key *field, foreign *model, single bool) []string {
	name := prefix + key.name
	if !single {
		return []string{name}
	}
	base := strings.TrimSuffix(name, key.name)
	return []string{name, base + "ID", base + "Id", foreign.namer.ColumnName(foreign.table, base+"ID")}
}

func (r *relation) foreignNamed(foreign *model, names []string) *field {
	for _, name := range names {
		if f := foreign.lookUpByBindName(r.field.bindNames, name); f != nil {
			return f
		}
	}
	for _, name := range names {
		if f := foreign.lookUp(name); f != nil {
			return f
		}
	}
	return nil
}

// tagged checks the columns found against the references tag.
func (r *relation) tagged(primary *model, primaries []*field) ([]*field, bool) {
	for i, name := range r.primaryKeys {
		f := primary.lookUp(name)
		switch {
		case f == nil:
			return nil, false
		case len(primaries) < i+1:
			primaries = append(primaries, f)
		case f != primaries[i]:
			return nil, false
		}
	}
	return primaries, true
}
