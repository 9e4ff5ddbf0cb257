package entity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Manifest is the content of lockstep.yaml at a module's root. docs/entities.md
// and lockstep.schema.json describe the same keys.
//
//nolint:tagliatelle // keys are snake_case, as in the JSON of the API
type Manifest struct {
	Version int `yaml:"version"` // 1
	// Entities are patterns: packages or types, as in Options.Entities.
	Entities []string `yaml:"entities,omitempty"`
	Exclude  []string `yaml:"exclude,omitempty"`
	// Views are patterns of structs that stand for views: they are read where a
	// relation needs them, and never created.
	Views []string `yaml:"views,omitempty"`
	// LeaveAlone names tables and views that are somebody else's: no module may
	// declare one, and lockstep touches none.
	LeaveAlone []string `yaml:"leave_alone,omitempty"`
	// Requires names modules whose tables must be there too although no
	// relation says so.
	Requires []string `yaml:"requires,omitempty"`
	Naming   Naming   `yaml:"naming,omitempty"`
	// ForeignKeys switches the constraints of relations off, as GORM's
	// DisableForeignKeyConstraintWhenMigrating does. Nil: on.
	ForeignKeys *bool `yaml:"foreign_keys,omitempty"`
	// Serializers give the storage type of what a serializer writes, by its
	// name, where that is not GORM's own choice.
	Serializers map[string]*StorageType `yaml:"serializers,omitempty"`
	// KnownTypes give the column type of Go types, by their name with import
	// path, so that nothing of their source is needed.
	KnownTypes map[string]*StorageType `yaml:"known_types,omitempty"`
}

// Naming mirrors GORM's schema.NamingStrategy.
//
//nolint:tagliatelle // keys are snake_case, as in the JSON of the API
type Naming struct {
	TablePrefix   string `yaml:"table_prefix,omitempty"`
	SingularTable bool   `yaml:"singular_table,omitempty"`
	NoLowerCase   bool   `yaml:"no_lower_case,omitempty"`
}

// StorageType is a column type: one for all engines, as in
// `lockstep:"type=…"`, or others for some. In YAML it is a text, or a mapping
// with the key type and the names of engines.
type StorageType struct {
	Type    string
	Engines map[string]string

	wrong string // what the text of the manifest says instead
}

// storageTypeKey is the key of the type for all engines.
const storageTypeKey = "type"

// UnmarshalYAML reads a text or a mapping.
func (t *StorageType) UnmarshalYAML(unmarshal func(any) error) error {
	if err := unmarshal(&t.Type); err == nil {
		return nil
	}
	fields := map[string]string{}
	if err := unmarshal(&fields); err != nil {
		t.wrong = "a column type is a text, or a mapping of type and engines to texts"
		return nil //nolint:nilerr // ParseManifest reports it, with its place
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		switch {
		case key == storageTypeKey:
			t.Type = fields[key]
		case slices.Contains(engines(), key):
			if t.Engines == nil {
				t.Engines = map[string]string{}
			}
			t.Engines[key] = fields[key]
		default:
			t.wrong = fmt.Sprintf("unknown key %q: the keys of a column type are type and %s", key, strings.Join(engines(), ", "))
		}
	}
	return nil
}

// MarshalYAML is the inverse of UnmarshalYAML.
func (t *StorageType) MarshalYAML() (any, error) {
	if len(t.Engines) == 0 {
		return t.Type, nil
	}
	out := maps.Clone(t.Engines)
	if t.Type != "" {
		out[storageTypeKey] = t.Type
	}
	return out, nil
}

// empty says whether t says nothing.
func (t *StorageType) empty() bool { return t == nil || t.Type == "" && len(t.Engines) == 0 }

// manifestVersion is the only version of the manifest's format so far.
const manifestVersion = 1

const hintManifest = "the keys are version, entities, exclude, views, leave_alone, requires, " +
	"naming (table_prefix, singular_table, no_lower_case), foreign_keys, serializers and known_types"

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
	return m, m.check(data, name)
}

// check refuses entries that could not mean anything.
func (m *Manifest) check(data []byte, name string) error {
	for key, list := range map[string]map[string]*StorageType{"serializers": m.Serializers, "known_types": m.KnownTypes} {
		for _, entry := range slices.Sorted(maps.Keys(list)) {
			at := fault.Position{File: name, Line: lineOf(data, entry)}
			if t := list[entry]; t != nil && t.wrong != "" {
				return manifestFault(name, at, t.wrong, "write: "+entry+": TYPE")
			}
			if entry == "" || list[entry].empty() {
				return manifestFault(name, at, fmt.Sprintf("the entry %q of %s gives no column type", entry, key), "write: "+entry+": TYPE")
			}
			if _, typ, ok := cutLast(entry, "."); key == "known_types" && (!ok || typ == "") {
				return manifestFault(name, at, fmt.Sprintf("the entry %q of known_types names no type", entry),
					"write the type with its import path: example.com/money.Amount")
			}
		}
	}
	for _, table := range m.LeaveAlone {
		if strings.TrimSpace(table) == "" || strings.ContainsAny(table, "*?") {
			return manifestFault(name, fault.Position{File: name, Line: lineOf(data, table)},
				fmt.Sprintf("%q in leave_alone is no name of a table", table), "name each table or view in full")
		}
	}
	return nil
}

// lineOf is the first line that holds a text; 1 when none does.
func lineOf(data []byte, text string) int {
	i := bytes.Index(data, []byte(text))
	if i < 0 {
		return 1
	}
	return 1 + bytes.Count(data[:i], []byte("\n"))
}

// Encode renders m as a lockstep.yaml.
func (m *Manifest) Encode() ([]byte, error) {
	c := *m
	c.Version = manifestVersion
	data, err := yaml.Marshal(&c)
	if err != nil {
		return nil, fault.Wrap(err, fault.Bug, ReasonManifest, "a manifest cannot be rendered")
	}
	return data, nil
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
