// Package entity reads the entity structs of a Go module into a schema,
// statically: with go/parser and go/types, never running a line of the module.
//
// The rules are GORM's (tags, naming, embedding, relations); the measure of
// truth is the database that GORM's AutoMigrate makes from the same structs.
// What cannot be decided from the source is an error that names file, line,
// what was found and the tag that settles it; it is never guessed or skipped.
//
// The files follow GORM's own: model.go is its schema.Parse, field.go, kind.go
// and embed.go its ParseField, relation.go, guess.go and many2many.go its
// relationships, index.go and constraint.go what the migrator adds. valuer.go
// and condition.go stand in for the one place where GORM runs code of the
// module. select.go says which structs are entities, world.go, check.go and
// missing.go load the source, stubs holds the types that are known without.
package entity

import (
	"context"

	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Finder gives the content of the module that provides a package, as the
// requiring module's go.mod selects it. It answers (nil, nil) when no source
// has that module: types from it then count as unknown, which matters only
// where a column needs one of them.
type Finder interface {
	Find(ctx context.Context, from *module.Module, importPath string) (*module.Module, error)
}

// Options say which types of a module are entities and how they are named.
type Options struct {
	// Manifest replaces the module's own lockstep.yaml; nil: read that, if any.
	Manifest *Manifest
	// Entities are patterns for a module without a manifest: a package
	// ("./types", "./models/..."), or a type in one ("./types.User"). They
	// replace those of a manifest.
	Entities []string
}

// Result is what one module declares.
type Result struct {
	Module   module.Version
	Schema   *schema.Schema // neutral: no physical types
	Requires []string       // paths of the modules whose entities this one refers to
	// Extensions hold what the module adds to tables of other structs: columns,
	// with the indexes, foreign keys and checks that go with them.
	Extensions []*Extension
	// LeaveAlone names tables and views that are not lockstep's.
	LeaveAlone []string
	// Warnings are for a person: structs that look like entities and were left out.
	Warnings []string
	// Judgements say of each exported struct that was looked at what it is taken
	// for; packages that can hold no entity are passed over.
	Judgements []Judgement
}
