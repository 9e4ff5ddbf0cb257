package text

import (
	"fmt"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Result writes how an execution ended. What failed is said by Failure.
func (p *Printer) Result(r *lockstepv1.ExecutionResult) {
	plan := r.GetPlan()
	p.field("target", database(r.GetTarget(), plan.GetEngine(), plan.GetEngineVersion()))
	p.field("strategy", Strategy(plan.GetStrategy()))
	for i, l := range p.versions(nil, plan.GetModules(), true) {
		name := "modules"
		if i > 0 {
			name = ""
		}
		p.field(name, l)
	}
	p.Warnings(r.GetWarnings())
	p.executed(r.GetStatements())
	if f := r.GetPreflight(); len(f.GetFindings())+len(f.GetUnchecked()) > 0 {
		p.preflight(f)
	}
	_, later, _ := decided(plan.GetVerdicts())
	if r.GetFailure() != nil {
		later = nil // nothing was carried out, so nothing is left over either
	}
	p.section(later, "WITHHELD", count(len(later), "change")+" left for later by strategy "+Strategy(plan.GetStrategy())+"; still pending")
	p.line()
	p.outcome(r)
}

func (p *Printer) outcome(r *lockstepv1.ExecutionResult) {
	took := durationText(r.GetDuration())
	switch r.GetOutcome() {
	case lockstepv1.ExecutionOutcome_EXECUTION_OUTCOME_APPLIED:
		p.line(p.paint(green, "Applied"), fmt.Sprintf(": revision %d, %s, %s, by %s",
			r.GetRevision(), count(len(r.GetStatements()), "statement"), took, r.GetActor()))
	case lockstepv1.ExecutionOutcome_EXECUTION_OUTCOME_NOTHING_TO_DO:
		p.nothing(r.GetPlan())
	case lockstepv1.ExecutionOutcome_EXECUTION_OUTCOME_ROLLED_BACK:
		p.line(p.paint(alarm, "Rolled back"), ": the tenant is exactly as before", recordedAs(r.GetRevision()), ", ", took)
	case lockstepv1.ExecutionOutcome_EXECUTION_OUTCOME_NEEDS_OPERATOR:
		p.line(p.paint(alarm, "NEEDS AN OPERATOR"), ": the execution failed and left work for a person", recordedAs(r.GetRevision()))
	case lockstepv1.ExecutionOutcome_EXECUTION_OUTCOME_UNSPECIFIED:
		p.line("The execution ended in a way that this version of lockstep does not know.")
	}
}

func recordedAs(revision int64) string {
	if revision == 0 {
		return ""
	}
	return fmt.Sprintf(" (recorded as revision %d)", revision)
}

// executed lists statements as they ran.
func (p *Printer) executed(statements []*lockstepv1.ExecutedStatement) {
	if len(statements) == 0 {
		return
	}
	p.line()
	p.line(p.paint(bold, "STATEMENTS"))
	rows := make([][]string, 0, len(statements))
	for i, s := range statements {
		summary := s.GetSummary()
		if s.GetDestructive() {
			summary = "DESTRUCTIVE  " + summary
		}
		took := durationText(s.GetDuration())
		if s.GetOutcome() == lockstepv1.StatementOutcome_STATEMENT_OUTCOME_NOT_RUN {
			took = ""
		}
		rows = append(rows, []string{
			fmt.Sprintf("%d.", i+1), enumWord(s.GetOutcome(), "STATEMENT_OUTCOME_", " "), took, summary,
		})
	}
	p.rows("  ", rows, func(row, col int, cell string) string {
		s := statements[row]
		switch {
		case col == 1:
			return p.paint(outcomeStyle(s.GetOutcome()), cell)
		case col == 3 && s.GetDestructive():
			return p.paint(red, cell)
		default:
			return cell
		}
	})
}

func outcomeStyle(o lockstepv1.StatementOutcome) style {
	switch o {
	case lockstepv1.StatementOutcome_STATEMENT_OUTCOME_APPLIED:
		return green
	case lockstepv1.StatementOutcome_STATEMENT_OUTCOME_FAILED:
		return alarm
	case lockstepv1.StatementOutcome_STATEMENT_OUTCOME_ROLLED_BACK:
		return yellow
	case lockstepv1.StatementOutcome_STATEMENT_OUTCOME_NOT_RUN,
		lockstepv1.StatementOutcome_STATEMENT_OUTCOME_DEFERRED,
		lockstepv1.StatementOutcome_STATEMENT_OUTCOME_UNSPECIFIED:
	}
	return dim
}
