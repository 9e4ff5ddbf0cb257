package text

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// TestVeryManyPrivileges are said by what they mean, and what differs by name.
func TestVeryManyPrivileges(t *testing.T) {
	t.Parallel()
	few := &lockstepv1.ServerGrant{Database: "acme", Privileges: []string{"read", "write"}, Raw: []string{"SELECT", "UPDATE"}}
	assert.Equal(t, "everybody on acme: SELECT, UPDATE", grantWords(few, nil))
	many := &lockstepv1.ServerGrant{Privileges: []string{"all", "grant"}}
	for i := range 72 {
		many.Raw = append(many.Raw, fmt.Sprintf("P%d", i))
	}
	assert.Equal(t, "everybody on the whole server: all, grant (72 privileges)", grantWords(many, nil))
	more := &lockstepv1.ServerGrant{Privileges: many.GetPrivileges(), Raw: append([]string{"SHUTDOWN"}, many.GetRaw()...)}
	assert.Equal(t, "everybody on the whole server: all, grant (73 privileges, here only: SHUTDOWN)", grantWords(more, many))
	assert.Equal(t, "everybody on the whole server: all, grant (72 privileges)", grantWords(many, more))
}
