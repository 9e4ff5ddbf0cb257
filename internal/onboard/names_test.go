package onboard_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/onboard"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"acme":     `^acme$`,
		"acme_2":   `^acme_2$`,
		"Acme":     `^acme_[0-9a-f]{6}$`,
		"acme-2":   `^acme_2_[0-9a-f]{6}$`,
		"acme.2":   `^acme_2_[0-9a-f]{6}$`,
		"7up":      `^t_7up_[0-9a-f]{6}$`,
		"pg_acme":  `^t_pg_acme_[0-9a-f]{6}$`,
		"_acme":    `^t__acme_[0-9a-f]{6}$`,
		"pgacme":   `^pgacme$`,
		"lockstep": `^lockstep$`,
	} {
		require.Regexp(t, want, onboard.DatabaseName(id), id)
	}
	seen := map[string]string{}
	long := strings.Repeat("a", 62)
	for _, id := range []string{"Acme", "acme", "ACME", "acme-2", "acme.2", "acme_2", long + "a", long + "b", long + "A", long, "7up", "t_7up"} {
		for _, name := range []string{onboard.DatabaseName(id), onboard.UserName(id)} {
			require.Empty(t, seen[name], "%s and %s share %s", id, seen[name], name)
			seen[name] = id
			require.Regexp(t, `^[a-z][a-z0-9_]*$`, name)
		}
		require.LessOrEqual(t, len(onboard.DatabaseName(id)), 63)
		require.LessOrEqual(t, len(onboard.UserName(id)), 32)
		require.True(t, strings.HasSuffix(onboard.UserName(id), "_app"))
	}
}
