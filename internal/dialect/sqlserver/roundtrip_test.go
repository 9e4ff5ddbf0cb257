package sqlserver

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// TestGoldensRun runs each case on the simulated catalogue, on an edition that
// builds indexes online and on one that does not: no batch breaks a rule, and
// what the views show then is what was promised, comments included.
func TestGoldensRun(t *testing.T) {
	t.Parallel()
	for _, enterprise := range []bool{false, true} {
		for _, c := range cases() {
			t.Run(fmt.Sprintf("%s/%v", c.name, enterprise), func(t *testing.T) {
				t.Parallel()
				f := newFake()
				f.catalogue, f.enterprise = newCatalogue(), enterprise
				s := f.open(t, "acme")
				if c.from != nil {
					p, err := planned(t, nil, c.from)
					require.NoError(t, err)
					apply(t, s, p)
				}
				p, err := planned(t, c.from, c.to)
				if err != nil {
					return // the golden has it
				}
				before := f.catalogue.clone()
				apply(t, s, p)
				reverse(t, f, s, p, before)
			})
		}
	}
}

// apply executes a plan and compares what the views show with what it promised.
func apply(t *testing.T, s dialect.Session, p *plan.Plan) {
	t.Helper()
	tx := begin(t, s, dialect.TxOptions{CreateNamespace: true})
	for _, st := range p.Statements {
		_, err := tx.ExecContext(t.Context(), st.SQL)
		require.NoError(t, err, st.SQL)
	}
	require.NoError(t, tx.Commit(t.Context()))
	promised(t, s, p.ResultSchema)
}

func promised(t *testing.T, s dialect.Session, want *schema.Schema) {
	t.Helper()
	d := New()
	var names []string
	for _, table := range want.Tables {
		names = append(names, table.Name)
	}
	found, err := d.Inspect(t.Context(), s, names)
	require.NoError(t, err)
	all, err := d.Tables(t.Context(), s)
	require.NoError(t, err)
	assert.ElementsMatch(t, names, all)
	for _, table := range want.Tables {
		have := found.Table(table.Name)
		require.Empty(t, d.Compare(table, have))
		assert.Equal(t, table.Comment, have.Comment)
		for _, c := range table.Columns {
			assert.Equal(t, c.Comment, have.Column(c.Name).Comment, c.Name)
		}
		for _, x := range table.Indexes {
			assert.Equal(t, x.Comment, have.Index(x.Name).Comment, x.Name)
		}
	}
}

// reverse runs the reverses of a plan, if it has all, and compares with before.
func reverse(t *testing.T, f *fakeServer, s dialect.Session, p *plan.Plan, before *catalogue) {
	t.Helper()
	if p.BaseSchema == nil {
		return
	}
	reversible := map[string]bool{}
	for _, st := range p.Statements {
		reversible[st.Table] = reversible[st.Table] || len(st.Reverse) > 0
	}
	for _, yes := range reversible {
		if !yes {
			return
		}
	}
	tx := begin(t, s, dialect.TxOptions{})
	for _, st := range slices.Backward(p.Statements) {
		for _, r := range st.Reverse {
			if _, err := tx.ExecContext(t.Context(), r); err != nil {
				t.Logf("not reversed: %s: %v", r, err) // a step of several may lack one
				require.NoError(t, tx.Rollback(t.Context()))
				return
			}
		}
	}
	require.NoError(t, tx.Commit(t.Context()))
	assert.Len(t, f.catalogue.tables, len(before.tables))
}

// TestNamesAreThoseOfAFreshTable: after renames, what is named after tables and
// columns has the names that it would have been given.
func TestNamesAreThoseOfAFreshTable(t *testing.T) {
	t.Parallel()
	names := func(from, to []*schema.Table) (out []string) {
		f := newFake()
		f.catalogue = newCatalogue()
		s := f.open(t, "acme")
		if from != nil {
			p, err := planned(t, nil, from)
			require.NoError(t, err)
			apply(t, s, p)
		}
		p, err := planned(t, from, to)
		require.NoError(t, err)
		apply(t, s, p)
		for _, table := range f.catalogue.tables {
			for _, x := range table.keys {
				out = append(out, x.name)
			}
			for _, c := range table.columns {
				out = append(out, c.defName)
			}
		}
		slices.Sort(out)
		return out
	}
	for _, c := range cases() {
		if _, err := planned(t, c.from, c.to); err == nil {
			assert.Equal(t, names(nil, c.to), names(c.from, c.to), c.name)
		}
	}
}

// TestOtherTenantsAreNotTouched: tables of the same name in another schema, and
// in dbo, are neither seen nor changed.
func TestOtherTenantsAreNotTouched(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.catalogue = newCatalogue()
	first, err := planned(t, nil, []*schema.Table{owners(), thing(nothing)})
	require.NoError(t, err)
	for _, name := range []string{"", "acme", "other"} {
		s := f.open(t, name)
		found, err := New().Inspect(t.Context(), s, []string{"owners", "things"})
		require.NoError(t, err)
		assert.Empty(t, found.Tables, "%q is empty, whatever others have", name)
		apply(t, s, first)
	}
	next, err := planned(t, []*schema.Table{owners(), thing(nothing)}, []*schema.Table{owners()})
	require.NoError(t, err)
	apply(t, f.open(t, "acme"), next)
	promised(t, f.open(t, ""), first.ResultSchema)
	promised(t, f.open(t, "other"), first.ResultSchema)
	promised(t, f.open(t, "acme"), next.ResultSchema)
}

func TestReferrers(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.catalogue = newCatalogue()
	s := f.open(t, "acme")
	p, err := planned(t, nil, []*schema.Table{owners(), thing(nothing)})
	require.NoError(t, err)
	apply(t, s, p)
	found, err := New().Referrers(t.Context(), s, []string{"owners"})
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Equal(t, "things", found[0].Table)
	assert.Equal(t, &schema.ForeignKey{
		Name: "fk_owner", Columns: []string{"owner_id"}, RefTable: "owners", RefColumns: []string{"id"}, OnDelete: schema.Cascade,
	}, found[0].ForeignKey)
	found, err = New().Referrers(t.Context(), s, []string{"owners", "things"})
	require.NoError(t, err)
	assert.Empty(t, found)
}

// TestHistory: the history is kept in the tenant's schema, in T-SQL.
func TestHistory(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.catalogue = newCatalogue()
	store := history.NewStore(New())
	other := begin(t, f.open(t, ""), dialect.TxOptions{})
	require.NoError(t, store.Create(t.Context(), other))
	require.NoError(t, other.Commit(t.Context()))
	s := f.open(t, "acme")
	tx := begin(t, s, dialect.TxOptions{CreateNamespace: true})
	there, err := store.Exists(t.Context(), tx)
	require.NoError(t, err)
	assert.False(t, there, "that of dbo is another tenant's")
	require.NoError(t, store.Create(t.Context(), tx))
	require.NoError(t, store.Insert(t.Context(), tx, &history.Revision{Number: 1, Outcome: history.Applied}, &schema.Schema{Engine: "sqlserver"}))
	require.NoError(t, tx.Commit(t.Context()))
	there, err = store.Exists(t.Context(), s)
	require.NoError(t, err)
	assert.True(t, there)
	_, err = store.Head(t.Context(), s)
	require.NoError(t, err)
	_, err = store.List(t.Context(), s, 7, 3)
	require.NoError(t, err)
	_, err = store.Position(t.Context(), s)
	require.NoError(t, err)
	asked := f.sent("lockstep_history")
	assert.Greater(t, len(asked), 5)
	for _, batch := range asked {
		mustParse(t, batch)
		assert.NotRegexp(t, `(FROM|INTO|JOIN|TABLE|UPDATE) \[?lockstep_history`, batch, "not qualified")
		assert.NotContains(t, batch, "LIMIT")
	}
}

// TestNamesThatNeedCare creates, changes and renames tables with odd names.
func TestNamesThatNeedCare(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"order", `qu"ote`, "brack[et]", "]]", "apo'strophe", "sp ace", "Ümläut", "日本語", "semi;colon", "dot.ted", "a].[b", "--", "/*", "$", "$x", "@p1", "GO",
		fmt.Sprintf("%0128d", 9),
	} {
		table := func(to string, extra ...*schema.Column) []*schema.Table {
			c := text(to, 20)
			c.Default, c.Comment = &schema.Default{Value: to}, to
			return []*schema.Table{{
				Name: to, Comment: to, PrimaryKey: []string{"id"}, Columns: append([]*schema.Column{identity(), c, number("p", 64)}, extra...),
				Indexes: []*schema.Index{
					{Name: "i" + to, Parts: keyParts([]string{to}), Comment: to},
					{Name: "u" + to, Unique: true, Constraint: true, Parts: keyParts([]string{to})},
				},
				ForeignKeys: []*schema.ForeignKey{{Name: "f" + to, Columns: []string{"p"}, RefTable: to, RefColumns: []string{"id"}}},
				Checks:      []*schema.Check{{Name: "c" + to, Expr: New().Quote(to) + " <> 'x'"}},
			}}
		}
		f := newFake()
		f.catalogue = newCatalogue()
		s := f.open(t, "it is acme")
		next := table("plain")
		next[0].RenamedFrom, next[0].Column("plain").RenamedFrom = []string{name}, []string{name}
		var base []*schema.Table
		for _, to := range [][]*schema.Table{table(name), table(name, text("added", 9)), next} {
			p, err := planned(t, base, to)
			require.NoError(t, err, name)
			for _, st := range p.Statements {
				mustParse(t, st.SQL)
			}
			apply(t, s, p)
			base = to
			if to[0].Column("added") != nil {
				base = table(name) // the last step takes it away again
				p, err := planned(t, to, base)
				require.NoError(t, err)
				apply(t, s, p)
			}
		}
	}
}
