package control_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// TestPlaces: one place has one key, however its URL is spelled.
func TestPlaces(t *testing.T) {
	t.Parallel()
	key := func(url string) string {
		a, err := control.ParseAddress(secret.New(url))
		require.NoError(t, err, url)
		return a.Key
	}
	for _, same := range [][]string{
		{"postgres://a:x@DB.example.com/d", "postgresql://b@db.example.com:5432/d?schema=public", "postgres://db.example.com/d?sslmode=disable"},
		{"mysql://a@h/d", "mariadb://b@h:3306/d"},
		{"sqlserver://h?database=d", "sqlserver://h:1433?database=d&schema=dbo"},
		{"sqlite:///a/b.db", "sqlite:///a/./b.db", "sqlite:///a/c/../b.db"},
		{"postgres://[::1]/d", "postgres://[::1]:5432/d"},
	} {
		for _, url := range same {
			assert.Equal(t, key(same[0]), key(url), url)
		}
	}
	for _, other := range []string{"postgres://h/D", "postgres://h/d?schema=s", "postgres://h/d?schema=S", "postgres://h:5433/d", "mysql://h/d", "postgres://h2/d"} {
		assert.NotEqual(t, key("postgres://h/d"), key(other), other)
	}
}

// TestAuditHash holds the hash still: chains that were written must stay valid.
func TestAuditHash(t *testing.T) {
	t.Parallel()
	l, err := control.EncodeAudit(&control.AuditEntry{
		Seq: 1, OperationID: "op", Phase: control.AuditStarted, At: time.UnixMicro(1_700_000_000_000_001).UTC(),
		AuditEvent: control.AuditEvent{Actor: "alice <a@b>", Method: "m", Statements: []string{"SELECT 'é'"}, Details: map[string]string{"b": "1", "a": "2"}},
	})
	require.NoError(t, err)
	require.Equal(t, `{"actor":"alice \u003ca@b\u003e","at_us":1700000000000001,"details":{"a":"2","b":"1"},"method":"m","operation_id":"op","phase":"started","statements":["SELECT 'é'"]}`, string(l.Entry)) //nolint:testifylint // byte for byte: it is hashed
	assert.Equal(t, "51a21f90f0fdf174d1ed80edd75becbc04dc1bdf9b827f5562910c253a2784b9", l.Hash)
	report, err := control.VerifyAuditLines(strings.NewReader(""), "")
	require.NoError(t, err)
	assert.Zero(t, report.Entries)
	_, err = control.VerifyAuditLines(strings.NewReader(""), "abc")
	assert.Equal(t, control.ReasonAuditBroken, fault.ReasonOf(err), "an empty export is not the chain that was expected")
}
