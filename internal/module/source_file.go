package module

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// fileSource is a proxy laid out in a directory (Go Modules Reference,
// "GOPROXY protocol": a file tree serves as well as a server).
type fileSource struct {
	root string
	url  string
}

// fileRoot returns the directory that a file:// URL names.
func fileRoot(u *url.URL) (string, error) {
	if u.Host != "" && u.Host != "localhost" {
		return "", fmt.Errorf("%s names a host: write file:///absolute/path, with three slashes", shown(u))
	}
	dir := u.Path
	if len(dir) > 2 && dir[0] == '/' && dir[2] == ':' {
		dir = dir[1:] // file:///C:/proxy
	}
	dir = filepath.FromSlash(dir)
	if u.Opaque != "" || !filepath.IsAbs(dir) {
		return "", fmt.Errorf("%s is not absolute: write file:///absolute/path", shown(u))
	}
	return filepath.Clean(dir), nil
}

func (s *fileSource) name() string { return s.url }

func (s *fileSource) get(ctx context.Context, rel string, limit int64, sink func(io.Reader) error) error {
	if err := ended(ctx, "while reading %s", s.url); err != nil {
		return err
	}
	f, err := s.open(rel)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read from
	body := &limited{r: f, left: limit}
	err = sink(body)
	switch {
	case errors.Is(body.err, errOversize):
		return errOversize
	case body.err != nil:
		return s.failed(body.err)
	}
	return err
}

// open opens a file of the proxy. A missing file is errAbsent, but only in a
// proxy that exists: a mistyped directory is not an empty one.
func (s *fileSource) open(rel string) (*os.File, error) {
	name := filepath.Join(s.root, filepath.FromSlash(rel))
	info, err := os.Stat(name)
	switch {
	case err == nil && info.Mode().IsRegular():
		f, err := os.Open(name) //nolint:gosec // rel is made of escaped paths and versions, which hold no ".."
		if err != nil {
			return nil, s.failed(err)
		}
		return f, nil
	case err == nil, errors.Is(err, fs.ErrNotExist), isNotDirectory(err):
		if root, rerr := os.Stat(s.root); rerr != nil || !root.IsDir() {
			return nil, fault.Wrap(rerr, fault.Unavailable, ReasonSourceUnreachable,
				"the module source %s is not there: no such directory", s.url).
				Suggest("check the path; \"lockstep module publish\" creates it")
		}
		return nil, fmt.Errorf("%s: %s: %w", s.url, rel, errAbsent)
	default:
		return nil, s.failed(err)
	}
}

func (s *fileSource) failed(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fault.Wrap(err, fault.Unavailable, ReasonSourceDenied, "the module source %s denies access", s.url).
			Suggest("let the user that runs lockstep read the directory")
	}
	return fault.Wrap(err, fault.Unavailable, ReasonSourceUnreachable, "the module source %s cannot be read: %s", s.url, plainFileError(err))
}

// isNotDirectory reports an element of the path that is a file.
func isNotDirectory(err error) bool {
	return errors.Is(err, syscall.ENOTDIR)
}
