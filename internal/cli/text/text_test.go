package text_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var began = timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))

// golden compares what show prints, without and with colour, to testdata.
func golden(t *testing.T, name string, show func(p *text.Printer)) {
	t.Helper()
	for _, color := range []bool{false, true} {
		var b bytes.Buffer
		p := text.New(&b, color)
		show(p)
		require.NoError(t, p.Err())
		file, got := filepath.Join("testdata", name+".txt"), b.String()
		if color {
			file = filepath.Join("testdata", name+".color.txt")
			got = strings.ReplaceAll(got, "\x1b", "␛")
		}
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o750))
			require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err, "run with -update")
		assert.Equal(t, string(want), got, file)
	}
}

func change(verb v1.Verb, kind v1.ObjectKind, table, name string) *v1.Change {
	return &v1.Change{Verb: verb, Kind: kind, Table: table, Name: name}
}

// samplePlan holds every verb, decision and hazard.
func samplePlan() *v1.Plan {
	add := change(v1.Verb_VERB_ADD, v1.ObjectKind_OBJECT_KIND_COLUMN, "users", "age")
	add.To, add.Effect, add.Why = "bigint NOT NULL", v1.Effect_EFFECT_RESTRICTING, "inserts of present code do not fill it"
	now := change(v1.Verb_VERB_ADD, v1.ObjectKind_OBJECT_KIND_COLUMN, "users", "age")
	now.To = "bigint NULL"
	later := change(v1.Verb_VERB_ALTER, v1.ObjectKind_OBJECT_KIND_COLUMN, "users", "age")
	later.Aspect, later.From, later.To = "null", "NULL", "NOT NULL"
	widen := change(v1.Verb_VERB_ALTER, v1.ObjectKind_OBJECT_KIND_COLUMN, "users", "email")
	widen.Aspect, widen.From, widen.To, widen.Effect = "type", "varchar(100)", "varchar(320)", v1.Effect_EFFECT_RELAXING
	dropNow := change(v1.Verb_VERB_DROP, v1.ObjectKind_OBJECT_KIND_TABLE, "call_logs", "")
	dropNow.From, dropNow.Effect, dropNow.Why = "4 columns", v1.Effect_EFFECT_DESTRUCTIVE, "the table's rows are removed"
	dropLater := change(v1.Verb_VERB_DROP, v1.ObjectKind_OBJECT_KIND_COLUMN, "users", "fax")
	dropLater.From, dropLater.Effect = "text NULL", v1.Effect_EFFECT_DESTRUCTIVE
	rename := change(v1.Verb_VERB_RENAME, v1.ObjectKind_OBJECT_KIND_TABLE, "people", "")
	rename.OldName = "persons"
	users := &v1.TableSize{Table: "users", Rows: 1200, Bytes: 3 << 20, Estimated: true}
	return &v1.Plan{
		Engine: v1.Engine_ENGINE_POSTGRES, EngineVersion: 16, Strategy: v1.Strategy_STRATEGY_SAFE, Destructive: true,
		Modules: []*v1.ModuleVersion{
			{Path: "example.com/entities/common", Version: "v1.0.0"},
			{Path: "example.com/entities/crm", Version: "v1.1.0"},
			{Path: "example.com/entities/new", Version: "v0.1.0"},
		},
		Verdicts: []*v1.Verdict{
			{Change: rename, Decision: v1.Decision_DECISION_APPLY},
			{
				Change: add, Decision: v1.Decision_DECISION_SPLIT, Reason: "added nullable now, NOT NULL when old code is gone",
				Now: []*v1.Change{now}, Later: []*v1.Change{later},
			},
			{Change: widen, Decision: v1.Decision_DECISION_APPLY},
			{Change: dropNow, Decision: v1.Decision_DECISION_APPLY},
			{Change: dropLater, Decision: v1.Decision_DECISION_WITHHOLD, Reason: "safe removes nothing, use full"},
		},
		Statements: []*v1.Statement{
			{Sql: `ALTER TABLE "persons" RENAME TO "people"`, Summary: "rename table persons to people"},
			{
				Sql: "CREATE UNIQUE INDEX \"i\"\n  ON \"users\" (\"email\")", Summary: "create index i",
				Hazards: []*v1.Hazard{
					{Kind: v1.HazardKind_HAZARD_KIND_MAY_FAIL, Detail: "fails when rows hold duplicates"},
					{Kind: v1.HazardKind_HAZARD_KIND_LOCK, Detail: "writers wait", Table: "users", LockMode: "SHARE", LockTime: v1.LockTime_LOCK_TIME_SCAN, Size: users},
					{Kind: v1.HazardKind_HAZARD_KIND_SCAN, Detail: "every row of users is read", Table: "users", Size: users},
				},
			},
			{
				Sql: `DROP TABLE "call_logs"`, Summary: "drop table call_logs", Destructive: true, Irreversible: "the rows of call_logs do not come back",
				Hazards: []*v1.Hazard{{Kind: v1.HazardKind_HAZARD_KIND_DATA_LOSS, Detail: "all rows of call_logs are removed"}},
			},
		},
		Digest: "p1:abc",
	}
}

func sampleRevision() *v1.Revision {
	return &v1.Revision{
		Number: 3, Outcome: v1.RevisionOutcome_REVISION_OUTCOME_APPLIED, Strategy: v1.Strategy_STRATEGY_ADD_ONLY,
		Engine: v1.Engine_ENGINE_SQLITE, EngineVersion: 3, Digest: "p1:abc", Actor: "alice", LockstepVersion: "v0.1.0",
		StartedAt: began, Duration: durationpb.New(1234567 * time.Microsecond), StatementCount: 2,
		Modules: []*v1.ModuleVersion{
			{Path: "example.com/entities/common", Version: "v1.0.0", Sum: "h1:a="},
			{Path: "example.com/entities/crm", Version: "v1.0.0", Sum: "h1:b="},
			{Path: "example.com/entities/old", Version: "v1.0.0", Sum: "h1:c="},
		},
		TargetFingerprint: "wanted", ResultFingerprint: "got",
		Statements: []*v1.ExecutedStatement{
			{Sql: "CREATE TABLE x (\n  id int\n)", Summary: "create table x", Outcome: v1.StatementOutcome_STATEMENT_OUTCOME_APPLIED, Duration: durationpb.New(120 * time.Microsecond)},
			{Sql: "DROP TABLE y", Summary: "drop table y", Destructive: true, Outcome: v1.StatementOutcome_STATEMENT_OUTCOME_APPLIED, Duration: durationpb.New(2 * time.Second)},
		},
		Withheld: []*v1.WithheldChange{{Op: "drop_column", Object: "users.fax", Detail: "text NULL", Reason: "add-only drops nothing"}},
	}
}

func sampleFailure() *v1.Failure {
	return &v1.Failure{
		Kind: v1.FailureKind_FAILURE_KIND_REFUSED, Reason: "DUPLICATE_ROWS",
		Detail: "2 rows of customers hold the same email", Suggestion: "merge them, then execute again", RolledBack: true,
	}
}

func failedResult() *v1.ExecutionResult {
	return &v1.ExecutionResult{
		Outcome: v1.ExecutionOutcome_EXECUTION_OUTCOME_ROLLED_BACK, Revision: 4, Plan: samplePlan(), Actor: "alice",
		Target: "postgres://h/db?schema=acme", Duration: durationpb.New(15 * time.Millisecond), Failure: sampleFailure(),
		Statements: []*v1.ExecutedStatement{
			{Sql: "CREATE TABLE x (id int)", Summary: "create table x", Outcome: v1.StatementOutcome_STATEMENT_OUTCOME_ROLLED_BACK},
			{Sql: "CREATE UNIQUE INDEX\n  i", Summary: "create index i", Outcome: v1.StatementOutcome_STATEMENT_OUTCOME_FAILED},
			{Sql: "DROP TABLE y", Summary: "drop table y", Destructive: true, Outcome: v1.StatementOutcome_STATEMENT_OUTCOME_NOT_RUN},
		},
	}
}

func TestPreview(t *testing.T) {
	next := []string{`lockstep execute \`, "    --plan p1:abc"}
	full := &v1.PreviewMigrationResponse{
		Plan: samplePlan(), Current: sampleRevision(), Changed: true, Target: "postgres://h/db?schema=acme",
		Warnings: []string{"example.com/entities/crm@v1.1.0 is retracted: loses data"},
	}
	golden(t, "preview", func(p *text.Printer) { p.Preview(full, next) })
	golden(t, "preview_nothing", func(p *text.Printer) {
		p.Preview(&v1.PreviewMigrationResponse{
			Plan: &v1.Plan{Engine: v1.Engine_ENGINE_SQLITE, Modules: sampleRevision().GetModules()}, Current: sampleRevision(), Target: "sqlite:a.db",
		}, next)
	})
	golden(t, "preview_versions_only", func(p *text.Printer) {
		p.Preview(&v1.PreviewMigrationResponse{Plan: &v1.Plan{Digest: "p1:x"}, Changed: true, Target: "sqlite:a.db"}, next)
	})
}

func TestResult(t *testing.T) {
	ok := &v1.ExecutionResult{
		Outcome: v1.ExecutionOutcome_EXECUTION_OUTCOME_APPLIED, Revision: 3, Plan: samplePlan(), Actor: "alice",
		Statements: sampleRevision().GetStatements(), Target: "postgres://h/db", Duration: durationpb.New(90 * time.Second),
	}
	golden(t, "result", func(p *text.Printer) { p.Result(ok) })
	golden(t, "result_failed", func(p *text.Printer) {
		p.Result(failedResult())
		p.Failure(sampleFailure(), failedResult())
	})
	golden(t, "result_nothing", func(p *text.Printer) {
		p.Result(&v1.ExecutionResult{Outcome: v1.ExecutionOutcome_EXECUTION_OUTCOME_NOTHING_TO_DO, Plan: &v1.Plan{}})
	})
	golden(t, "result_operator", func(p *text.Printer) {
		p.Result(&v1.ExecutionResult{Outcome: v1.ExecutionOutcome_EXECUTION_OUTCOME_NEEDS_OPERATOR, Plan: &v1.Plan{}, Revision: 9})
	})
}

func TestFailureWithPlaces(t *testing.T) {
	golden(t, "failure", func(p *text.Printer) {
		p.Failure(&v1.Failure{
			Kind: v1.FailureKind_FAILURE_KIND_INVALID, Reason: "ENTITY_UNREADABLE", Detail: "2 fields cannot be read\nin crm",
			Violations: []*v1.Violation{
				{Subject: "example.com/crm@v1.0.0", File: "crm.go", Line: 12, Column: 3, Description: "a map", Suggestion: "add `gorm:\"-\"`"},
				{Subject: "target", Description: "must not be empty"},
			},
			Suggestion: "fix the fields", RolledBack: true,
		}, nil)
	})
}

func TestHistory(t *testing.T) {
	failed := sampleRevision()
	failed.Number, failed.Outcome, failed.Failure = 4, v1.RevisionOutcome_REVISION_OUTCOME_ROLLED_BACK, sampleFailure()
	golden(t, "history", func(p *text.Printer) {
		p.Revisions(&v1.ListRevisionsResponse{
			Revisions: []*v1.Revision{failed, sampleRevision()}, Target: "sqlite:a.db", NextPageToken: "abc",
		})
	})
	golden(t, "history_empty", func(p *text.Printer) { p.Revisions(&v1.ListRevisionsResponse{Target: "sqlite:a.db"}) })
	golden(t, "revision", func(p *text.Printer) {
		p.Revision(&v1.GetRevisionResponse{
			Revision: failed, Target: "sqlite:a.db",
			Tables: []*v1.Table{{Name: "x", Columns: []*v1.Column{{Name: "id"}}}},
		})
	})
}

func TestModules(t *testing.T) {
	golden(t, "versions", func(p *text.Printer) {
		p.Versions(&v1.ListModuleVersionsResponse{Versions: []*v1.VersionInfo{
			{Version: "v1.10.0", Time: "2026-01-02T03:04:05Z"}, {Version: "v1.9.0", Retracted: true, Retraction: "loses data"},
		}})
	})
	zero := "0"
	golden(t, "module", func(p *text.Printer) {
		p.Module(&v1.GetModuleResponse{
			Module:   &v1.ModuleVersion{Path: "example.com/crm", Version: "v1.0.0", Sum: "h1:x="},
			Requires: []*v1.ModuleVersion{{Path: "example.com/common", Version: "v1.0.0"}},
			Tables: []*v1.Table{{
				Name: "users", PrimaryKey: []string{"id"}, Origin: &v1.Origin{File: "users.go", Line: 9},
				Columns: []*v1.Column{
					{Name: "id", Type: "int64", AutoIncrement: true},
					{Name: "points", Type: "int64", DefaultValue: &zero},
					{Name: "note", Type: "string", Nullable: true},
				},
				Indexes:     []*v1.Index{{Name: "i", Unique: true, Parts: []string{"note DESC"}, Where: "points > 0"}},
				ForeignKeys: []*v1.ForeignKey{{Name: "fk", Columns: []string{"a"}, RefTable: "t", RefColumns: []string{"id"}, OnDelete: "SET NULL"}},
				Checks:      []*v1.Check{{Name: "c", Expression: "points >= 0"}},
			}},
		})
	})
	golden(t, "compare", func(p *text.Printer) {
		changes := []*v1.Change{}
		for _, v := range samplePlan().GetVerdicts() {
			changes = append(changes, v.GetChange())
		}
		p.Comparison(&v1.CompareModulesResponse{
			From: sampleRevision().GetModules(), To: samplePlan().GetModules(), Changes: changes,
		})
	})
}

func TestProgress(t *testing.T) {
	events := []*v1.ExecutionProgress{
		{Phase: v1.ExecutionPhase_EXECUTION_PHASE_PLANNING},
		{Phase: v1.ExecutionPhase_EXECUTION_PHASE_LOCKING, Attempt: 2},
		{Phase: v1.ExecutionPhase_EXECUTION_PHASE_EXECUTING, Index: 1, Total: 2, Statement: &v1.Statement{Summary: strings.Repeat("long ", 30)}},
		{Phase: v1.ExecutionPhase_EXECUTION_PHASE_DONE},
	}
	for name, rewrite := range map[string]bool{"progress_plain": false, "progress_terminal": true} {
		golden(t, name, func(p *text.Printer) {
			g := text.NewProgress(p, rewrite)
			for _, e := range events {
				g.Show(e)
			}
			g.Clear()
		})
	}
}

func TestControlCharactersDoNotReachTheTerminal(t *testing.T) {
	f := &v1.Failure{
		Detail: "a\x1b[2Jb\nc\td\u009b", Violations: []*v1.Violation{{Description: "\x07"}},
	}
	got := text.Clean(f)
	assert.Equal(t, "a\uFFFD[2Jb\nc\td\uFFFD", got.GetDetail())
	assert.Equal(t, "\uFFFD", got.GetViolations()[0].GetDescription())
	assert.Equal(t, "a\x1b[2Jb\nc\td\u009b", f.GetDetail(), "the original stays")

	m := text.Clean(&v1.GetModuleResponse{Warnings: []string{"\x1b"}, Module: &v1.ModuleVersion{Path: "\x1b"}})
	assert.Equal(t, []string{"\uFFFD"}, m.GetWarnings())
	assert.Equal(t, "\uFFFD", m.GetModule().GetPath())
}
