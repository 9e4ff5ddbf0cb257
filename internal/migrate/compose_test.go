package migrate_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
)

// publishFiles publishes a module of several files.
func publishFiles(t *testing.T, proxy, version string, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	_, err := module.Publish(t.Context(), dir, version, proxy, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
}

const manifest = "version: 1\nentities: [\".\"]\n"

func TestModulesThatAreReferredToJoinTheSet(t *testing.T) {
	proxy := "file://" + filepath.Join(t.TempDir(), "proxy")
	for _, v := range []string{"v1.0.0", "v1.1.0", "v1.2.0"} {
		publishFiles(t, proxy, v, map[string]string{
			"go.mod":  "module example.com/e/base\n\ngo 1.26\n",
			"base.go": "package base\n\ntype User struct {\n\tID uint64 `gorm:\"primaryKey\"`\n}\n",
		})
	}
	for path, requires := range map[string]string{"crm": "v1.0.0", "billing": "v1.1.0"} {
		publishFiles(t, proxy, "v1.0.0", map[string]string{
			"go.mod": "module example.com/e/" + path + "\n\ngo 1.26\n\nrequire example.com/e/base " + requires + "\n",
			"m.go": "package " + path + "\n\nimport \"example.com/e/base\"\n\ntype " + path + "Item struct{}\n\n" +
				"//lockstep:entity\ntype Of" + path + " struct {\n\tID uint64\n\tUserID uint64\n\tUser base.User\n}\n",
		})
	}
	s := newService(t, proxy, nil)
	got, err := s.Compose(t.Context(), migrate.ModuleSet{Refs: []module.Ref{
		{Path: "example.com/e/crm", Query: "v1.0.0"}, {Path: "example.com/e/billing", Query: "latest"},
	}})
	require.NoError(t, err)
	var names []string
	for _, v := range got.Modules {
		names = append(names, v.String())
		assert.Regexp(t, "^h1:", v.Sum)
	}
	assert.Equal(t, []string{"example.com/e/base@v1.1.0", "example.com/e/billing@v1.0.0", "example.com/e/crm@v1.0.0"}, names,
		"the highest version that anybody requires, not the latest")
	assert.Len(t, got.Schema.Tables, 3)
	assert.Equal(t, "example.com/e/base", got.Schema.Table("users").Origin.Module)
}

func TestAGoModGivesTheVersions(t *testing.T) {
	proxy := "file://" + filepath.Join(t.TempDir(), "proxy")
	entities := "\n\ntype Thing struct {\n\tID uint64 `gorm:\"primaryKey\"`\n}\n"
	for _, v := range []string{"v1.0.0", "v1.1.0"} {
		publishFiles(t, proxy, v, map[string]string{"go.mod": "module example.com/e/crm\n", "m.go": "package crm" + entities, "lockstep.yaml": manifest})
	}
	publishFiles(t, proxy, "v0.3.0", map[string]string{"go.mod": "module example.com/lib/log\n", "m.go": "package log\n"})
	s := newService(t, proxy, nil)
	goMod := []byte("module example.com/shop\n\nrequire (\n\texample.com/e/crm v1.0.0\n\texample.com/lib/log v0.3.0\n\texample.com/lib/gone v1.0.0\n)\n")

	got, err := s.Compose(t.Context(), migrate.ModuleSet{GoMod: goMod})
	require.NoError(t, err)
	require.Len(t, got.Modules, 1)
	assert.Equal(t, "example.com/e/crm@v1.0.0", got.Modules[0].String())
	assert.Equal(t, []string{"left out, because no module source has them: example.com/lib/gone@v1.0.0"}, got.Warnings)

	got, err = s.Compose(t.Context(), migrate.ModuleSet{GoMod: goMod, Refs: []module.Ref{{Path: "example.com/e/crm"}}})
	require.NoError(t, err)
	assert.Equal(t, "v1.0.0", got.Modules[0].Version)

	for name, c := range map[string]struct {
		set  migrate.ModuleSet
		want string
	}{
		"not required": {migrate.ModuleSet{GoMod: goMod, Refs: []module.Ref{{Path: "example.com/e/other"}}}, "GO_MOD_NOT_REQUIRED"},
		"no entities":  {migrate.ModuleSet{GoMod: []byte("module x\n\nrequire example.com/lib/log v0.3.0\n")}, "GO_MOD_NO_ENTITIES"},
		"a fork": {migrate.ModuleSet{
			GoMod: []byte("module x\n\nrequire example.com/e/crm v1.0.0\n\nreplace example.com/e/crm => example.com/fork/crm v1.0.0\n"),
			Refs:  []module.Ref{{Path: "example.com/e/crm"}},
		}, "GO_MOD_FORK"},
		"nothing at all": {migrate.ModuleSet{}, "NO_MODULES"},
	} {
		_, err := s.Compose(t.Context(), c.set)
		assert.Equal(t, c.want, fault.ReasonOf(err), name)
	}
}
