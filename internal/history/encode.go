package history

import (
	"database/sql"
	"encoding/json"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
)

// moduleRow is a module version as recorded.
type moduleRow struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Sum     string `json:"sum"`
}

func encodeModules(in []module.Version) (string, error) {
	rows := make([]moduleRow, len(in))
	for i, m := range in {
		rows[i] = moduleRow(m)
	}
	return encodeList(rows)
}

func decodeModules(text string) ([]module.Version, error) {
	var rows []moduleRow
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, err
	}
	out := make([]module.Version, len(rows))
	for i, r := range rows {
		out[i] = module.Version(r)
	}
	return out, nil
}

// failureRow is an error as recorded; the cause stays out, it may hold a secret.
type failureRow struct {
	Kind       string         `json:"kind"`
	Reason     string         `json:"reason"`
	Detail     string         `json:"detail"`
	Suggestion string         `json:"suggestion,omitempty"`
	Violations []violationRow `json:"violations,omitempty"`
}

// violationRow is one of several problems of an error.
type violationRow struct {
	Subject     string `json:"subject"`
	Description string `json:"description"`
	Suggestion  string `json:"suggestion,omitempty"`
}

func encodeFailure(e *fault.Error) (sql.NullString, error) {
	if e == nil {
		return sql.NullString{}, nil
	}
	row := failureRow{Kind: e.Kind.String(), Reason: e.Reason, Detail: e.Detail, Suggestion: e.Suggestion}
	for _, v := range e.Violations {
		row.Violations = append(row.Violations, violationRow{v.Subject, v.Description, v.Suggestion})
	}
	data, err := json.Marshal(row)
	if err != nil {
		return sql.NullString{}, fault.Wrap(err, fault.Bug, "HISTORY_ENCODE", "an error could not be encoded for the history")
	}
	return sql.NullString{String: string(data), Valid: true}, nil
}

func decodeFailure(text sql.NullString) (*fault.Error, error) {
	if !text.Valid {
		return nil, nil //nolint:nilnil // no error is a normal answer
	}
	var row failureRow
	if err := json.Unmarshal([]byte(text.String), &row); err != nil {
		return nil, err
	}
	e := fault.New(fault.ParseKind(row.Kind), row.Reason, "%s", row.Detail)
	e.Suggestion, e.RolledBack = row.Suggestion, true
	for _, v := range row.Violations {
		e.Violations = append(e.Violations, fault.Violation{Subject: v.Subject, Description: v.Description, Suggestion: v.Suggestion})
	}
	return e, nil
}

func encodeList[T any](list []T) (string, error) {
	if list == nil {
		list = []T{}
	}
	data, err := json.Marshal(list)
	if err != nil {
		return "", fault.Wrap(err, fault.Bug, "HISTORY_ENCODE", "a list could not be encoded for the history")
	}
	return string(data), nil
}
