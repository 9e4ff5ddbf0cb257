package module

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
)

func TestFromGoMod(t *testing.T) {
	const service = `module example.com/service

go 1.26

require (
	ex.com/crm v1.4.0
	ex.com/billing v1.0.0 // indirect
	ex.com/all v1.0.0
	ex.com/one v1.0.0
	ex.com/dir v1.0.0
	ex.com/fork v1.0.0
)

replace (
	ex.com/all => ex.com/all v1.9.0
	ex.com/one => ex.com/one v1.9.0
	ex.com/one v1.0.0 => ex.com/one v1.2.0
	ex.com/crm v1.3.0 => ex.com/crm v1.0.0 // of a version that is not required
	ex.com/dir => ../dir
	ex.com/fork => ex.org/fork v1.0.1
)
`
	want := []Ref{
		{"ex.com/all", "v1.9.0"},
		{"ex.com/billing", "v1.0.0"},
		{"ex.com/crm", "v1.4.0"},
		{"ex.com/dir", "v1.0.0"},
		{"ex.com/one", "v1.2.0"},
	}
	got, err := FromGoMod([]byte(service), "go.mod")
	require.NoError(t, err)
	require.Equal(t, want, got)
	all, err := ReadGoMod([]byte(service), "go.mod")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"ex.com/dir": "../dir"}, all.Dirs)
	require.Equal(t, map[string]string{"ex.com/fork": "ex.org/fork@v1.0.1"}, all.Forks)

	_, err = FromGoMod([]byte("module x.y/z\n\nrequire ex.com/crm\n"), "service/go.mod")
	f := wantFault(t, err, fault.Invalid, ReasonGoModInvalid)
	require.Contains(t, f.Error(), "go.mod:3")
	_, err = FromGoMod([]byte("go 1.26\n"), "go.mod")
	wantFault(t, err, fault.Invalid, ReasonGoModInvalid)
}
