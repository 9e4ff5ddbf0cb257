package rpc

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// TestATypeThatStaysInTheDatabaseIsToldByItsNeutralType: "integer → integer" would tell
// nobody what changed.
func TestATypeThatStaysInTheDatabaseIsToldByItsNeutralType(t *testing.T) {
	t.Parallel()
	part := func(bits int, physical string) *diff.Part {
		return &diff.Part{Column: &schema.Column{Name: "m", Type: schema.Type{Kind: schema.Int, Bits: bits}, Physical: physical}}
	}
	c := diff.Change{Verb: diff.Alter, Kind: diff.Column, Table: "t", Name: "m", Aspect: diff.AspectType, From: part(64, "integer"), To: part(32, "integer")}
	got := toChange(c)
	assert.Equal(t, "int64", got.GetFrom())
	assert.Equal(t, "int32", got.GetTo())
	c.From, c.To = part(64, "bigint"), part(32, "integer")
	got = toChange(c)
	assert.Equal(t, "bigint", got.GetFrom())
	assert.Equal(t, "integer", got.GetTo())
}
