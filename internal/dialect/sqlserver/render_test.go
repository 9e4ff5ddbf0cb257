package sqlserver

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sqlc-dev/teesql/ast"
	"github.com/sqlc-dev/teesql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// TestGolden holds the batches and the hazards of each case, and has each batch
// parsed by a parser that knows nothing of lockstep.
func TestGolden(t *testing.T) {
	t.Parallel()
	const file = "testdata/render.txtar"
	archive, err := txtar.ParseFile(file)
	if !*update {
		require.NoError(t, err)
	} else if err != nil {
		archive = &txtar.Archive{Comment: []byte("What Render makes of the cases in cases_test.go; go test -run TestGolden -update writes it.\n")}
	}
	out := &txtar.Archive{Comment: archive.Comment}
	for _, c := range cases() {
		got := rendered(t, c)
		out.Files = append(out.Files, txtar.File{Name: c.name, Data: []byte(got)})
		if *update {
			continue
		}
		i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == c.name })
		require.GreaterOrEqual(t, i, 0, "no golden of %s", c.name)
		assert.Equal(t, string(archive.Files[i].Data), got, c.name)
	}
	if *update {
		require.NoError(t, os.WriteFile(file, txtar.Format(out), 0o600))
	} else {
		assert.Len(t, archive.Files, len(out.Files), "goldens of no case")
	}
}

// rendered is the plan between two schemas, its batches parsed, with its reverse.
func rendered(t *testing.T, c goldenCase) string {
	t.Helper()
	var b strings.Builder
	p, err := planned(t, c.from, c.to)
	if err != nil {
		return "refused: " + fault.ReasonOf(err) + ": " + err.Error() + "\n"
	}
	for _, st := range p.Statements {
		mustParse(t, st.SQL)
		assert.NotEmpty(t, st.Summary)
		b.WriteString(st.SQL + ";\n")
		for _, h := range st.Hazards {
			b.WriteString("    -- " + string(h.Kind) + ": " + h.Detail + "\n")
		}
		for _, r := range st.Reverse {
			mustParse(t, r)
		}
	}
	return b.String()
}

func planned(t *testing.T, from, to []*schema.Table) (*plan.Plan, error) {
	t.Helper()
	d := New()
	lower := func(tables []*schema.Table) *schema.Schema {
		low, err := d.Lower(&schema.Schema{Tables: tables})
		require.NoError(t, err)
		return low
	}
	var base *schema.Schema
	if from != nil {
		base = lower(from)
	}
	return plan.Build(t.Context(), d, plan.Input{Strategy: strategy.Full, Base: base, Target: lower(to)})
}

// mustParse parses a batch with teesql, which is lenient about what is missing
// at the end: so it must be one batch whose brackets, quotes and parentheses
// close.
func mustParse(t testing.TB, batch string) []ast.Statement {
	t.Helper()
	script, err := parser.Parse(t.Context(), strings.NewReader(batch))
	require.NoError(t, err, batch)
	require.Len(t, script.Batches, 1, batch)
	assert.True(t, balanced(batch), "something is left open: %s", batch)
	assert.NotContains(t, strings.ReplaceAll(batch, SchemaVariable, ""), "$(", "sqlcmd would read another variable")
	for line := range strings.Lines(batch) {
		assert.NotRegexp(t, `^\s*(GO\b|:|!!|QUIT\b|EXIT\b|ED\b|RESET\b)`, strings.ToUpper(line), "sqlcmd would take the line for a command")
	}
	// A procedure without CREATE's other words is how this parser reads nonsense.
	for _, s := range script.Batches[0].Statements {
		_, procedure := s.(*ast.CreateProcedureStatement)
		assert.False(t, procedure, batch)
	}
	return script.Batches[0].Statements
}

// balanced tells whether all that was opened is closed.
func balanced(sql string) bool {
	depth := 0
	for i := 0; i < len(sql); i++ {
		switch c := sql[i]; c {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return false
			}
		case '\'', '[', '"':
			closer := map[byte]byte{'\'': '\'', '[': ']', '"': '"'}[c]
			for i++; ; i++ {
				if i >= len(sql) {
					return false
				}
				if sql[i] == closer {
					if i+1 < len(sql) && sql[i+1] == closer {
						i++
						continue
					}
					break
				}
			}
		}
	}
	return depth == 0
}

// TestOrder asserts an order of batches, each told by a part of it.
func TestOrder(t *testing.T) {
	t.Parallel()
	byName := map[string]goldenCase{}
	for _, c := range cases() {
		byName[c.name] = c
	}
	for name, order := range map[string][]string{
		"drop a column with a default":   {"sys.default_constraints", "DROP COLUMN [n]"},
		"retype a column with a default": {"sys.default_constraints", "ALTER COLUMN [n]", "ADD CONSTRAINT [DF_things_n]"},
		"retype under everything": {
			"DROP CONSTRAINT [fk_owner]", "ALTER COLUMN [owner_id]", "ADD CONSTRAINT [fk_owner] FOREIGN KEY",
		},
		"forbid null under an index": {"DROP INDEX [idx_owner]", "ALTER COLUMN [owner_id] bigint NOT NULL", "INDEX [idx_owner]"},
		"change the type of the key": {"[type] = 'PK'", "ALTER COLUMN [id] bigint NOT NULL", "PRIMARY KEY ([id])"},
		"rename a column": {
			"DROP CONSTRAINT [chk_label]", "DROP INDEX [idx_filtered]", "sp_rename N'[$(schema)].[things].[label]'",
			"INDEX [idx_filtered]", "ADD CONSTRAINT [chk_label]",
		},
		"change what a computed column is made of": {
			"DROP INDEX [idx_twice]", "DROP COLUMN [twice]", "ALTER COLUMN [n]", "ADD [twice] AS", "INDEX [idx_twice]",
		},
		"foreign key changes":     {"DROP CONSTRAINT [fk_owner]", "ADD CONSTRAINT [fk_owner]"},
		"drop tables in a cycle":  {"DROP CONSTRAINT [fk_", "DROP TABLE"},
		"unique moves to another": {"[uni_label]", "UNIQUE INDEX [uni_body]"},
	} {
		c, ok := byName[name]
		require.True(t, ok, name)
		p, err := planned(t, c.from, c.to)
		require.NoError(t, err, name)
		at := -1
		for _, part := range order {
			next := slices.IndexFunc(p.Statements[at+1:], func(s plan.Statement) bool { return strings.Contains(s.SQL, part) })
			require.GreaterOrEqual(t, next, 0, "%s: %q does not come, or too early", name, part)
			at += 1 + next
		}
	}
}

// TestScript parses the whole script, batch by batch, without sqlcmd's lines.
func TestScript(t *testing.T) {
	t.Parallel()
	p, err := planned(t, nil, []*schema.Table{owners(), thing(nothing)})
	require.NoError(t, err)
	target, err := dialect.ParseTarget("sqlserver://u:p@h?database=d%5Db&schema=acme")
	require.NoError(t, err)
	var statements []string
	for _, st := range p.Statements {
		statements = append(statements, st.SQL)
	}
	script := New().Script(target, statements)
	assert.NotContains(t, script, "u:p")
	head, rest, ok := strings.Cut(script, "IF N'")
	require.True(t, ok)
	assert.Equal(t, ":on error exit\n:setvar schema \"acme\"\n", head)
	batches := strings.Split(strings.TrimSuffix("IF N'"+rest, "GO\n"), "\nGO\n")
	batches[len(batches)-1] = strings.TrimSuffix(batches[len(batches)-1], "\n")
	for _, b := range batches {
		_, err := parser.Parse(t.Context(), strings.NewReader(b))
		require.NoError(t, err, b)
	}
	for _, s := range statements {
		assert.Contains(t, batches, s+";", "a statement is a batch as it stands in the plan")
	}
	assert.Contains(t, batches, "USE [d]]b];")
	assert.Equal(t, "COMMIT TRANSACTION;", batches[len(batches)-1])
	assert.Contains(t, New().Script(dialect.Target{Engine: dialect.SQLServer}, nil), ":setvar schema \"dbo\"\n")
}

// TestNothingElseLooksLikeTheVariable: what users write, whatever it is, reaches
// the server as they wrote it, in a plan and in a script.
func TestNothingElseLooksLikeTheVariable(t *testing.T) {
	t.Parallel()
	const evil = "$(schema) it's\nGO\n:r /etc/passwd\r\n$((x))"
	to := []*schema.Table{{
		Name: "t", Comment: evil, PrimaryKey: []string{"id"},
		Columns: []*schema.Column{
			identity(),
			{Name: "a", Type: schema.Type{Kind: schema.String, Size: 90}, Nullable: true, Comment: evil, Default: &schema.Default{Value: evil}},
		},
		Checks:  []*schema.Check{{Name: "k", Expr: "a <> '$(x)' -- why\nAND a LIKE N'$(y)%' /* not\n */ AND a <> 'it''s $(z)'"}},
		Indexes: []*schema.Index{{Name: "i", Parts: keyParts([]string{"a"}), Where: "a <> '$(w)\n'"}},
	}}
	p, err := planned(t, nil, to)
	require.NoError(t, err)
	all := ""
	for _, st := range p.Statements {
		mustParse(t, st.SQL)
		all += st.SQL + "\n"
	}
	assert.Contains(t, all, "DEFAULT (N'$' + N'(schema) it''s' + NCHAR(10) + N'GO' + NCHAR(10) + N':r /etc/passwd' + NCHAR(13) + NCHAR(10) + N'$' + N'((x))')")
	assert.Contains(t, all, `CHECK (a <> ('$' + '(x)')   AND a LIKE (N'$' + N'(y)%')   AND a <> ('it''s $' + '(z)'))`)
	assert.Contains(t, all, `WHERE a <> ('$' + '(w)' + NCHAR(10))`)
	assert.Contains(t, all, "DECLARE @value nvarchar(3750) = (N'$'")
	s := session{schema: "acme"}
	assert.NotContains(t, s.fill(all), "N'acme it")
}

func TestQuotes(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "[a]]b\"]", New().Quote("a]b\""))
	assert.Equal(t, "[$(schema)].[t]", dialect.TableName(New(), "t"))
	assert.Equal(t, "@p3", New().Placeholder(3))
	assert.Equal(t, dialect.SQLServer, New().Engine())
	assert.True(t, New().Capabilities().TransactionalDDL)
}
