package grammar

import (
	"fmt"
	"strings"
)

// embedding embeds a struct, anonymously or by tag, with or without a prefix.
func (g *generator) embedding(s *structure) {
	part := &structure{name: g.prefix + "Part", fields: 50}
	if g.chance(3) {
		part.field("ID", pick(g, "int64", "string"), pick(g, "", "size:20"))
	}
	for range 1 + g.rand.IntN(3) {
		g.column(part)
	}
	g.emit(part, false)
	prefix := pick(g, "", "embeddedPrefix:part_")
	switch g.rand.IntN(4) {
	case 0:
		s.add("%s", part.name)
	case 1:
		s.add("*%s", part.name)
	case 2:
		s.field("Part", part.name, "embedded", prefix, pick(g, "", "not null"))
	default:
		s.field("Part", "*"+part.name, "embedded", prefix)
	}
}

// constraint is a random constraint setting.
func (g *generator) constraint() string {
	return pick(g, "", "", "constraint:OnDelete:CASCADE", "constraint:OnUpdate:CASCADE,OnDelete:RESTRICT", "constraint:-",
		fmt.Sprintf("constraint:%s_fk%d,OnDelete:CASCADE", strings.ToLower(g.prefix), g.rand.IntN(1000)))
}

// number makes the names of a group's relations distinct.
func (g *generator) number() int { return len(g.types) + 1 }

// belongsTo refers to another struct, by its key or by a unique column.
func (g *generator) belongsTo(s *structure) {
	n := g.number()
	other := &structure{name: fmt.Sprintf("%sOwner%d", g.prefix, n)}
	for other.key == "" {
		other.lines = nil
		g.keys(other)
	}
	field := fmt.Sprintf("Owner%d", n)
	tags := []string{g.constraint()}
	typ, key := other.key, field+other.keyRef
	if g.chance(4) {
		other.field("Slug", "string", "size:30", "unique")
		typ, key = "string", field+"Ref"
		tags = append(tags, "foreignKey:"+key, "references:Slug")
	} else if g.chance(3) {
		key = field + "Key"
		tags = append(tags, "foreignKey:"+key)
	}
	g.emit(other, true)
	s.field(key, pick(g, "", "*")+typ, pick(g, "", "index", "not null"))
	s.field(field, pick(g, "", "*")+other.name, tags...)
}

// child is a struct that refers back to s.
func (g *generator) child(s *structure, key string) *structure {
	other := &structure{name: fmt.Sprintf("%sChild%d", g.prefix, g.number())}
	g.keys(other)
	other.field(key, pick(g, "", "*")+s.key, pick(g, "", "index"))
	if g.chance(3) {
		other.field("Note", "string")
	}
	g.emit(other, true)
	return other
}

func (g *generator) hasMany(s *structure) {
	n := g.number()
	key := s.name + s.keyRef
	tags := []string{g.constraint()}
	if g.chance(3) {
		key = fmt.Sprintf("Parent%d", n)
		tags = append(tags, "foreignKey:"+key)
	}
	other := g.child(s, key)
	s.field(fmt.Sprintf("Children%d", n), pick(g, "[]", "[]*")+other.name, tags...)
}

func (g *generator) hasOne(s *structure) {
	n := g.number()
	other := g.child(s, s.name+s.keyRef)
	s.field(fmt.Sprintf("One%d", n), pick(g, "", "*")+other.name, g.constraint())
}

func (g *generator) manyToMany(s *structure) {
	n := g.number()
	other := &structure{name: fmt.Sprintf("%sPeer%d", g.prefix, n)}
	for other.key == "" {
		other.lines = nil
		g.keys(other)
	}
	g.emit(other, true)
	setting := fmt.Sprintf("many2many:%s_join%d", strings.ToLower(g.prefix), n)
	s.field(fmt.Sprintf("Peers%d", n), pick(g, "[]", "[]*")+other.name, setting, g.constraint(),
		pick(g, "", "", "joinForeignKey:MineKey;joinReferences:TheirKey"))
}

// selfReference makes a tree of s, or a join with itself.
func (g *generator) selfReference(s *structure) {
	n := len(s.lines)
	if g.chance(3) {
		s.field(fmt.Sprintf("Friends%d", n), "[]*"+s.name, fmt.Sprintf("many2many:%s_self%d", strings.ToLower(g.prefix), n))
		return
	}
	key := fmt.Sprintf("Above%d", n)
	s.field(key+s.keyRef, "*"+s.key)
	s.field(key, "*"+s.name, g.constraint())
	if g.chance(2) {
		s.field(fmt.Sprintf("Below%d", n), "[]"+s.name, "foreignKey:"+key+s.keyRef)
	}
}

func (g *generator) polymorphic(s *structure) {
	n := g.number()
	other := &structure{name: fmt.Sprintf("%sPoly%d", g.prefix, n)}
	g.keys(other)
	other.field("SubjectID", pick(g, s.key, "string", "int"))
	other.field("SubjectType", "string", pick(g, "", "size:20"))
	g.emit(other, true)
	s.field(fmt.Sprintf("Polys%d", n), pick(g, "", "[]", "*")+other.name, "polymorphic:Subject", pick(g, "", "polymorphicValue:root"))
}
