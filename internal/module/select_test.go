package module

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
)

func selected(s *Selection) []string {
	var out []string
	for _, v := range s.Versions {
		out = append(out, v.String())
	}
	return out
}

func refs(t *testing.T, list ...string) []Ref {
	t.Helper()
	var out []Ref
	for _, s := range list {
		r, err := ParseRef(s)
		require.NoError(t, err)
		out = append(out, r)
	}
	return out
}

func TestSelect(t *testing.T) {
	p := newProxy(t)
	// A diamond: a and b require different versions of c.
	p.require(t, "ex.com/a", "v1.0.0", "ex.com/c@v1.1.0", "ex.com/other@v1.0.0")
	p.require(t, "ex.com/b", "v1.0.0", "ex.com/c@v1.2.0")
	p.require(t, "ex.com/b", "v1.1.0")
	p.require(t, "ex.com/c", "v1.0.0")
	p.require(t, "ex.com/c", "v1.1.0", "ex.com/d@v1.4.0") // superseded by v1.2.0, and still counts
	p.require(t, "ex.com/c", "v1.2.0", "ex.com/d@v1.3.0")
	p.require(t, "ex.com/c", "v1.9.0")
	p.require(t, "ex.com/d", "v1.3.0", "ex.com/a@v1.0.0") // a cycle
	p.require(t, "ex.com/d", "v1.4.0", "ex.com/a@v1.0.0")
	p.require(t, "ex.com/e", "v1.0.0", "ex.com/gone@v1.0.0")
	for _, k := range []struct {
		name string
		refs []string
		also []string
		want []string
		warn []string
	}{
		{"nothing", nil, nil, nil, nil},
		{"alone", []string{"ex.com/a"}, nil, []string{"ex.com/a@v1.0.0"}, nil},
		{"what is not named is left out", []string{"ex.com/a", "ex.com/b@v1.0.0"}, nil, []string{"ex.com/a@v1.0.0", "ex.com/b@v1.0.0"}, nil},
		{
			"diamond: the higher minimum, not the newest",
			[]string{"ex.com/a", "ex.com/b@v1.0.0"},
			[]string{"ex.com/c"},
			[]string{"ex.com/a@v1.0.0", "ex.com/b@v1.0.0", "ex.com/c@v1.2.0"},
			nil,
		},
		{
			"a superseded requirement counts",
			[]string{"ex.com/a", "ex.com/b@v1.0.0"},
			[]string{"ex.com/d", "ex.com/c"},
			[]string{"ex.com/a@v1.0.0", "ex.com/b@v1.0.0", "ex.com/c@v1.2.0", "ex.com/d@v1.4.0"},
			nil,
		},
		{
			"a requirement raises a reference, and says so",
			[]string{"ex.com/c@v1.0.0", "ex.com/a"},
			nil,
			[]string{"ex.com/a@v1.0.0", "ex.com/c@v1.1.0"},
			[]string{"ex.com/c@v1.0.0 was asked for, but ex.com/a@v1.0.0 requires v1.1.0: that is selected"},
		},
		{
			"a reference above all requirements stays",
			[]string{"ex.com/a", "ex.com/c"},
			nil,
			[]string{"ex.com/a@v1.0.0", "ex.com/c@v1.9.0"},
			nil,
		},
		{
			"the same path twice",
			[]string{"ex.com/c@v1.0.0", "ex.com/c@v1.1.0"},
			nil,
			[]string{"ex.com/c@v1.1.0"},
			[]string{"ex.com/c@v1.0.0 was asked for, and v1.1.0 as well: the higher one is selected"},
		},
	} {
		t.Run(k.name, func(t *testing.T) {
			c := client(t, Config{Sources: p.url})
			sel, err := c.Select(context.Background(), refs(t, k.refs...), k.also)
			require.NoError(t, err)
			require.Equal(t, k.want, selected(sel))
			require.Equal(t, k.warn, sel.Warnings)
		})
	}
	c := client(t, Config{Sources: p.url})
	t.Run("edges", func(t *testing.T) {
		sel, err := c.Select(context.Background(), refs(t, "ex.com/a", "ex.com/b@v1.0.0"), []string{"ex.com/c"})
		require.NoError(t, err)
		var got []string
		for _, e := range sel.Edges {
			got = append(got, e.From.String()+" "+e.To.String())
		}
		require.Equal(t, []string{"ex.com/a@v1.0.0 ex.com/c@v1.1.0", "ex.com/b@v1.0.0 ex.com/c@v1.2.0"}, got)
		v, ok := sel.Version("ex.com/c")
		require.True(t, ok)
		require.Equal(t, "v1.2.0", v.Version)
		_, ok = sel.Version("ex.com/none")
		require.False(t, ok)
	})
	t.Run("not required", func(t *testing.T) {
		_, err := c.Select(context.Background(), refs(t, "ex.com/b"), []string{"ex.com/c"})
		wantFault(t, err, fault.Invalid, ReasonNotRequired)
	})
	t.Run("a required version that is missing", func(t *testing.T) {
		_, err := c.Select(context.Background(), refs(t, "ex.com/e"), []string{"ex.com/gone"})
		f := wantFault(t, err, fault.NotFound, ReasonModuleNotFound)
		require.Contains(t, f.Detail, "(required by ex.com/e@v1.0.0)")
	})
	t.Run("a reference that is missing", func(t *testing.T) {
		_, err := c.Select(context.Background(), refs(t, "ex.com/a", "ex.com/gone"), nil)
		wantFault(t, err, fault.NotFound, ReasonModuleNotFound)
	})
}

// TestSelectReplaced: a working copy stands for every version of its path, and
// its own requirements count.
func TestSelectReplaced(t *testing.T) {
	p := newProxy(t)
	p.require(t, "ex.com/a", "v1.0.0", "ex.com/c@v1.1.0")
	p.require(t, "ex.com/c", "v1.1.0")
	p.require(t, "ex.com/d", "v1.0.0")
	dir := tree(t, "go.mod", goMod("ex.com/c", "ex.com/d@v1.0.0"), "c.go", "package c\n")
	c := client(t, Config{Sources: p.url, Replace: map[string]string{"ex.com/c": dir}})
	sel, err := c.Select(context.Background(), refs(t, "ex.com/a"), []string{"ex.com/c", "ex.com/d"})
	require.NoError(t, err)
	require.Equal(t, []string{"ex.com/a@v1.0.0", "ex.com/c@" + Replaced, "ex.com/d@v1.0.0"}, selected(sel))
	require.Empty(t, sel.Warnings)
	sel, err = c.Select(context.Background(), refs(t, "ex.com/c@v1.1.0"), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"ex.com/c@" + Replaced}, selected(sel))
	require.NotEmpty(t, sel.Versions[0].Sum)
}

// TestSelectOffline: exact versions that are in the cache need no source, but
// then nobody can say whether they are retracted.
func TestSelectOffline(t *testing.T) {
	p := newProxy(t)
	p.require(t, "ex.com/a", "v1.0.0", "ex.com/c@v1.1.0")
	p.require(t, "ex.com/c", "v1.1.0")
	dir := t.TempDir()
	_, err := client(t, Config{Sources: p.url, CacheDir: dir}).Select(context.Background(), refs(t, "ex.com/a@v1.0.0"), []string{"ex.com/c"})
	require.NoError(t, err)
	for list, warnings := range map[string]int{"off": 0, unused(t): 2} {
		sel, err := client(t, Config{Sources: list, CacheDir: dir}).Select(context.Background(), refs(t, "ex.com/a@v1.0.0"), []string{"ex.com/c"})
		require.NoError(t, err)
		require.Equal(t, []string{"ex.com/a@v1.0.0", "ex.com/c@v1.1.0"}, selected(sel))
		require.Len(t, sel.Warnings, warnings)
	}
}

func TestFind(t *testing.T) {
	p := newProxy(t)
	p.add(t, "ex.com/a", "v1.0.0", "a.go", "package a\n", "sub/s.go", "package sub\n", "go.mod",
		goMod("ex.com/a", "ex.com/lib@v1.0.0", "ex.com/lib/nested@v1.0.0", "ex.com/gone@v1.0.0", "ex.com/bad@v1.0.0"))
	p.add(t, "ex.com/lib", "v1.0.0", "x/x.go", "package x\n", "nested/deep/d.go", "package deep\n")
	p.add(t, "ex.com/lib", "v1.5.0", "x/x.go", "package x\n")
	p.add(t, "ex.com/lib/nested", "v1.0.0", "n.go", "package nested\n")
	p.add(t, "ex.com/bad", "v1.0.0", "b.go", "package bad\n")
	p.set("ex.com/bad/@v/v1.0.0.zip", []byte("no zip"))
	c := client(t, Config{Sources: p.url})
	from, err := c.Fetch(context.Background(), "ex.com/a", "v1.0.0")
	require.NoError(t, err)
	for importPath, want := range map[string]string{
		"ex.com/a":               "ex.com/a@v1.0.0",
		"ex.com/a/sub":           "ex.com/a@v1.0.0",
		"ex.com/a/none":          "",
		"ex.com/lib/x":           "ex.com/lib@v1.0.0",
		"ex.com/lib":             "", // holds no package at its root
		"ex.com/lib/nested":      "ex.com/lib/nested@v1.0.0",
		"ex.com/lib/nested/deep": "ex.com/lib@v1.0.0", // the longest path that holds it
		"ex.com/library":         "",                  // a prefix of the word is no parent
		"ex.com/gone":            "",
		"ex.com/unknown":         "",
		"time":                   "",
		"database/sql":           "",
	} {
		m, err := c.Find(context.Background(), from, importPath)
		require.NoError(t, err, importPath)
		if want == "" {
			require.Nil(t, m, importPath)
			continue
		}
		require.NotNil(t, m, importPath)
		require.Equal(t, want, m.String(), importPath)
	}
	_, err = c.Find(context.Background(), from, "ex.com/bad")
	wantFault(t, err, fault.Invalid, ReasonZipInvalid)

	sel, err := c.Select(context.Background(), refs(t, "ex.com/a", "ex.com/lib@v1.5.0"), nil)
	require.NoError(t, err)
	m, err := c.With(sel).Find(context.Background(), from, "ex.com/lib/x")
	require.NoError(t, err)
	require.Equal(t, "v1.5.0", m.Version.Version)

	dir := tree(t, "go.mod", goMod("ex.com/lib"), "x/x.go", "package x\n")
	rep := client(t, Config{Sources: p.url, Replace: map[string]string{"ex.com/lib": dir}})
	m, err = rep.With(sel).Find(context.Background(), from, "ex.com/lib/x")
	require.NoError(t, err)
	require.True(t, m.Replaced)

	// One run sees one content of a working copy, and asks once for what is missing.
	run := rep.With(sel)
	before, err := run.Find(context.Background(), from, "ex.com/lib/x")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x", "x.go"), []byte("package x // changed\n"), 0o600))
	after, err := run.Find(context.Background(), from, "ex.com/lib/x")
	require.NoError(t, err)
	require.Equal(t, before.Sum, after.Sum)
	m, err = run.Find(context.Background(), from, "ex.com/gone")
	require.NoError(t, err)
	require.Nil(t, m)
	asked := p.requests()
	m, err = run.Find(context.Background(), from, "ex.com/gone/x")
	require.NoError(t, err)
	require.Nil(t, m)
	require.Equal(t, asked, p.requests())

	_, err = client(t, Config{Sources: unused(t)}).Find(context.Background(), from, "ex.com/lib/x")
	wantFault(t, err, fault.Unavailable, ReasonSourceUnreachable)
	m, err = client(t, Config{Sources: "off"}).Find(context.Background(), from, "ex.com/lib/x")
	require.NoError(t, err)
	require.Nil(t, m)
}
