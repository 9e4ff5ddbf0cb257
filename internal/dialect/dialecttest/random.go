package dialecttest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// randomWalks goes from one random schema to another and back: each stop equals
// a fresh build. The seeds are fixed, so that a failure can be had again.
func randomWalks(t *testing.T, h Harness) {
	t.Helper()
	const walks = 12
	for seed := range uint64(walks) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			x := newTenant(t, h)
			next := func() *schema.Schema {
				s := randomSchema(r)
				if h.Adapt != nil {
					h.Adapt(s)
				}
				return s
			}
			first := next()
			for _, s := range []*schema.Schema{first, next(), next(), first} {
				x.migrate(s)
				sameAsFresh(t, h, x, s)
			}
		})
	}
}

func randomSchema(r *rand.Rand) *schema.Schema {
	const candidates = 4
	var names []string
	for i := range candidates {
		if i == 0 || r.IntN(4) > 0 {
			names = append(names, fmt.Sprintf("table%d", i))
		}
	}
	s := &schema.Schema{}
	for _, name := range names {
		s.Tables = append(s.Tables, randomTable(r, name, names))
	}
	return s
}

// sizeUnique gives texts under a unique index a size: not every engine can have
// it otherwise.
func sizeUnique(x schema.Index) tableOption {
	return func(t *schema.Table) {
		for _, p := range x.Parts {
			if c := t.Column(p.Column); x.Unique && c.Type.Kind == schema.String && c.Type.Size == 0 {
				c.Type.Size = 40
			}
		}
	}
}

func randomTable(r *rand.Rand, name string, all []string) *schema.Table {
	chance := func(n int) bool { return r.IntN(n) == 0 }
	types := []func() schema.Type{
		text, boolean, float,
		func() schema.Type { return varchar(10 + r.IntN(3)) },
		func() schema.Type { return integer(16 << r.IntN(3)) },
		func() schema.Type { return decimal(10+r.IntN(2), r.IntN(3)) },
	}
	opts := []tableOption{id()}
	var plain []string
	for i := range 5 {
		if chance(3) {
			continue
		}
		c := fmt.Sprintf("c%d", i)
		plain = append(plain, c)
		var co []columnOption
		if chance(2) {
			co = append(co, notNull)
		}
		if chance(2) {
			co = append(co, def(fmt.Sprint(r.IntN(2))))
		}
		if chance(4) {
			co = append(co, remark("about "+c))
		}
		opts = append(opts, col(c, types[r.IntN(len(types))](), co...))
	}
	for i, c := range plain {
		kind := r.IntN(6)
		x := schema.Index{Name: fmt.Sprintf("x_%s_%d", name, i), Parts: on(c)}
		x.Unique, x.Constraint = kind >= 2, kind == 3
		if chance(3) && i > 0 {
			x.Parts = append(x.Parts, schema.IndexPart{Column: plain[0], Desc: kind != 3 && chance(2)})
		}
		if kind < 4 && x.Parts[0].Column != "" {
			opts = append(opts, index(x), sizeUnique(x))
		}
	}
	for _, other := range all {
		if chance(3) {
			c := "ref_" + other
			opts = append(opts, col(c, unsigned(64)), fk(schema.ForeignKey{
				Name: "fk_" + name + "_" + other, Columns: []string{c}, RefTable: other, RefColumns: []string{"id"},
				OnDelete: []schema.Action{schema.NoAction, schema.Cascade, schema.SetNull, schema.Restrict}[r.IntN(4)],
			}))
		}
	}
	if chance(2) {
		opts = append(opts, col("amount", integer(32)), check("chk_"+name, fmt.Sprintf("amount > %d", r.IntN(3))))
	}
	return table(name, opts...)
}
