// Command demo is the helper of `make demo`: it unpacks the releases of the
// example modules, and runs SQL on a SQLite file, so that the demo needs nothing
// but Go. It is no part of lockstep.
//
//	demo unpack DIR          write each release to DIR/NAME/VERSION
//	demo sql FILE STATEMENT  run a statement and print its rows
package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	_ "modernc.org/sqlite"

	"github.com/lockstepdb/lockstep/entities/versions"
)

func main() {
	if err := run(context.Background(), os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "unpack":
		return unpack(out, args[1])
	case len(args) == 3 && args[0] == "sql":
		return execute(ctx, out, args[1], args[2])
	default:
		return fmt.Errorf("usage: demo unpack DIR | demo sql FILE STATEMENT")
	}
}

// unpack writes every release and lists them, with what is new in each.
func unpack(out io.Writer, dir string) error {
	all, err := versions.All()
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := r.WriteTo(filepath.Join(dir, r.Name, r.Version)); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, r.Story); err != nil {
			return err
		}
	}
	return nil
}

// execute runs one statement and prints the rows it gives, if any.
func execute(ctx context.Context, out io.Writer, file, statement string) error {
	if _, err := os.Stat(file); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(columns) > 0 {
		_, _ = fmt.Fprintln(w, strings.Join(columns, "\t"))
	}
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		cells := make([]string, len(values))
		for i, v := range values {
			cells[i] = v.String
			if !v.Valid {
				cells[i] = "NULL"
			}
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return w.Flush()
}
