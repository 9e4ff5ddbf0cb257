package gormproof_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/gormproof"
	"github.com/lockstepdb/lockstep/internal/gormproof/grammar"
	"github.com/lockstepdb/lockstep/internal/gormproof/oldcode"
)

// The environment variables of TestCompatible.
const (
	compatibleSeedEnv  = "LOCKSTEP_COMPATIBLE_SEED"  // repeats a run
	compatibleCountEnv = "LOCKSTEP_COMPATIBLE_COUNT" // groups of structs
)

// compatibleCount keeps the test below half a minute; MySQL and MariaDB, whose DDL
// is slow, take half as many.
const compatibleCount = 16

const oldProgram = `package main

import (
	"os"

	"github.com/lockstepdb/lockstep/internal/gormproof/oldcode"
	"%s"
)

func main() {
	if err := oldcode.Serve(os.Stdin, os.Stdout, groups); err != nil {
		panic(err)
	}
}

var groups = map[string][]any{
%s}
`

// TestCompatible holds the answer of plan.Compatibility against code that was
// compiled before the upgrade. Structs are made at random, then a later version
// of their schema; a program with the old structs does the same on a tenant that
// stays and on one that was upgraded. What works on the first must work on the
// second, with the same result: all of it under add-only, and what the answer
// says goes on under the other strategies.
func TestCompatible(t *testing.T) {
	seed, count := fromEnv(t, compatibleSeedEnv, rand.Uint64()), fromEnv(t, compatibleCountEnv, compatibleCount)
	t.Logf("%s=%d %s=%d", compatibleSeedEnv, seed, compatibleCountEnv, count)
	run := newRandomRun(t, seed, int(count), oldProgram)
	gormproof.EachEngine(t, func(t *testing.T, e gormproof.Engine) {
		c := &compatible{run: run, engine: e, seed: seed, finder: gormproof.NewFinder(t), mod: gormproof.Source(t, run.dir)}
		if slices.Contains([]dialect.Engine{dialect.MySQL, dialect.MariaDB}, e.Engine()) {
			c.limit = int(count) / 2
		}
		c.prove(t)
	})
}

// proof is one group on its way from one version to the next.
type proof struct {
	group  grammar.Group
	base   *schema.Schema
	plan   *plan.Plan
	answer plan.Compatibility
}

// fails says what a plan did that its answer denies.
func (p *proof) fails(t *testing.T, format string, args ...any) {
	t.Helper()
	var b strings.Builder
	for _, v := range p.plan.Verdicts {
		fmt.Fprintf(&b, "%s %s %s: %s, %s: %s\n", v.Op(), v.Aspect, v.Object(), v.Effect, v.Decision, v.Reason)
	}
	for i := range p.plan.Statements {
		fmt.Fprintln(&b, p.plan.Statements[i].SQL)
	}
	t.Errorf("%s under %s: %s\n%s%s", p.group.Prefix, p.plan.Strategy, fmt.Sprintf(format, args...), b.String(), p.group.Source)
}

// prove plays both directions; the tenant that stays serves both.
func (c *compatible) prove(t *testing.T) {
	for _, name := range []strategy.Name{strategy.AddOnly, strategy.Full} {
		proofs := c.proofs(t, name)
		require.NotEmpty(t, proofs)
		stays, moves := c.engine.Fresh(t), c.engine.Fresh(t)
		proofs = slices.DeleteFunc(proofs, func(p *proof) bool {
			first := c.plan(t, p.base)
			err := c.execute(t, stays, first)
			if err == nil {
				require.NoError(t, c.execute(t, moves, first))
			}
			return err != nil
		})
		filled := c.ask(t, stays, oldcode.Fill, proofs, nil)
		again := c.ask(t, moves, oldcode.Fill, proofs, failures(filled))
		proofs = slices.DeleteFunc(proofs, func(p *proof) bool {
			assert.Empty(t, p.differences(filled, again), "%s: the program does not repeat itself", p.group.Prefix)
			err := c.execute(t, moves, p.plan)
			if err != nil && name == strategy.AddOnly {
				p.fails(t, "it does not execute: %v", err)
			}
			return err != nil // its rows forbid it; a new database is a new try
		})
		c.compare(t, proofs, stays, moves)
	}
}

// compare lets old code work on both tenants.
func (c *compatible) compare(t *testing.T, proofs []*proof, stays, moves string) {
	t.Helper()
	worked, held := 0, 0
	for i, phase := range []oldcode.Phase{oldcode.Read, oldcode.Write, oldcode.Read} {
		before := c.ask(t, stays, phase, proofs, nil)
		after := c.ask(t, moves, phase, proofs, failures(before))
		for _, p := range proofs {
			if !p.answer.Reads || i > 0 && !p.answer.Writes {
				continue
			}
			held++
			worked += len(before[p.group.Prefix]) - len(failures(before)[p.group.Prefix])
			for _, d := range p.differences(before, after) {
				p.fails(t, "%s: %s", phase, d)
			}
		}
	}
	t.Logf("%d groups upgraded, %d times held to the answer, %d operations", len(proofs), held, worked)
	assert.Greater(t, worked, 5*held, "too little works before the upgrade to prove anything")
	c.newRows(t, proofs, stays, moves)
}

// newRows lets new code write NULL where it may from now on: old code reads it.
func (c *compatible) newRows(t *testing.T, proofs []*proof, stays, moves string) {
	t.Helper()
	db := c.engine.Connect(t, moves)
	defer func() { _ = db.Close() }()
	for _, p := range proofs {
		if !p.answer.Reads {
			continue
		}
		for _, v := range p.plan.Verdicts {
			for _, n := range v.Now {
				if n.Kind == diff.Column && n.Aspect == diff.AspectNull && n.To.Column.Nullable {
					quote := c.quote()
					_, err := db.ExecContext(t.Context(), fmt.Sprintf("UPDATE %s SET %s = NULL", quote(n.Table), quote(n.Name)))
					require.NoError(t, err, "%s.%s", n.Table, n.Name)
				}
			}
		}
	}
	before := c.ask(t, stays, oldcode.Read, proofs, nil)
	after := c.ask(t, moves, oldcode.Read, proofs, failures(before))
	for _, p := range proofs {
		for i, o := range after[p.group.Prefix] {
			if p.answer.Reads && o.Error != "" && before[p.group.Prefix][i].Error == "" {
				p.fails(t, "reading NULL: %s: %s", o.Op, o.Error)
			}
		}
	}
}

func (c *compatible) quote() func(string) string {
	q := `"`
	if c.engine.Engine() == dialect.MySQL || c.engine.Engine() == dialect.MariaDB {
		q = "`"
	}
	return func(name string) string { return q + strings.ReplaceAll(name, q, q+q) + q }
}

// differences are what worked on the first tenant and does not, or brings
// something else, on the second.
func (p *proof) differences(before, after map[string][]oldcode.Outcome) []string {
	a, b := before[p.group.Prefix], after[p.group.Prefix]
	for i := range a {
		switch {
		case i >= len(b) || a[i].Op != b[i].Op:
			return []string{a[i].Op + " is not done"}
		case a[i].Error != "":
		case b[i].Error != "":
			return []string{a[i].Op + ": " + b[i].Error}
		case a[i].Result != b[i].Result:
			return []string{fmt.Sprintf("%s brings\n\t%s\nand brought\n\t%s", a[i].Op, b[i].Result, a[i].Result)}
		}
	}
	return nil
}

// failures are the operations that did not work.
func failures(outcomes map[string][]oldcode.Outcome) map[string][]string {
	out := map[string][]string{}
	for group, list := range outcomes {
		for _, o := range list {
			if o.Error != "" {
				out[group] = append(out[group], o.Op)
			}
		}
	}
	return out
}
