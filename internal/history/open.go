package history

import (
	"context"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// unfinished stands in answers of an engine whose journal exists only while an
// execution in phases is not through; see dialect.Online.
const unfinished = "unfinished"

// marked is a column that reads unfinished while there is a journal. It spares a
// question of its own.
func (s *Store) marked(column string) string {
	d, ok := s.d.(dialect.Online)
	if !ok {
		return column
	}
	return "CASE WHEN " + d.Exists(JournalTable) + " THEN '" + unfinished + "' ELSE " + column + " END"
}

// HeadOrOpen is Head, and tells whether an execution in phases is not through:
// it is running now, or a crash left it behind. Where the engine has no such
// executions it never is.
func (s *Store) HeadOrOpen(ctx context.Context, q dialect.Querier) (head *Revision, open bool, err error) {
	if _, ok := s.d.(dialect.Online); !ok {
		head, err = s.Head(ctx, q)
		return head, false, err
	}
	list, err := s.read(ctx, q, "SELECT "+strings.Replace(columns, "outcome", s.marked("outcome"), 1)+" FROM "+s.table()+
		" WHERE revision = (SELECT MAX(revision) FROM "+s.table()+" WHERE outcome = 'applied')")
	if err != nil || len(list) == 0 {
		return nil, false, err
	}
	head = list[0]
	open, head.Outcome = head.Outcome == unfinished, Applied
	return head, open, nil
}

// OpenJournal reads the journal inside a transaction, which a question for a
// table that is not there would spoil.
func (s *Store) OpenJournal(ctx context.Context, q dialect.Querier) ([]Entry, error) {
	exists, err := s.exists(ctx, q, JournalTable)
	if err != nil || !exists {
		return nil, err
	}
	return s.entries(ctx, q)
}

// DropJournal ends the execution that the journal holds, where a journal exists
// only as long as there is one.
func (s *Store) DropJournal(ctx context.Context, q dialect.Querier) error {
	if _, err := q.ExecContext(ctx, "DROP TABLE "+s.named(JournalTable)); err != nil {
		return s.d.Classify(err)
	}
	return nil
}
