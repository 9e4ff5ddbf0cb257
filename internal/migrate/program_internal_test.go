package migrate

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// aProgram is that of a real plan: a column goes, another comes.
func aProgram(tb testing.TB) *program {
	tb.Helper()
	d := mysql.New()
	table := func(column string) *schema.Schema {
		low, err := d.Lower(&schema.Schema{Tables: []*schema.Table{{
			Name: "t \"`it's", PrimaryKey: []string{"id"}, Columns: []*schema.Column{
				{Name: "id", Type: schema.Type{Kind: schema.Int, Bits: 64}, AutoIncrement: true},
				{Name: column, Type: schema.Type{Kind: schema.String, Size: 20}, Nullable: true},
			},
		}}})
		require.NoError(tb, err)
		return low
	}
	base := table("old")
	p, err := plan.Build(tb.Context(), d, plan.Input{EngineVersion: 9, Strategy: strategy.Full, Base: base, Target: table("fresh")})
	require.NoError(tb, err)
	r := history.Revision{
		Number: 7, Outcome: history.Applied, Strategy: "full", Actor: "a\u2028b", StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Error: fault.New(fault.Refused, "DATA_NULL", "no").Suggest("mend"), Notes: history.Notes{Reverts: 3, Moves: moves(p)},
	}
	out, err := newProgram(p, d.Capabilities(), r, base)
	require.NoError(tb, err)
	require.NotEmpty(tb, out.Statements)
	return out
}

// TestProgramSurvivesTheJournal: what a process notes is what the next one reads.
func TestProgramSurvivesTheJournal(t *testing.T) {
	t.Parallel()
	p := aProgram(t)
	body, err := p.encode()
	require.NoError(t, err)
	back, err := decodeProgram(body)
	require.NoError(t, err)
	assert.Equal(t, p.Statements, back.Statements)
	assert.Equal(t, p.Tables, back.Tables)
	assert.Equal(t, p.Revision.Notes, back.Revision.Notes)
	assert.True(t, p.Revision.StartedAt.Equal(back.Revision.StartedAt))
	before, err := p.before()
	require.NoError(t, err)
	again, err := back.before()
	require.NoError(t, err)
	assert.Equal(t, before.Fingerprint(), again.Fingerprint())
}

// FuzzProgram reads what somebody may have made of the journal's first entry: never
// with a panic, and what is read is written the same way again. The journal is
// replayed over it, whatever its entries speak of.
func FuzzProgram(f *testing.F) {
	body, err := aProgram(f).encode()
	require.NoError(f, err)
	for _, seed := range []string{
		body, "", "null", "{}", "[]", `{"format":1}`, `{"format":2}`, `{"format":1,"statements":null,"before":null}`, body[:len(body)/2],
		`{"format":1,"statements":[{"reverse":["a","b"]},{"final":true}],"before":{"format":99}}`,
		strings.Replace(body, `"before":{`, `"before":[{`, 1), `{"format":1,"revision":{"startedAt":"never"}}`, `{"format":1e99}`,
		`{"format":1,"before":"{}","tables":[""],"statements":[{"phase":"nowhere","tables":[null]}]}`,
	} {
		f.Add(seed, 0, 1)
	}
	f.Fuzz(func(t *testing.T, body string, statement, part int) {
		p, err := decodeProgram(body)
		if err != nil {
			require.Equal(t, "JOURNAL_UNREADABLE", fault.ReasonOf(err))
			return
		}
		if before, err := p.before(); err == nil {
			require.NotNil(t, before)
		}
		once, err := p.encode()
		if err != nil {
			return // a time beyond the year 9999 can be read and not be written
		}
		back, err := decodeProgram(once)
		require.NoError(t, err)
		twice, err := back.encode()
		require.NoError(t, err)
		require.Equal(t, once, twice)
		for _, action := range []history.Action{history.Begin, history.Apply, history.Undo, history.Final, "other"} {
			a, err := replay(p, []history.Entry{{Number: 1, Action: action, Statement: statement, Part: part}, {Number: 2, Action: action, Statement: statement, Part: part, Done: true}})
			if err != nil {
				require.Equal(t, "JOURNAL_UNREADABLE", fault.ReasonOf(err))
				continue
			}
			require.Equal(t, int64(2), a.last)
			for i := range p.Statements {
				_ = a.undoing(i)
			}
		}
	})
}
