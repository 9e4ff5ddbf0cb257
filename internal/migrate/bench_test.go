package migrate_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// manyTables publishes two versions of a module of n tables: the second has one
// column and one index more in each.
func manyTables(b *testing.B, n int) (proxy string) {
	b.Helper()
	proxy = "file://" + filepath.Join(b.TempDir(), "proxy")
	for version, extra := range map[string]string{
		"v1.0.0": "",
		"v1.1.0": "\tFresh *string `gorm:\"size:40;index\"`\n",
	} {
		var src strings.Builder
		src.WriteString("package shop\n")
		for i := range n {
			fmt.Fprintf(&src, "\ntype Table%03d struct {\n\tID uint64 `gorm:\"primaryKey\"`\n", i)
			for c := range 8 {
				fmt.Fprintf(&src, "\tColumn%d string `gorm:\"size:100\"`\n", c)
			}
			src.WriteString(extra + "}\n")
		}
		publishModule(b, proxy, shop, version, src.String())
	}
	return proxy
}

// BenchmarkPreviewUnchanged previews a tenant of 100 tables at which nothing
// changed. The metric query-ratio compares it with the one query it needs, on a
// connection of its own like the preview's.
func BenchmarkPreviewUnchanged(b *testing.B) {
	for _, server := range enginetest.Postgres(b) {
		b.Run(server.Name, func(b *testing.B) {
			s := newService(b, manyTables(b, 100), nil)
			_, url := enginetest.UnusedSchema(b, server)
			mustExecute(b, s, url, "v1.0.0", strategy.Safe)
			req := request(b, url, "v1.0.0", strategy.Safe)
			var raw, whole time.Duration
			for b.Loop() {
				begin := time.Now()
				p, err := s.Preview(b.Context(), req)
				whole += time.Since(begin)
				require.NoError(b, err)
				require.False(b, p.Changed)
				begin = time.Now()
				one(b, url)
				raw += time.Since(begin)
			}
			b.ReportMetric(float64(whole)/float64(raw), "query-ratio")
			b.ReportMetric(float64(whole.Nanoseconds())/float64(b.N), "preview-ns/op")
		})
	}
}

// one connects and reads the last revision without lockstep.
func one(b *testing.B, url string) {
	b.Helper()
	conn := connect(b, url)
	defer func() { _ = conn.Close(context.WithoutCancel(b.Context())) }()
	rows, err := conn.Query(b.Context(), "SELECT * FROM lockstep_history WHERE outcome = 'applied' ORDER BY revision DESC LIMIT 1")
	require.NoError(b, err)
	rows.Close()
	require.NoError(b, rows.Err())
}

func connect(b *testing.B, url string) *pgx.Conn {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), strings.Replace(url, "schema=", "search_path=", 1))
	require.NoError(b, err)
	return conn
}

// BenchmarkExecute100 executes 100 statements and sends the same statements raw
// in one transaction with pgx to another tenant like it. Target: a ratio of 1.2.
// create makes 50 tables with an index each; filled adds a column and an index to
// each of 50 tables of 5,000 rows; empty does so without a row in them: there are no
// cheaper statements, so this shows what is spent around them. The ratio is that
// of the medians, since one checkpoint of the server outweighs ten executions.
func BenchmarkExecute100(b *testing.B) {
	for _, server := range enginetest.Postgres(b) {
		for _, kind := range []string{"create", "filled", "empty"} {
			b.Run(server.Name+"/"+kind, func(b *testing.B) { execute100(b, server, kind) })
		}
	}
}

func execute100(b *testing.B, server enginetest.Server, kind string) {
	b.Helper()
	s := newService(b, manyTables(b, 50), nil)
	var raw, whole []time.Duration
	for b.Loop() {
		_, ours := enginetest.UnusedSchema(b, server)
		name, theirs := enginetest.UnusedSchema(b, server)
		if kind == "create" {
			run(b, theirs, "CREATE SCHEMA "+name)
		} else {
			for _, url := range []string{ours, theirs} {
				mustExecute(b, s, url, "v1.0.0", strategy.Safe)
				if kind == "filled" {
					fill(b, url)
				}
			}
		}
		begin := time.Now()
		r, err := s.Execute(b.Context(), migrate.ExecuteRequest{Request: request(b, ours, "v1.1.0", strategy.Safe)}, nil)
		whole = append(whole, time.Since(begin))
		require.NoError(b, err)
		require.Len(b, r.Statements, 100)

		begin = time.Now()
		sendRaw(b, theirs, r)
		raw = append(raw, time.Since(begin))
	}
	b.ReportMetric(float64(median(whole))/float64(median(raw)), "ratio")
	b.ReportMetric(float64(median(whole).Nanoseconds()), "execute-ns/op")
	b.ReportMetric(float64(median(raw).Nanoseconds()), "raw-ns/op")
}

func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return of[len(of)/2]
}

// fill puts 5,000 rows into each of a tenant's 50 tables.
func fill(b *testing.B, url string) {
	b.Helper()
	for i := range 50 {
		run(b, url, fmt.Sprintf("INSERT INTO table%03d SELECT n, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' FROM generate_series(1, 5000) n", i))
	}
}

func sendRaw(b *testing.B, url string, r *migrate.Result) {
	b.Helper()
	conn := connect(b, url)
	defer func() { _ = conn.Close(context.WithoutCancel(b.Context())) }()
	tx, err := conn.Begin(b.Context())
	require.NoError(b, err)
	for _, st := range r.Statements {
		_, err := tx.Exec(b.Context(), st.SQL)
		require.NoError(b, err)
	}
	require.NoError(b, tx.Commit(b.Context()))
}
