package module

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
)

func TestParseRef(t *testing.T) {
	for in, want := range map[string]Ref{
		"example.com/crm":               {Path: "example.com/crm"},
		"example.com/crm@v1.4.0":        {Path: "example.com/crm", Query: "v1.4.0"},
		"example.com/crm@1.4.0":         {Path: "example.com/crm", Query: "1.4.0"},
		"example.com/crm@v1":            {Path: "example.com/crm", Query: "v1"},
		"example.com/crm@>=1.2":         {Path: "example.com/crm", Query: ">=1.2"},
		"example.com/crm@ >= v1.2 ":     {Path: "example.com/crm", Query: ">= v1.2"},
		"example.com/crm@latest":        {Path: "example.com/crm", Query: "latest"},
		"example.com/crm/v2@v2.0.0-rc1": {Path: "example.com/crm/v2", Query: "v2.0.0-rc1"},
		"gopkg.in/yaml.v3@v3":           {Path: "gopkg.in/yaml.v3", Query: "v3"},
		"acme/entities":                 {Path: "acme/entities"}, // may be a working copy
	} {
		got, err := ParseRef(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for in, reason := range map[string]string{
		"":                           ReasonPathInvalid,
		"@v1.0.0":                    ReasonPathInvalid,
		"../crm@v1.0.0":              ReasonPathInvalid,
		"/abs/crm":                   ReasonPathInvalid,
		"example.com/a b":            ReasonPathInvalid,
		"https://example.com/crm":    ReasonPathInvalid,
		"example.com/crm@":           ReasonQueryInvalid,
		"example.com/crm@main":       ReasonQueryInvalid,
		"example.com/crm@8460e604b9": ReasonQueryInvalid,
		"example.com/crm@>v1.2":      ReasonQueryInvalid, // v1.2.3 or not?
		"example.com/crm@<=v1":       ReasonQueryInvalid,
		"example.com/crm@>=":         ReasonQueryInvalid,
		"example.com/crm@=v1.0.0":    ReasonQueryInvalid,
		"example.com/crm@upgrade":    ReasonQueryInvalid,
		"example.com/crm@patch":      ReasonQueryInvalid,
		"example.com/crm@v1.0.0@v2":  ReasonQueryInvalid,
		"example.com/crm@v01.0.0":    ReasonQueryInvalid,
		"example.com/crm/v2@v1.0.0":  ReasonVersionInvalid,
	} {
		_, err := ParseRef(in)
		f := wantFault(t, err, fault.Invalid, reason)
		require.NotEmpty(t, f.Suggestion, in)
	}
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{
		"example.com/crm", "example.com/crm@v1.4.0", "example.com/crm@>=1.2", "a@b@c", "@", "x@<", "example.com/crm@v1.2.3+meta",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRef(s)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.KindOf(err), "%q: %v", s, err)
			return
		}
		again, err := ParseRef(r.String())
		require.NoError(t, err)
		require.Equal(t, r, again)
		q, err := parseQuery(r.Path, r.Query)
		require.NoError(t, err)
		require.NotEqual(t, q.exact != "", q.match != nil, "%q is neither exact nor a range", s)
	})
}

func TestParseReplace(t *testing.T) {
	path, dir, err := ParseReplace("example.com/crm=../a=b")
	require.NoError(t, err)
	require.Equal(t, "example.com/crm", path)
	require.Equal(t, "../a=b", dir)
	for in, reason := range map[string]string{
		"":                       ReasonReplaceInvalid,
		"example.com/crm":        ReasonReplaceInvalid,
		"example.com/crm=":       ReasonReplaceInvalid,
		"=dir":                   ReasonReplaceInvalid,
		"example.com/crm@v1=dir": ReasonReplaceInvalid,
		"../crm=dir":             ReasonPathInvalid,
	} {
		_, _, err := ParseReplace(in)
		wantFault(t, err, fault.Invalid, reason)
	}
}

func TestShort(t *testing.T) {
	require.Equal(t, "a b", short(" a\n\x1b\tb ", "none"))
	require.Equal(t, "none", short("\x07", "none"))
	long := short("é"+string(bytesOf('x', 5000)), "none")
	require.LessOrEqual(t, len([]rune(long)), 401)
}

func bytesOf(b byte, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = b
	}
	return out
}
