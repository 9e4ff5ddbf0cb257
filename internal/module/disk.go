package module

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a lock that is held elsewhere is asked for again.
const lockPoll = 20 * time.Millisecond

// readFile reads a file of at most limit bytes; a missing file is errAbsent.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // names are made of escaped paths and versions, which hold no ".."
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errAbsent
	}
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(&limited{r: f, left: limit})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return data, nil
}

// writeAtomic makes a file appear with all its content or not at all, whatever
// kills the process: written aside, flushed, renamed.
func writeAtomic(name string, data []byte, perm fs.FileMode) (err error) {
	dir := filepath.Dir(name)
	if err := makeDir(dir, perm); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(perm), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// makeDir makes a directory that those may enter who may read a file of perm.
func makeDir(dir string, perm fs.FileMode) error {
	if err := os.MkdirAll(dir, perm|(perm&0o444)>>2|0o300); err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	return nil
}

// lockFile takes an exclusive lock that other processes see, and waits for it
// no longer than the context lasts.
func lockFile(ctx context.Context, name string, perm fs.FileMode) (unlock func(), err error) {
	if err := makeDir(filepath.Dir(name), perm); err != nil {
		return nil, err
	}
	l := flock.New(name, flock.SetPermissions(perm))
	if _, err := l.TryLockContext(ctx, lockPoll); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("locking: %w", err)
	}
	return func() { _ = l.Close() }, nil
}
