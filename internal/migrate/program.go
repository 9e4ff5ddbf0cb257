package migrate

import (
	"encoding/json"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// programFormat is the version of a program's encoded form. A reader refuses
// others: a journal is finished by the release that began it, or a later one.
const programFormat = 1

// program is everything that a process needs to take an execution back, or to
// finish it, after the one that began it has died.
type program struct {
	Format     int                `json:"format"`
	Initial    bool               `json:"initial,omitempty"` // the tenant had no history before
	Revision   history.Revision   `json:"revision"`          // what is recorded; its statements are filled in at the end
	Statements []programStatement `json:"statements"`
	Tables     []string           `json:"tables"` // all that are touched, by all their names
	// Before is what inspection found there before the first statement.
	Before json.RawMessage `json:"before"`
}

type programStatement struct {
	SQL     string   `json:"sql"`
	Summary string   `json:"summary"`
	Tables  []string `json:"tables,omitempty"` // whose definitions tell whether it has run
	Reverse []string `json:"reverse,omitempty"`
	Final   bool     `json:"final,omitempty"`

	Phase dialect.Phase `json:"phase,omitempty"`
}

// newProgram makes the program of a plan.
func newProgram(p *plan.Plan, caps dialect.Capabilities, r history.Revision, before *schema.Schema) (*program, error) {
	encoded, err := before.Encode()
	if err != nil {
		return nil, err
	}
	out := &program{Format: programFormat, Initial: p.BaseSchema == nil, Revision: r, Tables: witnesses(p, caps), Before: encoded}
	for i := range p.Statements {
		st := &p.Statements[i]
		out.Statements = append(out.Statements, programStatement{
			SQL: st.SQL, Summary: st.Summary, Tables: witnessesOf(st, caps), Reverse: st.Reverse, Final: st.Final, Phase: st.Phase,
		})
	}
	return out, nil
}

// witnessesOf names the tables whose definitions tell whether a statement, or a
// part of its reverse, has run: the one it works on, by the name before and the
// name after, and the name that it may be moved aside to.
func witnessesOf(st *plan.Statement, caps dialect.Capabilities) []string {
	if st.On == "" {
		return nil
	}
	names := []string{st.On, st.Table}
	if strings.Contains(st.SQL, dialect.AsidePrefix) {
		names = append(names, dialect.CutName(dialect.AsidePrefix+st.On, caps.MaxIdentifier))
	}
	return distinct(names...)
}

// witnesses names every table that a plan touches, by all its names.
func witnesses(p *plan.Plan, caps dialect.Capabilities) []string {
	var all []string
	for i := range p.Statements {
		all = append(all, witnessesOf(&p.Statements[i], caps)...)
	}
	return distinct(append(all, touched(p)...)...)
}

func distinct(names ...string) []string {
	seen := make(map[string]bool, len(names))
	out := make([]string, 0, len(names))
	for _, n := range names {
		if n != "" && !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

func (p *program) encode() (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", fault.Wrap(err, fault.Bug, "JOURNAL_ENCODING", "the journal could not be encoded")
	}
	return string(text), nil
}

func decodeProgram(body string) (*program, error) {
	p := &program{}
	err := json.Unmarshal([]byte(body), p)
	if err == nil && p.Format == programFormat {
		return p, nil
	}
	return nil, fault.Wrap(err, fault.Corrupt, "JOURNAL_UNREADABLE",
		"the first entry of %s is not one that this release of lockstep can read (format %d)", history.JournalTable, p.Format).
		Suggest("an interrupted execution is recorded there: run the release of lockstep that began it, or a later one")
}

// before is what inspection found before the first statement.
func (p *program) before() (*schema.Schema, error) { return schema.Decode(p.Before) }

// certainty is what the journal alone can say of an action.
type certainty int

const (
	never  certainty = iota // it was not begun
	begun                   // it was begun, and may have happened
	surely                  // it happened
)

// trace is what the journal says of one action.
type trace struct {
	certainty
	witness string // what was there just before
}

// account is what the journal says of an execution.
type account struct {
	last     int64 // number of the last entry
	applied  []trace
	undone   [][]trace // by statement and part
	finished []trace
}

// replay reads the journal of a program.
func replay(p *program, entries []history.Entry) (*account, error) {
	n := len(p.Statements)
	a := &account{applied: make([]trace, n), undone: make([][]trace, n), finished: make([]trace, n)}
	for i := range p.Statements {
		a.undone[i] = make([]trace, len(p.Statements[i].Reverse))
	}
	for _, e := range entries {
		a.last = e.Number
		if e.Action == history.Begin {
			continue
		}
		if e.Statement < 0 || e.Statement >= n || e.Action == history.Undo && (e.Part < 0 || e.Part >= len(a.undone[e.Statement])) {
			return nil, fault.New(fault.Corrupt, "JOURNAL_UNREADABLE", "entry %d of %s speaks of a statement that its program does not have", e.Number, history.JournalTable).
				Suggest("somebody edited the table; restore it, or bring the tenant back from a backup")
		}
		at := map[history.Action]*trace{
			history.Apply: &a.applied[e.Statement],
			history.Final: &a.finished[e.Statement],
		}[e.Action]
		if e.Action == history.Undo {
			at = &a.undone[e.Statement][e.Part]
		}
		if at == nil {
			continue
		}
		if e.Done {
			at.certainty = surely
		} else {
			*at = trace{certainty: begun, witness: e.Witness}
		}
	}
	return a, nil
}

// undoing tells whether a statement's reverse was begun, which says that the
// statement had taken place.
func (a *account) undoing(statement int) bool {
	for _, t := range a.undone[statement] {
		if t.certainty != never {
			return true
		}
	}
	return false
}
