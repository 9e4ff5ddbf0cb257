package mysql_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// TestReferrers: whatever refers to a table is found, from another database, under
// names that InnoDB writes in its own way, and by who may not see all processes; and
// what refers to other tables, or is asked about itself, is not.
func TestReferrers(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		s := &stage{T: t, url: enginetest.FreshDatabase(t, server), opts: opts}
		other := &stage{T: t, url: enginetest.FreshDatabase(t, server), opts: opts}
		u, err := url.Parse(s.url)
		require.NoError(t, err)
		name := strings.TrimPrefix(u.Path, "/")
		s.run(
			"CREATE TABLE parents (id int PRIMARY KEY)", "CREATE TABLE lonely (id int PRIMARY KEY)", "CREATE TABLE `odd-näme` (id int PRIMARY KEY)",
			"CREATE TABLE children (id int PRIMARY KEY, p int, CONSTRAINT fk_own FOREIGN KEY (p) REFERENCES parents (id))",
			"CREATE TABLE strangers (p int, CONSTRAINT fk_odd FOREIGN KEY (p) REFERENCES `odd-näme` (id))",
		)
		other.run("CREATE TABLE far (p int, CONSTRAINT fk_far FOREIGN KEY (p) REFERENCES " + name + ".parents (id) ON DELETE CASCADE)")
		t.Cleanup(func() { other.run("DROP TABLE far") }) // or the database that it refers to could not go
		far := strings.TrimPrefix(mustPath(t, other.url), "/")

		refer := func(url string, tables ...string) (out []string) {
			session := open(t, url, opts...)
			found, err := mysql.New(opts...).Referrers(t.Context(), session, tables)
			require.NoError(t, err)
			for _, r := range found {
				out = append(out, r.Table+" "+r.ForeignKey.Name+" "+r.ForeignKey.RefTable+" "+string(r.ForeignKey.OnDelete))
			}
			return out
		}
		own, odd, distant := "children fk_own parents "+string(schema.NoAction), "strangers fk_odd odd-näme "+string(schema.NoAction), far+".far fk_far parents CASCADE"
		assert.Equal(t, []string{own, distant}, refer(s.url, "parents"))
		assert.Equal(t, []string{distant}, refer(s.url, "parents", "children"), "what is asked about itself is no referrer")
		assert.Equal(t, []string{odd}, refer(s.url, "odd-näme"))
		assert.Empty(t, refer(s.url, "lonely"))
		assert.Empty(t, refer(s.url, "lonely", "children"))
		assert.Empty(t, refer(s.url, "nowhere"))
		mere := s.user("", "GRANT SELECT, REFERENCES ON DB.* TO USER")
		assert.Equal(t, []string{own}, refer(mere, "parents"), "of what this user may see")
		assert.Empty(t, refer(mere, "lonely"))
	})
}

func mustPath(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u.Path
}
