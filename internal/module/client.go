package module

import (
	"net/http"
	"path/filepath"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// memoryBytes bounds what a client keeps in memory of the versions it fetched.
const memoryBytes = 128 << 20

// Config says where modules come from and what is accepted.
type Config struct {
	// Sources is a list of module proxies as in GOPROXY: URLs (https://,
	// file://, and http:// on loopback) separated by "," (go on when the source
	// does not have it) or "|" (go on after any error). "off", which is also
	// what "" means, allows none; "direct" is refused.
	Sources string
	// Replace maps a module path to the directory of a working copy, which then
	// stands for every version of the path.
	Replace map[string]string
	// CacheDir is shared between processes; "": lockstep/modules in the user's
	// cache directory. The hashes recorded there are what makes versions
	// immutable, so it is worth keeping.
	CacheDir string
	// SumDB is the checksum database, as in GOSUMDB: "name", "name+hash+key" or
	// "name+hash+key URL"; "" or "off": none.
	SumDB string
	// NoSumDB are comma-separated patterns of paths that the checksum database
	// does not know, as in GONOSUMDB.
	NoSumDB string
	// Limits bound what is accepted of one version.
	Limits Limits
	// HTTP is the client for sources; nil: one with sane timeouts.
	HTTP *http.Client
}

// Client finds, fetches and verifies versions of modules. It is safe for
// concurrent use, and several may share a cache directory.
type Client struct {
	sources sources
	replace map[string]string // to absolute directories
	cache   *cache
	memory  *memory
	limits  Limits
	sumdb   *sumDB // nil: none
}

// NewClient checks a configuration. It touches neither network nor disk; errors
// are Invalid (SOURCE_INVALID, SOURCE_DIRECT_UNSUPPORTED, SUMDB_INVALID,
// MODULE_REPLACE_INVALID, MODULE_PATH_INVALID) and never repeat credentials.
func NewClient(cfg Config) (*Client, error) {
	client := cfg.HTTP
	if client == nil {
		client = defaultHTTP()
	}
	c := &Client{
		limits:  cfg.Limits.withDefaults(),
		memory:  newMemory(memoryBytes),
		replace: map[string]string{},
	}
	var err error
	if c.sources, err = parseSources(cfg.Sources, client); err != nil {
		return nil, err
	}
	if c.cache, err = newCache(cfg.CacheDir); err != nil {
		return nil, err
	}
	if c.sumdb, err = newSumDB(cfg.SumDB, cfg.NoSumDB, c.cache.dir, c.sources, client); err != nil {
		return nil, err
	}
	for path, dir := range cfg.Replace {
		if err := checkLoosePath(path); err != nil {
			return nil, err
		}
		abs, err := filepath.Abs(dir)
		if dir == "" || err != nil {
			return nil, fault.Wrap(err, fault.Invalid, ReasonReplaceInvalid, "the replacement of %s names no directory", path)
		}
		c.replace[path] = abs
	}
	return c, nil
}
