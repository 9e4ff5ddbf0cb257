package sqlserver

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// TestStatementsSayWhatTheyLock: every statement that changes a table which is
// there says how it is locked and for how long, and what is read or written names
// its table; comments lock nothing that anybody waits for.
func TestStatementsSayWhatTheyLock(t *testing.T) {
	t.Parallel()
	for _, c := range cases() {
		if c.from == nil {
			continue
		}
		p, err := planned(t, c.from, c.to)
		if err != nil {
			continue // the golden has it
		}
		made := map[string]bool{}
		for _, st := range p.Statements {
			locks := 0
			for _, h := range st.Hazards {
				switch h.Kind {
				case dialect.HazardLock:
					locks++
					assert.Contains(t, []string{schemaModification, shared}, h.Mode, "%s: %s", c.name, st.SQL)
					assert.NotEmpty(t, h.Lasts, "%s: %s", c.name, st.SQL)
					assert.Contains(t, h.Detail, h.Table, "%s: %s", c.name, st.SQL)
					assert.NotEmpty(t, h.Table, "%s: %s", c.name, st.SQL)
				case dialect.HazardScan, dialect.HazardRewrite:
					assert.NotEmpty(t, h.Table, "%s: %s", c.name, st.SQL)
				case dialect.HazardDataLoss, dialect.HazardMayFail:
				}
			}
			creates := strings.HasPrefix(st.SQL, "CREATE TABLE")
			made[st.Table] = made[st.Table] || creates
			if !made[st.Table] && !strings.Contains(st.SQL, "extendedproperty") {
				assert.Positive(t, locks, "%s: %s", c.name, st.SQL)
			}
		}
	}
}

// TestALockLastsAsLongAsItsStatement, of one table the longest.
func TestALockLastsAsLongAsItsStatement(t *testing.T) {
	t.Parallel()
	locks := func(to func(*schema.Table)) map[string]dialect.LockTime {
		p, err := planned(t, []*schema.Table{owners(), thing(nothing)}, []*schema.Table{owners(), thing(to)})
		require.NoError(t, err)
		out := map[string]dialect.LockTime{}
		for _, st := range p.Statements {
			for _, h := range st.Hazards {
				if h.Kind == dialect.HazardLock && h.Lasts.Longer(out[h.Table+" "+h.Mode]) {
					out[h.Table+" "+h.Mode] = h.Lasts
				}
			}
		}
		return out
	}
	for name, c := range map[string]struct {
		to   func(*schema.Table)
		want map[string]dialect.LockTime
	}{
		"a nullable column": {
			func(t *schema.Table) { t.Columns = append(t.Columns, number("m", 64)) },
			map[string]dialect.LockTime{"things Sch-M": dialect.LockMoment},
		},
		"a column with a default": {
			func(t *schema.Table) {
				c := number("m", 64)
				c.Default = &schema.Default{Value: "1"}
				t.Columns = append(t.Columns, c)
			},
			map[string]dialect.LockTime{"things Sch-M": dialect.LockRewrite},
		},
		"a check": {
			func(t *schema.Table) { t.Checks = append(t.Checks, &schema.Check{Name: "chk_n", Expr: "n > 1"}) },
			map[string]dialect.LockTime{"things Sch-M": dialect.LockScan},
		},
		"an index": {
			func(t *schema.Table) { t.Indexes = append(t.Indexes, over("idx_on", false, "on")) },
			map[string]dialect.LockTime{"things S": dialect.LockScan},
		},
		"a unique constraint": {
			func(t *schema.Table) {
				t.Indexes = append(t.Indexes, &schema.Index{Name: "uni_on", Unique: true, Constraint: true, Parts: keyParts([]string{"on"})})
			},
			map[string]dialect.LockTime{"things Sch-M": dialect.LockScan},
		},
		"a foreign key": {
			func(t *schema.Table) {
				t.Columns = append(t.Columns, &schema.Column{Name: "other_id", Nullable: true, Type: schema.Type{Kind: schema.Uint, Bits: 64}})
				t.ForeignKeys = append(t.ForeignKeys, &schema.ForeignKey{Name: "fk_other", Columns: []string{"other_id"}, RefTable: "owners", RefColumns: []string{"id"}})
			},
			map[string]dialect.LockTime{"things Sch-M": dialect.LockScan, "owners Sch-M": dialect.LockScan},
		},
		"NOT NULL": {
			func(t *schema.Table) { t.Columns[2].Nullable = false },
			map[string]dialect.LockTime{"things Sch-M": dialect.LockScan},
		},
		"another type": {
			func(t *schema.Table) { t.Columns[2] = text("body", 10) },
			map[string]dialect.LockTime{"things Sch-M": dialect.LockRewrite},
		},
	} {
		assert.Equal(t, c.want, locks(c.to), name)
	}
}
