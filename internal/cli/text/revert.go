package text

import lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"

// PreviewRevert writes what going back to an earlier revision would do. next is
// the command that does it.
func (p *Printer) PreviewRevert(r *lockstepv1.PreviewRevertResponse, next []string) {
	p.Preview(&lockstepv1.PreviewMigrationResponse{
		Plan: r.GetPlan(), Current: r.GetCurrent(), Changed: r.GetChanged(), Warnings: r.GetWarnings(),
		Script: r.GetScript(), Target: r.GetTarget(), Proof: r.GetProof(),
		Sizes: r.GetSizes(), Preflight: r.GetPreflight(),
	}, next)
}
