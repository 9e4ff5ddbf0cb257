package cli_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"

	"github.com/lockstepdb/lockstep/internal/app"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"lockstep": func() {
			os.Exit(app.Main(context.Background(), os.Args[1:], app.World{Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv}))
		},
	})
}

// TestScripts runs the command line against SQLite tenants and file proxies.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("LOCKSTEP_CACHE_DIR", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("LOCKSTEP_SOURCE", (&url.URL{Scheme: "file", Path: filepath.Join(env.WorkDir, "proxy")}).String())
			env.Setenv("PROXY", (&url.URL{Scheme: "file", Path: filepath.Join(env.WorkDir, "proxy")}).String())
			env.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"sql":     runSQL,
			"capture": capture,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// exits CODE PROGRAM [ARG…] runs a program and checks its exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// sql FILE STATEMENT runs SQL in a SQLite database; with ! it must fail, and
// what a query returns is compared to a third argument, rows separated by |.
func runSQL(ts *testscript.TestScript, neg bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer func() { ts.Check(db.Close()) }()
	rows, err := db.Query(args[1])
	if neg {
		if err == nil {
			ts.Check(rows.Close())
			ts.Fatalf("the statement did not fail")
		}
		return
	}
	ts.Check(err)
	defer func() { ts.Check(rows.Close()) }()
	var got []string
	columns, err := rows.Columns()
	ts.Check(err)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		ts.Check(rows.Scan(values...))
		var row []string
		for _, v := range values {
			row = append(row, fmt.Sprint(*v.(*any)))
		}
		got = append(got, strings.Join(row, ","))
	}
	ts.Check(rows.Err())
	if len(args) > 2 && strings.Join(got, "|") != args[2] {
		ts.Fatalf("rows %q, want %q", strings.Join(got, "|"), args[2])
	}
}

// capture NAME PATTERN sets an environment variable to the first group that
// PATTERN finds in the last standard output.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[1]).FindSubmatch(bytes.TrimSpace([]byte(ts.ReadFile("stdout"))))
	if found == nil {
		ts.Fatalf("%s not found in stdout", args[1])
	}
	ts.Setenv(args[0], string(found[1]))
}
