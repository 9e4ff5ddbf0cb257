package entity_test

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/entity"
)

// jsonSchema is the part of JSON Schema that docs/lockstep.schema.json uses.
//
//nolint:tagliatelle // the keys of JSON Schema
type jsonSchema struct {
	Schema      string `json:"$schema"`
	Title       string
	Description string
	Ref         string                 `json:"$ref"`
	Defs        map[string]*jsonSchema `json:"$defs"`

	Type          string
	Const         any
	Required      []string
	Properties    map[string]*jsonSchema
	PropertyNames *jsonSchema     `json:"propertyNames"`
	Additional    json.RawMessage `json:"additionalProperties"`
	Items         *jsonSchema
	AnyOf         []*jsonSchema `json:"anyOf"`
	Pattern       string
	MinLength     int `json:"minLength"`
	MinProperties int `json:"minProperties"`
}

func readSchema(t *testing.T) *jsonSchema {
	t.Helper()
	data, err := os.ReadFile("../../docs/lockstep.schema.json")
	require.NoError(t, err)
	s := &jsonSchema{}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields() // every keyword of the schema is one that is tested here
	require.NoError(t, dec.Decode(s))
	return s
}

// TestSchemaAgreesWithTheManifest holds the names of the keys together: in the
// Go type, in the JSON schema, and on the page.
func TestSchemaAgreesWithTheManifest(t *testing.T) {
	t.Parallel()
	root := readSchema(t)
	page, err := os.ReadFile("../../docs/entities.md")
	require.NoError(t, err)
	assertKeys(t, reflect.TypeFor[entity.Manifest](), root, string(page))
	assertKeys(t, reflect.TypeFor[entity.Naming](), root.Properties["naming"], string(page))
	assert.Equal(t, "false", string(root.Additional))
}

func assertKeys(t *testing.T, typ reflect.Type, s *jsonSchema, page string) {
	t.Helper()
	var keys []string
	for f := range typ.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		keys = append(keys, key)
		p := s.Properties[key]
		if assert.NotNil(t, p, "%s is not in the schema", key) {
			assert.NotEmpty(t, p.Description, key)
		}
		assert.Regexp(t, `(?m)^ *(- )?`+key+`:`, page, "%s is not in docs/entities.md", key)
	}
	slices.Sort(keys)
	assert.Equal(t, keys, slices.Sorted(maps.Keys(s.Properties)))
}

// TestSchemaJudgesAsTheReader gives the same texts to both.
func TestSchemaJudgesAsTheReader(t *testing.T) {
	t.Parallel()
	root := readSchema(t)
	for text, good := range map[string]bool{
		"version: 1\n": true,
		"version: 1\nentities: [./a, ./b.C]\nexclude: [./d]\nviews: [.V]\nrequires: [example.com/x]\n":        true,
		"version: 1\nnaming: {table_prefix: x_, singular_table: true, no_lower_case: false}\n":                true,
		"version: 1\nforeign_keys: false\nleave_alone: [legacy]\n":                                            true,
		"version: 1\nserializers: {json: text, packed: {type: text, mysql: blob}}\n":                          true,
		"version: 1\nknown_types:\n  example.com/m.A: decimal(10,2)\n  time.Duration: {postgres: interval}\n": true,

		"entities: [./a]\n":                                         false,
		"version: 2\n":                                              false,
		"version: 1\nentites: []\n":                                 false,
		"version: 1\nentities: {a: b}\n":                            false,
		"version: 1\nnaming: {prefix: x}\n":                         false,
		"version: 1\nnaming: {singular_table: maybe}\n":             false,
		"version: 1\nforeign_keys: sometimes\n":                     false,
		"version: 1\nleave_alone: [\"a*\"]\n":                       false,
		"version: 1\nserializers: {json: {}}\n":                     false,
		"version: 1\nserializers: {json: [a]}\n":                    false,
		"version: 1\nserializers: {json: \"\"}\n":                   false,
		"version: 1\nknown_types: {Amount: text}\n":                 false,
		"version: 1\nknown_types: {a.B: {type: a, oracle: b}}\n":    false,
		"version: 1\nknown_types: {example.com/m.A: {oracle: b}}\n": false,
	} {
		_, err := entity.ParseManifest([]byte(text), "lockstep.yaml")
		assert.Equal(t, good, err == nil, "the reader: %s%v", text, err)
		var value any
		require.NoError(t, yaml.Unmarshal([]byte(text), &value))
		assert.Equal(t, good, root.accepts(root, value), "the schema: %s", text)
	}
}

// TestEncodedManifestReadsBack writes a manifest and reads it.
func TestEncodedManifestReadsBack(t *testing.T) {
	t.Parallel()
	no := false
	m := &entity.Manifest{
		Version: 1, Entities: []string{"./a"}, Exclude: []string{"./b"}, Views: []string{".V"}, LeaveAlone: []string{"x"},
		Requires: []string{"example.com/x"}, Naming: entity.Naming{TablePrefix: "p_", SingularTable: true}, ForeignKeys: &no,
		Serializers: map[string]*entity.StorageType{"json": {Type: "text"}},
		KnownTypes:  map[string]*entity.StorageType{"a/b.C": {Type: "text", Engines: map[string]string{"mysql": "json"}}},
	}
	data, err := m.Encode()
	require.NoError(t, err)
	got, err := entity.ParseManifest(data, "lockstep.yaml")
	require.NoError(t, err, string(data))
	assert.Equal(t, m, got)
}

// accepts says whether a value is valid.
func (s *jsonSchema) accepts(root *jsonSchema, value any) bool {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok && !root.Defs[name].accepts(root, value) {
		return false
	}
	if len(s.AnyOf) > 0 && !slices.ContainsFunc(s.AnyOf, func(o *jsonSchema) bool { return o.accepts(root, value) }) {
		return false
	}
	if s.Const != nil && !assert.ObjectsAreEqualValues(s.Const, value) {
		return false
	}
	switch v := value.(type) {
	case string:
		return (s.Type == "" || s.Type == "string") && len(v) >= s.MinLength && regexp.MustCompile(s.Pattern).MatchString(v)
	case bool:
		return s.Type == "" || s.Type == "boolean"
	case []any:
		return (s.Type == "" || s.Type == "array") &&
			!slices.ContainsFunc(v, func(item any) bool { return s.Items != nil && !s.Items.accepts(root, item) })
	case map[string]any:
		return (s.Type == "" || s.Type == "object") && s.acceptsObject(root, v)
	}
	return s.Type == ""
}

func (s *jsonSchema) acceptsObject(root *jsonSchema, v map[string]any) bool {
	for _, key := range s.Required {
		if _, ok := v[key]; !ok {
			return false
		}
	}
	for key, item := range v {
		if s.PropertyNames != nil && !s.PropertyNames.accepts(root, key) {
			return false
		}
		p := s.Properties[key]
		if p == nil && string(s.Additional) == "false" {
			return false
		}
		if p == nil && len(s.Additional) > 0 {
			p = &jsonSchema{}
			if json.Unmarshal(s.Additional, p) != nil {
				return false
			}
		}
		if p != nil && !p.accepts(root, item) {
			return false
		}
	}
	return len(v) >= s.MinProperties
}
