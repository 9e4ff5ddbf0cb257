package migrate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
)

// publishTree publishes a module of several packages.
func publishTree(tb testing.TB, proxy string, files map[string]string) {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(tb, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(tb, os.WriteFile(name, []byte(text), 0o600))
	}
	_, err := module.Publish(tb.Context(), dir, "v1.0.0", proxy, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	require.NoError(tb, err)
}

// The module of the benchmarks: 70 models with 800 columns in 7 packages, among
// them relations, indexes, and a column type of another module.
const (
	benchModels   = 70
	benchColumns  = 800
	benchPackages = 7
)

// modelFiles are the packages of the models.
func modelFiles() map[string]string {
	files := map[string]string{
		"go.mod":        "module example.com/e/shop\n\ngo 1.26\n\nrequire example.com/lib/money v1.0.0\n",
		"lockstep.yaml": "version: 1\nentities: [./models/...]\n",
	}
	left := benchColumns
	for p := range benchPackages {
		var src strings.Builder
		fmt.Fprintf(&src, "package p%d\n\nimport (\n\t\"time\"\n\n\t\"example.com/lib/money\"\n\t\"gorm.io/gorm\"\n)\n", p)
		for m := range benchModels / benchPackages {
			n := p*benchModels/benchPackages + m
			columns := left / (benchModels - n) // of those that are left, for this one
			left -= columns
			fmt.Fprintf(&src, "\n// M%02d is a model.\ntype M%02d struct {\n\tgorm.Model\n\tAt time.Time `gorm:\"index\"`\n\tPrice money.Amount\n", n, n)
			written := 6 // with those of gorm.Model
			if m > 0 {
				fmt.Fprintf(&src, "\tRefID uint\n\tRef *M%02d `gorm:\"constraint:OnDelete:CASCADE\"`\n", n-1)
				written++
			}
			for c := written; c < columns; c++ {
				fmt.Fprintf(&src, "\tColumn%02d string `gorm:\"size:100;not null;default:x;comment:one of many\"`\n", c)
			}
			fmt.Fprintf(&src, "}\n\n// Title is code that nobody needs here.\nfunc (m *M%02d) Title() string { return m.At.String() }\n", n)
		}
		files[fmt.Sprintf("models/p%d/models.go", p)] = src.String()
	}
	return files
}

// publishBench publishes the module of the benchmarks, with more packages that
// nothing in the models reaches: below internal, or, in a module without a
// manifest, where entities may be.
func publishBench(tb testing.TB, others int, manifest bool) (proxy string) {
	tb.Helper()
	proxy = "file://" + filepath.Join(tb.TempDir(), "proxy")
	publishTree(tb, proxy, map[string]string{
		"go.mod": "module example.com/lib/money\n\ngo 1.26\n",
		"money.go": "package money\n\nimport \"database/sql/driver\"\n\n// Amount is an amount.\ntype Amount struct{ cents int64 }\n\n" +
			"// Value implements driver.Valuer.\nfunc (a Amount) Value() (driver.Value, error) { return a.cents, nil }\n",
	})
	files, where := modelFiles(), "internal"
	if !manifest {
		delete(files, "lockstep.yaml")
		where = "pkg"
	}
	for i := range others {
		var src strings.Builder
		fmt.Fprintf(&src, "package svc%d\n\nimport (\n\t\"context\"\n\t\"net/http\"\n", i)
		if i > 0 {
			fmt.Fprintf(&src, "\n\t\"example.com/e/shop/%s/svc%d\"\n", where, i-1)
		}
		src.WriteString(")\n\n// Service serves.\ntype Service struct {\n\tID int\n\tClient *http.Client\n")
		if i > 0 {
			fmt.Fprintf(&src, "\tNext *svc%d.Service\n", i-1)
		}
		src.WriteString("}\n")
		for f := range 20 {
			fmt.Fprintf(&src, "\n// Do%d does something.\nfunc (s *Service) Do%d(ctx context.Context) error {\n\tif s.ID == %d {\n\t\treturn ctx.Err()\n\t}\n\treturn nil\n}\n", f, f, f)
		}
		files[fmt.Sprintf("%s/svc%d/service.go", where, i)] = src.String()
	}
	publishTree(tb, proxy, files)
	return proxy
}

// compose composes the module of the benchmarks.
func compose(tb testing.TB, s *migrate.Service) {
	tb.Helper()
	got, err := s.Compose(tb.Context(), migrate.ModuleSet{Refs: []module.Ref{{Path: "example.com/e/shop", Query: "v1.0.0"}}})
	require.NoError(tb, err)
	require.Len(tb, got.Schema.Tables, benchModels)
	columns := 0
	for _, t := range got.Schema.Tables {
		columns += len(t.Columns)
	}
	require.Equal(tb, benchColumns, columns)
}

// BenchmarkReadCold reads 70 models with 800 columns with an empty cache, from
// a file proxy: zips are fetched, hashed, unpacked and read. Target: 300 ms and
// 150 MB on two cores.
func BenchmarkReadCold(b *testing.B) { readCold(b, 0) }

// BenchmarkReadColdLargeRepository reads the same models in a repository of
// 1,200 packages more: what is added is fetching and listing them, for no
// column reaches them.
func BenchmarkReadColdLargeRepository(b *testing.B) { readCold(b, 1200) }

func readCold(b *testing.B, others int) {
	b.Helper()
	b.ReportAllocs()
	proxy := publishBench(b, others, true)
	for b.Loop() {
		compose(b, newService(b, proxy, nil))
	}
}

// BenchmarkReadLargeRepository reads them with the zips in memory, but the
// models not yet read: the time must be that of BenchmarkReadModels, whatever
// else the repository holds.
func BenchmarkReadLargeRepository(b *testing.B) { readModels(b, 1200, true) }

// BenchmarkReadLargeRepositoryWithoutManifest has to look for entities in all
// of the packages: parsing them is what is added.
func BenchmarkReadLargeRepositoryWithoutManifest(b *testing.B) { readModels(b, 1200, false) }

// BenchmarkReadModels reads the models alone, with the zips in memory.
func BenchmarkReadModels(b *testing.B) { readModels(b, 0, true) }

func readModels(b *testing.B, others int, manifest bool) {
	b.Helper()
	b.ReportAllocs()
	proxy := publishBench(b, others, manifest)
	client, err := module.NewClient(module.Config{Sources: proxy, CacheDir: b.TempDir()})
	require.NoError(b, err)
	for b.Loop() {
		compose(b, serviceOf(b, client))
	}
}

// BenchmarkReadWarm composes from what was read. Target: 5 ms.
func BenchmarkReadWarm(b *testing.B) {
	b.ReportAllocs()
	s := newService(b, publishBench(b, 0, true), nil)
	compose(b, s)
	for b.Loop() {
		compose(b, s)
	}
}

// serviceOf is a service that has read nothing yet.
func serviceOf(tb testing.TB, client *module.Client) *migrate.Service {
	tb.Helper()
	s, err := migrate.New(migrate.Config{
		Modules: client, Now: time.Now, LockstepVersion: "test",
		Dialects: map[dialect.Engine]dialect.Dialect{dialect.SQLite: sqlite.New()},
	})
	require.NoError(tb, err)
	return s
}
