package text

import (
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Onboarding writes how to connect to what was made.
func (p *Printer) Onboarding(r *lockstepv1.OnboardingResult) {
	if len(r.GetUndone()) > 0 {
		p.field("undone", strings.Join(r.GetUndone(), ", "))
	}
	if r.GetTenant() == nil {
		return
	}
	p.Tenant(r.GetTenant())
	if len(r.GetMade()) > 0 {
		p.field("made", strings.Join(r.GetMade(), ", "))
	}
	p.line()
	p.line(p.paint(bold, "CONNECTION"))
	if r.GetHost() != "" {
		p.field("host", r.GetHost())
	}
	p.field("database", r.GetDatabase())
	if r.GetSchema() != "" {
		p.field("schema", r.GetSchema())
	}
	if r.GetUser() != "" {
		p.field("user", r.GetUser())
	}
	switch {
	case r.GetPassword() != "":
		p.field("password", r.GetPassword())
		p.line()
		p.line("The password is shown this once, and kept nowhere: pass it on now.")
	case r.GetRepeated() && r.GetUser() != "":
		p.line()
		p.line("This request was answered before; the password was shown then, and is kept nowhere.")
	}
	for _, w := range r.GetWarnings() {
		p.line(p.paint(bold, "warning: "), w)
	}
}

// OnboardingFailure writes why an onboarding failed, and what became of what it had
// made.
func (p *Printer) OnboardingFailure(f *lockstepv1.Failure) {
	p.Failure(f, &lockstepv1.ExecutionResult{})
	if f.GetRolledBack() {
		p.line("  undone: nothing is left of what was made, and the tenant is not registered")
	}
}

// Onboarding shows one sign of progress.
func (g *Progress) Onboarding(e *lockstepv1.OnboardingProgress) {
	switch e.GetPhase() {
	case lockstepv1.OnboardingPhase_ONBOARDING_PHASE_PREPARING:
		g.say("reading the modules")
	case lockstepv1.OnboardingPhase_ONBOARDING_PHASE_REGISTERING:
		g.say("registering " + e.GetStep())
	case lockstepv1.OnboardingPhase_ONBOARDING_PHASE_CREATING:
		g.say("creating " + e.GetStep())
	case lockstepv1.OnboardingPhase_ONBOARDING_PHASE_UNDOING:
		g.say("undoing " + e.GetStep())
	case lockstepv1.OnboardingPhase_ONBOARDING_PHASE_INITIALISING:
		if e.GetExecution() == nil {
			g.say("initialising")
		} else if words := progressWords(e.GetExecution()); words != "" {
			g.say("initialising: " + words)
		}
	case lockstepv1.OnboardingPhase_ONBOARDING_PHASE_DONE, lockstepv1.OnboardingPhase_ONBOARDING_PHASE_UNSPECIFIED:
	}
}
