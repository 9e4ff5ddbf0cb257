package migrate_test

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// The databases of BenchmarkWideDatabase.
const (
	fewTables  = 10
	manyOthers = 5000
)

// BenchmarkWideDatabase asks what an execution asks about three tables, in a
// database of 10 tables and in one of 5,000, and executes there. The metric ratio
// compares the quickest of each; target: 1.5, so that a tenant pays for what it
// changes, and not for what stands beside it.
//
// SQLite cannot reach that: it parses its whole schema when a file is opened, and
// again for each ALTER TABLE. The metric engine-us/op is what that takes of the 5,000
// without lockstep: a file opened and asked one trivial question, and for execute a
// copy of it opened twice, with the same statements sent raw; over-engine compares.
func BenchmarkWideDatabase(b *testing.B) {
	for _, engine := range []dialect.Engine{dialect.SQLite, dialect.Postgres, dialect.MySQL, dialect.MariaDB} {
		b.Run(string(engine), func(b *testing.B) {
			proxy := manyTables(b, 3)
			small, large := wideTenant(b, proxy, engine, fewTables), wideTenant(b, proxy, engine, manyOthers)
			if engine == dialect.SQLite {
				small.learn(b)
				large.learn(b)
			}
			for _, q := range small.questions() {
				b.Run(q.name, func(b *testing.B) {
					var few, many, engine []time.Duration
					for b.Loop() {
						few, many = append(few, q.ask(b, small)), append(many, q.ask(b, large))
						if q.least != nil {
							engine = append(engine, question{run: q.least}.ask(b, large))
						}
					}
					if engine != nil {
						b.ReportMetric(float64(quickest(engine).Microseconds()), "engine-us/op")
						b.ReportMetric(float64(quickest(many))/float64(quickest(engine)), "over-engine")
					}
					b.ReportMetric(float64(quickest(many))/float64(quickest(few)), "ratio")
					b.ReportMetric(float64(quickest(few).Microseconds()), "few-us/op")
					b.ReportMetric(float64(quickest(many).Microseconds()), "many-us/op")
				})
			}
		})
	}
}

// quickest is the fifth percentile: other work on the machine only adds.
func quickest(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/20]
}

// wide is a tenant among other tables.
type wide struct {
	service *migrate.Service
	url     string
	d       dialect.Dialect
	session dialect.Session
	store   *history.Store
	flip    bool
	twin    twin
}

func wideTenant(b *testing.B, proxy string, engine dialect.Engine, tables int) *wide {
	b.Helper()
	w := &wide{service: newService(b, proxy, nil), d: dialects(func(c driver.Connector) driver.Connector { return c })[engine]}
	if engine == dialect.SQLite {
		w.url = enginetest.SQLite(b)
	} else {
		w.url = enginetest.FreshDatabase(b, enginetest.Servers(b, string(engine))[0])
	}
	mustExecute(b, w.service, w.url, "v1.0.0", strategy.Safe)
	db := enginetest.Connect(b, w.url)
	db.SetMaxOpenConns(1)
	for from := 3; from < tables; from += 250 { // a transaction takes a lock for each
		tx, err := db.BeginTx(b.Context(), nil)
		require.NoError(b, err)
		for i := from; i < min(from+250, tables); i++ {
			refers := ""
			if i%5 == 0 {
				refers = fmt.Sprintf(", CONSTRAINT fk_other%d FOREIGN KEY (b) REFERENCES other%04d (id), CONSTRAINT ck_other%d CHECK (b > 0)", i, i-1, i)
			}
			_, err := tx.ExecContext(b.Context(), fmt.Sprintf("CREATE TABLE other%04d (id integer PRIMARY KEY, a varchar(40) NOT NULL, b integer, CONSTRAINT u_other%d UNIQUE (a)%s)", i, i, refers))
			require.NoError(b, err)
		}
		require.NoError(b, tx.Commit())
	}
	target, err := dialect.ParseTarget(w.url)
	require.NoError(b, err)
	w.session, err = w.d.Open(b.Context(), target)
	require.NoError(b, err)
	b.Cleanup(func() { _ = w.session.Close() })
	if v, ok := w.d.(dialect.Versioned); ok {
		w.d = v.For(w.session.Version())
	}
	w.store = history.NewStore(w.d)
	if engine == dialect.SQLite {
		w.twin.path = filepath.Join(b.TempDir(), "twin.db")
		file, err := os.ReadFile(target.Database)
		require.NoError(b, err)
		require.NoError(b, os.WriteFile(w.twin.path, file, 0o600))
	}
	return w
}

// twin is a copy of a tenant's file, on which nothing of lockstep's runs.
type twin struct {
	path string
	flip bool
	sent map[string][]string // the statements to each version
}

// open runs statements on the twin, on a connection of their own.
func (w *wide) open(b *testing.B, statements ...string) error {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+w.twin.path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	for _, st := range statements {
		if _, err := db.ExecContext(b.Context(), st); err != nil {
			return fmt.Errorf("%s: %w", st, err)
		}
	}
	return nil
}

// learn has both ways planned, at the tenant.
func (w *wide) learn(b *testing.B) {
	b.Helper()
	w.twin.sent = map[string][]string{}
	for range 2 {
		version, p := w.turn(&w.flip), []string{}
		r, err := execute(b, w.service, w.url, version, strategy.Full)
		require.NoError(b, err)
		for i := range r.Plan.Statements {
			p = append(p, r.Plan.Statements[i].SQL)
		}
		require.NotEmpty(b, p)
		w.twin.sent[version] = p
	}
}

// turn is the version that is not there.
func (*wide) turn(flip *bool) string {
	*flip = !*flip
	if *flip {
		return "v1.1.0"
	}
	return "v1.0.0"
}

// opened opens a file and asks what makes SQLite read its schema.
func opened(b *testing.B, w *wide) error {
	b.Helper()
	return w.open(b, "SELECT count(*) FROM sqlite_master")
}

// raw opens a file twice, as preview and execute do, and sends a plan's statements.
func raw(b *testing.B, w *wide) error {
	b.Helper()
	if err := w.open(b, "SELECT count(*) FROM sqlite_master"); err != nil {
		return err
	}
	return w.open(b, slices.Concat([]string{"PRAGMA foreign_keys=OFF", "BEGIN IMMEDIATE"}, w.twin.sent[w.turn(&w.twin.flip)], []string{"COMMIT"})...)
}

// question is one that an execution asks, or the whole execution.
type question struct {
	name string
	run  func(b *testing.B, w *wide) error
	// least is what the engine needs for it in any event; nil: not asked.
	least func(b *testing.B, w *wide) error
}

func (q question) ask(b *testing.B, w *wide) time.Duration {
	b.Helper()
	begin := time.Now()
	require.NoError(b, q.run(b, w))
	return time.Since(begin)
}

func (w *wide) questions() []question {
	three := []string{"table000", "table001", "table002"}
	out := []question{
		{name: "inspect", run: func(b *testing.B, w *wide) error {
			b.Helper()
			found, err := w.d.Inspect(b.Context(), w.session, three)
			if err == nil {
				require.Len(b, found.Tables, 3)
			}
			return err
		}},
		{name: "inspect-ten", run: func(b *testing.B, w *wide) error {
			b.Helper()
			ten := slices.Clone(three)
			for i := 3; i < fewTables; i++ {
				ten = append(ten, fmt.Sprintf("other%04d", i))
			}
			found, err := w.d.Inspect(b.Context(), w.session, ten)
			if err == nil {
				require.Len(b, found.Tables, fewTables)
				require.Len(b, found.Table("other0005").ForeignKeys, 1)
				require.Len(b, found.Table("other0005").Checks, 1)
			}
			return err
		}},
		{name: "history", run: func(b *testing.B, w *wide) error {
			b.Helper()
			if _, err := w.store.Exists(b.Context(), w.session); err != nil {
				return err
			}
			_, _, err := w.store.HeadOrOpen(b.Context(), w.session)
			return err
		}},
	}
	if _, ok := w.d.(dialect.Surveyor); ok {
		out = append(out, question{name: "referrers", run: func(b *testing.B, w *wide) error {
			b.Helper()
			_, err := w.d.(dialect.Surveyor).Referrers(b.Context(), w.session, three)
			return err
		}})
	}
	if _, ok := w.d.(dialect.Prober); ok {
		out = append(out, question{name: "sizes", run: func(b *testing.B, w *wide) error {
			b.Helper()
			_, err := w.d.(dialect.Prober).Sizes(b.Context(), w.session, three)
			return err
		}})
	}
	if _, ok := w.d.(dialect.Witness); ok {
		out = append(out, question{name: "definitions", run: func(b *testing.B, w *wide) error {
			b.Helper()
			_, err := w.d.(dialect.Witness).Definitions(b.Context(), w.session, three)
			return err
		}}, question{name: "leftovers", run: func(b *testing.B, w *wide) error {
			b.Helper()
			_, err := w.d.(dialect.Witness).Leftovers(b.Context(), w.session, three)
			return err
		}})
	}
	out = append(out, question{name: "lock", run: func(b *testing.B, w *wide) error {
		b.Helper()
		tx, err := w.session.Begin(b.Context(), dialect.TxOptions{LockTimeout: time.Second})
		if err != nil {
			return err
		}
		return tx.Commit(b.Context())
	}})
	preview := question{name: "preview", run: func(b *testing.B, w *wide) error {
		b.Helper()
		_, err := w.service.Preview(b.Context(), request(b, w.url, "v1.0.0", strategy.Full))
		return err
	}}
	whole := question{name: "execute", run: func(b *testing.B, w *wide) error {
		b.Helper()
		_, err := execute(b, w.service, w.url, w.turn(&w.flip), strategy.Full)
		return err
	}}
	if w.twin.path != "" {
		preview.least, whole.least = opened, raw
	}
	return append(out, preview, whole)
}
