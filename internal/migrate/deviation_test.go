package migrate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// A club's tables have one of everything that somebody can weaken by hand.
const club = `package shop

type Club struct {
	ID    uint64
	Name  string ` + "`gorm:\"size:50;not null\"`" + `
	Score int    ` + "`gorm:\"not null;check:score_ck,score >= 0 and name <> ''\"`" + `
	Code  string ` + "`gorm:\"size:20;not null;uniqueIndex\"`" + `
}

type Member struct {
	ID     uint64
	ClubID uint64 ` + "`gorm:\"not null;index\"`" + `
	Club   Club   ` + "`gorm:\"constraint:OnDelete:CASCADE\"`" + `
	Rank   int    ` + "`gorm:\"index:idx_rank\"`" + `
}
`

// deviation is what somebody did by hand, and what drift says of it.
type deviation struct {
	by   []string
	says string
	not  string // the server that cannot do it
}

const fkMembersClub = "ALTER TABLE members ADD CONSTRAINT fk_members_club FOREIGN KEY (club_id) REFERENCES clubs (id) "

func deviations(e dialect.Engine) []deviation {
	key, check := "members: foreign key fk_members_club is ", "clubs: check score_ck is "
	switch e { //nolint:exhaustive // SQL Server is not among these
	case dialect.Postgres:
		again := "ALTER TABLE members DROP CONSTRAINT fk_members_club"
		return []deviation{
			{by: []string{again, fkMembersClub + "ON DELETE CASCADE NOT VALID"}, says: key + "not valid"},
			{by: []string{again, fkMembersClub + "MATCH FULL ON DELETE CASCADE"}, says: key + "match full"},
			{by: []string{"ALTER TABLE members ALTER CONSTRAINT fk_members_club DEFERRABLE INITIALLY DEFERRED"}, says: key + "deferrable, initially deferred"},
			{by: []string{"ALTER TABLE members ALTER CONSTRAINT fk_members_club NOT ENFORCED"}, says: key + "not valid", not: "postgres15"},
			{by: []string{"ALTER TABLE clubs DROP CONSTRAINT score_ck", "ALTER TABLE clubs ADD CONSTRAINT score_ck CHECK (score >= 0 and name <> '') NOT VALID"}, says: check + "not valid"},
			{by: []string{"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_clubs_code'::regclass"}, says: "clubs: index idx_clubs_code is invalid"},
			{by: []string{"DROP INDEX idx_clubs_code", "CREATE UNIQUE INDEX idx_clubs_code ON clubs (code) NULLS NOT DISTINCT"}, says: "clubs: index idx_clubs_code is nulls not distinct"},
			{by: []string{"DROP INDEX idx_clubs_code", "CREATE UNIQUE INDEX idx_clubs_code ON clubs (code) INCLUDE (score)"}, says: "clubs: index idx_clubs_code is with more columns"},
			{by: []string{"DROP INDEX idx_clubs_code", "CREATE UNIQUE INDEX idx_clubs_code ON clubs (code varchar_pattern_ops)"}, says: "clubs: index idx_clubs_code is code of class varchar_pattern_ops"},
			{by: []string{"DROP INDEX idx_rank", "CREATE INDEX idx_rank ON members (rank NULLS FIRST)"}, says: "members: index idx_rank is rank sorts NULL elsewhere"},
			{by: []string{`ALTER TABLE clubs ALTER name TYPE varchar(50) COLLATE "C"`}, says: "clubs: column name has another type"},
		}
	case dialect.MySQL:
		return []deviation{
			{by: []string{"ALTER TABLE clubs ALTER CHECK score_ck NOT ENFORCED"}, says: check + "not enforced"},
			{by: []string{"ALTER TABLE members ALTER INDEX idx_rank INVISIBLE"}, says: "members: index idx_rank is passed over by queries"},
		}
	case dialect.MariaDB:
		return []deviation{
			{by: []string{"ALTER TABLE members ALTER INDEX idx_rank IGNORED"}, says: "members: index idx_rank is passed over by queries"},
		}
	case dialect.SQLite:
		again := "CREATE TABLE members (id integer PRIMARY KEY AUTOINCREMENT, club_id integer NOT NULL, `rank` integer, " +
			"CONSTRAINT fk_members_club FOREIGN KEY (club_id) REFERENCES clubs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED)"
		clubs := func(name, code string) []string {
			return []string{
				"DROP TABLE clubs", "CREATE TABLE clubs (id integer PRIMARY KEY AUTOINCREMENT, name " + name + " NOT NULL, score integer NOT NULL, " +
					"code " + code + " NOT NULL, CONSTRAINT score_ck CHECK (score >= 0 and name <> ''))",
				"CREATE UNIQUE INDEX idx_clubs_code ON clubs (code)",
			}
		}
		return []deviation{
			{by: []string{"DROP TABLE members", again, "CREATE INDEX idx_members_club_id ON members (club_id)", "CREATE INDEX idx_rank ON members (`rank`)"}, says: key + "deferrable, initially deferred"},
			{by: clubs("text COLLATE NOCASE", "text"), says: "clubs: column name has another type"},
		}
	}
	return nil
}

// TestWhatOnlyLooksRight: a constraint that is not held and an index that is not
// used have the recorded name and columns, and are drift all the same. Nothing is
// executed over them, and the SQL that drift shows brings them back.
func TestWhatOnlyLooksRight(t *testing.T) {
	t.Parallel()
	proxy := "file://" + t.TempDir()
	publishModule(t, proxy, shop, "v1.0.0", club)
	publishModule(t, proxy, shop, "v1.1.0", strings.ReplaceAll(club, "\tID ", "\tMore *string\n\tID "))
	eachScratch(t, func(t *testing.T, e scratched) {
		s, url := keeperService(t, proxy), e.target(t)
		brought(t, s, url, "v1.0.0", strategy.Safe)
		require.Empty(t, clauses(drift(t, s, url).Differences))
		db := oneConnection(t, url)
		run := func(statements ...string) {
			for _, sql := range statements {
				_, err := db.ExecContext(t.Context(), sql)
				require.NoError(t, err, sql)
			}
		}
		for _, d := range deviations(e.d.Engine()) {
			if d.not != "" && strings.Contains(t.Name(), d.not) {
				continue
			}
			run(d.by...)
			r := drift(t, s, url)
			require.Equal(t, []string{d.says}, clauses(r.Differences))
			assert.NotEmpty(t, r.Differences[0].Accept)
			_, err := execute(t, s, url, "v1.1.0", strategy.AddOnly)
			assert.Equal(t, "TABLE_DRIFTED", fault.ReasonOf(err), d.says)
			run(r.Restore...)
			require.Empty(t, clauses(drift(t, s, url).Differences), strings.Join(r.Restore, ";\n"))
		}
		mustExecute(t, s, url, "v1.1.0", strategy.Safe)
	})
}

// TestWhatOnlyLooksRightIsAdopted: it is recorded as it is, is no drift then, and
// the next plan makes it what the entity says.
func TestWhatOnlyLooksRightIsAdopted(t *testing.T) {
	t.Parallel()
	proxy := "file://" + t.TempDir()
	publishModule(t, proxy, shop, "v1.0.0", club)
	eachScratch(t, func(t *testing.T, e scratched) {
		list := deviations(e.d.Engine())
		s, url := keeperService(t, proxy), e.target(t)
		brought(t, s, url, "v1.0.0", strategy.Safe)
		run(t, url, "DELETE FROM lockstep_history", list[0].by[0])
		run(t, url, list[0].by[1:]...)
		report, err := s.Adopt(t.Context(), migrate.AdoptRequest{
			Modules: request(t, url, "v1.0.0", strategy.Safe).Modules, Target: target(t, url), Actor: "tester",
		})
		require.NoError(t, err)
		require.Equal(t, []string{list[0].says}, clauses(report.Differences))
		assert.Empty(t, clauses(drift(t, s, url).Differences), "recorded as it is")

		p, err := s.Preview(t.Context(), request(t, url, "v1.0.0", strategy.Safe))
		require.NoError(t, err)
		require.True(t, p.Changed, "what the entity says is missing")
		_, err = execute(t, s, url, "v1.0.0", strategy.Safe)
		require.NoError(t, err)
		assert.Empty(t, clauses(drift(t, s, url).Differences))
		p, err = s.Preview(t.Context(), request(t, url, "v1.0.0", strategy.Safe))
		require.NoError(t, err)
		assert.False(t, p.Changed)
	})
}

// TestATypeWithItsCollation: what GORM passes on with the type is found again.
func TestATypeWithItsCollation(t *testing.T) {
	t.Parallel()
	proxy := "file://" + t.TempDir()
	source := "package shop\n\ntype Word struct {\n\tID   uint64\n\tText string `gorm:\"type:varchar(50) COLLATE %s\"`\n}\n"
	publishModule(t, proxy, shop, "v1.0.0", fmt.Sprintf(source, `\\\"C\\\"`))
	publishModule(t, proxy, shop, "v1.1.0", fmt.Sprintf(source, "ucs_basic"))
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			_, url := enginetest.UnusedSchema(t, server)
			s := keeperService(t, proxy)
			for _, version := range []string{"v1.0.0", "v1.1.0"} {
				mustExecute(t, s, url, version, strategy.Full)
				assert.Empty(t, clauses(drift(t, s, url).Differences))
			}
			run(t, url, "ALTER TABLE words ALTER text TYPE varchar(50)")
			assert.Equal(t, []string{"words: column text has another type"}, clauses(drift(t, s, url).Differences))
		})
	}
}

// TestAnIndexExpressionThatIsAColumn: GORM passes the words at a column on as an
// expression, and engines keep the column.
func TestAnIndexExpressionThatIsAColumn(t *testing.T) {
	t.Parallel()
	proxy := "file://" + t.TempDir()
	source := "package shop\n\ntype Word struct {\n\tID   uint64\n\tText string `gorm:\"size:50;index:idx_text,expression:%s\"`\n}\n"
	forms := map[dialect.Engine][]string{
		dialect.Postgres: {"text varchar_pattern_ops", `text COLLATE \\\"C\\\" DESC`, "lower(text) desc", "text text_ops"},
		dialect.MySQL:    {"text(10)", "text ( 10 ) DESC", "(lower(text))"},
		dialect.MariaDB:  {"text(10)"},
		dialect.SQLite:   {"text COLLATE NOCASE", `\\\"text\\\" desc`, "lower(text)", "text IS NULL"},
	}
	for engine, list := range forms {
		for i, form := range list {
			publishModule(t, proxy, shop, fmt.Sprintf("v1.%d.0-%s", i, engine), fmt.Sprintf(source, form))
		}
	}
	eachScratch(t, func(t *testing.T, e scratched) {
		s := keeperService(t, proxy)
		for i, form := range forms[e.d.Engine()] {
			url := e.target(t)
			_, err := execute(t, s, url, fmt.Sprintf("v1.%d.0-%s", i, e.d.Engine()), strategy.Safe)
			if assert.NoError(t, err, form) {
				assert.Empty(t, clauses(drift(t, s, url).Differences), form)
			}
		}
	})
}

// TestAGeneratedColumnInThePlaceOfAPlainOne: PostgreSQL cannot alter it back by
// its type, so no SQL is offered that would not help.
func TestAGeneratedColumnInThePlaceOfAPlainOne(t *testing.T) {
	t.Parallel()
	proxy := "file://" + t.TempDir()
	publishModule(t, proxy, shop, "v1.0.0", club)
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			_, url := enginetest.UnusedSchema(t, server)
			s := keeperService(t, proxy)
			mustExecute(t, s, url, "v1.0.0", strategy.Safe)
			run(t, url, "ALTER TABLE members DROP rank, ADD rank bigint GENERATED ALWAYS AS (club_id * 2) STORED", "CREATE INDEX idx_rank ON members (rank)")
			r := drift(t, s, url)
			require.Equal(t, []string{"members: column rank has another type"}, clauses(r.Differences))
			assert.Empty(t, r.Differences[0].Restore)
			assert.Empty(t, r.Restore)
		})
	}
}
