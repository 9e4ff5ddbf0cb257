package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Store reads and writes the history of tenants of one engine.
type Store struct{ d dialect.Dialect }

// NewStore returns a store that speaks the dialect's SQL.
func NewStore(d dialect.Dialect) *Store { return &Store{d: d} }

// table is the history's name as statements write it.
func (s *Store) table() string { return s.named(Table) }

// named is a table's name as statements write it: it needs no quotes, but on some
// engines more than its name.
func (s *Store) named(table string) string {
	if n, ok := s.d.(dialect.TableNamer); ok {
		return n.TableName(table)
	}
	return table
}

// columns are all but the snapshot, in the order of scan.
const columns = "revision, outcome, strategy, engine, engine_version, modules, base, target, result, digest, " +
	"statements, withheld, error, actor, lockstep, started_at, duration_us, request_id, request_sum"

// Head returns the last applied revision in one query; nil when the tenant was
// never initialised. It must not be called in a transaction unless the table is
// known to exist: on some engines a failed query spoils the transaction.
func (s *Store) Head(ctx context.Context, q dialect.Querier) (*Revision, error) {
	list, err := s.read(ctx, q, "SELECT "+columns+" FROM "+s.table()+
		" WHERE revision = (SELECT MAX(revision) FROM "+s.table()+" WHERE outcome = 'applied')")
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // no revision is a normal answer, as documented
	}
	return list[0], nil
}

// read lists revisions; none when there is no history table.
func (s *Store) read(ctx context.Context, q dialect.Querier, query string, args ...any) (list []*Revision, err error) {
	err = s.ifThere(ctx, q, Table, func() error {
		list, err = s.list(ctx, q, query, args...)
		return err
	})
	return list, err
}

// ifThere reads a table that may not exist, which a failed read cannot tell on
// every engine. Between the read and the question another execution may have
// made the table, so a failure is tried once more.
func (s *Store) ifThere(ctx context.Context, q dialect.Querier, table string, read func() error) error {
	err := read()
	if err == nil {
		return nil
	}
	switch fault.KindOf(err) { //nolint:exhaustive // only these mean that nothing else can be asked
	case fault.Unavailable, fault.Canceled, fault.Deadline, fault.Unauthenticated, fault.Corrupt:
		return err
	default:
	}
	exists, existsErr := s.exists(ctx, q, table)
	switch {
	case existsErr != nil:
		return err
	case !exists:
		return nil
	default:
		return read()
	}
}

// Position is where the history ends, as read under the tenant's lock.
type Position struct {
	Last   int64  // number of the last revision, failed ones included; 0: none
	Head   int64  // number of the last applied revision; 0: none
	Result string // fingerprint after Head
}

// Position reads where the history ends. The table must exist.
func (s *Store) Position(ctx context.Context, q dialect.Querier) (Position, error) {
	var p Position
	row := "SELECT last_revision.number, COALESCE(head.revision, 0), " + s.marked("COALESCE(head.result, '')") + " FROM " +
		"(SELECT COALESCE(MAX(revision), 0) AS number FROM " + s.table() + ") last_revision LEFT JOIN " +
		s.table() + " head ON head.revision = (SELECT MAX(revision) FROM " + s.table() + " WHERE outcome = 'applied')"
	rows, err := q.QueryContext(ctx, row)
	if err != nil {
		return p, s.d.Classify(err)
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		if err := rows.Scan(&p.Last, &p.Head, &p.Result); err != nil {
			return p, s.d.Classify(err)
		}
	}
	if err := rows.Err(); err != nil {
		return p, s.d.Classify(err)
	}
	return p, nil
}

// Snapshot returns the schema recorded with a revision; nil for a failed one.
func (s *Store) Snapshot(ctx context.Context, q dialect.Querier, number int64) (*schema.Schema, error) {
	rows, err := q.QueryContext(ctx, "SELECT snapshot FROM "+s.table()+" WHERE revision = "+s.d.Placeholder(1), number)
	if err != nil {
		return nil, s.d.Classify(err)
	}
	defer func() { _ = rows.Close() }()
	var text sql.NullString
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return nil, s.d.Classify(err)
		}
		return nil, notFound(number)
	}
	if err := rows.Scan(&text); err != nil {
		return nil, s.d.Classify(err)
	}
	if !text.Valid {
		return nil, rows.Err()
	}
	return schema.Decode([]byte(text.String))
}

func notFound(number int64) error {
	return fault.New(fault.NotFound, "REVISION_NOT_FOUND", "this tenant has no revision %d", number).
		Suggest("list the revisions with lockstep history")
}

// List returns revisions newest first, failed ones included, with numbers below
// before (0: all), at most limit. A tenant without history has none.
func (s *Store) List(ctx context.Context, q dialect.Querier, before int64, limit int) ([]*Revision, error) {
	where, args := "", []any(nil)
	if before > 0 {
		where, args = " WHERE revision < "+s.d.Placeholder(1), []any{before}
	}
	// Numbered, since the engines have no common words for a limit.
	return s.read(ctx, q, fmt.Sprintf("SELECT %[1]s FROM (SELECT %[1]s, ROW_NUMBER() OVER (ORDER BY revision DESC) AS place FROM %[2]s%[3]s) newest"+
		" WHERE place <= %[4]d ORDER BY revision DESC", columns, s.table(), where, limit), args...)
}

// Get returns one revision.
func (s *Store) Get(ctx context.Context, q dialect.Querier, number int64) (*Revision, error) {
	list, err := s.read(ctx, q, "SELECT "+columns+" FROM "+s.table()+" WHERE revision = "+s.d.Placeholder(1), number)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, notFound(number)
	}
	return list[0], nil
}

// ByRequest returns the revision that a request was answered with; nil when
// there is none.
func (s *Store) ByRequest(ctx context.Context, q dialect.Querier, id string) (*Revision, error) {
	list, err := s.read(ctx, q, "SELECT "+columns+" FROM "+s.table()+" WHERE request_id = "+s.d.Placeholder(1)+" ORDER BY revision", id)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

func optionalText(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

func (s *Store) list(ctx context.Context, q dialect.Querier, query string, args ...any) ([]*Revision, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.d.Classify(err)
	}
	defer func() { _ = rows.Close() }()
	var out []*Revision
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			if fault.As(err) != nil {
				return nil, err
			}
			return nil, s.d.Classify(err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, s.d.Classify(err)
	}
	return out, nil
}

func scan(rows *sql.Rows) (*Revision, error) {
	var (
		r                             Revision
		modules, statements, withheld string
		failure                       sql.NullString
		started                       string
		micros                        int64
		requestID, requestSum         sql.NullString
	)
	err := rows.Scan(&r.Number, &r.Outcome, &r.Strategy, &r.Engine, &r.EngineVersion, &modules,
		&r.Base, &r.Target, &r.Result, &r.Digest, &statements, &withheld, &failure,
		&r.Actor, &r.Lockstep, &started, &micros, &requestID, &requestSum)
	if err != nil {
		return nil, err
	}
	r.Duration = time.Duration(micros) * time.Microsecond
	r.RequestID, r.RequestSum = requestID.String, requestSum.String
	if r.StartedAt, err = time.Parse(time.RFC3339Nano, started); err != nil {
		return nil, corrupt(err, "started_at")
	}
	if r.Error, err = decodeFailure(failure); err != nil {
		return nil, corrupt(err, "error")
	}
	if r.Modules, err = decodeModules(modules); err != nil {
		return nil, corrupt(err, "modules")
	}
	if err := errors.Join(decodeStatements(statements, &r), json.Unmarshal([]byte(withheld), &r.Withheld)); err != nil {
		return nil, corrupt(err, "statements")
	}
	return &r, nil
}

// Insert records a revision; snapshot is nil for a failed one. The number is
// the caller's: Position.Last plus one, read under the tenant's lock.
func (s *Store) Insert(ctx context.Context, q dialect.Querier, r *Revision, snapshot *schema.Schema) error {
	var text sql.NullString
	if snapshot != nil {
		data, err := snapshot.Encode()
		if err != nil {
			return err
		}
		text = sql.NullString{String: string(data), Valid: true}
	}
	statements, err := encodeStatements(r)
	if err != nil {
		return err
	}
	withheld, err := encodeList(r.Withheld)
	if err != nil {
		return err
	}
	modules, err := encodeModules(r.Modules)
	if err != nil {
		return err
	}
	failure, err := encodeFailure(r.Error)
	if err != nil {
		return err
	}
	args := []any{
		r.Number, string(r.Outcome), r.Strategy, r.Engine, r.EngineVersion, modules,
		r.Base, r.Target, r.Result, r.Digest, statements, withheld, failure,
		r.Actor, r.Lockstep, r.StartedAt.UTC().Format(time.RFC3339Nano), r.Duration.Microseconds(),
		optionalText(r.RequestID), optionalText(r.RequestSum), text,
	}
	marks := make([]string, len(args))
	for i := range marks {
		marks[i] = s.d.Placeholder(i + 1)
	}
	_, err = q.ExecContext(ctx, "INSERT INTO "+s.table()+" ("+columns+", snapshot) VALUES ("+strings.Join(marks, ", ")+")", args...)
	if err != nil {
		return s.d.Classify(err)
	}
	return nil
}

// Settle notes that the deferred statements of a revision have run.
func (s *Store) Settle(ctx context.Context, q dialect.Querier, number int64) error {
	r, err := s.Get(ctx, q, number)
	if err != nil {
		return err
	}
	changed := false
	for i := range r.Statements {
		if st := &r.Statements[i]; st.Outcome == Deferred {
			st.Outcome, changed = "applied", true
		}
	}
	if !changed {
		return nil
	}
	statements, err := encodeStatements(r)
	if err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, "UPDATE "+s.table()+" SET statements = "+s.d.Placeholder(1)+" WHERE revision = "+s.d.Placeholder(2), statements, number)
	if err != nil {
		return s.d.Classify(err)
	}
	return nil
}
