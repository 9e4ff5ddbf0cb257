package mysql

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/schema/schematest"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// withItsKey tells whether one ALTER TABLE adds a foreign key of a table to itself
// and a key that it may refer to. MySQL 9.7.4 does not hold the rows against such a
// foreign key, or ends with signal 11; apart, each is safe.
func withItsKey(sql string) bool {
	table := regexp.MustCompile("^ALTER TABLE (`[^`]+`) ").FindStringSubmatch(sql)
	return table != nil && regexp.MustCompile("ADD CONSTRAINT .* FOREIGN KEY .* REFERENCES "+regexp.QuoteMeta(table[1])+" ").MatchString(sql) &&
		regexp.MustCompile("ADD (UNIQUE INDEX|PRIMARY KEY)").MatchString(sql)
}

// TestAKeyComesBeforeWhatRefersToIt: in a statement of its own, there and back.
func TestAKeyComesBeforeWhatRefersToIt(t *testing.T) {
	t.Parallel()
	require.True(t, withItsKey("ALTER TABLE `n` ADD UNIQUE INDEX `u` (`a`), ADD CONSTRAINT `f` FOREIGN KEY (`b`) REFERENCES `n` (`a`), ALGORITHM=COPY"))
	d := New()
	loops := 0
	prove := func(from, to *schema.Schema) {
		a, err := d.Lower(from)
		if err != nil {
			return // MySQL cannot have it
		}
		b, err := d.Lower(to)
		if err != nil {
			return
		}
		p, err := plan.Build(t.Context(), d, plan.Input{Strategy: strategy.Full, Base: a, Target: b})
		if err != nil {
			return
		}
		loops++
		for _, st := range p.Statements {
			for _, sql := range slices.Concat([]string{st.SQL}, st.Reverse) {
				assert.False(t, withItsKey(sql), sql)
			}
		}
	}
	for seed := range uint64(2000) {
		r := schematest.New(seed)
		from := schematest.Random(r, 3)
		to := schematest.Mutate(r, from)
		prove(from, to)
		prove(to, from)
	}
	assert.Greater(t, loops, 1000)

	self := func(key, unique string) *schema.Schema {
		table := &schema.Table{
			Name: "n", PrimaryKey: []string{key}, Columns: []*schema.Column{raw("id", "bigint"), raw("other", "bigint"), raw("above", "bigint")},
			Indexes:     []*schema.Index{over("uni", true, unique)},
			ForeignKeys: []*schema.ForeignKey{{Name: "fk", Columns: []string{"above"}, RefTable: "n", RefColumns: []string{unique}}},
		}
		return &schema.Schema{Engine: string(dialect.MySQL), Tables: []*schema.Table{table}}
	}
	prove(self("id", "other"), self("other", "id"))
	prove(self("id", "id"), self("other", "other"))
	stays, goes := self("id", "id"), self("other", "id")
	goes.Tables[0].Column("above").Nullable = false
	goes.Tables[0].Column("other").Type.Raw = "int"
	prove(stays, goes)
	prove(goes, stays)
	stays.Tables[0].Indexes, goes.Tables[0].PrimaryKey = nil, []string{"id", "other"}
	prove(stays, goes)
	prove(goes, stays)
}

// TestAReleasedKeyComesBack to its own table, which has another primary key
// meanwhile.
func TestAReleasedKeyComesBack(t *testing.T) {
	benches(t, func(b *bench) {
		table := func(above bool, typ string, key ...string) *schema.Table {
			t := &schema.Table{
				Name: "n", PrimaryKey: key, Columns: []*schema.Column{raw("id", "bigint"), raw("other", typ), raw("above", "bigint")},
				Indexes:     []*schema.Index{over("uni", true, "id")},
				ForeignKeys: []*schema.ForeignKey{{Name: "fk", Columns: []string{"above"}, RefTable: "n", RefColumns: []string{"id"}}},
			}
			t.Columns[0].Nullable, t.Columns[2].Nullable = false, above
			return t
		}
		from, to := table(true, "bigint", "id"), table(false, "int", "id", "other")
		b.build(from)
		b.exec("INSERT INTO n VALUES (1, 5, 1), (2, 6, 1)")
		b.prefixes(planned(b.t, b.d, []*schema.Table{from}, []*schema.Table{to}), []string{"n"}, "SELECT * FROM n ORDER BY id")
	})
}
