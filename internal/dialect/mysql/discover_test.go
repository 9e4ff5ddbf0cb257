package mysql

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
)

// TestLikeIsTheServers holds patterns to the server's own LIKE.
func TestLikeIsTheServers(t *testing.T) {
	t.Parallel()
	for _, server := range append(enginetest.MySQL(t), enginetest.MariaDB(t)...) {
		db := enginetest.Connect(t, server.DSN)
		r := rand.New(rand.NewPCG(1, 2))
		text := func(alphabet []string) (out string) {
			for range r.IntN(6) {
				out += alphabet[r.IntN(len(alphabet))]
			}
			return out
		}
		matched := 0
		for range 600 {
			pattern, name := text([]string{"a", "b", "ü", "_", "%", "%", `\_`, `\%`, `\\`}), text([]string{"a", "b", "ü", "_", "%", `\`})
			var want bool
			// The connection reads backslashes as they are, so LIKE is told of them.
			require.NoError(t, db.QueryRowContext(t.Context(), `SELECT CAST(? AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_bin LIKE CAST(? AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_bin ESCAPE '\'`, name, pattern).Scan(&want))
			assert.Equal(t, want, like(pattern, name), "%q like %q", name, pattern)
			if want {
				matched++
			}
		}
		require.Greater(t, matched, 20)
	}
}

// TestEscapedNamesMatchThemselvesOnly: what provisioning grants on.
func TestEscapedNamesMatchThemselvesOnly(t *testing.T) {
	t.Parallel()
	names := []string{"acme", "acme_x", "acmeax", "a%", "ab", `a\b`, `a\_b`, "a_b", "%", "_", ""}
	s := &rosterSession{session: &session{}}
	for _, a := range names {
		for _, b := range names {
			assert.Equal(t, a == b, like(escape(a), b), "%q and %q", a, b)
		}
		name, literal := s.literalName(escape(a))
		assert.True(t, literal)
		assert.Equal(t, a, name)
	}
}

func TestSpecificity(t *testing.T) {
	t.Parallel()
	order := []string{`acme\_x`, `acme\_%`, `acme_`, `acm%`, `_`}
	for i := 1; i < len(order); i++ {
		assert.Greater(t, specificity(order[i-1]), specificity(order[i]), order[i])
	}
}

func TestParseGrantee(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]dialect.Account{
		"'app'@'%'": {Name: "app", Host: "%"}, "'o'brien'@'h'": {Name: "o'brien", Host: "h"}, "''@'%'": {Host: "%"},
		"'a'@'b'@'c'": {Name: "a'@'b", Host: "c"}, "'role'@''": {Name: "role"}, "role": {Name: "role"},
	} {
		assert.Equal(t, want, parseGrantee(text), text)
	}
	for text, want := range map[string]dialect.Account{
		"r": {Name: "r", Host: "%"}, " `r`@`h` ": {Name: "r", Host: "h"}, "'r'@'%'": {Name: "r", Host: "%"}, "": {Host: "%"},
	} {
		assert.Equal(t, want, parseRole(text), text)
	}
}
