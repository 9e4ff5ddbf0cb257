package dialecttest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// undo proves the law of dialects whose DDL commits by itself: whatever part of a
// plan has run, its reverses, newest first, leave the tenant as it was, but for
// what applications have written meanwhile; and the whole plan with its final
// statements leaves what a fresh build has, and nothing aside.
func undo(t *testing.T, h Harness) {
	t.Helper()
	if _, ok := h.New(nil).(dialect.Witness); !ok {
		assert.True(t, h.New(nil).Capabilities().TransactionalDDL, "DDL that commits by itself needs a Witness")
		return
	}
	for _, tr := range allTransitions() {
		if slices.Contains(h.Unable, tr.name) || h.Refused[tr.name] != "" {
			continue // half of what is refused may run, and not run back
		}
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			undoWay(t, h, tr.from, tr.to)
		})
		if !tr.oneWay {
			t.Run(tr.name+" back", func(t *testing.T) {
				t.Parallel()
				undoWay(t, h, tr.to, tr.from)
			})
		}
	}
	const walks = 8
	for seed := range uint64(walks) {
		t.Run(fmt.Sprintf("random %d", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			undoWay(t, h, randomSchema(r), randomSchema(r))
		})
	}
}

// undoWay tries every prefix of the plan from one schema to another, or every second
// of a long one, with rows in the tables and an application that writes meanwhile.
// Rows may stand in the way of the plan, and so the whole plan is tried without any
// first, which must be complete. That what is there in the end equals a fresh build
// is proved by the laws of transitions and of random walks.
func undoWay(t *testing.T, h Harness, from, to *schema.Schema) {
	t.Helper()
	u := newUndoer(t, h, from, to)
	all := len(u.statements)
	require.True(t, u.try(all, false), "a statement fails: %s", u.story(all))
	u.fill()
	const long = 5
	step := 1
	if all > long {
		step = 2
	}
	for k := all - (all-1)/step*step; k <= all; k += step {
		if !u.try(k, true) {
			return
		}
	}
	u.applyAll()
}

func newUndoer(t *testing.T, h Harness, from, to *schema.Schema) *undoer {
	t.Helper()
	x := newTenant(t, h)
	x.migrate(from)
	witness, ok := x.d.(dialect.Witness)
	require.True(t, ok)
	u := &undoer{tenant: x, witness: witness, from: x.now, to: x.lower(to), plan: x.plan(to), s: x.open()}
	u.statements, u.final = parted(u.plan)
	return u
}

// applyAll carries the whole plan out, and its final statements.
func (u *undoer) applyAll() {
	u.t.Helper()
	require.Equal(u.t, len(u.statements), u.apply(u.statements))
	require.Equal(u.t, len(u.final), u.apply(u.final), "a final statement fails:\n%s", script(u.plan))
	u.nothingAside()
	found := u.inspect(u.plan.ResultSchema)
	for _, promised := range u.plan.ResultSchema.Tables {
		require.Empty(u.t, u.d.Compare(promised, found.Table(promised.Name)), "table %s is not as promised:\n%s", promised.Name, script(u.plan))
	}
}

// parted are the statements of a plan that can be undone, and those that come
// when all is recorded.
func parted(p *plan.Plan) (run, final []dialect.Statement) {
	for _, st := range p.Statements {
		if st.Final {
			final = append(final, st.Statement)
		} else {
			run = append(run, st.Statement)
		}
	}
	return run, final
}

type undoer struct {
	*tenant
	witness           dialect.Witness
	from, to          *schema.Schema // lowered
	plan              *plan.Plan
	s                 dialect.Session
	statements, final []dialect.Statement
	next              int // of the row that is written next
}

// try applies k statements and undoes them; writes: an application writes in
// between. It returns whether they could be
// applied; what could, is undone in any event.
func (u *undoer) try(k int, writes bool) bool {
	u.t.Helper()
	before, rows := u.definitions(""), u.rows()
	done := u.apply(u.statements[:k])
	var wrote []written
	if writes {
		wrote = u.write()
	}
	for _, st := range slices.Backward(u.statements[:done]) {
		u.revert(st)
	}
	after := u.definitions("")
	if !assert.Equal(u.t, ordered(before), ordered(after), "definitions after %d statements and back: %s", done, u.story(done)) {
		u.t.FailNow()
	}
	if fmt.Sprint(before) != fmt.Sprint(after) {
		u.t.Logf("after %d statements and back, the order of keys differs", done)
	}
	u.nothingAside()
	u.compare(rows, wrote, done)
	return done == k
}

func (u *undoer) story(k int) string {
	var b strings.Builder
	for _, st := range u.statements[:k] {
		fmt.Fprintf(&b, "\n%s;\n  -- back: %s", st.SQL, strings.Join(st.Reverse, ";\n  -- "))
	}
	return b.String()
}

// apply runs statements until one fails, and returns how many did not. Each that
// names a table changes its definition, and no other does.
func (u *undoer) apply(statements []dialect.Statement) int {
	u.t.Helper()
	for i, st := range statements {
		before := u.definitions(st.On)
		_, err := u.s.ExecContext(u.t.Context(), st.SQL)
		if err != nil {
			require.NotEqual(u.t, dialect.ReasonAlgorithmUnsupported, u.d.Classify(err).Reason, "%s: %v", st.SQL, err)
			u.t.Logf("%s: %v", st.SQL, err)
			require.Contains(u.t, u.d.Classify(err).Reason, "DATA_", "%s: %v", st.SQL, err)
			return i
		}
		if st.On == "" {
			assert.Empty(u.t, st.Reverse, st.SQL)
			assert.Equal(u.t, before, u.definitions(""), st.SQL)
			continue
		}
		if !st.Final {
			assert.NotEmpty(u.t, st.Reverse, st.SQL)
		}
		assert.NotEqual(u.t, before, u.definitions(st.On), "the definition of %s does not tell that this has run: %s", st.On, st.SQL)
	}
	return len(statements)
}

// revert undoes one statement, and runs again what no definition tells of.
func (u *undoer) revert(st dialect.Statement) {
	u.t.Helper()
	for _, sql := range st.Reverse {
		before := u.definitions("")
		_, err := u.s.ExecContext(u.t.Context(), sql)
		require.NoError(u.t, err, "%s\nback from: %s", sql, st.SQL)
		if fmt.Sprint(before) == fmt.Sprint(u.definitions("")) {
			_, err := u.s.ExecContext(u.t.Context(), sql)
			require.NoError(u.t, err, "again: %s", sql)
		}
	}
}

// tables are the names of all tables that can be there now.
func (u *undoer) names() []string {
	var out []string
	for _, s := range []*schema.Schema{u.from, u.to} {
		for _, t := range s.Tables {
			if !slices.Contains(out, t.Name) {
				out = append(out, t.Name)
			}
		}
	}
	for _, st := range slices.Concat(u.statements, u.final) {
		if st.On != "" && !slices.Contains(out, st.On) {
			out = append(out, st.On)
		}
	}
	return out
}

// definitions are those of one table, or of all when it has no name.
func (u *undoer) definitions(table string) map[string]string {
	u.t.Helper()
	names := []string{table}
	if table == "" {
		names = u.names()
	}
	out, err := u.witness.Definitions(u.t.Context(), u.s, names)
	require.NoError(u.t, err)
	return out
}

// ordered are definitions with their lines sorted but for the columns, whose
// place counts: keys that are dropped and made again stand behind the others.
func ordered(in map[string]string) map[string][]string {
	out := map[string][]string{}
	for name, text := range in {
		lines := strings.Split(text, "\n")
		for i := range lines {
			lines[i] = strings.TrimSuffix(lines[i], ",")
		}
		first := slices.IndexFunc(lines, func(l string) bool {
			l = strings.TrimSpace(l)
			return strings.Contains(l, "KEY ") && !strings.HasPrefix(l, "`") || strings.HasPrefix(l, "CONSTRAINT")
		})
		if first > 0 {
			slices.Sort(lines[first : len(lines)-1])
		}
		out[name] = lines
	}
	return out
}

func (u *undoer) nothingAside() {
	u.t.Helper()
	left, err := u.witness.Leftovers(u.t.Context(), u.s, u.names())
	require.NoError(u.t, err)
	require.Empty(u.t, left, "left aside")
}
