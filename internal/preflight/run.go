package preflight

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// batch is how many questions travel together.
const batch = 50

// Run asks the checks on q: a session, or the Tx of an execution under the
// tenant's lock. It writes nothing, and leaves q as it was. Tables without rows
// cost one round trip together, small ones one for every fifty questions.
//
// A question that fails or takes too long becomes a gap of the report. Run itself
// fails when the connection is lost (Unavailable), the caller goes away (Canceled,
// Deadline), or another session's lock is in the way (Conflict): then nothing is
// known.
func Run(ctx context.Context, d dialect.Prober, q dialect.Querier, checks []Check, opts Options) (*Report, error) {
	r := &run{d: d, opts: opts, tables: map[string]answer{}, held: make([]answer, len(checks)), report: &Report{}}
	if r.opts.Each <= 0 {
		r.opts.Each = defaultEach
	}
	if r.opts.Total <= 0 {
		r.opts.Total = defaultTotal
	}
	asks := false
	for _, c := range checks {
		asks = asks || c.Unchecked == ""
	}
	if !asks {
		return r.report, r.each(ctx, checks)
	}
	if err := r.sizes(ctx, q, checks); err != nil {
		return nil, err
	}
	var err error
	if r.reading, err = d.Reading(ctx, q, dialect.ReadLimits{Each: min(r.opts.Each, r.opts.Total)}); err != nil {
		return nil, err
	}
	r.begin()
	err = r.ask(ctx, checks)
	if end := r.reading.Close(ctx); err == nil {
		err = end
	}
	if err != nil {
		return nil, err
	}
	return r.report, nil
}

// run is the state of one Run.
type run struct {
	d       dialect.Prober
	reading dialect.Reading
	opts    Options
	ends    time.Time
	stats   map[string]dialect.Size // with Estimate
	tables  map[string]answer       // how many rows, to bigTable+1
	held    []answer                // of the checks that were asked together
	report  *Report
}

// answer is a number that a question gave, or why it gave none.
type answer struct {
	known bool
	n     int64
	gap   string
}

func (r *run) begin() {
	if r.opts.Now != nil {
		r.ends = r.opts.Now().Add(r.opts.Total)
	}
}

func (r *run) late() bool { return r.opts.Now != nil && !r.opts.Now().Before(r.ends) }

// sizes reads the engine's statistics of the tables that lose rows, when asked to
// estimate.
func (r *run) sizes(ctx context.Context, q dialect.Querier, checks []Check) error {
	var names []string
	for _, c := range checks {
		if c.Kind == RowsLost {
			names = append(names, c.Table)
		}
	}
	if !r.opts.Estimate || len(names) == 0 {
		return nil
	}
	var err error
	r.stats, err = r.d.Sizes(ctx, q, names)
	return err
}

func (r *run) ask(ctx context.Context, checks []Check) error {
	if err := r.countTables(ctx, checks); err != nil {
		return err
	}
	if err := r.together(ctx, checks); err != nil {
		return err
	}
	return r.each(ctx, checks)
}

// countTables finds out which tables are empty, small and big.
func (r *run) countTables(ctx context.Context, checks []Check) error {
	var names []string
	seen := map[string]bool{}
	for i := range checks {
		if c := &checks[i]; c.Unchecked == "" && !seen[c.Table] {
			seen[c.Table] = true
			names = append(names, c.Table)
		}
	}
	names, err := r.notBlank(ctx, names)
	if err != nil {
		return err
	}
	err = r.askTables(ctx, names, func(table string) string {
		return "CASE WHEN EXISTS (SELECT 1 FROM " + table + ") THEN 1 ELSE 0 END"
	})
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return r.tables[n].n == 0 })
	return r.askTables(ctx, names, func(table string) string {
		return "(SELECT count(*) FROM (" + r.d.First(bigTable+1, "SELECT 1 AS one FROM "+table) + ") AS g)"
	})
}

// notBlank leaves out the tables that the engine knows to be empty.
func (r *run) notBlank(ctx context.Context, names []string) ([]string, error) {
	query := r.d.Blank(names)
	if query == "" {
		return names, nil
	}
	_, err := r.query(ctx, query, func(cells []sql.NullString) error {
		r.tables[cells[0].String] = answer{known: true}
		return nil
	}) // what a failure leaves open is asked
	return slices.DeleteFunc(names, func(n string) bool { return r.tables[n].known }), err
}

// askTables puts one question to each table and keeps the answers.
func (r *run) askTables(ctx context.Context, names []string, question func(table string) string) error {
	exprs := make([]string, len(names))
	for i, n := range names {
		exprs[i] = question(tableName(r.d, n))
	}
	answers, err := r.numbers(ctx, exprs)
	for i, a := range answers {
		r.tables[names[i]] = a
	}
	return err
}

// together asks whether there is anything to find in small tables.
func (r *run) together(ctx context.Context, checks []Check) error {
	var at []int
	var exprs []string
	for i := range checks {
		c := &checks[i]
		rows := r.tables[c.Table]
		if c.Unchecked != "" || c.try || !rows.known || rows.n == 0 || rows.n > bigTable {
			continue
		}
		at = append(at, i)
		if c.counts() {
			exprs = append(exprs, "("+c.Total+")")
		} else {
			exprs = append(exprs, "CASE WHEN "+c.Holds+" THEN 1 ELSE 0 END")
		}
	}
	answers, err := r.numbers(ctx, exprs)
	for i, a := range answers {
		r.held[at[i]] = a
	}
	return err
}

// numbers evaluates expressions, many at a time; when that fails, one by one.
func (r *run) numbers(ctx context.Context, exprs []string) ([]answer, error) {
	out := make([]answer, 0, len(exprs))
	for from := 0; from < len(exprs); from += batch {
		part := exprs[from:min(from+batch, len(exprs))]
		answers, err := r.evaluate(ctx, part)
		if err != nil {
			return out, err
		}
		if len(part) > 1 && !answers[0].known {
			answers = answers[:0]
			for i := range part {
				single, err := r.evaluate(ctx, part[i:i+1])
				if err != nil {
					return out, err
				}
				answers = append(answers, single...)
			}
		}
		out = append(out, answers...)
	}
	return out, nil
}

// evaluate evaluates expressions in one query. Its error is one that ends the Run.
func (r *run) evaluate(ctx context.Context, exprs []string) ([]answer, error) {
	out := make([]answer, len(exprs))
	gap, err := r.query(ctx, "SELECT "+strings.Join(exprs, ", "), func(cells []sql.NullString) error {
		for i := range out {
			n, err := strconv.ParseInt(cells[i].String, 10, 64)
			if err != nil {
				return fault.Wrap(err, fault.Bug, "PREFLIGHT_ANSWER", "a question was not answered by a number")
			}
			out[i] = answer{known: true, n: n}
		}
		return nil
	})
	if gap != nil {
		for i := range out {
			out[i] = answer{gap: why(gap)}
		}
	}
	return out, err
}

// query asks one question. gap is a failure of the question alone, err one that
// ends the Run.
func (r *run) query(ctx context.Context, query string, row func([]sql.NullString) error) (gap *fault.Error, err error) {
	if r.late() {
		return fault.New(fault.Deadline, "PREFLIGHT_TIME", "the time for preflight, %s, was over", r.opts.Total), nil
	}
	err = r.reading.Ask(ctx, query, row)
	if err == nil {
		return nil, nil
	}
	f := fault.As(err)
	if f == nil || ctx.Err() != nil {
		return nil, err
	}
	switch f.Kind {
	case fault.Deadline, fault.Refused, fault.Drift, fault.Denied, fault.Unsupported, fault.Exhausted, fault.NotFound, fault.Invalid:
		return f, nil
	case fault.Bug, fault.Exists, fault.Conflict, fault.Unavailable, fault.Canceled, fault.Unauthenticated, fault.Partial, fault.Corrupt:
	}
	return nil, err
}

// why puts a question's failure into a clause.
func why(f *fault.Error) string {
	switch f.Reason {
	case "STATEMENT_TIMEOUT", "DEADLINE":
		return "the question took too long"
	case "PREFLIGHT_TIME":
		return f.Detail
	}
	return fmt.Sprintf("the question failed (%s): %s", f.Reason, f.Detail)
}
