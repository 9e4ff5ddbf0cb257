package access_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

func files() access.FileSystem {
	return access.FileSystem{
		Absolute: filepath.Abs, Resolve: filepath.EvalSymlinks,
		Exists: func(path string) bool { _, err := os.Lstat(path); return err == nil },
	}
}

// refused parses and checks, as the server does: an attack may fail at either.
func refused(t *testing.T, targets *access.Targets, url string) string {
	t.Helper()
	target, err := dialect.ParseTarget(url)
	if err == nil {
		err = targets.Check(target)
	}
	if err == nil {
		return ""
	}
	assert.Contains(t, []fault.Kind{fault.Denied, fault.Invalid}, fault.KindOf(err), url)
	assert.NotContains(t, err.Error(), "s3cr3t", url)
	return fault.ReasonOf(err)
}

func TestHostsOfTargets(t *testing.T) {
	targets, err := access.NewTargets(access.TargetRules{Hosts: []string{
		"db.example.com", "*.prod.example.com:6432", "10.1.0.0/16:*", "192.0.2.7", "[fd00::/8]:5433", "2001:db8::1", "any.example.com:*",
	}})
	require.NoError(t, err)
	for _, allowed := range []string{
		"postgres://u:s3cr3t@db.example.com/d", "postgres://db.example.com:5432/d", "mysql://db.example.com/d", "mysql://db.example.com:3306/d",
		"sqlserver://DB.example.com.:1433?database=d", "postgres://a.b.prod.example.com:6432/d",
		"postgres://10.1.255.255:1/d", "postgres://[::ffff:10.1.2.3]:99/d", "postgres://192.0.2.7/d",
		"postgres://[fd12::1]:5433/d", "mariadb://[2001:db8::1]/d", "postgres://any.example.com:7/d",
		"postgres://db.example.com/d?sslmode=verify-full&connect_timeout=5&application_name=x&target_session_attrs=any",
		"mysql://db.example.com/d?tls=true&parseTime=true&charset=utf8mb4",
	} {
		assert.Empty(t, refused(t, targets, allowed), allowed)
	}
	const reason = access.ReasonTarget
	for attack, want := range map[string]string{
		// hosts and ports that nobody listed
		"postgres://evil.example.com/d": reason, "postgres://db.example.com:22/d": reason, "mysql://db.example.com:5432/d": reason,
		"postgres://prod.example.com:6432/d": reason, "postgres://xprod.example.com:6432/d": reason, "postgres://a.prod.example.com/d": reason,
		"postgres://10.2.0.1/d": reason, "postgres://192.0.2.7:80/d": reason, "postgres://[fd12::1]/d": reason,
		"postgres://db.example.com.evil.org/d": reason, "postgres://localhost/d": reason, "postgres://127.0.0.1/d": reason,
		// this machine and the cloud's metadata, in other spellings
		"postgres://169.254.169.254:80/d": reason, "postgres://[::1]/d": reason, "postgres://0/d": reason, "postgres://127.1/d": reason,
		"postgres://2130706433/d": reason, "postgres://0x7f000001/d": reason, "postgres://0x7f.1/d": reason,
		"postgres://[fe80::1%25eth0]/d": reason, "postgres://[::ffff:127.0.0.1]/d": reason, "postgres://10.1.0.1.:5432/d": reason,
		// several hosts in one
		"postgres://db.example.com,evil.example.com/d": reason, "postgres://db.example.com:5432,evil.example.com:5432/d": reason,
		"postgres://db.example.com/d?host=evil.example.com": "TARGET_OPTION_REFUSED", "postgres://db.example.com/d?hostaddr=10.0.0.1": "TARGET_OPTION_REFUSED",
		"postgres://db.example.com/d?port=22": "TARGET_OPTION_REFUSED", "postgres:///d?host=/var/run/postgresql": "TARGET_INVALID",
		"postgres://%2Fvar%2Frun/d": "TARGET_INVALID", "mysql://unix(/var/run/mysqld.sock)/d": reason, "mysql://tcp(evil:3306)/d": "TARGET_INVALID",
		"postgres://db.example.com:5432:22/d": reason, "postgres://db.example.com:*/d": "TARGET_INVALID",
		"postgres://user@evil.example.com@db.example.com:9/d": reason, "postgres://db.example.com\\@evil.example.com/d": "TARGET_INVALID",
		// options that read files of this machine, run something, or loosen the session
		"postgres://db.example.com/d?service=x": "TARGET_OPTION_REFUSED", "postgres://db.example.com/d?servicefile=/etc/x": "TARGET_OPTION_REFUSED",
		"postgres://db.example.com/d?passfile=/etc/shadow": "TARGET_OPTION_REFUSED", "postgres://db.example.com/d?sslkey=/etc/key": "TARGET_OPTION_REFUSED",
		"postgres://db.example.com/d?sslcert=/etc/crt": "TARGET_OPTION_REFUSED", "postgres://db.example.com/d?sslrootcert=/etc/ca": "TARGET_OPTION_REFUSED",
		"postgres://db.example.com/d?options=-csession_preload_libraries%3Dx": "TARGET_OPTION_REFUSED",
		"postgres://db.example.com/d?SSLKEY=/etc/key":                         "TARGET_OPTION_REFUSED", "postgres://db.example.com/d?search_path=x": "TARGET_OPTION_REFUSED",
		"mysql://db.example.com/d?allowAllFiles=true": "TARGET_OPTION_REFUSED", "mysql://db.example.com/d?serverPubKey=x": "TARGET_OPTION_REFUSED",
		"mysql://db.example.com/d?allowCleartextPasswords=true": "TARGET_OPTION_REFUSED", "mysql://db.example.com/d?multiStatements=true": "TARGET_OPTION_REFUSED",
		"mysql://db.example.com/d?init_connect=x": "TARGET_OPTION_REFUSED", "mysql://db.example.com/d?tls=true&allowFallbackToPlaintext=1": "TARGET_OPTION_REFUSED",
		"sqlserver://db.example.com?database=d&certificate=/etc/x": "TARGET_OPTION_REFUSED", "sqlserver://db.example.com?database=d&krb5-keytabfile=/x": "TARGET_OPTION_REFUSED",
		"sqlserver://db.example.com?database=d&server=evil": "TARGET_OPTION_REFUSED", "sqlserver://db.example.com?database=d&failoverpartner=evil": "TARGET_OPTION_REFUSED",
		// files, where no directory is listed
		"sqlite:///etc/passwd": reason, "sqlite:x.db": reason,
	} {
		assert.Equal(t, want, refused(t, targets, attack), attack)
	}
}

func TestFilesOfTargets(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "a"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(root, "a", "acme.db"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(outside, "x.db"), nil, 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(root, "out")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "x.db"), filepath.Join(root, "x.db")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "new.db"), filepath.Join(root, "dangling.db")))
	require.NoError(t, os.Symlink(filepath.Join(root, "a"), filepath.Join(root, "in")))
	require.NoError(t, os.Symlink(root, filepath.Join(outside, "way-in")))
	targets, err := access.NewTargets(access.TargetRules{Directories: []string{root}, Files: files()})
	require.NoError(t, err)
	t.Chdir(root)
	for _, allowed := range []string{
		"sqlite://" + root + "/a/acme.db", "sqlite://" + root + "/new/deep/x.db", "sqlite://" + root + "/a/../b.db",
		"sqlite:rel.db", "sqlite://" + root + "/in/acme.db", "sqlite://" + outside + "/way-in/a/acme.db",
	} {
		assert.Empty(t, refused(t, targets, allowed), allowed)
	}
	for _, attack := range []string{
		"sqlite:///etc/passwd", "sqlite://" + root, "sqlite://" + root + "/", "sqlite://" + root + "/../x.db", "sqlite:../x.db",
		"sqlite://" + root + "/a/../../x.db", "sqlite://" + root + "/%2e%2e/x.db", "sqlite://" + root + "x/y.db",
		"sqlite://" + root + "/out/x.db", "sqlite://" + root + "/out/new.db", "sqlite://" + root + "/x.db", "sqlite://" + root + "/dangling.db",
		"sqlite://" + root + "/dangling.db/y.db",
		"sqlite:file:/etc/passwd", "sqlite:file:x.db%3Fvfs=unix-none", "sqlite::memory:", "sqlite:x.db?vfs=unix-none", "sqlite:x.db?mode=rwc",
		"sqlite:x.db%00.txt", "postgres://db.example.com/d",
	} {
		assert.NotEmpty(t, refused(t, targets, attack), attack)
	}
}

func TestEnginesOfTargets(t *testing.T) {
	targets, err := access.NewTargets(access.TargetRules{Engines: []dialect.Engine{dialect.Postgres}, Hosts: []string{"*:*"}})
	require.NoError(t, err)
	assert.Empty(t, refused(t, targets, "postgres://anything:77/d"))
	assert.Equal(t, access.ReasonTarget, refused(t, targets, "mysql://anything/d"))
	assert.False(t, targets.Open())

	var none *access.Targets
	assert.Equal(t, access.ReasonTarget, refused(t, none, "postgres://h/d"), "without rules nothing is allowed")
	assert.False(t, none.Open())
	assert.True(t, access.AllTargets().Open())
	assert.Empty(t, refused(t, access.AllTargets(), "sqlite:x.db"))
}

func TestRulesOfTargetsAreChecked(t *testing.T) {
	for _, bad := range []string{
		"", "a b", "h:", "h:x", "h:0", "h:70000", "h:+5", "10.0.0.1/8", "10.0.0.0/99", "*.", "*x.example.com", "a..b", "127.1", "1.2.3.4.5", "[::1", "[::1]x", "h/24",
	} {
		_, err := access.NewTargets(access.TargetRules{Hosts: []string{bad}})
		assert.Equal(t, fault.Invalid, fault.KindOf(err), "%q", bad)
		assert.Equal(t, "HOST_INVALID", fault.ReasonOf(err), "%q", bad)
	}
	_, err := access.NewTargets(access.TargetRules{Directories: []string{"data"}})
	assert.Equal(t, "DIRECTORY_RELATIVE", fault.ReasonOf(err))
}
