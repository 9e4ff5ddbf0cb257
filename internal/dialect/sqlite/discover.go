package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// A directory stands for a server: its databases are the files in it that begin
// as SQLite's do. There are no users: who may use a file is the file system's
// affair.

var (
	_ dialect.Discoverer    = (*Dialect)(nil)
	_ dialect.ServerSession = directory{}
)

// directory is a server of SQLite. Nothing stays open between two reads.
type directory struct {
	dialect *Dialect
	path    string
}

// OpenServer implements dialect.Discoverer. The path of t is a directory.
func (d *Dialect) OpenServer(_ context.Context, t dialect.Target) (dialect.ServerSession, error) {
	path, err := filepath.Abs(t.Database)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "TARGET_INVALID", "the path of the directory cannot be resolved")
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.Wrap(err, fault.NotFound, "DIRECTORY_UNKNOWN", "there is no directory %s", path).Suggest("make it, or correct the server's address")
	case err != nil:
		return nil, denied(err, path)
	case !info.IsDir():
		return nil, fault.New(fault.Invalid, "TARGET_INVALID", "%s is no directory", path).Suggest("name the directory that holds the tenants' files")
	}
	return directory{d, path}, nil
}

func denied(err error, path string) error {
	return fault.Wrap(err, fault.Denied, "DATABASE_PERMISSION", "%s cannot be read", path).Suggest("let the user that lockstep runs as read it")
}

// Close implements dialect.ServerSession.
func (directory) Close() error { return nil }

// Schemas implements dialect.ServerSession: there are none.
func (directory) Schemas(context.Context, string) (dialect.SchemaRoster, error) {
	return dialect.SchemaRoster{}, nil
}

// Roster implements dialect.ServerSession.
func (d directory) Roster(ctx context.Context, opts dialect.RosterOptions) (dialect.Roster, error) {
	version, err := d.libraryVersion(ctx)
	if err != nil {
		return dialect.Roster{}, err
	}
	out := dialect.Roster{Server: dialect.ServerInfo{
		Engine: dialect.SQLite, Version: version, Flavour: "SQLite", CaseSensitiveNames: caseSensitive(d.path),
	}}
	opts.Told("server", 1, 2)
	// A root: whatever is put into the directory meanwhile, nothing outside of it
	// is opened.
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return dialect.Roster{}, denied(err, d.path)
	}
	defer func() { _ = root.Close() }()
	unread, err := walk(ctx, root, opts.Nested, func(x dialect.Database) { out.Databases = append(out.Databases, x) })
	if err != nil {
		return dialect.Roster{}, walkError(err, d.path)
	}
	if unread > 0 {
		out.Unread = []dialect.Part{dialect.PartDatabases}
		out.Notes = []dialect.Note{{
			Reason: "FILES_UNREAD", Detail: strconv.Itoa(unread) + " files or directories could not be read",
			Suggestion: "let the user that lockstep runs as read them",
		}}
	}
	opts.Told("databases", 2, 2)
	return out, nil
}

// walk calls found for each database below a directory, and counts what it could
// not read.
func walk(ctx context.Context, root *os.Root, nested bool, found func(dialect.Database)) (unread int, err error) {
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && name == ".":
			return err
		case err != nil:
			unread++
			return nil //nolint:nilerr // it is counted, and told
		case entry.IsDir() && name != "." && !nested:
			return fs.SkipDir
		case !entry.Type().IsRegular() || sidecar(name): // a link, a pipe, a socket
			return nil
		}
		size, is, err := database(root, name)
		switch {
		case errors.Is(err, fs.ErrNotExist): // gone meanwhile
		case err != nil:
			unread++
		case is:
			found(dialect.Database{Name: name, Charset: "UTF-8", Size: size})
		}
		return nil
	})
	return unread, err
}

func walkError(err error, path string) error {
	switch {
	case errors.Is(err, context.Canceled):
		return fault.Wrap(err, fault.Canceled, "CANCELED", "the caller went away")
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(err, fault.Deadline, "DEADLINE", "time ran out").Suggest("allow more time")
	}
	return denied(err, path)
}

// sidecar tells the files that SQLite keeps beside a database:
// https://www.sqlite.org/tempfiles.html
func sidecar(name string) bool {
	for _, suffix := range []string{"-wal", "-journal", "-shm"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// header is how a database begins: https://www.sqlite.org/fileformat2.html#magic_header_string
const header = "SQLite format 3\x00"

// database tells whether a file is one.
func database(root *os.Root, name string) (size int64, is bool, err error) {
	f, err := root.Open(name)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0, false, err
	}
	begin := make([]byte, len(header))
	switch _, err = io.ReadFull(f, begin); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 0, false, nil // too short
	case err != nil:
		return 0, false, err
	}
	return info.Size(), string(begin) == header, nil
}

// caseSensitive asks the file system: it is unless the directory is also found
// by its name with upper and lower case swapped.
func caseSensitive(path string) bool {
	swapped := strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, filepath.Base(path))
	one, err := os.Stat(path)
	other, otherErr := os.Stat(filepath.Join(filepath.Dir(path), swapped))
	return swapped == filepath.Base(path) || err != nil || otherErr != nil || !os.SameFile(one, other)
}

// libraryVersion asks the library in the program, which is the engine.
func (d directory) libraryVersion(ctx context.Context) (dialect.Version, error) {
	db := sql.OpenDB(d.dialect.wrap(connector{"file::memory:"}))
	defer func() { _ = db.Close() }()
	var told string
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&told); err != nil {
		return dialect.Version{}, d.dialect.Classify(err)
	}
	return parseVersion(told), nil
}
