package schema

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
)

type envelope struct {
	Format  int      `json:"format"`
	Engine  string   `json:"engine,omitempty"`
	Mapping int      `json:"mapping,omitempty"`
	Tables  []*Table `json:"tables"`
}

// Encode renders the schema as a snapshot: compact JSON, tables sorted by name,
// columns in declared order. Equal schemas give equal bytes.
func (s *Schema) Encode() ([]byte, error) {
	e := envelope{Format: FormatVersion, Engine: s.Engine, Mapping: s.Mapping, Tables: slices.Clone(s.Tables)}
	slices.SortFunc(e.Tables, func(a, b *Table) int { return strings.Compare(a.Name, b.Name) })
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "SNAPSHOT_ENCODE", "a schema could not be encoded")
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// Decode reads a snapshot. Every older format is upgraded on read; a newer one
// is refused, because reading it with less knowledge would lose something.
func Decode(data []byte) (*Schema, error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fault.Wrap(err, fault.Corrupt, "SNAPSHOT_UNREADABLE", "the recorded snapshot is not readable JSON").
			Suggest("restore lockstep_history from a backup; do not edit it by hand")
	}
	switch {
	case e.Format > FormatVersion:
		return nil, fault.New(fault.Unsupported, "SNAPSHOT_TOO_NEW",
			"the recorded snapshot has format %d and this lockstep reads up to %d", e.Format, FormatVersion).
			Suggest("use the lockstep version that last touched this tenant, or a newer one")
	case e.Format < 1:
		return nil, fault.New(fault.Corrupt, "SNAPSHOT_UNREADABLE", "the recorded snapshot has no format")
	}
	if slices.Contains(e.Tables, nil) {
		return nil, fault.New(fault.Corrupt, "SNAPSHOT_UNREADABLE", "the recorded snapshot holds an empty table")
	}
	return &Schema{Engine: e.Engine, Mapping: e.Mapping, Tables: e.Tables}, nil
}
