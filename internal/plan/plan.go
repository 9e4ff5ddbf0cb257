// Package plan turns verdicts into an ordered list of SQL statements for one
// engine. A plan is a value: what preview shows is what execute runs, byte for
// byte, and its digest proves it.
//
// Ordering is lockstep's own (dependencies between tables, cycles of foreign
// keys split into late constraints); the SQL of each step comes from a dialect.
package plan

import (
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// Plan is the ordered work for one engine, from one base to one result.
type Plan struct {
	Engine        dialect.Engine
	EngineVersion int    // major version the SQL was rendered for
	Variant       string // the same more exactly, where SQL follows smaller versions
	Strategy      strategy.Name
	Modules       []module.Version // sorted by path

	Base   string // fingerprint of the base; "" when the tenant is being initialised
	Target string // fingerprint of the target
	Result string // fingerprint after this plan: the target unless something is withheld

	Verdicts   []strategy.Verdict
	Statements []Statement
	Online     bool   // in phases; then every statement has one
	Digest     string // hash over all of the above that decides what runs

	// BaseSchema is the snapshot that the plan starts from; nil when the tenant
	// is being initialised.
	BaseSchema *schema.Schema
	// ResultSchema is the snapshot to record after this plan.
	ResultSchema *schema.Schema
}

// Statement is one SQL statement of a plan.
type Statement struct {
	dialect.Statement
	Table       string // the table concerned, by its name in the target
	Destructive bool   // removes data, or may: needs the plan's digest to run
	Rebuild     bool   // part of a rebuild of the table by copying
	// Irreversible says why what it does cannot be taken back once it is recorded;
	// "" when it can. It decides nothing, and is not in the digest.
	Irreversible string
}

// Empty tells whether the plan would change nothing in the tenant's tables.
func (p *Plan) Empty() bool { return len(p.Statements) == 0 }

// Rebuilds returns the tables that the plan rebuilds by copying, by the names
// they have before it runs.
func (p *Plan) Rebuilds() []string {
	before := map[string]string{}
	for _, v := range p.Verdicts {
		if v.Kind == diff.Table && v.Verb == diff.Rename && len(v.Now) > 0 {
			before[v.Table] = v.OldName
		}
	}
	var out []string
	for i := range p.Statements {
		name := p.Statements[i].Table
		if old, renamed := before[name]; renamed {
			name = old
		}
		if p.Statements[i].Rebuild && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Destructive tells whether any statement may remove data.
func (p *Plan) Destructive() bool {
	for i := range p.Statements {
		if p.Statements[i].Destructive {
			return true
		}
	}
	return false
}

// Withheld returns the verdicts that leave something for later.
func (p *Plan) Withheld() []strategy.Verdict {
	var out []strategy.Verdict
	for _, v := range p.Verdicts {
		if len(v.Later) > 0 {
			out = append(out, v)
		}
	}
	return out
}
