package entity

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Manifest is the content of lockstep.yaml at a module's root.
//
//nolint:tagliatelle // keys are snake_case, as in the JSON of the API
type Manifest struct {
	Version int `yaml:"version"` // 1
	// Entities are patterns: packages or types, as in Options.Entities.
	Entities []string `yaml:"entities"`
	Exclude  []string `yaml:"exclude"`
	// Requires names modules whose tables must be there too although no
	// relation says so.
	Requires []string `yaml:"requires"`
	Naming   Naming   `yaml:"naming"`
	// ForeignKeys switches the constraints of relations off, as GORM's
	// DisableForeignKeyConstraintWhenMigrating does. Nil: on.
	ForeignKeys *bool `yaml:"foreign_keys"`
}

// Naming mirrors GORM's schema.NamingStrategy.
//
//nolint:tagliatelle // keys are snake_case, as in the JSON of the API
type Naming struct {
	TablePrefix   string `yaml:"table_prefix"`
	SingularTable bool   `yaml:"singular_table"`
	NoLowerCase   bool   `yaml:"no_lower_case"`
}

// manifestVersion is the only version of the manifest's format so far.
const manifestVersion = 1

const hintManifest = "the keys are version, entities, exclude, requires, naming (table_prefix, singular_table, no_lower_case) and foreign_keys"

// ParseManifest reads a manifest. name is the file's name, for errors. Unknown
// keys are refused: a misspelt key would silently change a tenant's tables.
func ParseManifest(data []byte, name string) (*Manifest, error) {
	m := &Manifest{}
	err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(m)
	if errors.Is(err, io.EOF) { // nothing but comments
		err = nil
	}
	if err != nil {
		return nil, manifestError(err, name)
	}
	if m.Version != manifestVersion {
		found := fmt.Sprintf("version %d is not known", m.Version)
		if m.Version == 0 {
			found = "the version is missing"
		}
		return nil, manifestFault(name, fault.Position{File: name, Line: 1}, found, "write: version: 1")
	}
	return m, nil
}

// manifestError places an error of the YAML reader at its line.
func manifestError(err error, name string) error {
	at := fault.Position{File: name, Line: 1}
	found := "it is not valid YAML"
	var detail yaml.Error
	if errors.As(err, &detail) {
		found = detail.GetMessage()
		if tok := detail.GetToken(); tok != nil && tok.Position != nil {
			at.Line, at.Column = tok.Position.Line, tok.Position.Column
		}
	}
	return manifestFault(name, at, found, hintManifest)
}

func manifestFault(name string, at fault.Position, found, suggestion string) error {
	e := fault.New(fault.Invalid, ReasonManifest, "the manifest %s cannot be read", name).Suggest("%s", suggestion)
	e.Violations = []fault.Violation{{Subject: name, Position: at, Description: found, Suggestion: suggestion}}
	return e
}
