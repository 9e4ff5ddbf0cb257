package module

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// TestQuery holds every form of query against what the Go Modules Reference,
// "Version queries", says of it.
func TestQuery(t *testing.T) {
	p := newProxy(t)
	const m = "example.com/crm"
	for _, v := range []string{
		"v0.9.0", "v1.0.0", "v1.2.0-rc.1", "v1.2.0", "v1.2.3", "v1.3.0", "v1.10.0", "v1.11.0-beta.1", "v1.11.0-beta.2",
	} {
		p.add(t, m, v)
	}
	const pre = "example.com/Pre" // nothing but pre-releases, and an upper-case path
	p.add(t, pre, "v0.1.0-alpha")
	p.add(t, pre, "v0.1.0-beta")
	c := client(t, Config{Sources: p.url})
	for _, k := range []struct{ ref, want, reason string }{
		{m, "v1.10.0", ""}, // a release before a higher pre-release; 10 is more than 3
		{m + "@latest", "v1.10.0", ""},
		{m + "@v1", "v1.10.0", ""},
		{m + "@1", "v1.10.0", ""},
		{m + "@v0", "v0.9.0", ""},
		{m + "@v1.2", "v1.2.3", ""},
		{m + "@v1.1", "", ReasonNoMatch}, // not v1.10 or v1.11
		{m + "@v1.11", "", ReasonNoMatch},
		{m + "@v1.2.0", "v1.2.0", ""},
		{m + "@1.2.0", "v1.2.0", ""},
		{m + "@v1.2.0+meta", "v1.2.0", ""},
		{m + "@v1.11.0-beta.1", "v1.11.0-beta.1", ""},
		{m + "@v1.2.1", "", ReasonVersionNotFound},
		{m + "@>=v1.2.0", "v1.2.0", ""}, // the lowest, as near as can be
		{m + "@>=1.2", "v1.2.0", ""},
		{m + "@>= v1.2.1", "v1.2.3", ""},
		{m + "@>v1.2.0", "v1.2.3", ""},
		{m + "@>v1.10.0", "v1.11.0-beta.1", ""}, // only pre-releases are left
		{m + "@>v1.11.0", "", ReasonNoMatch},
		{m + "@<v1.2.0", "v1.0.0", ""}, // the highest; releases before v1.2.0-rc.1
		{m + "@<v1.2", "v1.0.0", ""},
		{m + "@<=v1.2.0", "v1.2.0", ""},
		{m + "@<v0.9.0", "", ReasonNoMatch},
		{pre, "v0.1.0-beta", ""},
		{pre + "@>=v0.1.0-alpha", "v0.1.0-alpha", ""},
		{pre + "@v0.1", "", ReasonNoMatch}, // v0.1 does not mean what is below v0.1.0
		{pre + "@v0", "v0.1.0-beta", ""},
		{"example.com/none", "", ReasonModuleNotFound},
		{"example.com/none@v1.0.0", "", ReasonModuleNotFound},
		{"acme/none", "", ReasonPathInvalid}, // only a working copy can have such a path
	} {
		t.Run(k.ref, func(t *testing.T) {
			got, err := query1(t, c, k.ref)
			if k.reason != "" {
				kind := fault.NotFound
				if k.reason == ReasonPathInvalid {
					kind = fault.Invalid
				}
				f := wantFault(t, err, kind, k.reason)
				require.NotEmpty(t, f.Suggestion)
				return
			}
			require.NoError(t, err)
			require.Equal(t, k.want, got)
		})
	}
}

func TestQuerySuggestsVersions(t *testing.T) {
	p := newProxy(t)
	for _, v := range []string{"v1.0.0", "v1.4.0", "v1.4.2", "v0.1.0"} {
		p.add(t, "example.com/crm", v)
	}
	c := client(t, Config{Sources: p.url})
	_, err := query1(t, c, "example.com/crm@v1.4.1")
	f := wantFault(t, err, fault.NotFound, ReasonVersionNotFound)
	require.Contains(t, f.Suggestion, "v1.4.2, v1.4.0, v1.0.0, v0.1.0")
	_, err = c.Fetch(context.Background(), "example.com/crm", "v1.4.1")
	wantFault(t, err, fault.NotFound, ReasonVersionNotFound)
	_, err = c.GoMod(context.Background(), "example.com/crm", "v1.4.1")
	wantFault(t, err, fault.NotFound, ReasonVersionNotFound)
	_, err = c.Fetch(context.Background(), "example.com/crm", "v1.4")
	wantFault(t, err, fault.Invalid, ReasonVersionInvalid)
	_, err = c.Fetch(context.Background(), "example.com/crm", "v2.0.0")
	wantFault(t, err, fault.Invalid, ReasonVersionInvalid)
	_, err = c.Fetch(context.Background(), "example.com/crm", Replaced)
	f = wantFault(t, err, fault.NotFound, ReasonVersionNotFound)
	require.Contains(t, f.Suggestion, "--replace")
	delete(p.bodies, "example.com/crm/@v/v1.4.0.zip")
	_, err = c.Fetch(context.Background(), "example.com/crm", "v1.4.0")
	f = wantFault(t, err, fault.NotFound, ReasonVersionNotFound)
	require.Contains(t, f.Detail, "lists", "it is no answer that the module has no v1.4.0, and that it has v1.4.0")
	require.NotContains(t, f.Suggestion, "it has")
}

// TestPseudoVersions: without a tag, latest is what the source says, or the
// newest pseudo-version of its list.
func TestPseudoVersions(t *testing.T) {
	const older, newer = "v0.0.0-20260101000000-aaaaaaaaaaaa", "v0.0.0-20260201000000-bbbbbbbbbbbb"
	p := newProxy(t)
	for _, m := range []string{"example.com/said", "example.com/listed"} {
		p.add(t, m, older)
		p.add(t, m, newer)
	}
	p.set("example.com/said/@v/list", []byte("\n"))
	p.set("example.com/said/@latest", []byte(`{"Version":"`+newer+`","Time":"2026-02-01T00:00:00Z"}`))
	p.set("example.com/listed/@v/list", []byte(newer+"\n"+older+"\n"))
	c := client(t, Config{Sources: p.url})
	for _, m := range []string{"example.com/said", "example.com/listed"} {
		got, err := query1(t, c, m)
		require.NoError(t, err)
		require.Equal(t, newer, got)
		_, err = query1(t, c, m+"@v0") // a range means tagged versions
		wantFault(t, err, fault.NotFound, ReasonNoMatch)
		got, err = query1(t, c, m+"@"+older)
		require.NoError(t, err)
		require.Equal(t, older, got)
		infos, err := c.Versions(context.Background(), m)
		require.NoError(t, err)
		require.Equal(t, []string{newer}, versionsOf(infos))
	}
}

// TestIncompatible: versions above v1 without a suffix count only where the
// newest compatible one has no go.mod, or when they are asked for.
func TestIncompatible(t *testing.T) {
	p := newProxy(t)
	for _, m := range []string{"example.com/old", "example.com/new"} {
		p.add(t, m, "v1.0.0")
		p.add(t, m, "v2.1.0+incompatible")
	}
	p.set("example.com/old/@v/v1.0.0.mod", []byte("module example.com/old\n"))
	c := client(t, Config{Sources: p.url})
	for ref, want := range map[string]string{
		"example.com/old":                      "v2.1.0+incompatible",
		"example.com/new":                      "v1.0.0",
		"example.com/new@v2":                   "v2.1.0+incompatible",
		"example.com/new@v2.1.0":               "v2.1.0+incompatible",
		"example.com/new@v2.1.0+incompatible":  "v2.1.0+incompatible",
		"example.com/new@>=v2.0.0":             "v2.1.0+incompatible",
		"example.com/new@<v2.1.0+incompatible": "v1.0.0",
	} {
		got, err := query1(t, c, ref)
		require.NoError(t, err, ref)
		require.Equal(t, want, got, ref)
	}
}

func TestRetractions(t *testing.T) {
	p := newProxy(t)
	const m = "example.com/crm"
	p.add(t, m, "v1.0.0")
	p.add(t, m, "v1.1.0")
	p.add(t, m, "v1.2.0")
	p.add(t, m, "v1.3.0", "go.mod", "module "+m+"\n\nretract v1.3.0 // published by mistake\n\nretract [v1.1.0, v1.2.0] // loses rows\n")
	// A pre-release above the newest release retracts nothing, as in Go.
	p.add(t, m, "v1.4.0-rc.1", "go.mod", "module "+m+"\n\nretract v1.0.0\n")
	c := client(t, Config{Sources: p.url})
	for ref, want := range map[string]string{
		m:              "v1.0.0",
		m + "@v1":      "v1.0.0",
		m + "@<v1.3.0": "v1.0.0",
		m + "@>v1.0.0": "v1.4.0-rc.1",
	} {
		got, err := query1(t, c, ref)
		require.NoError(t, err, ref)
		require.Equal(t, want, got, ref)
	}
	f := wantFault(t, err1(query1(t, c, m+"@v1.2")), fault.NotFound, ReasonRetracted)
	require.Contains(t, f.Detail, "loses rows")
	require.Contains(t, f.Suggestion, m+"@v1.2.0")

	_, info, err := c.Query(context.Background(), Ref{Path: m, Query: "v1.1.0"})
	require.NoError(t, err, "an exact query may name a retracted version")
	require.Equal(t, "loses rows", info.Retracted)

	infos, err := c.Versions(context.Background(), m)
	require.NoError(t, err)
	require.Equal(t, []string{
		"v1.4.0-rc.1", "v1.3.0 (published by mistake)", "v1.2.0 (loses rows)", "v1.1.0 (loses rows)", "v1.0.0",
	}, versionsOf(infos))
	require.Equal(t, "2026-01-02T03:04:05Z", infos[0].Time)

	sel, err := c.Select(context.Background(), []Ref{{Path: m, Query: "v1.1.0"}}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"example.com/crm@v1.1.0 is retracted: loses rows"}, sel.Warnings)
}

// TestRetractionsFromPrerelease: where there is no release, the newest
// pre-release speaks.
func TestRetractionsFromPrerelease(t *testing.T) {
	p := newProxy(t)
	const m = "example.com/crm"
	p.add(t, m, "v0.1.0-rc.1")
	p.add(t, m, "v0.1.0-rc.2", "go.mod", "// Deprecated: use example.com/crm2\nmodule "+m+"\n\nretract v0.1.0-rc.2\n")
	c := client(t, Config{Sources: p.url})
	got, err := query1(t, c, m)
	require.NoError(t, err)
	require.Equal(t, "v0.1.0-rc.1", got)
	sel, err := c.Select(context.Background(), []Ref{{Path: m}}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"example.com/crm is deprecated: use example.com/crm2"}, sel.Warnings)
}

// TestListsAreNotCached: a version published a moment ago is found.
func TestListsAreNotCached(t *testing.T) {
	p := newProxy(t)
	p.add(t, "example.com/crm", "v1.0.0")
	c := client(t, Config{Sources: p.url})
	got, err := query1(t, c, "example.com/crm")
	require.NoError(t, err)
	require.Equal(t, "v1.0.0", got)
	p.add(t, "example.com/crm", "v1.1.0")
	got, err = query1(t, c, "example.com/crm")
	require.NoError(t, err)
	require.Equal(t, "v1.1.0", got)
}

func err1(_ string, err error) error { return err }
