package deploy_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/prometheus/common/model"
	promparser "github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const deployDir = "../../deploy"

func TestDockerfile(t *testing.T) {
	f, err := os.Open(filepath.Join(deployDir, "Dockerfile"))
	require.NoError(t, err)
	defer f.Close()
	tree, err := parser.Parse(f)
	require.NoError(t, err)
	assert.Empty(t, tree.Warnings)
	stages, args, err := instructions.Parse(tree.AST, nil)
	require.NoError(t, err)
	assert.Empty(t, args)
	require.Len(t, stages, 2)
	assert.Equal(t, "build", stages[0].Name)
	last := stages[1]
	assert.Contains(t, last.BaseName, "distroless/static")
	user, entry, data := "", "", ""
	for _, c := range last.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EnvCommand:
			for _, pair := range c.Env {
				if pair.Key == "LOCKSTEP_DATA_DIR" {
					data = pair.Value
				}
			}
		case *instructions.EntrypointCommand:
			entry = strings.Join(c.CmdLine, " ")
			assert.False(t, c.PrependShell, "there is no shell in the image")
		case *instructions.CmdCommand:
			assert.False(t, c.PrependShell, "there is no shell in the image")
		case *instructions.RunCommand:
			t.Error("there is nothing in the image that could run")
		case *instructions.CopyCommand:
			assert.Equal(t, "build", c.From)
		}
	}
	assert.Equal(t, "65532:65532", user)
	assert.Equal(t, "/var/lib/lockstep", data, "the control store of a server without settings")
	assert.Equal(t, "/usr/local/bin/lockstep", entry)
	var build []string
	for _, c := range stages[0].Commands {
		if run, ok := c.(*instructions.RunCommand); ok {
			build = append(build, strings.Join(run.CmdLine, " "))
		}
	}
	assert.True(t, slices.ContainsFunc(build, func(s string) bool { return strings.Contains(s, "CGO_ENABLED=0") && strings.Contains(s, "-trimpath") }),
		"the binary is static: %v", build)
}

func compose(t *testing.T) *types.Project {
	t.Helper()
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: deployDir, ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(deployDir, "compose.yaml")}},
		Environment: types.Mapping{"LOCKSTEP_DEV_PASSWORD": "x", "LOCKSTEP_SOURCE": "https://modules.example.com"},
	}, loader.WithProfiles([]string{"*"}))
	require.NoError(t, err)
	return project
}

func TestCompose(t *testing.T) {
	project := compose(t)
	for _, name := range []string{"lockstep", "postgres", "mysql", "mariadb", "sqlserver", "prometheus", "grafana"} {
		assert.Contains(t, project.Services, name)
	}
	for name, s := range project.Services {
		for _, p := range s.Ports {
			assert.Equal(t, "127.0.0.1", p.HostIP, "%s is published on loopback only", name)
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				_, err := os.Stat(v.Source)
				assert.NoError(t, err, name)
			}
		}
	}
	// The server may be sent to the engines of this file, and to nothing else.
	hosts := strings.Split(*project.Services["lockstep"].Environment["LOCKSTEP_TARGET_HOSTS"], ",")
	assert.Equal(t, []string{"postgres", "mysql", "mariadb", "sqlserver"}, hosts)
	_, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: deployDir, ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(deployDir, "compose.yaml")}},
		Environment: types.Mapping{"LOCKSTEP_SOURCE": "https://modules.example.com"},
	})
	assert.ErrorContains(t, err, "LOCKSTEP_DEV_PASSWORD", "no password is a default")
}

// TestComposeSettingsStart asks the program itself.
func TestComposeSettingsStart(t *testing.T) {
	binary := os.Getenv("LOCKSTEP")
	if binary == "" {
		t.Fatal("LOCKSTEP must name the binary: run scripts/check-deploy.sh")
	}
	cmd := exec.CommandContext(t.Context(), binary, "config")
	settings := 0
	for name, value := range compose(t).Services["lockstep"].Environment {
		cmd.Env = append(cmd.Env, name+"="+*value)
		settings++
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, settings, strings.Count(string(out), "# LOCKSTEP_"), "every variable is a setting:\n%s", out)
}

// TestUnitSettings holds the systemd unit to its own paths; systemd itself
// checks the rest in scripts/check-deploy.sh, where it is installed.
func TestUnitSettings(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(deployDir, "systemd", "lockstep.service"))
	require.NoError(t, err)
	for _, line := range []string{"DynamicUser=yes", "StateDirectory=lockstep", "StateDirectoryMode=0700", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "MemoryDenyWriteExecute=yes"} {
		assert.Contains(t, string(text), "\n"+line+"\n")
	}
}

func expression(t *testing.T, text string) {
	t.Helper()
	text = strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*", "$engine", ".*", "$job", ".*").Replace(text)
	_, err := promparser.NewParser(promparser.Options{}).ParseExpr(text)
	assert.NoError(t, err, text)
}

func TestAlerts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(deployDir, "prometheus", "alerts.yaml"))
	require.NoError(t, err)
	var rules struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []struct {
				Alert       string            `json:"alert"`
				Expr        string            `json:"expr"`
				For         model.Duration    `json:"for"`
				Labels      map[string]string `json:"labels"`
				Annotations map[string]string `json:"annotations"`
			} `json:"rules"`
		} `json:"groups"`
	}
	require.NoError(t, yaml.UnmarshalStrict(text, &rules))
	require.NotEmpty(t, rules.Groups)
	for _, g := range rules.Groups {
		require.NotEmpty(t, g.Rules)
		for _, r := range g.Rules {
			expression(t, r.Expr)
			assert.Regexp(t, "^[A-Z][A-Za-z]+$", r.Alert)
			assert.NotEmpty(t, r.Labels["severity"], r.Alert)
			assert.NotEmpty(t, r.Annotations["summary"], r.Alert)
		}
	}
}

func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(deployDir, "grafana", "lockstep.json"))
	require.NoError(t, err)
	var d struct {
		Title  string `json:"title"`
		Panels []struct {
			ID      int    `json:"id"`
			Type    string `json:"type"`
			Title   string `json:"title"`
			GridPos struct{ H, W, X, Y int }
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
		Templating struct {
			List []struct {
				Name string `json:"name"`
			} `json:"list"`
		} `json:"templating"`
	}
	require.NoError(t, json.Unmarshal(text, &d))
	ids, variables := map[int]bool{}, map[string]bool{"__rate_interval": true}
	for _, v := range d.Templating.List {
		variables[v.Name] = true
	}
	for _, p := range d.Panels {
		assert.False(t, ids[p.ID], "panel %d is there twice", p.ID)
		ids[p.ID] = true
		assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		if p.Type == "row" {
			continue
		}
		assert.NotEmpty(t, p.Targets, p.Title)
		for _, q := range p.Targets {
			expression(t, q.Expr)
			for _, m := range regexp.MustCompile(`\$([A-Za-z_]+)`).FindAllStringSubmatch(q.Expr, -1) {
				assert.True(t, variables[m[1]], "%s uses %s, which is no variable", p.Title, m[0])
			}
		}
	}
}

func TestProvisioning(t *testing.T) {
	for _, name := range []string{"grafana/provisioning.yaml", "grafana/datasource.yaml", "prometheus/prometheus.yaml"} {
		text, err := os.ReadFile(filepath.Join(deployDir, name))
		require.NoError(t, err)
		var doc map[string]any
		require.NoError(t, yaml.UnmarshalStrict(text, &doc), name)
		assert.NotEmpty(t, doc, name)
	}
}
