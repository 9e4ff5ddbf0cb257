package sqlite

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMoreOrphans(t *testing.T) {
	for name, c := range map[string]struct {
		before, now map[string]int
		want        []string
	}{
		"as before":                          {map[string]int{"a": 2}, map[string]int{"a": 2}, nil},
		"fewer":                              {map[string]int{"a": 2}, map[string]int{"a": 1}, nil},
		"more":                               {map[string]int{"a": 0}, map[string]int{"a": 1}, []string{"a"}},
		"more here, gone there":              {map[string]int{"a": 0, "b": 5}, map[string]int{"a": 3}, []string{"a"}},
		"more here, fewer there":             {map[string]int{"a": 0, "b": 5}, map[string]int{"a": 3, "b": 0}, []string{"a"}},
		"a table renamed with its orphans":   {map[string]int{"old": 2}, map[string]int{"new": 2}, nil},
		"a table renamed, with one more":     {map[string]int{"old": 2}, map[string]int{"new": 3}, []string{"new"}},
		"a table that has its first key now": {map[string]int{}, map[string]int{"a": 1}, []string{"a"}},
	} {
		assert.Equal(t, c.want, moreOrphans(c.before, c.now), name)
	}
}
