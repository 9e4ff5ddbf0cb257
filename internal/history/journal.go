package history

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// JournalTable is the name of the journal in every tenant of an engine whose DDL
// commits by itself. It holds the one execution that has not ended yet, and is
// empty otherwise: an entry that nobody is writing to any more is what a crash
// left behind.
const JournalTable = dialect.JournalTable

// Action is what an entry of the journal is about.
type Action string

// The actions.
const (
	Begin Action = "begin" // the execution as a whole; Body holds its program
	Apply Action = "apply" // a statement of the plan
	Undo  Action = "undo"  // a part of the reverse of a statement
	Final Action = "final" // a statement that removes what was moved aside
)

// Entry is one line of the journal. An action has an entry before it, and one
// with Done after it; that one may be missing although the action took place.
type Entry struct {
	Number    int64 // 1, 2, 3, … in the order of events
	Action    Action
	Statement int // index in the program
	Part      int // index in the statement's reverse, with Undo
	Done      bool
	Witness   string // what the tables concerned were just before, as a hash
	Body      string // with Begin
	At        time.Time
}

func journalDefinition() *schema.Table {
	return &schema.Table{
		Name: JournalTable,
		Columns: []*schema.Column{
			number("entry"), text("action", 16), number("statement"), number("part"), number("done"),
			text("witness", 64), optional(text("body", 0)), text("noted_at", 40),
		},
		PrimaryKey: []string{"entry"},
	}
}

// CreateJournal makes the journal unless it is there.
func (s *Store) CreateJournal(ctx context.Context, q dialect.Querier) error {
	if _, transactional := s.d.(dialect.Online); !transactional && s.readable(ctx, q, JournalTable) {
		return nil // which cost one short question
	}
	exists, err := s.exists(ctx, q, JournalTable)
	if err != nil || exists {
		return err
	}
	return s.create(ctx, q, journalDefinition())
}

// readable tells whether a table is there and can be read. Inside a transaction
// the question would do harm when it is not.
func (s *Store) readable(ctx context.Context, q dialect.Querier, table string) bool {
	rows, err := q.QueryContext(ctx, "SELECT 1 FROM "+s.named(table)+" WHERE 1 = 0")
	if err != nil {
		return false
	}
	defer func() { _ = rows.Close() }()
	return !rows.Next() && rows.Err() == nil
}

// Journal reads all entries, in order; none when there is no journal.
func (s *Store) Journal(ctx context.Context, q dialect.Querier) (entries []Entry, err error) {
	err = s.ifThere(ctx, q, JournalTable, func() error {
		entries, err = s.entries(ctx, q)
		return err
	})
	return entries, err
}

func (s *Store) entries(ctx context.Context, q dialect.Querier) ([]Entry, error) {
	rows, err := q.QueryContext(ctx, "SELECT entry, action, statement, part, done, witness, body, noted_at FROM "+s.named(JournalTable)+" ORDER BY entry")
	if err != nil {
		return nil, s.d.Classify(err)
	}
	defer func() { _ = rows.Close() }()
	var out []Entry
	for rows.Next() {
		var (
			e    Entry
			body sql.NullString
			at   string
		)
		if err := rows.Scan(&e.Number, &e.Action, &e.Statement, &e.Part, &e.Done, &e.Witness, &body, &at); err != nil {
			return nil, s.d.Classify(err)
		}
		if e.At, err = time.Parse(time.RFC3339Nano, at); err != nil {
			return nil, corrupt(err, "noted_at")
		}
		e.Body = body.String
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, s.d.Classify(err)
	}
	return out, nil
}

// Note writes entries, all or none.
func (s *Store) Note(ctx context.Context, q dialect.Querier, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	const width = 8
	rows, args := make([]string, len(entries)), make([]any, 0, width*len(entries))
	for i, e := range entries {
		marks := make([]string, width)
		for k := range marks {
			marks[k] = s.d.Placeholder(i*width + k + 1)
		}
		rows[i] = "(" + strings.Join(marks, ", ") + ")"
		done := 0
		if e.Done {
			done = 1
		}
		args = append(args, e.Number, string(e.Action), e.Statement, e.Part, done, e.Witness,
			sql.NullString{String: e.Body, Valid: e.Body != ""}, e.At.UTC().Format(time.RFC3339Nano))
	}
	_, err := q.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (entry, action, statement, part, done, witness, body, noted_at) VALUES %s",
		s.named(JournalTable), strings.Join(rows, ", ")), args...)
	if err != nil {
		return s.d.Classify(err)
	}
	return nil
}

// ClearJournal ends the execution that the journal holds.
func (s *Store) ClearJournal(ctx context.Context, q dialect.Querier) error {
	if _, err := q.ExecContext(ctx, "DELETE FROM "+s.named(JournalTable)); err != nil {
		return s.d.Classify(err)
	}
	return nil
}

// Forget removes lockstep's tables from a tenant whose initialisation was taken
// back: the history, unless it holds anything, and then the journal.
func (s *Store) Forget(ctx context.Context, q dialect.Querier) error {
	exists, err := s.Exists(ctx, q)
	if err != nil {
		return err
	}
	if exists {
		at, err := s.Position(ctx, q)
		if err != nil {
			return err
		}
		if at.Last > 0 {
			return s.ClearJournal(ctx, q)
		}
		if _, err := q.ExecContext(ctx, "DROP TABLE "+s.table()); err != nil {
			return s.d.Classify(err)
		}
	}
	if _, err := q.ExecContext(ctx, "DROP TABLE "+s.named(JournalTable)); err != nil {
		return s.d.Classify(err)
	}
	return nil
}
