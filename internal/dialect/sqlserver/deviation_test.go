package sqlserver

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// TestWhatOnlyLooksRight is told for what it is: what was disabled or is not
// trusted enforces less than it says, and has its name all the same, so that
// adding it would fail. The SQL that brings it back removes it first.
func TestWhatOnlyLooksRight(t *testing.T) {
	t.Parallel()
	foreign := func(s *simTable, weak string) { s.foreign[0].weak = map[string]bool{weak: true} }
	check := func(s *simTable, weak string) { s.checks[0].weak = map[string]bool{weak: true} }
	index := func(s *simTable, weak string) { s.index("idx_n").weak = map[string]bool{weak: true} }
	for _, c := range []struct {
		do         func(s *simTable, weak string)
		weak, says string
	}{
		{foreign, "disabled", "things: foreign key fk_owner is disabled"},
		{foreign, "not trusted", "things: foreign key fk_owner is not trusted"},
		{foreign, "not for replication", "things: foreign key fk_owner is not for replication"},
		{check, "disabled", "things: check chk_label is disabled"},
		{check, "not trusted", "things: check chk_label is not trusted"},
		{check, "not for replication", "things: check chk_label is not for replication"},
		{index, "disabled", "things: index idx_n is disabled"},
		{index, "ignoring duplicates", "things: index idx_n is ignoring duplicates"},
		{index, "with more columns", "things: index idx_n is with more columns"},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			const url = "sqlserver://u:p@h:1?database=db&schema=acme"
			f := simulated()
			p := proving{d: f.dialect()}
			made, err := planned(t, nil, []*schema.Table{owners(), thing(nothing)})
			require.NoError(t, err)
			var batches []string
			for _, st := range made.Statements {
				batches = append(batches, st.SQL)
			}
			executed(t, p, url, batches...)
			require.Empty(t, differences(t, p, url, owners(), thing(nothing)))

			f.catalogue.shown = nil
			c.do(f.catalogue.find("acme", "things"), c.weak)
			found, back := likeness(t, p, url, owners(), thing(nothing))
			assert.Equal(t, []string{c.says}, found)
			model, err := New().Lower(&schema.Schema{Tables: []*schema.Table{owners(), thing(nothing)}})
			require.NoError(t, err)
			assert.NotEmpty(t, New().Compare(model.Table("things"), inspected(t, p, url, "things").Table("things")), "by structure, too")

			executed(t, p, url, back...)
			assert.Empty(t, differences(t, p, url, owners(), thing(nothing)))
		})
	}
}

// TestWhatOnlyLooksRightOnServers does it by hand where there is a server.
func TestWhatOnlyLooksRightOnServers(t *testing.T) {
	eachServerPlace(t, func(t *testing.T, p proving) {
		for batch, says := range map[string]string{
			"ALTER TABLE [$(schema)].[things] NOCHECK CONSTRAINT [fk_owner]":                                                               "things: foreign key fk_owner is disabled",
			"ALTER TABLE [$(schema)].[things] NOCHECK CONSTRAINT [fk_owner]; ALTER TABLE [$(schema)].[things] CHECK CONSTRAINT [fk_owner]": "things: foreign key fk_owner is not trusted",
			"ALTER TABLE [$(schema)].[things] NOCHECK CONSTRAINT [chk_label]":                                                              "things: check chk_label is disabled",
			"ALTER INDEX [idx_n] ON [$(schema)].[things] DISABLE":                                                                          "things: index idx_n is disabled",
		} {
			url := p.target(t)
			made, err := planned(t, nil, []*schema.Table{owners(), thing(nothing)})
			require.NoError(t, err)
			var batches []string
			for _, st := range made.Statements {
				batches = append(batches, st.SQL)
			}
			executed(t, p, url, append(batches, batch)...)
			found, back := likeness(t, p, url, owners(), thing(nothing))
			assert.Equal(t, []string{says}, found)
			executed(t, p, url, back...)
			assert.Empty(t, differences(t, p, url, owners(), thing(nothing)))
		}
	})
}
