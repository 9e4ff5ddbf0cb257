package preflight_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/preflight"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/schema/schematest"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

var (
	seeds = flag.Int("seeds", 30, "how many random transitions TestSaysWhatTheEngineSays makes on each engine")
	seed  = flag.Int("seed", 0, "the first of them")
)

// TestSaysWhatTheEngineSays makes random schemas, rows and transitions. Whenever
// preflight finds nothing in the way and leaves nothing unchecked, the plan runs;
// whenever it finds something, the engine refuses the plan.
func TestSaysWhatTheEngineSays(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l lab) {
		for n := range *seeds {
			t.Run(fmt.Sprint(*seed+n), func(t *testing.T) {
				t.Parallel()
				agree(t, l, schematest.New(uint64(*seed+n)))
			})
		}
	})
}

func agree(t *testing.T, l lab, r *rand.Rand) {
	t.Helper()
	x := newTenant(t, l)
	from := retype(r, schematest.Random(r, 3))
	for _, t := range from.Tables {
		t.Checks = nil // those are about the key, which not every engine lets them be
	}
	x.migrate(from)
	fill(t, x, l, r, from)
	to := tighten(r, retype(r, schematest.Mutate(r, from)))
	for _, t := range to.Tables {
		t.Checks = slices.DeleteFunc(t.Checks, func(k *schema.Check) bool { return schema.MentionsIdentifier(k.Expr, "id") })
	}
	low, err := x.d.Lower(to)
	if err != nil {
		t.Skipf("the engine cannot have the schema: %v", err) // a random one
	}
	p, err := plan.Build(t.Context(), x.d, plan.Input{EngineVersion: major(x), Strategy: strategy.Full, Base: x.now, Target: low})
	if err != nil {
		t.Skipf("there is no plan: %v", err)
	}
	report := x.preflight(p)
	blocking := report.Blocking()
	err = x.apply(p)
	reason := fault.ReasonOf(err)
	explain := func() string {
		var b strings.Builder
		for _, f := range report.Findings {
			fmt.Fprintf(&b, "found: %s\n  %s\n", f, f.Query)
		}
		for _, g := range report.Unchecked {
			fmt.Fprintf(&b, "unchecked: %s\n", g)
		}
		return b.String() + script(p)
	}
	switch {
	case err != nil && !strings.HasPrefix(reason, "DATA_"):
		t.Skipf("the engine refuses for a reason that is not in the rows: %v", err)
	case err != nil && len(blocking) == 0 && len(report.Unchecked) == 0:
		t.Errorf("the engine refuses (%s) and preflight was silent: %v\n%s", reason, err, explain())
	case err == nil && overlooked(l, p, blocking):
		t.Logf("the engine overlooks orphans\n%s", explain())
	case err == nil && len(blocking) > 0:
		t.Errorf("preflight was in the way, and the engine was not\n%s", explain())
	}
	t.Logf("seed: %d findings, %d in the way, %d unchecked, engine: %q", len(report.Findings), len(blocking), len(report.Unchecked), reason)
}

// overlooked tells what MySQL 9.7 lets pass with innodb_native_foreign_keys=OFF: rows
// with NULL in a further column of the index that serves a foreign key.
func overlooked(l lab, p *plan.Plan, blocking []preflight.Finding) bool {
	for _, f := range blocking {
		t := p.ResultSchema.Table(f.Table)
		if !on(l, "mysql") || f.Kind != preflight.Orphans || t == nil || t.ForeignKey(f.Object) == nil {
			return false
		}
		columns := t.ForeignKey(f.Object).Columns
		if !slices.ContainsFunc(t.Indexes, func(x *schema.Index) bool {
			return len(x.Parts) > len(columns) && x.Parts[0].Column == columns[0]
		}) {
			return false
		}
	}
	return len(blocking) > 0
}

func major(x *tenant) int {
	x.t.Helper()
	s := x.open()
	defer func() { _ = s.Close() }()
	return s.Version().Major
}

// fill puts random rows in; what the present rules do not allow is left out.
func fill(t *testing.T, x *tenant, l lab, r *rand.Rand, s *schema.Schema) {
	t.Helper()
	session := x.open()
	defer func() { _ = session.Close() }()
	if on(l, "sqlite") {
		require.NoError(t, run(t.Context(), session, "PRAGMA foreign_keys=ON"))
	}
	for _, table := range s.Tables {
		for range 2 + r.IntN(9) {
			var names, values []string
			for _, c := range table.Columns {
				if c.Name == "id" && c.AutoIncrement {
					continue
				}
				names = append(names, x.d.Quote(c.Name))
				values = append(values, value(r, l, c))
			}
			if len(names) > 0 {
				insert := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", x.d.Quote(table.Name), strings.Join(names, ", "), strings.Join(values, ", "))
				if run(t.Context(), session, insert) == nil {
					t.Log(insert) // to have a failure again
				}
			}
		}
	}
}

func value(r *rand.Rand, l lab, c *schema.Column) string {
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	if c.Nullable && r.IntN(4) == 0 {
		return "NULL"
	}
	if c.Name == "id" || strings.HasSuffix(c.Name, "_id") {
		return fmt.Sprint(1 + r.IntN(9))
	}
	if on(l, "sqlite") && r.IntN(6) == 0 { // it stores what it is given
		return pick("'abc'", "1.5", "x'ff'", "'12'", "7", "'1e2'", "1e300", "9223372036854775807")
	}
	switch c.Type.Kind {
	case schema.Int, schema.Uint:
		return pick("1", "2", "2", "-3", "32768", "70000", "100", "127", "0", "9007199254740993", "300")
	case schema.String:
		if c.Type.Size == 4 {
			return pick("'1'", "'01'", "'abc'", "'-7'", "'300'", "'x'", "'1.5'")
		}
		return pick("'1'", "'01'", "' 2 '", "'abc'", "'1.5'", "'12abc'", "'true'", "'f'", "'2020-01-01'", "'2020-02-31 00:00:00'", "'Ä'", "'ä'", "'7'", "'1e3'",
			"'a rather long text of 33 characters'", "'short   '", "'40000'", "'99999999999'", "''")
	case schema.Bool:
		return pick("true", "false")
	case schema.Float:
		return pick("0.5", "1.5", "2.5", "-1", "0", "1", "2", "-0.4", "1e39", "3000000000", "1e300", "1e-300", "7", "123456.789")
	case schema.Decimal:
		return pick("0", "0", "1", "-0.4", "1.25", "1.5", "-2.5", "12345678.91", "7", "99999999.99")
	case schema.Time:
		return pick("'2020-01-01 10:00:00'", "'2020-01-01 00:00:00'", "'1950-06-01 12:00:00.123'", "'2099-01-01 00:00:00'")
	case schema.Bytes:
		if on(l, "postgres") {
			return pick(`'abc'`, `'\xff'`, `'\xc3a9'`, `'12'`)
		}
		return pick("'abc'", "x'ff'", "x'c3a9'", "'12'")
	case schema.Raw:
	}
	return "NULL"
}

// retype gives some columns that nothing rests on another type.
func retype(r *rand.Rand, s *schema.Schema) *schema.Schema {
	types := []schema.Type{
		integer(8), integer(16), integer(32), integer(64), varchar(4), varchar(20), varchar(60), text(), decimal(4, 1), decimal(12, 2),
		{Kind: schema.Uint, Bits: 16},
		{Kind: schema.Uint, Bits: 64},
		{Kind: schema.Float, Bits: 32},
		{Kind: schema.Float, Bits: 64},
		{Kind: schema.Bool},
		{Kind: schema.Time},
		{Kind: schema.Time, Precision: 6},
		{Kind: schema.Bytes},
		{Kind: schema.Bytes, Size: 9},
	}
	for _, t := range s.Tables {
		for _, c := range t.Columns {
			if c.Name == "id" || strings.HasPrefix(c.Name, "ref") || r.IntN(4) != 0 {
				continue
			}
			used := slices.ContainsFunc(t.Indexes, func(x *schema.Index) bool {
				return slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return p.Column == c.Name })
			})
			was := c.Type
			c.Type, c.Default = types[r.IntN(len(types))], nil
			if used && (c.Type.Kind == schema.Bytes || c.Type.Kind == schema.String && c.Type.Size == 0) {
				c.Type = was // not every engine indexes these whole
			}
		}
	}
	return s
}

// tighten adds what rows may be in the way of.
func tighten(r *rand.Rand, s *schema.Schema) *schema.Schema {
	for _, t := range s.Tables {
		for _, c := range t.Columns {
			if c.Name != "id" && r.IntN(6) == 0 {
				c.Nullable = false
			}
		}
		for _, f := range t.ForeignKeys { // SET NULL wants what it sets to be nullable
			for _, n := range f.Columns {
				t.Column(n).Nullable = true
			}
		}
		if r.IntN(2) == 0 {
			uniqueOver(r, t)
		}
		if r.IntN(3) == 0 {
			checkOver(r, t)
		}
		if r.IntN(3) == 0 {
			refer(r, s, t)
		}
	}
	return s
}

func uniqueOver(r *rand.Rand, t *schema.Table) {
	var names []string
	for _, c := range t.Columns {
		if c.Type.Kind != schema.Bytes && (c.Type.Kind != schema.String || c.Type.Size > 0) {
			names = append(names, c.Name)
		}
	}
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	x := &schema.Index{Name: "tight_" + t.Name, Unique: true, Constraint: r.IntN(2) == 0}
	for _, n := range names[:min(len(names), 1+r.IntN(2))] {
		x.Parts = append(x.Parts, schema.IndexPart{Column: n})
	}
	if len(x.Parts) > 0 && t.Index(x.Name) == nil {
		t.Indexes = append(t.Indexes, x)
	}
}

func checkOver(r *rand.Rand, t *schema.Table) {
	for _, c := range t.Columns {
		if k := c.Type.Kind; c.Name != "id" && !strings.HasPrefix(c.Name, "ref") && (k == schema.Int || k == schema.Decimal || k == schema.Float) && r.IntN(2) == 0 {
			t.Checks = append(t.Checks, &schema.Check{Name: "tight_chk_" + t.Name, Expr: fmt.Sprintf("%s > %d", c.Name, r.IntN(4)-4)})
			return
		}
	}
}

func refer(r *rand.Rand, s *schema.Schema, t *schema.Table) {
	ref := s.Tables[r.IntN(len(s.Tables))]
	for _, c := range t.Columns {
		taken := slices.ContainsFunc(t.ForeignKeys, func(f *schema.ForeignKey) bool { return f.Columns[0] == c.Name })
		if c.Name != "id" && c.Type.Kind == schema.Int && c.Type.Bits == 64 && !taken && t.ForeignKey("tight_fk_"+t.Name) == nil {
			t.ForeignKeys = append(t.ForeignKeys, &schema.ForeignKey{Name: "tight_fk_" + t.Name, Columns: []string{c.Name}, RefTable: ref.Name, RefColumns: []string{"id"}})
			return
		}
	}
}
