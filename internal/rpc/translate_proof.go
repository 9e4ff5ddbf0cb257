package rpc

import (
	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// toProof renders what came of trying a plan out; nil gives nil.
func toProof(p *migrate.Proof) *lockstepv1.Proof {
	if p == nil {
		return nil
	}
	return &lockstepv1.Proof{
		Proved: p.Proved(), Statements: i32(p.Statements), Tables: i32(p.Tables),
		Differences: p.Differences, Failure: status.Failure(p.Failure),
	}
}
