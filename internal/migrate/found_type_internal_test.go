package migrate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// TestFoundType: a type of the model's kind with another size is known to widen or
// to narrow; any other, with a collation or an expression for one, is the engine's.
func TestFoundType(t *testing.T) {
	t.Parallel()
	text, number := schema.Type{Kind: schema.String, Size: 50}, schema.Type{Kind: schema.Int, Bits: 64}
	raw := func(physical string) schema.Type { return schema.Type{Kind: schema.Raw, Raw: physical} }
	for physical, want := range map[string]schema.Type{
		"varchar(30)": {Kind: schema.String, Size: 30}, "nvarchar(30)": {Kind: schema.String, Size: 30},
		"nvarchar(max)": raw("nvarchar(max)"), `varchar(50) collate "C"`: raw(`varchar(50) collate "C"`), "text": raw("text"),
	} {
		assert.Equal(t, want, foundType(text, physical), physical)
	}
	for physical, want := range map[string]schema.Type{
		"integer": {Kind: schema.Int, Bits: 32}, "bigint generated always as (1) stored": raw("bigint generated always as (1) stored"),
	} {
		assert.Equal(t, want, foundType(number, physical), physical)
	}
}
