package history

import (
	"bytes"
	"encoding/json"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Notes are what a revision tells beyond its statements. They are recorded with
// these, so that they need no column of their own.
type Notes struct {
	// Reverts is the number of the revision that this one went back to; 0: it is
	// no revert.
	Reverts int64 `json:"reverts,omitempty"`
	// Adopted: the database was found as the snapshot says, and nothing was run.
	Adopted bool `json:"adopted,omitempty"`
	// Moves are the renames, and the removals of tables, columns and values, in
	// the order in which they took place: a snapshot alone does not tell whether
	// a new name holds the data of an old one.
	Moves []Move `json:"moves,omitempty"`
}

// The verbs of a Move.
const (
	MoveRename = "rename" // From became the name in Table or Column
	MoveDrop   = "drop"   // it went, with its data
	MoveNarrow = "narrow" // its values may have been cut or rounded
)

// Move is what became of the data of one table, or of one column.
type Move struct {
	Verb   string `json:"verb"`
	Table  string `json:"table"`            // its name after the revision
	Column string `json:"column,omitempty"` // its name after the revision; "": the table itself
	From   string `json:"from,omitempty"`   // the name before, with rename
}

// record is how statements and notes share a column. A revision without notes is
// recorded as the bare list of its statements.
type record struct {
	Notes
	Statements []Statement `json:"statements"`
}

func encodeStatements(r *Revision) (string, error) {
	if r.Notes.Reverts == 0 && !r.Notes.Adopted && len(r.Notes.Moves) == 0 {
		return encodeList(r.Statements)
	}
	rec := record{Notes: r.Notes, Statements: r.Statements}
	if rec.Statements == nil {
		rec.Statements = []Statement{}
	}
	data, err := json.Marshal(rec)
	if err != nil {
		return "", fault.Wrap(err, fault.Bug, "HISTORY_ENCODE", "a revision could not be encoded for the history")
	}
	return string(data), nil
}

func decodeStatements(text string, r *Revision) error {
	data := []byte(text)
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		return json.Unmarshal(data, &r.Statements)
	}
	var rec record
	if err := json.Unmarshal(data, &rec); err != nil {
		return err
	}
	r.Notes, r.Statements = rec.Notes, rec.Statements
	return nil
}
