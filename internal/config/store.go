package config

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// Store says where the control store is. The zero value: it is not known.
type Store struct {
	URL  secret.Redacted // empty: there is none, or its place is not known
	None bool            // there shall be none
	// Default tells that nobody named one: it is the file in DataDir, which serve
	// makes.
	Default bool
}

// storeFile is the file of the control store that nobody named.
const storeFile = "control.db"

// noStore is how a setting says that there shall be no control store.
const noStore = "none"

func setStore(c *Config, v string) error {
	switch v {
	case "":
		c.Store = Store{}
		return nil
	case noStore:
		c.Store = Store{None: true}
		return nil
	}
	t, err := dialect.ParseTarget(v)
	if err != nil || t.Engine != dialect.SQLite && t.Engine != dialect.Postgres {
		return errors.New("it is neither a URL of a SQLite file or of a PostgreSQL database, nor none")
	}
	c.Store = Store{URL: secret.New(v)}
	return nil
}

// storeText leaves out who logs in, and how.
func storeText(c *Config) string {
	if c.Store.None {
		return noStore
	}
	return c.Store.String()
}

// String returns where the store is, without who logs in there; "" when there
// is none.
func (s Store) String() string {
	t, err := dialect.ParseTarget(s.URL.Reveal())
	if err != nil {
		return ""
	}
	return t.String()
}

// File returns the file of a store that is one, or "".
func (s Store) File() string {
	t, err := dialect.ParseTarget(s.URL.Reveal())
	if err != nil || t.Engine != dialect.SQLite {
		return ""
	}
	return t.Database
}

// settle fills in where the control store is when nobody said so.
func (c *Config) settle(getenv func(string) string, goos string) {
	if c.DataDir == "" {
		c.DataDir = stateDir(getenv, goos)
	}
	if c.Store.None || !c.Store.URL.Empty() || c.DataDir == "" {
		return
	}
	path := url.URL{Path: filepath.ToSlash(filepath.Join(c.DataDir, storeFile))}
	c.Store = Store{URL: secret.New("sqlite:" + path.EscapedPath()), Default: true}
}

// stateDir is where a program keeps what must outlive it: where systemd says,
// else where the user's system has such things; "" when that is not known.
// https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#RuntimeDirectory=
// https://specifications.freedesktop.org/basedir-spec/latest/
func stateDir(getenv func(string) string, goos string) string {
	if first, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":"); first != "" {
		return first
	}
	below := func(variable string, path ...string) string {
		dir := getenv(variable)
		if dir == "" {
			return ""
		}
		return filepath.Join(append([]string{dir}, path...)...)
	}
	switch goos {
	case "windows":
		return below("LocalAppData", "lockstep")
	case "darwin", "ios":
		return below("HOME", "Library", "Application Support", "lockstep")
	}
	if dir := below("XDG_STATE_HOME", "lockstep"); filepath.IsAbs(dir) { // a relative one is to be ignored
		return dir
	}
	return below("HOME", ".local", "state", "lockstep")
}

// placed refuses to start a server that cannot know where its store is to be:
// without one nothing is audited, which must be said.
func (s Store) placed() error {
	if s.None || !s.URL.Empty() {
		return nil
	}
	return fault.New(fault.Invalid, reasonInvalid, "nobody says where the control store is to be: neither store nor data-dir is set, and the environment names no home directory").
		Suggest("set data-dir, or store, or store=none to run without tenants, tokens and audit")
}
