package module

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
	gomod "golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// readReplaced reads a working copy as it is now, into memory: what is hashed
// is what is read later, even when a file is saved in between. The files are
// those that a zip of the directory would hold (Go Modules Reference, "File
// path and size constraints"): no symbolic links, no nested modules, no vendor
// directories. Files that a zip could not hold are left out, as they could not
// be published.
func (c *Client) readReplaced(ctx context.Context, path, dir string) (*Module, error) {
	if err := ended(ctx, "while reading %s", dir); err != nil {
		return nil, err
	}
	f, err := readReplacedGoMod(path, dir)
	if err != nil {
		return nil, err
	}
	mv := gomod.Version{Path: path, Version: Replaced}
	checked, err := modzip.CheckDir(dir)
	if checked.SizeError != nil {
		return nil, tooLarge(mv, "it is larger than Go allows")
	}
	if err != nil && len(checked.Invalid) == 0 {
		return nil, badReplace(path, dir, err, plainFileError(err))
	}
	if len(checked.Valid) > c.limits.Files {
		return nil, tooLarge(mv, fmt.Sprintf("it has more than %d files", c.limits.Files))
	}
	data, err := c.packReplaced(mv, dir, checked.Valid)
	if err != nil {
		return nil, err
	}
	limits := c.limits
	limits.ZipBytes = int64(len(data)) // not compressed: UnpackedBytes is what counts
	got, err := openContent(mv, data, limits)
	if err != nil {
		return nil, err
	}
	v := Version{Path: path, Version: Replaced, Sum: got.sum}
	return &Module{Version: v, FS: got.fs, File: f, Replaced: true}, nil
}

// packReplaced copies files into an uncompressed zip.
func (c *Client) packReplaced(mv gomod.Version, dir string, files []string) ([]byte, error) {
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, file := range files {
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return nil, badReplace(mv.Path, dir, err, "a file lies outside of it")
		}
		left := c.limits.UnpackedBytes - int64(buf.Len())
		if left < 0 {
			left = 0
		}
		data, err := readFile(file, left)
		if errors.Is(err, errOversize) {
			return nil, tooLarge(mv, fmt.Sprintf("its files are larger than %d bytes together", c.limits.UnpackedBytes))
		}
		if err != nil {
			return nil, badReplace(mv.Path, dir, err, plainFileError(err))
		}
		h := &zip.FileHeader{Name: mv.Path + "@" + mv.Version + "/" + filepath.ToSlash(name), Method: zip.Store}
		if err := writeZipped(zw, h, data); err != nil {
			return nil, badReplace(mv.Path, dir, err, "it cannot be packed")
		}
	}
	if err := zw.Close(); err != nil {
		return nil, badReplace(mv.Path, dir, err, "it cannot be packed")
	}
	return buf.Bytes(), nil
}

func writeZipped(zw *zip.Writer, h *zip.FileHeader, data []byte) error {
	w, err := zw.CreateHeader(h)
	if err != nil {
		return fmt.Errorf("packing: %w", err)
	}
	if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
		return fmt.Errorf("packing: %w", err)
	}
	return nil
}

// readReplacedGoMod reads the go.mod of a working copy.
func readReplacedGoMod(path, dir string) (*modfile.File, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, badReplace(path, dir, err, plainFileError(err))
	}
	if !info.IsDir() {
		return nil, badReplace(path, dir, nil, "it is not a directory")
	}
	data, err := readFile(filepath.Join(dir, "go.mod"), maxMod)
	if errors.Is(err, errAbsent) {
		return nil, badReplace(path, dir, err, "it has no go.mod")
	}
	if err != nil {
		return nil, badReplace(path, dir, err, plainFileError(err))
	}
	f, err := parseGoMod(dir, data)
	if err != nil {
		return nil, err
	}
	return f, checkDeclares(f, dir, path)
}

func badReplace(path, dir string, err error, why string) error {
	return fault.Wrap(err, fault.Invalid, ReasonReplaceInvalid, "the working copy of %s in %s cannot be used: %s", path, dir, why).
		Suggest("name the directory that holds the module's go.mod")
}
