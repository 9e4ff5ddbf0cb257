package sqlserver

import (
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// edge is a foreign key as an action travels along it: from the table that is
// referred to, to the one that refers.
type edge struct {
	child *schema.Table
	key   *schema.ForeignKey
	goes  bool // the action travels on from there: rows are deleted, or keys updated
}

// checkCascades reports what error 1785 refuses: one DELETE or UPDATE that
// reaches a table on two ways, or its own table again.
// https://learn.microsoft.com/sql/relational-databases/errors-events/mssqlserver-1785-database-engine-error
// The server also refuses some schemas in which no row could be reached twice;
// those it finds itself.
func checkCascades(s *schema.Schema, report dialect.Report) {
	said := map[*schema.ForeignKey]bool{}
	for _, verb := range []struct {
		name   string
		action func(*schema.ForeignKey) schema.Action
	}{
		{"DELETE", func(f *schema.ForeignKey) schema.Action { return f.OnDelete }},
		{"UPDATE", func(f *schema.ForeignKey) schema.Action { return f.OnUpdate }},
	} {
		edges := map[string][]edge{}
		for _, t := range s.Tables {
			for _, f := range t.ForeignKeys {
				if a := verb.action(f); a != schema.NoAction {
					edges[f.RefTable] = append(edges[f.RefTable], edge{child: t, key: f, goes: a == schema.Cascade})
				}
			}
		}
		for _, t := range s.Tables {
			if e, path := secondWay(t.Name, edges); e.key != nil && !said[e.key] {
				said[e.key] = true
				report(e.child.Name, e.child.Origin, `leave the action of one of them out: gorm:"constraint:OnDelete:NO ACTION", and do it in the application`,
					"a %s in table %q would reach table %q twice, by way of %s; SQL Server refuses that (error 1785)",
					verb.name, t.Name, e.child.Name, strings.Join(path, " and "))
			}
		}
	}
}

// secondWay walks from a table and returns the foreign key that reaches a table
// again, with the names of the two that do.
func secondWay(start string, edges map[string][]edge) (edge, []string) {
	if len(edges[start]) == 0 {
		return edge{}, nil
	}
	by := map[string]string{start: ""}
	queue := []string{start}
	for len(queue) > 0 {
		from := queue[0]
		queue = queue[1:]
		for _, e := range edges[from] {
			if first, reached := by[e.child.Name]; reached {
				path := slices.DeleteFunc([]string{first, e.key.Name}, func(s string) bool { return s == "" })
				return e, path
			}
			by[e.child.Name] = e.key.Name
			if e.goes {
				queue = append(queue, e.child.Name)
			}
		}
	}
	return edge{}, nil
}
