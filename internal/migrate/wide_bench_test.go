package migrate_test

import (
	"database/sql/driver"
	"fmt"
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
func BenchmarkWideDatabase(b *testing.B) {
	for _, engine := range []dialect.Engine{dialect.SQLite, dialect.Postgres, dialect.MySQL, dialect.MariaDB} {
		b.Run(string(engine), func(b *testing.B) {
			proxy := manyTables(b, 3)
			small, large := wideTenant(b, proxy, engine, fewTables), wideTenant(b, proxy, engine, manyOthers)
			for _, q := range small.questions() {
				b.Run(q.name, func(b *testing.B) {
					var few, many []time.Duration
					for b.Loop() {
						few, many = append(few, q.ask(b, small)), append(many, q.ask(b, large))
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
			if i > 3 && i%10 == 0 {
				refers = fmt.Sprintf(", CONSTRAINT fk_other%d FOREIGN KEY (b) REFERENCES other%04d (id)", i, i-1)
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
	return w
}

// question is one that an execution asks, or the whole execution.
type question struct {
	name string
	run  func(b *testing.B, w *wide) error
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
		{"inspect", func(b *testing.B, w *wide) error {
			b.Helper()
			found, err := w.d.Inspect(b.Context(), w.session, three)
			if err == nil {
				require.Len(b, found.Tables, 3)
			}
			return err
		}},
		{"history", func(b *testing.B, w *wide) error {
			b.Helper()
			if _, err := w.store.Exists(b.Context(), w.session); err != nil {
				return err
			}
			_, _, err := w.store.HeadOrOpen(b.Context(), w.session)
			return err
		}},
	}
	if _, ok := w.d.(dialect.Surveyor); ok {
		out = append(out, question{"referrers", func(b *testing.B, w *wide) error {
			b.Helper()
			_, err := w.d.(dialect.Surveyor).Referrers(b.Context(), w.session, three)
			return err
		}})
	}
	if _, ok := w.d.(dialect.Prober); ok {
		out = append(out, question{"sizes", func(b *testing.B, w *wide) error {
			b.Helper()
			_, err := w.d.(dialect.Prober).Sizes(b.Context(), w.session, three)
			return err
		}})
	}
	if _, ok := w.d.(dialect.Witness); ok {
		out = append(out, question{"definitions", func(b *testing.B, w *wide) error {
			b.Helper()
			_, err := w.d.(dialect.Witness).Definitions(b.Context(), w.session, three)
			return err
		}}, question{"leftovers", func(b *testing.B, w *wide) error {
			b.Helper()
			_, err := w.d.(dialect.Witness).Leftovers(b.Context(), w.session, three)
			return err
		}})
	}
	return append(out, question{"lock", func(b *testing.B, w *wide) error {
		b.Helper()
		tx, err := w.session.Begin(b.Context(), dialect.TxOptions{LockTimeout: time.Second})
		if err != nil {
			return err
		}
		return tx.Commit(b.Context())
	}}, question{"preview", func(b *testing.B, w *wide) error {
		b.Helper()
		_, err := w.service.Preview(b.Context(), request(b, w.url, "v1.0.0", strategy.Full))
		return err
	}}, question{"execute", func(b *testing.B, w *wide) error {
		b.Helper()
		w.flip = !w.flip
		version := "v1.0.0"
		if w.flip {
			version = "v1.1.0"
		}
		_, err := execute(b, w.service, w.url, version, strategy.Full)
		return err
	}})
}
