package config

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
)

func in(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestWhereTheDataDirectoryIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		goos string
		env  map[string]string
		want string
	}{
		{"linux", map[string]string{"HOME": "/home/op"}, "/home/op/.local/state/lockstep"},
		{"linux", map[string]string{"HOME": "/home/op", "XDG_STATE_HOME": "/srv/state"}, "/srv/state/lockstep"},
		{"linux", map[string]string{"HOME": "/home/op", "XDG_STATE_HOME": "state"}, "/home/op/.local/state/lockstep"},
		{"linux", map[string]string{"HOME": "/home/op", "STATE_DIRECTORY": "/var/lib/lockstep", "XDG_STATE_HOME": "/srv"}, "/var/lib/lockstep"},
		{"linux", map[string]string{"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a"},
		{"linux", nil, ""},
		{"darwin", map[string]string{"HOME": "/Users/op"}, "/Users/op/Library/Application Support/lockstep"},
		{"windows", map[string]string{"LocalAppData": "/local"}, "/local/lockstep"},
		{"windows", nil, ""},
	} {
		assert.Equal(t, c.want, filepath.ToSlash(stateDir(in(c.env), c.goos)), "%+v", c)
	}
}

func TestAStoreIsTheDefault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flags   map[string]string
		shown   string
		file    string
		isKnown bool // a server starts
		made    bool // it is the one that nobody named
	}{
		{map[string]string{"data-dir": "/srv/with a %20 space"}, "sqlite:/srv/with a %20 space/control.db", "/srv/with a %20 space/control.db", true, true},
		{map[string]string{"data-dir": "here"}, "sqlite:here/control.db", "here/control.db", true, true},
		{map[string]string{"store": "none", "data-dir": "/srv"}, "none", "", true, false},
		{map[string]string{"store": "sqlite:x.db", "data-dir": "/srv"}, "sqlite:x.db", "x.db", true, false},
		{map[string]string{"store": "postgres://u:hush@h/d?schema=s"}, "postgres://h/d?schema=s", "", true, false},
		{nil, "", "", false, false},
	} {
		cfg, err := Load(Sources{Flags: c.flags, Getenv: in(nil)})
		require.NoError(t, err)
		assert.Equal(t, c.shown, storeText(&cfg))
		assert.Equal(t, c.file, cfg.Store.File())
		assert.Equal(t, c.made, cfg.Store.Default)
		err = cfg.ValidateServer()
		if c.isKnown {
			require.NoError(t, err)
			continue
		}
		assert.Equal(t, reasonInvalid, fault.ReasonOf(err))
		assert.ErrorContains(t, err, "data-dir")
	}
}
