// Package keyfiles reads what proves identities from files: the server's
// certificate, the authorities of client certificates, and static tokens. The
// files are read again when they change, so that a certificate is renewed and a
// token withdrawn without a restart. A file that cannot be read any more leaves
// what was read before in force, and is logged: a half-written file must not
// lock everybody out, nor may it let anybody in.
package keyfiles

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// maxFileBytes bounds a file: certificates and tokens are small.
const maxFileBytes = 4 << 20

// stamp tells whether a file is still the one that was read.
type stamp struct {
	size int64
	time time.Time
}

// watched is a value that is made from files, and made again when they change.
type watched[T any] struct {
	paths  []string
	parse  func(contents [][]byte) (T, error)
	logger *slog.Logger

	mu     sync.Mutex
	stamps []stamp
	value  T
}

// watch reads the files for the first time; the error is Invalid.
func watch[T any](logger *slog.Logger, parse func([][]byte) (T, error), paths ...string) (*watched[T], error) {
	w := &watched[T]{paths: paths, parse: parse, logger: logger}
	stamps, err := w.look()
	if err != nil {
		return nil, err
	}
	if err := w.read(stamps); err != nil {
		return nil, err
	}
	return w, nil
}

// get returns the value of the files as they are now, or else as they were.
func (w *watched[T]) get(ctx context.Context) T {
	w.mu.Lock()
	defer w.mu.Unlock()
	stamps, err := w.look()
	if err == nil && !w.same(stamps) {
		if err = w.read(stamps); err == nil {
			w.logger.InfoContext(ctx, "a file was read again", slog.Any("files", w.paths))
		} else {
			w.stamps = stamps // it is tried again when it changes again
		}
	}
	if err != nil {
		w.logger.ErrorContext(ctx, "a file cannot be read again; what was read before stays in force", slog.String("why", err.Error()))
	}
	return w.value
}

func (w *watched[T]) same(stamps []stamp) bool {
	for i, s := range stamps {
		if s.size != w.stamps[i].size || !s.time.Equal(w.stamps[i].time) {
			return false
		}
	}
	return true
}

func (w *watched[T]) look() ([]stamp, error) {
	out := make([]stamp, 0, len(w.paths))
	for _, p := range w.paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, unreadable(err, p)
		}
		if info.Size() > maxFileBytes || info.IsDir() {
			return nil, fault.New(fault.Invalid, "FILE_UNREADABLE", "%s is not a file of certificates or tokens", p)
		}
		out = append(out, stamp{info.Size(), info.ModTime()})
	}
	return out, nil
}

func (w *watched[T]) read(stamps []stamp) error {
	contents := make([][]byte, 0, len(w.paths))
	for _, p := range w.paths {
		data, err := os.ReadFile(filepath.Clean(p))
		if err != nil {
			return unreadable(err, p)
		}
		contents = append(contents, data)
	}
	value, err := w.parse(contents)
	if err != nil {
		return err
	}
	w.value, w.stamps = value, stamps
	return nil
}

func unreadable(err error, path string) error {
	return fault.Wrap(err, fault.Invalid, "FILE_UNREADABLE", "the file %s cannot be read", path).
		Suggest("check that it exists, and that the user who runs lockstep may read it")
}
