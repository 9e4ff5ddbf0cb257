package module

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"strings"

	gomod "golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	modzip "golang.org/x/mod/zip"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Limits bound what is accepted of one version. A zero field takes its default.
type Limits struct {
	ZipBytes      int64 // of the zip as it is sent; default 64 MiB
	UnpackedBytes int64 // of all files together, unpacked; default 256 MiB
	Files         int   // default 20,000
}

func (l Limits) withDefaults() Limits {
	if l.ZipBytes <= 0 {
		l.ZipBytes = 64 << 20
	}
	if l.UnpackedBytes <= 0 {
		l.UnpackedBytes = 256 << 20
	}
	if l.Files <= 0 {
		l.Files = 20_000
	}
	return l
}

// Limits of the small bodies of the protocol.
const (
	maxList = 8 << 20
	maxInfo = 1 << 20
	maxMod  = modzip.MaxGoMod
)

// content is an opened module zip, held in memory.
type content struct {
	fs   fs.FS
	sum  string
	size int64 // of the zip
}

// openContent reads a module zip: it checks the limits and computes the h1:
// hash, which reads, and so proves readable, every byte.
func openContent(mv gomod.Version, data []byte, limits Limits) (*content, error) {
	if int64(len(data)) > limits.ZipBytes {
		return nil, tooLarge(mv, fmt.Sprintf("its zip is larger than %d bytes", limits.ZipBytes))
	}
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, badZip(mv, err, "it is no zip file")
	}
	if err := checkLimits(mv, zr, limits); err != nil {
		return nil, err
	}
	sum, err := hashZip(zr)
	if err != nil {
		return nil, badZip(mv, err, "a file in it cannot be unpacked")
	}
	sub, err := fs.Sub(zr, mv.Path+"@"+mv.Version)
	if err != nil {
		return nil, badZip(mv, err, "its files are not under "+mv.Path+"@"+mv.Version)
	}
	return &content{fs: sub, sum: sum, size: int64(len(data))}, nil
}

// checkLimits holds what the zip's directory announces against the limits.
// Unpacking fails on a file that is longer than announced.
func checkLimits(mv gomod.Version, zr *zip.Reader, limits Limits) error {
	if len(zr.File) > limits.Files {
		return tooLarge(mv, fmt.Sprintf("it has more than %d files", limits.Files))
	}
	left := uint64(limits.UnpackedBytes) //nolint:gosec // positive, by withDefaults
	for _, f := range zr.File {
		if f.UncompressedSize64 > left {
			return tooLarge(mv, fmt.Sprintf("its files are larger than %d bytes together", limits.UnpackedBytes))
		}
		left -= f.UncompressedSize64
	}
	return nil
}

// hashZip computes the hash that go.sum records for a module.
func hashZip(zr *zip.Reader) (string, error) {
	files := make([]string, 0, len(zr.File))
	byName := make(map[string]*zip.File, len(zr.File))
	for _, f := range zr.File {
		files = append(files, f.Name)
		byName[f.Name] = f
	}
	sum, err := dirhash.Hash1(files, func(name string) (io.ReadCloser, error) { return byName[name].Open() })
	if err != nil {
		return "", fmt.Errorf("hashing: %w", err)
	}
	return sum, nil
}

// hashGoMod computes the hash that go.sum records for a go.mod alone.
func hashGoMod(data []byte) (string, error) {
	sum, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	})
	if err != nil {
		return "", fmt.Errorf("hashing: %w", err)
	}
	return sum, nil
}

// checkZipFile holds a zip on disk against the rules for module zips (Go
// Modules Reference, "Module zip files").
func checkZipFile(mv gomod.Version, file string) error {
	checked, err := modzip.CheckZip(mv, file)
	switch {
	case checked.SizeError != nil:
		return tooLarge(mv, "it is larger than Go allows")
	case len(checked.Invalid) > 0:
		out := badZip(mv, err, "it holds files that a module zip cannot hold")
		for _, f := range checked.Invalid[:min(len(checked.Invalid), 10)] {
			out.Violations = append(out.Violations, fault.Violation{
				Subject: mv.Path + "@" + mv.Version, Description: short(f.Path+": "+f.Err.Error(), "a file"),
			})
		}
		return out
	case err != nil:
		return badZip(mv, err, "it is no zip file")
	}
	return nil
}

func badZip(mv gomod.Version, err error, why string) *fault.Error {
	return fault.Wrap(err, fault.Invalid, ReasonZipInvalid, "the zip of %s@%s is not a module zip: %s", mv.Path, mv.Version, why).
		Suggest("look at what the module source serves; publish with \"lockstep module publish\"")
}

// tooLarge is no matter of trying again: the same version stays as large.
func tooLarge(mv gomod.Version, why string) error {
	return fault.New(fault.Invalid, ReasonTooLarge, "%s@%s is too large: %s", mv.Path, mv.Version, why).
		Suggest("keep the entities in a module of their own, or raise max-zip-bytes, max-unpacked-bytes or max-files (LOCKSTEP_MAX_FILES and the like)")
}

// rel is the place of a version's file in a proxy and in the cache:
// <escaped path>/@v/<escaped version><ext>.
func rel(mv gomod.Version, ext string) (string, error) {
	path, err := gomod.EscapePath(mv.Path)
	if err != nil {
		return "", badPath(mv.Path, err)
	}
	version, err := gomod.EscapeVersion(mv.Version)
	if err != nil {
		return "", fault.Wrap(err, fault.Invalid, ReasonVersionInvalid, "%q is not a version", mv.Version)
	}
	return path + "/@v/" + version + ext, nil
}

// isLegacy reports a go.mod that a proxy made up for a version without one.
func isLegacy(path string, data []byte) bool {
	return strings.TrimSpace(string(data)) == "module "+path
}
