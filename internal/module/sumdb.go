package module

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync"

	gomod "golang.org/x/mod/module"
	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/note"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// The database that the go command knows by name (Go Modules Reference,
// "Checksum database").
const (
	publicSumDB    = "sum.golang.org"
	publicSumDBKey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
)

// sumDB is a configured checksum database.
type sumDB struct {
	name    string
	key     string
	own     source   // where the database itself is
	mirrors []source // module sources that may pass it on, asked first
	skip    string   // patterns of paths it does not know
	dir     string
}

// newSumDB reads a GOSUMDB; nil means none.
func newSumDB(spec, skip, cacheDir string, list sources, client *http.Client) (*sumDB, error) {
	bad := func(why string) error {
		return fault.New(fault.Invalid, ReasonSumDBInvalid, "the checksum database: %s", why).
			Suggest("write it as in GOSUMDB: %s, or name+hash+key, or name+hash+key and a URL, or off", publicSumDB)
	}
	words := strings.Fields(spec)
	if len(words) == 0 || (len(words) == 1 && words[0] == "off") {
		return nil, nil
	}
	if len(words) > 2 {
		return nil, bad("more than a key and a URL")
	}
	key := words[0]
	if key == publicSumDB {
		key = publicSumDBKey
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, bad("its key cannot be read")
	}
	db := &sumDB{name: verifier.Name(), key: key, skip: skip, dir: filepath.Join(cacheDir, "sumdb")}
	at := "https://" + db.name
	if len(words) == 2 {
		at = words[1]
	} else {
		for _, e := range list {
			db.mirrors = append(db.mirrors, e.source)
		}
	}
	if db.own, err = parseSource(at, client); err != nil {
		return nil, bad("its URL cannot be read")
	}
	return db, nil
}

// covers reports whether a path is to be looked up. A nil database covers none.
func (d *sumDB) covers(path string) bool {
	return d != nil && !gomod.MatchPrefixPatterns(d.skip, path)
}

// check looks a version up and compares its hash; part is "" for the zip and
// "/go.mod" for the go.mod.
func (d *sumDB) check(ctx context.Context, mv gomod.Version, part, sum string) error {
	ops := &sumOps{ctx: ctx, db: d}
	lines, err := sumdb.NewClient(ops).Lookup(mv.Path, mv.Version+part)
	if err != nil {
		return d.failed(ctx, mv, ops, err)
	}
	want := mv.Path + " " + mv.Version + part + " "
	for _, line := range lines {
		if line == want+sum {
			return nil
		}
		if strings.HasPrefix(line, want+"h1:") {
			return mismatch(mv, part, "the checksum database "+d.name+" knows it as "+strings.TrimPrefix(line, want)+", and it is "+sum)
		}
	}
	return d.unknown(mv)
}

// failed names the cause of a failed look-up; the client of the database does
// not keep the errors of its operations.
func (d *sumDB) failed(ctx context.Context, mv gomod.Version, ops *sumOps, err error) error {
	if over := ended(ctx, "while asking the checksum database %s", d.name); over != nil {
		return over
	}
	remote, security := ops.errors()
	switch {
	case security:
		return fault.Wrap(err, fault.Corrupt, ReasonSumDBUntrusted,
			"the checksum database %s contradicts what it said before, or its signature is wrong", d.name).
			Suggest("do not use modules from it before it is known why")
	case errors.Is(remote, errAbsent):
		return d.unknown(mv)
	case fault.As(remote) != nil:
		return remote
	}
	return fault.Wrap(err, fault.Corrupt, ReasonSumDBUntrusted, "the answer of the checksum database %s about %s@%s cannot be verified",
		d.name, mv.Path, mv.Version).Suggest("check the key of the database")
}

func (d *sumDB) unknown(mv gomod.Version) error {
	return fault.New(fault.Refused, ReasonSumDBUnknown, "the checksum database %s does not know %s@%s", d.name, mv.Path, mv.Version).
		Suggest("name the paths of private modules in the list of patterns that it is not asked for")
}

// sumOps gives one look-up of the database its files and its network.
type sumOps struct {
	ctx context.Context // of the look-up: the methods of sumdb.ClientOps take none
	db  *sumDB

	mu       sync.Mutex
	via      source // the mirror that passes the database on, or the database
	remote   error
	security bool
}

func (o *sumOps) errors() (remote error, security bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.remote, o.security
}

// ReadRemote asks a module source that mirrors the database, else the database.
func (o *sumOps) ReadRemote(path string) ([]byte, error) {
	via, prefix := o.route()
	data, err := read(o.ctx, via, prefix+strings.TrimPrefix(path, "/"), maxInfo)
	if err != nil {
		o.mu.Lock()
		o.remote = err
		o.mu.Unlock()
	}
	return data, err
}

// route finds, once, who answers for the database.
func (o *sumOps) route() (via source, prefix string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.via == nil {
		o.via = o.db.own
		for _, m := range o.db.mirrors {
			if _, err := read(o.ctx, m, "sumdb/"+o.db.name+"/supported", maxInfo); err == nil {
				o.via = m
				break
			}
		}
	}
	if o.via == o.db.own {
		return o.via, ""
	}
	return o.via, "sumdb/" + o.db.name + "/"
}

// ReadConfig returns the key, or the latest signed tree that was seen.
func (o *sumOps) ReadConfig(file string) ([]byte, error) {
	if file == "key" {
		return []byte(o.db.key), nil
	}
	data, err := readFile(o.file(file), maxInfo)
	if errors.Is(err, errAbsent) {
		return nil, nil
	}
	return data, err
}

// WriteConfig replaces the latest tree, unless another process did meanwhile.
func (o *sumOps) WriteConfig(file string, old, now []byte) error {
	unlock, err := lockFile(o.ctx, filepath.Join(o.db.dir, "lock"), cachePerm)
	if err != nil {
		return cacheFault(err, "locking the checksum database's files")
	}
	defer unlock()
	data, err := o.ReadConfig(file)
	if err != nil {
		return cacheFault(err, "reading the checksum database's files")
	}
	if !bytes.Equal(data, old) {
		return sumdb.ErrWriteConflict
	}
	if err := writeAtomic(o.file(file), now, cachePerm); err != nil {
		return cacheFault(err, "writing the checksum database's files")
	}
	return nil
}

// ReadCache reads a tile or a look-up; the client of the database verifies it.
func (o *sumOps) ReadCache(file string) ([]byte, error) { return readFile(o.file(file), maxInfo) }

// WriteCache stores a tile or a look-up; failing that, it is asked for again.
func (o *sumOps) WriteCache(file string, data []byte) {
	_ = writeAtomic(o.file(file), data, cachePerm)
}

// Log drops what the client of the database tells of its progress.
func (o *sumOps) Log(string) {}

// SecurityError notes that the database cannot be trusted.
func (o *sumOps) SecurityError(string) {
	o.mu.Lock()
	o.security = true
	o.mu.Unlock()
}

func (o *sumOps) file(name string) string {
	return filepath.Join(o.db.dir, filepath.FromSlash(name))
}
