package module

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/mod/modfile"
	gomod "golang.org/x/mod/module"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Fetch returns the content of one version, verified against the hash recorded
// when it was first seen and, when one is configured, against the checksum
// database. A version that is in the cache is read from there without touching
// the network. A replaced path gives its working copy, whatever the version.
//
// Errors: MODULE_NOT_FOUND, MODULE_VERSION_NOT_FOUND (NotFound);
// MODULE_CHECKSUM_MISMATCH (Corrupt); MODULE_ZIP_INVALID, MODULE_GOMOD_INVALID,
// MODULE_PATH_MISMATCH (Invalid); MODULE_TOO_LARGE (Invalid);
// SOURCE_UNREACHABLE and its like (Unavailable).
func (c *Client) Fetch(ctx context.Context, path, version string) (*Module, error) {
	if dir, ok := c.replace[path]; ok {
		return c.readReplaced(ctx, path, dir)
	}
	if err := checkServed(path, version); err != nil {
		return nil, err
	}
	mv := gomod.Version{Path: path, Version: version}
	if m, ok := c.remembered(mv); ok {
		return m, nil
	}
	unlock, err := c.cache.lock(ctx, mv)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if m, ok := c.remembered(mv); ok {
		return m, nil
	}
	m, size, err := c.load(ctx, mv)
	if errors.Is(err, errAbsent) {
		return nil, c.missing(ctx, mv)
	}
	if err != nil {
		return nil, err
	}
	c.memory.put("zip "+m.String(), m, size)
	shared := *m
	return &shared, nil
}

// remembered returns a version from memory.
func (c *Client) remembered(mv gomod.Version) (*Module, bool) {
	v, ok := c.memory.get("zip " + mv.Path + "@" + mv.Version)
	if !ok {
		return nil, false
	}
	m, ok := v.(*Module)
	if !ok {
		return nil, false
	}
	shared := *m
	return &shared, true
}

// load reads a version from the cache or a source. The version is locked.
func (c *Client) load(ctx context.Context, mv gomod.Version) (*Module, int64, error) {
	rec, err := c.cache.record(mv)
	if err != nil {
		return nil, 0, err
	}
	mod, err := c.loadGoMod(ctx, mv, rec)
	if err != nil {
		return nil, 0, err
	}
	got, err := c.cachedZip(mv, rec)
	if err != nil {
		return nil, 0, err
	}
	if got == nil {
		got, err = c.download(ctx, mv, rec)
	} else {
		err = c.verifyZip(ctx, mv, got.sum, rec)
	}
	if err != nil {
		return nil, 0, err
	}
	if err := checkSameGoMod(mv, got.fs, mod.data); err != nil {
		return nil, 0, err
	}
	v := Version{Path: mv.Path, Version: mv.Version, Sum: got.sum}
	return &Module{Version: v, FS: got.fs, File: mod.file}, got.size, nil
}

// cachedZip reads the zip from the cache. It is nil when it is not there or not
// what was recorded: then it is fetched again, and held against the record.
func (c *Client) cachedZip(mv gomod.Version, rec *record) (*content, error) {
	if rec.Sum == "" {
		return nil, nil
	}
	data, err := c.cache.read(mv, ".zip", c.limits.ZipBytes)
	switch {
	case errors.Is(err, errOversize):
		return nil, tooLarge(mv, "its zip is over the limit")
	case errors.Is(err, errAbsent):
		return nil, nil
	case err != nil:
		return nil, err
	}
	got, err := openContent(mv, data, c.limits)
	if fault.ReasonOf(err) == ReasonTooLarge {
		return nil, err
	}
	if err != nil || got.sum != rec.Sum {
		return nil, nil //nolint:nilerr // documented: fetched again
	}
	return got, nil
}

// download fetches the zip, checks it, records its hash and stores it.
func (c *Client) download(ctx context.Context, mv gomod.Version, rec *record) (*content, error) {
	name, err := c.cache.file(mv, ".zip")
	if err != nil {
		return nil, err
	}
	part := name + ".part" // its only writer is the holder of the version's lock
	defer os.Remove(part)  //nolint:errcheck // gone when all went well
	if err := c.downloadTo(ctx, mv, part); err != nil {
		return nil, err
	}
	data, err := readFile(part, c.limits.ZipBytes)
	if err != nil {
		return nil, cacheFault(err, "reading what was downloaded")
	}
	got, err := openContent(mv, data, c.limits)
	if err != nil {
		return nil, err
	}
	if err := checkZipFile(mv, part); err != nil {
		return nil, err
	}
	if err := c.verifyZip(ctx, mv, got.sum, rec); err != nil {
		return nil, err
	}
	if err := os.Rename(part, name); err != nil {
		return nil, cacheFault(err, "storing "+mv.Path+"@"+mv.Version)
	}
	return got, nil
}

// downloadTo writes the zip to a file, from the first source that has it.
func (c *Client) downloadTo(ctx context.Context, mv gomod.Version, name string) error {
	from, err := rel(mv, ".zip")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_TRUNC, cachePerm) //nolint:gosec // a name of the cache
	if err != nil {
		return cacheFault(err, "storing "+mv.Path+"@"+mv.Version)
	}
	err = c.sources.each(ctx, mv.Path+"@"+mv.Version, func(src source) error {
		return src.get(ctx, from, c.limits.ZipBytes, func(body io.Reader) error {
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return cacheFault(err, "storing a download")
			}
			if err := f.Truncate(0); err != nil {
				return cacheFault(err, "storing a download")
			}
			return copyTo(f, body)
		})
	})
	if errors.Is(err, errOversize) {
		err = tooLarge(mv, "its zip is over the limit")
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil && cerr != nil {
		err = cacheFault(cerr, "storing "+mv.Path+"@"+mv.Version)
	}
	return err
}

// copyTo copies a body; an error of the disk comes back as a cache fault, one
// of the body is left for the source to name.
func copyTo(f *os.File, body io.Reader) error {
	_, err := io.Copy(f, body)
	if pe, ok := errors.AsType[*fs.PathError](err); ok && pe.Path == f.Name() {
		return cacheFault(err, "storing a download")
	}
	return err
}

// goModData is a go.mod as a source serves it.
type goModData struct {
	data []byte
	file *modfile.File
}

// GoMod returns the go.mod of one version without fetching its content. Errors
// are those of Fetch.
func (c *Client) GoMod(ctx context.Context, path, version string) (*modfile.File, error) {
	if dir, ok := c.replace[path]; ok {
		return readReplacedGoMod(path, dir)
	}
	if err := checkServed(path, version); err != nil {
		return nil, err
	}
	mod, err := c.goMod(ctx, gomod.Version{Path: path, Version: version})
	if err != nil {
		return nil, err
	}
	return mod.file, nil
}

// goMod returns a go.mod from memory, the cache or a source.
func (c *Client) goMod(ctx context.Context, mv gomod.Version) (*goModData, error) {
	key := "mod " + mv.Path + "@" + mv.Version
	if v, ok := c.memory.get(key); ok {
		if mod, ok := v.(*goModData); ok {
			return mod, nil
		}
	}
	unlock, err := c.cache.lock(ctx, mv)
	if err != nil {
		return nil, err
	}
	defer unlock()
	rec, err := c.cache.record(mv)
	if err != nil {
		return nil, err
	}
	mod, err := c.loadGoMod(ctx, mv, rec)
	if errors.Is(err, errAbsent) {
		return nil, c.missing(ctx, mv)
	}
	if err != nil {
		return nil, err
	}
	c.memory.put(key, mod, int64(2*len(mod.data)))
	return mod, nil
}

// loadGoMod reads a go.mod from the cache or a source. The version is locked.
func (c *Client) loadGoMod(ctx context.Context, mv gomod.Version, rec *record) (*goModData, error) {
	name := mv.Path + "@" + mv.Version
	data, stored, err := c.cachedGoMod(mv, rec)
	if err != nil {
		return nil, err
	}
	if !stored {
		if data, err = c.download1(ctx, mv, ".mod", maxMod); err != nil {
			return nil, err
		}
	}
	if err := c.verifyGoMod(ctx, mv, data, rec); err != nil {
		return nil, err
	}
	if !stored {
		if err := c.cache.write(mv, ".mod", data); err != nil {
			return nil, err
		}
	}
	f, err := parseGoMod(name, data)
	if err != nil {
		return nil, err
	}
	if err := checkDeclares(f, name, mv.Path); err != nil {
		return nil, err
	}
	return &goModData{data: data, file: f}, nil
}

// cachedGoMod reads a go.mod from the cache, when it is what was recorded.
func (c *Client) cachedGoMod(mv gomod.Version, rec *record) (data []byte, ok bool, err error) {
	if rec.GoModSum == "" {
		return nil, false, nil
	}
	data, err = c.cache.read(mv, ".mod", maxMod)
	if fault.As(err) != nil {
		return nil, false, err
	}
	if err != nil {
		return nil, false, nil //nolint:nilerr // absent or not ours: fetched again
	}
	sum, err := hashGoMod(data)
	return data, err == nil && sum == rec.GoModSum, nil
}

// download1 fetches one small file of a version from the first source that has it.
func (c *Client) download1(ctx context.Context, mv gomod.Version, ext string, limit int64) (data []byte, err error) {
	from, err := rel(mv, ext)
	if err != nil {
		return nil, err
	}
	err = c.sources.each(ctx, mv.Path+"@"+mv.Version, func(src source) error {
		data, err = read(ctx, src, from, limit)
		return err
	})
	return data, err
}

// checkSameGoMod checks that the requirements that were resolved (.mod) are
// those of the content (.zip). A version without a go.mod has one made up.
func checkSameGoMod(mv gomod.Version, content fs.FS, served []byte) error {
	own, err := fs.ReadFile(content, "go.mod")
	if errors.Is(err, fs.ErrNotExist) && isLegacy(mv.Path, served) {
		return nil
	}
	if err == nil && bytes.Equal(own, served) {
		return nil
	}
	if err == nil && isIncompatible(mv.Version) {
		return nil // from before Go refused them: the go.mod is ignored
	}
	return fault.Wrap(err, fault.Corrupt, ReasonChecksum,
		"the go.mod in the zip of %s@%s is not the one its source serves beside it", mv.Path, mv.Version).
		Suggest("the module source is broken or was tampered with: fetch from another, or publish a new version")
}
