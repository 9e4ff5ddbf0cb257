package preflight_test

import (
	"database/sql"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// values are one type, and literals to put into it.
type values struct {
	physical string
	literals []string
}

// numbers and texts serve every engine; what a type does not take is left out.
var (
	wholes = []string{"0", "1", "-1", "127", "128", "255", "32767", "32768", "-32769", "2147483647", "2147483648", "9007199254740993", "9223372036854775807", "-9223372036854775808"}
	parts  = []string{"0.4", "-0.4", "0.5", "-0.5", "1.5", "2.5", "99.94", "99.95", "999.99", "127.5", "32767.4", "32767.5", "2147483647.5", "1e10", "12345678.905"}
	huge   = []string{"3.4e38", "3.5e38", "1e39", "1e300", "1e-46", "1e-300", "9223372036854775808", "1.8e19"}
	words  = []string{
		"''", "' '", "'1'", "'01'", "' 7 '", "'+7'", "'-7'", "'1.5'", "'.5'", "'5.'", "'1e3'", "'1e'", "'1e99'", "'abc'", "'12abc'", "'0x1A'", "'-'", "'40000'", "'99999999999'",
		"'true'", "'t'", "'of'", "'o'", "'yes'", "'nan'", "'NaN'", "'inf'", "'-Infinity'", "'99999.995'", "'1e400'", "'1e-400'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'{a0eebc999c0b4ef8bb6d6bb9bd380a11}'", "'a0eebc99'",
		"'2020-02-28'", "'2020-02-31'", "'2020-1-1'", "'20200101'", "'2020-02-28 10:00:00'", "'2020-02-28T10:00:00.5'", "'2020-02-28 25:00:00'", "'1960-01-01'", "'2039-01-01 00:00:00'", "'2020-01-01 '", "'0000-00-00'", "'2020-00-10'", "'2020-02-00 10:00:00'",
		"'{}'", "'{'", "'null'", "'a'", "'b'", "'2'", "'ab  '", "'éèàü'", "'日本語'", "'a somewhat longer text'", "'10:00:00'",
	}
	moments = []string{"'2020-02-28 10:00:00'", "'2020-02-28 00:00:00'", "'1960-01-01 00:00:00'", "'2039-01-01 00:00:00'", "'2020-02-28 10:00:00.123456'", "'0000-00-00 00:00:00'", "'2020-00-10 00:00:00'"}
	flags   = []string{"true", "false"}
)

func join(lists ...[]string) []string {
	var out []string
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// catalogue is what columns are converted from, and to, on an engine.
func catalogue(l lab) []values {
	switch {
	case on(l, "postgres"):
		return []values{
			{"smallint", wholes},
			{"integer", wholes},
			{"bigint", wholes},
			{"numeric", join(wholes, parts, huge, []string{"'NaN'", "'Infinity'"})},
			{"numeric(5,2)", join(wholes, parts)},
			{"numeric(3,1)", join(wholes, parts)},
			{"real", join(parts, []string{"'NaN'", "'Infinity'", "1e30"})},
			{"double precision", join(wholes, parts, huge, []string{"'NaN'", "'-Infinity'"})},
			{"boolean", flags},
			{"text", words},
			{"varchar(5)", words},
			{"char(4)", words},
			{"varchar(60)", words},
			{"timestamptz", moments},
			{"timestamp", moments},
			{"timestamp(0)", moments},
			{"date", []string{"'2020-01-01'", "'294300-01-01'", "'infinity'"}},
			{"uuid", words},
			{"json", words},
			{"jsonb", words},
			{"bytea", []string{"'abc'", `'\xff'`, `'\xc3a9'`, `'\x00'`, `'\xeda080'`, `'\xf0908080'`}},
			{"bit(4)", []string{"B'1010'"}},
			{"bit varying(6)", []string{"B'1010'", "B'101010'"}},
			{"bit(6)", nil},
			{"bit varying(5)", nil},
			{"interval", []string{"'1 day'"}},
			{"time", []string{"'10:00:00'"}},
			{"integer[]", []string{"'{1,2}'", "'{100000}'"}},
			{"smallint[]", nil},
		}
	case on(l, "sqlite"):
		any := join(wholes, parts, huge, words, []string{"x'ff'", "x'31'"})
		return []values{{"integer", any}, {"text", any}, {"real", any}, {"blob", any}, {"numeric", any}, {"datetime", any}}
	}
	return []values{
		{"tinyint", wholes},
		{"smallint", wholes},
		{"int", wholes},
		{"int unsigned", wholes},
		{"bigint", wholes},
		{"bigint unsigned", wholes},
		{"tinyint(1)", flags},
		{"decimal(5,2)", join(wholes, parts)},
		{"decimal(3,1)", join(wholes, parts)},
		{"decimal(20,2)", join(wholes, parts)},
		{"decimal(5,2) unsigned", parts},
		{"double", join(wholes, parts, huge)},
		{"float", join(parts, []string{"1e30", "1e-40"})},
		{"bit(4)", []string{"1", "15"}},
		{"bit(8)", []string{"1", "200"}},
		{"varchar(60)", words},
		{"varchar(5)", words},
		{"char(4)", words},
		{"tinytext", join(words, []string{"repeat('x', 255)", "concat(repeat('x', 250), 'éé ')"})},
		{"longtext", join(words, []string{"repeat('x', 256)", "concat(repeat('x', 255), ' ')", "repeat('é', 128)"})},
		{"varbinary(20)", []string{"'abc'", "x'ff'", "x'c3a9'", "x'c3a9c3a9c3a9c3a9c3a9c3a9'", "x'00'"}},
		{"longblob", []string{"'abc'", "x'ff'"}},
		{"varbinary(2)", nil},
		{"datetime", moments},
		{"datetime(6)", moments},
		{"date", []string{"'2020-01-01'", "'1960-01-01'", "'0000-00-00'", "'2020-01-00'"}},
		{"timestamp", moments},
		{"time", []string{"'10:00:00'"}},
		{"year", []string{"2020"}},
		{"json", []string{"'{}'", "'1'"}},
		{"enum('a','b','2')", []string{"'a'", "'b'", "'2'"}},
		{"enum('a','c')", []string{"'a'", "'c'"}},
	}
}

// exhaustive tries all, which takes some minutes an engine.
var exhaustive = flag.Bool("exhaustive", false, "TestConversions tries all pairs of types with all values, and not some")

// What is tried otherwise: one of so many pairs of types, and so many of the values
// of a pair that are foreseen to be refused.
const (
	oneOf = 4
	tried = 3
)

// TestConversions changes every type into every other: the engine takes all values
// to which the conversion has no objection, at once, and refuses each of those to
// which it has one.
func TestConversions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l lab) {
		list := catalogue(l)
		for n, from := range list {
			t.Run(from.physical, func(t *testing.T) {
				t.Parallel()
				x := newTenant(t, l)
				for i, to := range list {
					x.now = nil
					if chosen := *exhaustive || (n+i)%oneOf == 0; chosen && from.physical != to.physical && len(from.literals) > 0 {
						c := &conversion{t: t, x: x, l: l, table: fmt.Sprintf("t%d", i), from: from, to: to.physical}
						c.prove(i)
					}
				}
			})
		}
	})
}

// conversion is one pair of types under test.
type conversion struct {
	t       *testing.T
	x       *tenant
	l       lab
	session dialect.Session
	table   string
	from    values
	to      string

	fits, misfits, doubtful []string // literals
}

func (c *conversion) schema(physical string) *schema.Schema {
	return tables(table(c.table, id(), col("c", raw(physical))))
}

func (c *conversion) prove(offset int) {
	c.t.Helper()
	if _, err := c.x.d.Lower(c.schema(c.to)); err != nil {
		return // the engine, or its version, has no such type
	}
	c.x.migrate(c.schema(c.from.physical))
	c.session = c.x.open()
	defer func() { _ = c.session.Close() }()
	if !c.foresee() {
		return
	}
	about := fmt.Sprintf("from %s to %s", c.from.physical, c.to)
	if reason := c.alter(c.fits); reason != "" && !strings.HasPrefix(reason, "DATA_") {
		c.t.Logf("%s: refused for all rows: %s", about, reason)
		return
	} else if reason != "" {
		for _, literal := range c.fits {
			assert.Empty(c.t, c.alter([]string{literal}), "%s %s: preflight has no objection", literal, about)
		}
	}
	for i, literal := range c.misfits {
		if *exhaustive || (i+offset)%max(1, len(c.misfits)/tried) == 0 {
			assert.NotEmpty(c.t, c.alter([]string{literal}), "%s %s: preflight has an objection", literal, about)
		}
	}
}

// foresee sorts the literals by what the conversion says of them.
func (c *conversion) foresee() bool {
	c.t.Helper()
	before := c.x.now.Tables[0].Column("c")
	low, err := c.x.d.Lower(c.schema(c.to))
	require.NoError(c.t, err)
	conv := c.x.d.Convert(c.session.Version().Major, before, low.Tables[0].Column("c"))
	if conv.Unknown != "" {
		c.t.Logf("from %s to %s: %s", c.from.physical, c.to, conv.Unknown)
		return false
	}
	where := "1 = 0"
	for _, m := range conv.Misfits {
		where += " OR (" + m.Where + ")"
	}
	doubt := "1 = 0"
	if conv.Doubt != "" {
		doubt = conv.Doubt
	}
	quoted := c.x.d.Quote(c.table)
	for _, literal := range c.from.literals {
		if run(c.t.Context(), c.session, "INSERT INTO "+quoted+" (c) VALUES ("+literal+")") != nil {
			continue // no value of that type
		}
		misfit, doubtful := c.says(where, doubt, conv.Try)
		switch {
		case misfit:
			c.misfits = append(c.misfits, literal)
		case doubtful:
			c.doubtful = append(c.doubtful, literal)
		default:
			c.fits = append(c.fits, literal)
		}
		require.NoError(c.t, run(c.t.Context(), c.session, "DELETE FROM "+quoted))
	}
	return true
}

// says asks about the one row there is.
func (c *conversion) says(where, doubt, try string) (misfit, doubtful bool) {
	c.t.Helper()
	reading, err := c.x.d.Reading(c.t.Context(), c.session, dialect.ReadLimits{})
	require.NoError(c.t, err)
	defer func() { require.NoError(c.t, reading.Close(c.t.Context())) }()
	table := c.x.d.Quote(c.table)
	query := fmt.Sprintf("SELECT CASE WHEN %s THEN 1 ELSE 0 END, CASE WHEN %s THEN 1 ELSE 0 END FROM %s", where, doubt, table)
	require.NoError(c.t, reading.Ask(c.t.Context(), query, func(cells []sql.NullString) error {
		misfit, doubtful = cells[0].String == "1", cells[1].String == "1"
		return nil
	}), query)
	if try != "" && !misfit {
		misfit = reading.Ask(c.t.Context(), "SELECT count("+try+") FROM "+table, func([]sql.NullString) error { return nil }) != nil
	}
	return misfit, doubtful
}

// alter puts values in, changes the type and brings the table back. It returns the
// reason for which the engine refused, or "".
func (c *conversion) alter(literals []string) string {
	c.t.Helper()
	if len(literals) == 0 {
		return ""
	}
	table := c.x.d.Quote(c.table)
	require.NoError(c.t, run(c.t.Context(), c.session, "INSERT INTO "+table+" (c) VALUES ("+strings.Join(literals, "), (")+")"))
	before, err := c.x.now, error(nil)
	if on(c.l, "mysql", "mariadb") { // where a plan that fails leaves what ran
		statements := []string{fmt.Sprintf("ALTER TABLE %s MODIFY c %s NULL", table, c.to)}
		for _, st := range slices.Backward(c.x.plan(c.schema(c.to)).Statements) {
			if st.On == "" { // the plan asks first
				statements = append([]string{st.SQL}, statements...)
			}
		}
		for _, statement := range statements {
			if f := c.x.d.Classify(run(c.t.Context(), c.session, statement)); f != nil {
				err = f
				break
			}
		}
	} else {
		err = c.x.apply(c.x.plan(c.schema(c.to)))
	}
	if err != nil {
		require.NoError(c.t, run(c.t.Context(), c.session, "DELETE FROM "+table))
		return fault.ReasonOf(err)
	}
	require.NoError(c.t, run(c.t.Context(), c.session, "DROP TABLE "+table))
	c.x.now = nil
	c.x.migrate(c.schema(c.from.physical))
	c.x.now = before
	return ""
}
