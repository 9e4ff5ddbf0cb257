package migrate

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gorm "gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// TestHintsAreTags: what accept says to write into a struct is what GORM reads out
// of it again.
func TestHintsAreTags(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"a;b", `a"b`, `a\b`, "it's, a", "plain", "x: y"} {
		part := func(p diff.Part) *diff.Part { return &p }
		column := &schema.Column{Name: "c", Physical: "text", Nullable: true, Default: &schema.Default{Value: value}, Comment: value}
		extra := accept(&Difference{Kind: diff.Column, Table: "t", Name: "c", Status: Extra, Have: part(diff.Part{Column: column})})
		_, tag, _ := strings.Cut(extra, " `")
		settings := readTag(t, strings.TrimSuffix(tag, "`"))
		assert.Equal(t, value, settings["DEFAULT"])
		assert.Equal(t, value, settings["COMMENT"])

		altered := accept(&Difference{
			Kind: diff.Column, Table: "t", Name: "c", Status: Altered, Aspects: []diff.Aspect{diff.AspectDefault}, Have: part(diff.Part{Column: column}),
		})
		assert.Equal(t, value, readTag(t, `gorm:"`+after(t, altered, "the tag ")+`"`)["DEFAULT"])

		check := accept(&Difference{
			Kind: diff.Check, Table: "t", Name: "k", Status: Extra, Have: part(diff.Part{Check: &schema.Check{Name: "k", Expr: value}}),
		})
		assert.Equal(t, "k,"+value, readTag(t, `gorm:"`+after(t, check, "the tag ")+`"`)["CHECK"])

		index := accept(&Difference{Kind: diff.Index, Table: "t", Name: "i", Status: Extra, Have: part(diff.Part{Index: &schema.Index{
			Name: "i", Unique: true, Where: value, Parts: []schema.IndexPart{{Expr: value}},
		}})})
		given := readTag(t, `gorm:"`+strings.TrimSuffix(after(t, index, "the tag "), " to a field of t")+`"`)["INDEX"]
		name, options, _ := strings.Cut(given, ",")
		assert.Equal(t, "i", name)
		inner := gorm.ParseTagSetting(options, ",")
		assert.Equal(t, value, inner["EXPRESSION"])
		assert.Equal(t, value, inner["WHERE"])
		assert.Contains(t, inner, "UNIQUE")
	}
	assert.Equal(t, "have the tag check:k,a > 0 and `odd name` > 1", accept(&Difference{
		Kind: diff.Check, Status: Altered, Have: &diff.Part{Check: &schema.Check{Name: "k", Expr: "`a` > 0 and `odd name` > 1"}},
	}), "a tag has no room for backquotes, and plain names need none")
	assert.Equal(t, "give the tag index:i to the fields of a, b, with sort:desc at b", accept(&Difference{
		Kind: diff.Index, Status: Extra, Have: &diff.Part{Index: &schema.Index{Name: "i", Parts: []schema.IndexPart{{Column: "a"}, {Column: "b", Desc: true}}}},
	}))
}

func after(t *testing.T, text, what string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, what)
	require.True(t, found, text)
	return rest
}

// readTag reads a struct's tag as the compiler, reflect and GORM do.
func readTag(t *testing.T, tag string) map[string]string {
	t.Helper()
	literal, err := strconv.Unquote("`" + tag + "`")
	require.NoError(t, err, tag)
	value, found := reflect.StructTag(literal).Lookup("gorm")
	require.True(t, found, tag)
	return gorm.ParseTagSetting(value, ";")
}
