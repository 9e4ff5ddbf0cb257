package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheNextCommandKeepsOnline(t *testing.T) {
	t.Parallel()
	for _, online := range []bool{false, true} {
		cmd := &cobra.Command{}
		f := addMigration(cmd)
		addOnline(cmd, &f.online)
		args := []string{"--module", "example.com/crm@v1", "--target", "postgres://db/acme"}
		if online {
			args = append(args, "--online")
		}
		require.NoError(t, cmd.ParseFlags(args))
		assert.Equal(t, online, strings.Contains(strings.Join(nextCommand(f, "p1:abc"), "\n"), "--online"))
	}
}
