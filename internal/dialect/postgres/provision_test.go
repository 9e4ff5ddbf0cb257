package postgres

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// TestVerifierIsTheServers holds the hash of a password to what the server makes
// of the same password and salt.
func TestVerifierIsTheServers(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		_, raw := enginetest.UnusedSchema(t, server)
		tx, err := enginetest.Connect(t, raw).BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }() // and with it the role
		password := dialect.GeneratePassword()
		for _, q := range []string{"SET LOCAL password_encryption = 'scram-sha-256'", "CREATE ROLE lsd_verifier PASSWORD " + literal(password.Reveal())} {
			_, err := tx.ExecContext(t.Context(), q)
			require.NoError(t, err)
		}
		var kept string
		require.NoError(t, tx.QueryRowContext(t.Context(), "SELECT rolpassword FROM pg_authid WHERE rolname = 'lsd_verifier'").Scan(&kept))
		m := regexp.MustCompile(`^SCRAM-SHA-256\$(\d+):([^$]+)\$`).FindStringSubmatch(kept)
		require.Len(t, m, 3)
		iterations, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		salt, err := base64.StdEncoding.DecodeString(m[2])
		require.NoError(t, err)
		got, err := verifier(password.Reveal(), salt, iterations)
		require.NoError(t, err)
		require.Equal(t, kept, got)
	}
}

func TestVerifierTakesASCIIOnly(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"ünï", "with blank", "tab\t"} {
		_, err := verifier(password, salt(), scramIterations)
		require.Equal(t, fault.Invalid, fault.KindOf(err))
		require.NotContains(t, err.Error(), password)
	}
}
