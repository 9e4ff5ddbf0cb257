package module

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	gomod "golang.org/x/mod/module"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// cachePerm: what a cache holds is nobody else's business.
const cachePerm = 0o600

// cache is the directory where versions are kept, laid out like a file proxy
// with a .sum and a .lock beside each version. Several processes may share it:
// who writes to a version holds its lock, and files appear whole or not at all.
// Nothing read back is trusted before its hash is compared with the record.
type cache struct {
	dir string
}

// record is what is known for ever about a version: the hashes of its first
// download. It outlives the files it describes.
type record struct {
	Sum          string `json:"sum,omitempty"`            // h1: of the zip
	SumDB        string `json:"sum_db,omitempty"`         // the checksum database that confirmed it
	GoModSum     string `json:"go_mod_sum,omitempty"`     // h1: of the .mod
	GoModSumDB   string `json:"go_mod_sum_db,omitempty"`  // the checksum database that confirmed it
	FormatNumber int    `json:"format_version,omitempty"` // of this record
}

const recordFormat = 1

func newCache(dir string) (*cache, error) {
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, cacheFault(err, "no cache directory is configured, and this user has none")
		}
		dir = filepath.Join(base, "lockstep", "modules")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, cacheFault(err, "finding the directory")
	}
	return &cache{dir: abs}, nil
}

// file is the place of a version's file.
func (c *cache) file(mv gomod.Version, ext string) (string, error) {
	name, err := rel(mv, ext)
	if err != nil {
		return "", err
	}
	return filepath.Join(c.dir, filepath.FromSlash(name)), nil
}

// lock takes a version's lock.
func (c *cache) lock(ctx context.Context, mv gomod.Version) (unlock func(), err error) {
	name, err := c.file(mv, ".lock")
	if err != nil {
		return nil, err
	}
	unlock, err = lockFile(ctx, name, cachePerm)
	if err == nil {
		return unlock, nil
	}
	if over := ended(ctx, "while waiting for another process that fetches %s@%s", mv.Path, mv.Version); over != nil {
		return nil, over
	}
	return nil, cacheFault(err, "locking "+mv.Path+"@"+mv.Version)
}

// read reads a version's file; errAbsent when it is not there.
func (c *cache) read(mv gomod.Version, ext string, limit int64) ([]byte, error) {
	name, err := c.file(mv, ext)
	if err != nil {
		return nil, err
	}
	data, err := readFile(name, limit)
	if err != nil && !errors.Is(err, errAbsent) && !errors.Is(err, errOversize) {
		return nil, cacheFault(err, "reading "+mv.Path+"@"+mv.Version)
	}
	return data, err
}

// write replaces a version's file.
func (c *cache) write(mv gomod.Version, ext string, data []byte) error {
	name, err := c.file(mv, ext)
	if err != nil {
		return err
	}
	if err := writeAtomic(name, data, cachePerm); err != nil {
		return cacheFault(err, "storing "+mv.Path+"@"+mv.Version)
	}
	return nil
}

// record reads what is recorded of a version; the zero record when nothing is.
// A record that cannot be read is an error: the hash that it held would
// otherwise silently no longer be enforced.
func (c *cache) record(mv gomod.Version) (*record, error) {
	data, err := c.read(mv, ".sum", maxInfo)
	if errors.Is(err, errAbsent) {
		return &record{}, nil
	}
	r := &record{}
	if err == nil {
		err = json.Unmarshal(data, r)
	} else if fault.As(err) != nil {
		return nil, err
	}
	if err != nil || r.FormatNumber != recordFormat {
		name, _ := c.file(mv, ".sum")
		return nil, fault.Wrap(err, fault.Corrupt, ReasonCacheCorrupt,
			"the recorded hash of %s@%s cannot be read: %s", mv.Path, mv.Version, name).
			Suggest("restore the file, or, when the source is trusted, remove it: the hash is then recorded anew")
	}
	return r, nil
}

// save writes a record.
func (c *cache) save(mv gomod.Version, r *record) error {
	r.FormatNumber = recordFormat
	data, err := json.Marshal(r)
	if err != nil {
		return fault.Wrap(err, fault.Bug, ReasonCacheCorrupt, "a record cannot be encoded")
	}
	return c.write(mv, ".sum", append(data, '\n'))
}
