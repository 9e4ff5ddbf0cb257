package module

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	gomod "golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	modzip "golang.org/x/mod/zip"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// publishPerm: a proxy is there to be read.
const publishPerm = 0o644

// Publish packs the module in dir as a version and adds it to the file proxy at
// to, a file:///absolute/path URL that is created if need be. The path is that
// of the go.mod. now becomes the version's time.
//
// A version is published once: the same content again changes nothing and
// returns the same hash, other content is refused. Readers see a version whole
// or not at all, and it enters the list last.
//
// Errors: MODULE_VERSION_EXISTS (Exists); MODULE_VERSION_INVALID,
// MODULE_GOMOD_INVALID, MODULE_PATH_INVALID, MODULE_ZIP_INVALID,
// MODULE_TARGET_INVALID (Invalid); MODULE_TOO_LARGE (Invalid);
// SOURCE_UNREACHABLE (Unavailable) when to cannot be written.
func Publish(ctx context.Context, dir, version, to string, now time.Time) (Version, error) {
	root, err := publishRoot(to)
	if err != nil {
		return Version{}, err
	}
	path, mod, err := readPublished(dir)
	if err != nil {
		return Version{}, err
	}
	mv := gomod.Version{Path: path, Version: version}
	if err := checkPublishable(mv); err != nil {
		return Version{}, err
	}
	data, sum, err := pack(mv, dir)
	if err != nil {
		return Version{}, err
	}
	p := &publication{mv: mv, root: root, zip: data, mod: mod, sum: sum}
	if p.info, err = json.Marshal(struct {
		Version string    `json:"Version"` //nolint:tagliatelle // the proxy protocol's spelling
		Time    time.Time `json:"Time"`    //nolint:tagliatelle // the proxy protocol's spelling
	}{version, now.UTC().Truncate(time.Second)}); err != nil {
		return Version{}, fault.Wrap(err, fault.Invalid, ReasonVersionInvalid, "the time of %s@%s cannot be written", path, version)
	}
	if err := p.write(ctx); err != nil {
		return Version{}, err
	}
	return Version{Path: path, Version: version, Sum: sum}, nil
}

// publishRoot reads the URL of the proxy to publish to.
func publishRoot(to string) (string, error) {
	u, err := url.Parse(to)
	if err == nil && u.Scheme == "file" {
		root, rerr := fileRoot(u)
		if rerr == nil && u.RawQuery == "" && u.Fragment == "" {
			return root, nil
		}
		err = rerr
	}
	return "", fault.Wrap(err, fault.Invalid, ReasonTargetInvalid, "modules are published to a directory only, named by a file:// URL").
		Suggest("write file:///absolute/path")
}

// readPublished reads the go.mod of what is to be published, strictly: it is
// the author's own.
func readPublished(dir string) (path string, data []byte, err error) {
	data, err = readFile(filepath.Join(dir, "go.mod"), maxMod)
	if errors.Is(err, errAbsent) {
		return "", nil, fault.Wrap(err, fault.Invalid, ReasonGoModInvalid, "%s holds no go.mod", dir).
			Suggest("name the directory that holds the module's go.mod, or make one with: go mod init PATH")
	}
	if err != nil {
		return "", nil, fault.Wrap(err, fault.Invalid, ReasonGoModInvalid, "the go.mod in %s cannot be read: %s", dir, plainFileError(err))
	}
	f, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return "", nil, badGoMod(dir, err)
	}
	if f.Module == nil {
		return "", nil, fault.New(fault.Invalid, ReasonGoModInvalid, "the go.mod in %s has no module line", dir).
			Suggest("start it with: module PATH")
	}
	return f.Module.Mod.Path, data, nil
}

// checkPublishable checks that a version can be published under a path.
func checkPublishable(mv gomod.Version) error {
	if err := checkServed(mv.Path, mv.Version); err != nil {
		return err
	}
	if mv.Version == Replaced {
		return fault.New(fault.Invalid, ReasonVersionInvalid, "%s stands for working copies, and cannot be published", Replaced)
	}
	if build := semver.Build(mv.Version); build != "" {
		return fault.New(fault.Invalid, ReasonVersionInvalid, "a module with a go.mod cannot be published as %s", mv.Version).
			Suggest("leave %s out; from v2 on, end the module's path in its major version", build)
	}
	return nil
}

// pack makes the module zip of a directory, and its hash.
func pack(mv gomod.Version, dir string) (data []byte, sum string, err error) {
	checked, err := modzip.CheckDir(dir)
	if checked.SizeError != nil {
		return nil, "", tooLarge(mv, "it is larger than Go allows")
	}
	if len(checked.Invalid) > 0 {
		out := badZip(mv, err, "the directory holds files that a module zip cannot hold")
		for _, f := range checked.Invalid[:min(len(checked.Invalid), 10)] {
			name, rerr := filepath.Rel(dir, f.Path)
			if rerr != nil {
				name = f.Path
			}
			out.Violations = append(out.Violations, fault.Violation{
				Subject: mv.Path, Description: short(filepath.ToSlash(name)+": "+f.Err.Error(), "a file"),
				Suggestion: "rename or remove it",
			})
		}
		return nil, "", out
	}
	var buf bytes.Buffer
	if err == nil {
		err = modzip.CreateFromDir(&buf, mv, dir)
	}
	if err != nil {
		return nil, "", badZip(mv, err, "the directory cannot be packed: "+plainFileError(err))
	}
	got, err := openContent(mv, buf.Bytes(), Limits{}.withDefaults())
	if err != nil {
		return nil, "", err
	}
	return buf.Bytes(), got.sum, nil
}

// publication is a version on its way into a file proxy.
type publication struct {
	mv             gomod.Version
	root           string
	zip, mod, info []byte
	sum            string
}

// write adds the files, under the lock of the module. What an interrupted
// publication left behind is completed.
func (p *publication) write(ctx context.Context) error {
	list, err := p.listFile()
	if err != nil {
		return err
	}
	unlock, err := lockFile(ctx, filepath.Join(filepath.Dir(list), ".lock"), publishPerm)
	if err != nil {
		if over := ended(ctx, "while waiting for another publication of %s", p.mv.Path); over != nil {
			return over
		}
		return p.failed(err)
	}
	defer unlock()
	for _, f := range []struct {
		ext  string
		data []byte
		same func([]byte) bool
	}{
		{".zip", p.zip, p.sameZip},
		{".mod", p.mod, func(old []byte) bool { return bytes.Equal(old, p.mod) }},
		{".info", p.info, func([]byte) bool { return true }}, // its time is that of the first publication
	} {
		if err := ended(ctx, "while publishing %s", p.mv.Path); err != nil {
			return err
		}
		if err := p.add(f.ext, f.data, f.same); err != nil {
			return err
		}
	}
	return p.enlist(list)
}

// listFile is the proxy's list of the module's versions.
func (p *publication) listFile() (string, error) {
	escaped, err := gomod.EscapePath(p.mv.Path)
	if err != nil {
		return "", badPath(p.mv.Path, err)
	}
	return filepath.Join(p.root, filepath.FromSlash(escaped), "@v", "list"), nil
}

// add writes a file, unless it is there: then it must be the same.
func (p *publication) add(ext string, data []byte, same func([]byte) bool) error {
	at, err := rel(p.mv, ext)
	if err != nil {
		return err
	}
	name := filepath.Join(p.root, filepath.FromSlash(at))
	old, err := readFile(name, modzip.MaxZipFile)
	switch {
	case err == nil && same(old):
		return nil
	case err == nil:
		return fault.New(fault.Exists, ReasonVersionExists, "%s@%s is published already, with other content", p.mv.Path, p.mv.Version).
			Suggest("a published version never changes: publish under a new version")
	case !errors.Is(err, errAbsent):
		return p.failed(err)
	}
	if err := writeAtomic(name, data, publishPerm); err != nil {
		return p.failed(err)
	}
	return nil
}

func (p *publication) sameZip(old []byte) bool {
	got, err := openContent(p.mv, old, Limits{
		ZipBytes: modzip.MaxZipFile, UnpackedBytes: modzip.MaxZipFile, Files: 1 << 24,
	})
	return err == nil && got.sum == p.sum
}

// enlist adds the version to the list. Lines that are there stay as they are. A
// pseudo-version is listed too: there is no @latest here, and clients take the
// newest of them where there is nothing else.
func (p *publication) enlist(list string) error {
	old, err := os.ReadFile(list) //nolint:gosec // made of an escaped path, which holds no ".."
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return p.failed(err)
	}
	lines := strings.FieldsFunc(string(old), func(r rune) bool { return r == '\n' || r == '\r' })
	for _, l := range lines {
		if first, _, _ := strings.Cut(l, " "); first == p.mv.Version {
			return nil
		}
	}
	lines = append(lines, p.mv.Version)
	slices.SortStableFunc(lines, func(a, b string) int {
		a, _, _ = strings.Cut(a, " ")
		b, _, _ = strings.Cut(b, " ")
		return semver.Compare(a, b)
	})
	if err := writeAtomic(list, []byte(strings.Join(lines, "\n")+"\n"), publishPerm); err != nil {
		return p.failed(err)
	}
	return nil
}

func (p *publication) failed(err error) error {
	return fault.Wrap(err, fault.Unavailable, ReasonSourceUnreachable, "%s@%s cannot be published to %s: %s",
		p.mv.Path, p.mv.Version, p.root, plainFileError(err)).
		Suggest("make the directory writable, and see that the disk is not full")
}
