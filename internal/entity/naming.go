package entity

import (
	"math"

	gorm "gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/module"
)

// ManifestFile is the name of the manifest at a module's root.
const ManifestFile = "lockstep.yaml"

// namer makes the names, as GORM's own strategy does. Names are never cut
// here: how long one may be is a matter of the engine, and lowering's.
type namer struct{ gorm.NamingStrategy }

func newNamer(n Naming) namer {
	return namer{gorm.NamingStrategy{
		TablePrefix:         n.TablePrefix,
		SingularTable:       n.SingularTable,
		NoLowerCase:         n.NoLowerCase,
		IdentifierMaxLength: math.MaxInt32,
	}}
}

// foreignKey is GORM's NamingStrategy.RelationshipFKName.
func (n namer) foreignKey(table, relation string) string {
	return n.RelationshipFKName(gorm.Relationship{Name: relation, Schema: &gorm.Schema{Table: table}})
}

// namerOf answers the naming of the module that declares a table: its own
// manifest's. GORM has one naming strategy for all; modules are read alone.
func (p *pass) namerOf(mod *module.Module) namer {
	return newNamer(p.manifestOf(mod).Naming)
}
