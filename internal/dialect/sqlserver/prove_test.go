package sqlserver

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/schema/schematest"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// proving is where scratches are opened: the simulation, or a real server.
type proving struct {
	name   string
	d      *Dialect
	target func(t testing.TB) string
	pairs  int
}

// eachPlace runs a test on the simulation, and on every real server of this run,
// with a database and with a schema per tenant.
func eachPlace(t *testing.T, test func(t *testing.T, p proving)) {
	t.Helper()
	t.Run("simulation", func(t *testing.T) {
		t.Parallel()
		f := simulated()
		test(t, proving{name: "the simulation", d: f.dialect(), pairs: 300, target: func(testing.TB) string {
			return "sqlserver://u:p@h:1?database=db&schema=acme"
		}})
	})
	t.Run("servers", func(t *testing.T) {
		t.Parallel()
		eachServerPlace(t, test)
	})
}

// eachServerPlace runs a test on the servers alone.
func eachServerPlace(t *testing.T, test func(t *testing.T, p proving)) {
	t.Helper()
	for _, server := range enginetest.SQLServer(t) {
		for name, tenant := range map[string]func(testing.TB, enginetest.Server) string{
			"database": enginetest.FreshDatabase, "schema": enginetest.FreshSchema,
		} {
			t.Run(server.Name+"/"+name, func(t *testing.T) {
				test(t, proving{name: server.Name, d: New(), pairs: 100, target: func(t testing.TB) string { t.Helper(); return tenant(t, server) }})
			})
		}
	}
}

func numberOf(t testing.TB, env string, otherwise int) int {
	t.Helper()
	text := os.Getenv(env)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, env)
	return n
}

// TestEveryPlanLeadsToItsResult proves plans between random pairs of schemas, as
// the test of that name of package migrate does on the other engines.
func TestEveryPlanLeadsToItsResult(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p proving) {
		target, err := dialect.ParseTarget(p.target(t))
		require.NoError(t, err)
		first := numberOf(t, "LOCKSTEP_TEST_SEED", int(time.Now().UnixNano()%1_000_000_000))
		pairs := p.pairs * numberOf(t, "LOCKSTEP_TEST_PROOFS", 1)
		t.Logf("%s: seeds from %d; LOCKSTEP_TEST_SEED=%d begins there again", p.name, first, first)
		statements, proved, seed := 0, 0, first
		for ; proved < pairs && !t.Failed(); seed++ {
			require.Less(t, seed-first, 50*pairs, "hardly any pair is one for this engine")
			if n := provePair(t, p, target, uint64(seed)); n > 0 {
				proved++
				statements += n
			}
		}
		t.Logf("%s: %d pairs, %d statements, seeds %d to %d", p.name, proved, statements, first, seed-1)
	})
}

// provePair proves one plan and returns how many statements it has; none when
// the pair is none for the engine.
func provePair(t *testing.T, p proving, target dialect.Target, seed uint64) int {
	t.Helper()
	r := schematest.New(seed)
	base := schematest.Random(r, 4)
	next := schematest.Mutate(r, base)
	if seed%3 == 0 {
		next = schematest.Random(r, 4)
	}
	name := []strategy.Name{strategy.Full, strategy.Full, strategy.Safe, strategy.AddOnly}[r.IntN(4)]
	adapted := harness().Adapt
	adapted(base)
	adapted(next)
	from, err := p.d.Lower(base)
	if fault.ReasonOf(err) == "SCHEMA_NOT_LOWERABLE" {
		return 0
	}
	require.NoError(t, err, "seed %d", seed)
	wanted, err := p.d.Lower(next)
	if fault.ReasonOf(err) == "SCHEMA_NOT_LOWERABLE" {
		return 0
	}
	require.NoError(t, err, "seed %d", seed)
	made, err := plan.Build(t.Context(), p.d, plan.Input{Strategy: name, Base: from, Target: wanted})
	if k := fault.KindOf(err); err != nil && (k == fault.Refused || k == fault.Unsupported) {
		return 0 // the plan says itself that it cannot be had
	}
	require.NoError(t, err, "seed %d", seed)
	if serverChoosesKey(made) {
		return 0
	}
	proof, err := migrate.Prove(t.Context(), p.d, target, made)
	require.NoError(t, err, "seed %d", seed)
	if !proof.Proved() {
		t.Errorf("%s, seed %d, strategy %s: %v\n%s", p.name, seed, name, proof.Error(), script(made))
	}
	return len(made.Statements)
}

// serverChoosesKey leaves out plans that drop a unique over columns to which a
// foreign key refers that stays: over the same columns is the primary key. To which
// of the two the server has tied the foreign key is nowhere said, and if to the
// unique, that is not dropped (error 3725).
func serverChoosesKey(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Verdicts, func(v strategy.Verdict) bool {
		return slices.ContainsFunc(v.Now, func(c diff.Change) bool {
			return c.Kind == diff.Index && c.From != nil && c.From.Index.Unique && c.Verb != diff.Rename && refersTo(p.ResultSchema, c.Table, c.From.Index)
		})
	})
}

func refersTo(s *schema.Schema, table string, x *schema.Index) bool {
	var columns []string
	for _, p := range x.Parts {
		columns = append(columns, p.Column)
	}
	return slices.ContainsFunc(s.Tables, func(t *schema.Table) bool {
		return slices.ContainsFunc(t.ForeignKeys, func(f *schema.ForeignKey) bool {
			return f.RefTable == table && keyOf("", f.RefColumns) == keyOf("", columns)
		})
	})
}

func script(p *plan.Plan) string {
	text := ""
	for i := range p.Statements {
		text += fmt.Sprintf("  %d. %s;\n", i+1, p.Statements[i].SQL)
	}
	return text
}

// TestAProofTells a plan that fails, and one that leads elsewhere, from one that is
// right.
func TestAProofTells(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p proving) {
		target, err := dialect.ParseTarget(p.target(t))
		require.NoError(t, err)
		made := func() *plan.Plan {
			changed := thing(func(t *schema.Table) { t.Columns[3].Default = &schema.Default{Value: "2"} })
			made, err := planned(t, []*schema.Table{owners(), thing(nothing)}, []*schema.Table{owners(), changed})
			require.NoError(t, err)
			return made
		}
		proof, err := migrate.Prove(t.Context(), p.d, target, made())
		require.NoError(t, err)
		require.NoError(t, asError(proof))

		fails := made()
		fails.Statements[0].SQL = "ALTER TABLE [$(schema)].[things] DROP COLUMN [nothing]"
		proof, err = migrate.Prove(t.Context(), p.d, target, fails)
		require.NoError(t, err)
		require.NotNil(t, proof.Failure)
		assert.Equal(t, "PLAN_FAILS", proof.Failure.Reason)

		elsewhere := made()
		elsewhere.Statements = elsewhere.Statements[:1] // the old default goes, and none comes
		proof, err = migrate.Prove(t.Context(), p.d, target, elsewhere)
		require.NoError(t, err)
		assert.Equal(t, []string{"things: column n has another default"}, proof.Differences)
	})
}

func asError(p *migrate.Proof) error {
	if f := p.Error(); f != nil {
		return f
	}
	return nil
}

// differences are those of a tenant to a model, like with like.
func differences(t *testing.T, p proving, url string, tables ...*schema.Table) []string {
	t.Helper()
	found, _ := likeness(t, p, url, tables...)
	return found
}

// likeness is the differences, and the SQL that would settle them.
func likeness(t *testing.T, p proving, url string, tables ...*schema.Table) (clauses, back []string) {
	t.Helper()
	target, err := dialect.ParseTarget(url)
	require.NoError(t, err)
	model, err := p.d.Lower(&schema.Schema{Tables: tables})
	require.NoError(t, err)
	s, err := p.d.Open(t.Context(), target)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	found, back, err := migrate.LikeWithLike(t.Context(), p.d, target, s, model)
	require.NoError(t, err)
	for i := range found {
		clauses = append(clauses, found[i].String())
	}
	return clauses, back
}

// executed runs batches on a tenant and commits.
func executed(t *testing.T, p proving, url string, batches ...string) {
	t.Helper()
	target, err := dialect.ParseTarget(url)
	require.NoError(t, err)
	s, err := p.d.Open(t.Context(), target)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	tx, err := s.Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	for _, b := range batches {
		_, err := tx.ExecContext(t.Context(), b)
		require.NoError(t, err, b)
	}
	require.NoError(t, tx.Commit(t.Context()))
}

// TestLikeWithLike: a tenant as it was made shows nothing, to the last text, and
// every change from outside is seen, those of texts included.
func TestLikeWithLike(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p proving) {
		url := p.target(t)
		made, err := planned(t, nil, []*schema.Table{owners(), thing(nothing)})
		require.NoError(t, err)
		var batches []string
		for _, st := range made.Statements {
			batches = append(batches, st.SQL)
		}
		executed(t, p, url, batches...)
		assert.Empty(t, differences(t, p, url, owners(), thing(nothing)))

		executed(t, p, url,
			"ALTER TABLE [$(schema)].[things] DROP CONSTRAINT [DF_things_n]",
			"ALTER TABLE [$(schema)].[things] ADD CONSTRAINT [DF_things_n] DEFAULT 7 FOR [n]",
			"ALTER TABLE [$(schema)].[things] DROP CONSTRAINT [chk_label]",
			"ALTER TABLE [$(schema)].[things] ADD CONSTRAINT [chk_label] CHECK (label > '')",
			"DROP INDEX [idx_label] ON [$(schema)].[things]",
			"ALTER TABLE [$(schema)].[owners] ADD [nick] nvarchar(20) NULL")
		assert.ElementsMatch(t, []string{
			"things: column n has another default", "things: check chk_label is another",
			"things: index idx_label is missing", "owners: column nick is not in the model",
		}, differences(t, p, url, owners(), thing(nothing)))
	})
}

// inspected are tables of a tenant as they are.
func inspected(t *testing.T, p proving, url string, tables ...string) *schema.Schema {
	t.Helper()
	target, err := dialect.ParseTarget(url)
	require.NoError(t, err)
	s, err := p.d.Open(t.Context(), target)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	found, err := p.d.Inspect(t.Context(), s, tables)
	require.NoError(t, err)
	return found
}
