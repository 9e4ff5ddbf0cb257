package gormproof_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/gormproof"
	"github.com/lockstepdb/lockstep/internal/gormproof/evolve"
	"github.com/lockstepdb/lockstep/internal/gormproof/grammar"
	"github.com/lockstepdb/lockstep/internal/gormproof/oldcode"
)

// compatible is TestCompatible on one engine.
type compatible struct {
	run    *randomRun
	engine gormproof.Engine
	seed   uint64
	finder entity.Finder
	mod    *module.Module
	limit  int // of groups; 0: none
}

// proofs plans the next version of each group that the engine takes.
func (c *compatible) proofs(t *testing.T, name strategy.Name) []*proof {
	t.Helper()
	var out []*proof
	for i, g := range c.run.groups {
		if c.limit > 0 && len(out) == c.limit {
			break
		}
		var opts entity.Options
		for _, typ := range g.Types {
			opts.Entities = append(opts.Entities, "."+typ)
		}
		neutral, err := gormproof.Compose(t.Context(), c.mod, c.finder, opts)
		if err != nil {
			continue // refused; TestRandom says whether rightly
		}
		base, err := c.engine.Dialect.Lower(neutral)
		if err != nil {
			continue
		}
		r := rand.New(rand.NewPCG(c.seed, uint64(i)))
		if p := c.next(t, r, name, g, neutral, base); p != nil {
			out = append(out, p)
		}
	}
	return out
}

// next tries versions until the engine takes one; nil: it took none.
func (c *compatible) next(t *testing.T, r *rand.Rand, name strategy.Name, g grammar.Group, neutral, base *schema.Schema) *proof {
	t.Helper()
	edits := 6
	if name != strategy.AddOnly {
		edits = 2 // more break everything
	}
	for range 8 {
		later := evolve.Schema(r, neutral, strings.ToLower(g.Prefix), edits)
		if r.IntN(2) == 0 {
			later = evolve.Defaults(r, later)
		}
		target, err := c.engine.Dialect.Lower(later)
		if err != nil {
			continue
		}
		p, err := plan.Build(t.Context(), c.engine.Dialect, plan.Input{EngineVersion: 1, Strategy: name, Base: base, Target: target})
		if err != nil || len(p.Statements) == 0 {
			continue
		}
		answer := p.Compatibility()
		if name == strategy.AddOnly {
			require.Empty(t, answer.Breaking)
		} else if !answer.Reads {
			continue // nothing to be held to
		}
		return &proof{group: g, base: base, plan: p, answer: answer}
	}
	return nil
}

// plan initialises a tenant.
func (c *compatible) plan(t *testing.T, target *schema.Schema) *plan.Plan {
	t.Helper()
	p, err := plan.Build(t.Context(), c.engine.Dialect, plan.Input{EngineVersion: 1, Strategy: strategy.Full, Target: target})
	require.NoError(t, err)
	return p
}

// execute runs a plan's statements; an error leaves nothing behind where the
// engine has transactional DDL.
func (c *compatible) execute(t *testing.T, target string, p *plan.Plan) error {
	t.Helper()
	parsed, err := dialect.ParseTarget(target)
	require.NoError(t, err)
	session, err := c.engine.Dialect.Open(t.Context(), parsed)
	require.NoError(t, err)
	defer func() { _ = session.Close() }()
	tx, err := session.Begin(t.Context(), dialect.TxOptions{LockWait: time.Minute, Rebuilds: p.Rebuilds()})
	require.NoError(t, err)
	for i := range p.Statements {
		if _, err := tx.ExecContext(t.Context(), p.Statements[i].SQL); err != nil {
			_ = tx.Rollback(context.WithoutCancel(t.Context()))
			return err
		}
	}
	return tx.Commit(t.Context())
}

// ask lets the program do one phase on a tenant. What failed elsewhere is
// undone where it works.
func (c *compatible) ask(t *testing.T, target string, phase oldcode.Phase, proofs []*proof, undo map[string][]string) map[string][]oldcode.Outcome {
	t.Helper()
	req := oldcode.Request{Target: target, Phase: phase, Seed: c.seed, Undo: undo}
	for _, p := range proofs {
		req.Groups = append(req.Groups, p.group.Prefix)
	}
	in, err := json.Marshal(req)
	require.NoError(t, err)
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(t.Context(), c.run.program)
	cmd.Env = append(cmd.Environ(), "TZ=UTC")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &problems
	require.NoError(t, cmd.Run(), "%s", problems.String())
	answer := map[string][]oldcode.Outcome{}
	require.NoError(t, json.Unmarshal(out.Bytes(), &answer))
	return answer
}
