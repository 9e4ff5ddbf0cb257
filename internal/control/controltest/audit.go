package controltest

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/fault"
)

func anEvent(tenant, actor string) control.AuditEvent {
	return control.AuditEvent{
		Actor: actor, Source: "192.0.2.7", Method: "/lockstep.v1.MigrationService/ExecuteMigration", TenantID: tenant,
		Modules: []control.AuditModule{{Path: "example.com/crm", Version: "v1.4.0", Sum: "h1:x"}}, Strategy: "safe",
		Statements: []string{`ALTER TABLE "a" ADD COLUMN "b<>&" text`}, Details: map[string]string{"z": "1", "a": "é\u2028"},
	}
}

func record(t *testing.T, s control.AuditStore, tenant, actor, outcome string) string {
	t.Helper()
	id, err := s.BeginAudit(t.Context(), anEvent(tenant, actor))
	require.NoError(t, err)
	done := anEvent(tenant, actor)
	done.Outcome, done.Duration = outcome, 1500*time.Millisecond
	require.NoError(t, s.FinishAudit(t.Context(), id, done))
	return id
}

func audit(t *testing.T, h Harness) {
	p := newPlace(t, h)
	s := p.open(t)
	empty, err := s.VerifyAudit(t.Context())
	require.NoError(t, err)
	assert.Zero(t, empty.Entries)

	id := record(t, s, "acme", "alice", "applied")
	record(t, s, "acme", "bob", "rolled_back")
	p.clock.Move(time.Hour)
	middle := p.clock.Now()
	record(t, s, "shop", "alice", "applied")
	open, err := s.BeginAudit(t.Context(), anEvent("shop", "bob"))
	require.NoError(t, err)
	require.NoError(t, s.FinishAudit(t.Context(), id, control.AuditEvent{Actor: "mallory", Outcome: "denied"}), "the first end stands")
	refused(t, s.FinishAudit(t.Context(), "nothing", control.AuditEvent{Outcome: "x"}), fault.NotFound, control.ReasonAuditNotFound)
	refused(t, s.FinishAudit(t.Context(), open, control.AuditEvent{}), fault.Bug, "AUDIT_INVALID")

	report, err := s.VerifyAudit(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 7, report.Entries)
	assert.Equal(t, []string{open}, report.Unfinished)

	for name, c := range map[string]struct {
		f    control.AuditFilter
		want []int64
	}{
		"all":       {control.AuditFilter{}, []int64{7, 6, 5, 4, 3, 2, 1}},
		"operation": {control.AuditFilter{OperationID: id}, []int64{2, 1}},
		"tenant":    {control.AuditFilter{TenantID: "acme"}, []int64{4, 3, 2, 1}},
		"actor":     {control.AuditFilter{Actor: "bob"}, []int64{7, 4, 3}},
		"outcome":   {control.AuditFilter{Outcome: "applied"}, []int64{6, 2}},
		"running":   {control.AuditFilter{Outcome: control.OutcomeStarted}, []int64{7, 5, 3, 1}},
		"several":   {control.AuditFilter{TenantID: "acme", Actor: "alice", Outcome: "applied"}, []int64{2}},
		"from":      {control.AuditFilter{From: middle}, []int64{7, 6, 5}},
		"until":     {control.AuditFilter{Until: middle, TenantID: "acme"}, []int64{4, 3, 2, 1}},
		"never":     {control.AuditFilter{From: middle.Add(time.Hour)}, nil},
		"no case":   {control.AuditFilter{Actor: "Alice"}, nil},
	} {
		for _, size := range []int{1, 3, 50} {
			var got []int64
			for token := ""; ; {
				page, next, err := s.SearchAudit(t.Context(), c.f, control.Page{Size: size, Token: token})
				require.NoError(t, err)
				for _, e := range page {
					got = append(got, e.Seq)
				}
				if token = next; next == "" {
					break
				}
			}
			assert.Equal(t, c.want, got, "%s by %d", name, size)
		}
	}
	both, _, err := s.SearchAudit(t.Context(), control.AuditFilter{OperationID: id}, control.Page{})
	require.NoError(t, err)
	assert.Equal(t, control.AuditStarted, both[1].Phase)
	want := anEvent("acme", "alice")
	want.Outcome, want.Duration = "applied", 1500*time.Millisecond
	assert.Equal(t, want, both[0].AuditEvent)
	export(t, s, report)
}

// auditRefused: what did not begin is one entry, which the chain expects no
// second one of.
func auditRefused(t *testing.T, h Harness) {
	s := newPlace(t, h).open(t)
	record(t, s, "acme", "alice", "applied")
	e := anEvent("ac\x00me", "bob\xff")
	e.Reason, e.Error = "ROLE_MISSING", "no"
	id, err := s.RefuseAudit(t.Context(), e)
	require.NoError(t, err)
	record(t, s, "acme", "alice", "applied")
	found, _, err := s.SearchAudit(t.Context(), control.AuditFilter{TenantID: "acme", Outcome: control.OutcomeRefused}, control.Page{})
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Equal(t, id, found[0].OperationID)
	assert.Equal(t, control.AuditFinished, found[0].Phase)
	assert.Equal(t, "ROLE_MISSING", found[0].Reason)
	assert.EqualValues(t, 3, found[0].Seq)
	report, err := s.VerifyAudit(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 5, report.Entries)
	assert.Empty(t, report.Unfinished)
	require.NoError(t, s.FinishAudit(t.Context(), id, control.AuditEvent{Outcome: "applied"}), "what was refused stays so")
	report, err = s.VerifyAudit(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 5, report.Entries)
}

// export proves that an export can be verified without the store, and what was
// done to it cannot be hidden.
func export(t *testing.T, s control.AuditStore, report *control.AuditReport) {
	t.Helper()
	var out bytes.Buffer
	last, err := s.ExportAudit(t.Context(), &out, 0)
	require.NoError(t, err)
	assert.Equal(t, report.Last, last)
	offline, err := control.VerifyAuditLines(bytes.NewReader(out.Bytes()), report.Head)
	require.NoError(t, err)
	assert.Equal(t, report, offline)

	lines := strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n")
	_, err = control.VerifyAuditLines(strings.NewReader(strings.Join(lines[3:], "")), "")
	require.NoError(t, err, "a part can be verified, too")
	var rest bytes.Buffer
	_, err = s.ExportAudit(t.Context(), &rest, 3)
	require.NoError(t, err)
	assert.Equal(t, strings.Join(lines[3:], "")+"\n", rest.String(), "an export can go on")

	var loose map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &loose))
	pretty, err := json.MarshalIndent(loose, "", "  ")
	require.NoError(t, err)
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, pretty))
	_, err = control.VerifyAuditLines(strings.NewReader(compact.String()+"\n"+strings.Join(lines[1:], "")), report.Head)
	require.NoError(t, err, "another tool may have reformatted it")

	for name, spoiled := range map[string]string{
		"changed":      strings.Replace(out.String(), "rolled_back", "applied", 1),
		"removed":      strings.Join(append(append([]string(nil), lines[:2]...), lines[3:]...), ""),
		"doubled":      lines[0] + out.String(),
		"swapped":      lines[1] + lines[0] + strings.Join(lines[2:], ""),
		"cut off":      strings.Join(lines[:5], ""),
		"hash changed": strings.Replace(out.String(), `"prev_hash":""`, `"prev_hash":"00"`, 1),
		"said twice":   strings.Replace(out.String(), `"entry":{`, `"entry":{"actor":"mallory",`, 1),
		"not JSON":     "x\n" + out.String(),
	} {
		_, err := control.VerifyAuditLines(strings.NewReader(spoiled), report.Head)
		require.Error(t, err, name)
		refused(t, err, fault.Corrupt, control.ReasonAuditBroken)
	}
}

// auditRace: replicas append at once to one chain.
func auditRace(t *testing.T, h Harness) {
	p := newPlace(t, h)
	replicas := []control.Store{p.open(t), p.open(t), p.open(t)}
	const each = 8
	for _, err := range together(3, func(i int) error {
		for range each {
			id, err := replicas[i].BeginAudit(t.Context(), anEvent("acme", numbered("actor", i)))
			if err != nil {
				return err
			}
			e := anEvent("acme", numbered("actor", i))
			e.Outcome = "applied"
			if err := replicas[(i+1)%3].FinishAudit(t.Context(), id, e); err != nil {
				return err
			}
		}
		return nil
	}) {
		require.NoError(t, err)
	}
	report, err := replicas[0].VerifyAudit(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 3*2*each, report.Entries)
	assert.Empty(t, report.Unfinished)
}

// auditTampered: whatever is done to the tables is found.
func auditTampered(t *testing.T, h Harness) {
	for name, statement := range map[string]string{
		"body":           `UPDATE audit_entries SET body = replace(body, 'alice', 'mallory') WHERE seq = 3`,
		"column":         `UPDATE audit_entries SET actor = 'mallory' WHERE seq = 3`,
		"hash":           `UPDATE audit_entries SET hash = prev_hash WHERE seq = 3`,
		"removed":        `DELETE FROM audit_entries WHERE seq = 3`,
		"first removed":  `DELETE FROM audit_entries WHERE seq = 1`,
		"last removed":   `DELETE FROM audit_entries WHERE seq >= 6`,
		"all removed":    `DELETE FROM audit_entries`,
		"moved":          `UPDATE audit_entries SET seq = 100 WHERE seq = 3`,
		"time":           `UPDATE audit_entries SET at = at + 1 WHERE seq = 3`,
		"head moved":     `UPDATE audit_heads SET seq = 100`,
		"other head":     `UPDATE audit_heads SET hash = 'x'`,
		"another tenant": `UPDATE audit_entries SET tenant_id = 'shop' WHERE seq = 2`,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, h)
			s := p.open(t)
			for range 3 {
				record(t, s, "acme", "alice", "applied")
			}
			_, err := s.VerifyAudit(t.Context())
			require.NoError(t, err)
			_, err = h.Raw(t, p.url).ExecContext(t.Context(), statement)
			require.NoError(t, err)
			_, err = s.VerifyAudit(t.Context())
			refused(t, err, fault.Corrupt, control.ReasonAuditBroken)
		})
	}
}
