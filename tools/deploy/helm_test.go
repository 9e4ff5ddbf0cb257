package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"sigs.k8s.io/yaml"
)

const chartDir = "../../deploy/helm/lockstep"

// values are what an installation sets at least.
func values(more map[string]any) map[string]any {
	out := map[string]any{
		"tls":    map[string]any{"existingSecret": "lockstep-tls"},
		"tokens": map[string]any{"existingSecret": "lockstep-tokens"},
		"store":  map[string]any{"existingSecret": "lockstep-store"},
		"config": map[string]any{"target_hosts": []any{"*.db.example.com:5432"}},
	}
	return chartutil.CoalesceTables(more, out)
}

// render renders the chart as an installation would, its schema included, and
// returns the documents by kind and name.
func render(t *testing.T, given map[string]any) (map[string]map[string]any, error) {
	t.Helper()
	c, err := loader.Load(chartDir)
	require.NoError(t, err)
	return renderChart(t, c, given)
}

func renderChart(t *testing.T, c *chart.Chart, given map[string]any) (map[string]map[string]any, error) {
	t.Helper()
	release := chartutil.ReleaseOptions{Name: "prod", Namespace: "schema", IsInstall: true}
	all, err := chartutil.ToRenderValues(c, given, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]any{}
	for name, text := range files {
		if !strings.HasSuffix(name, ".yaml") || strings.TrimSpace(text) == "" {
			continue
		}
		var doc map[string]any
		require.NoError(t, yaml.UnmarshalStrict([]byte(text), &doc), "%s:\n%s", name, text)
		kind, _ := doc["kind"].(string)
		meta, _ := doc["metadata"].(map[string]any)
		require.NotEmpty(t, kind, name)
		assert.Equal(t, "prod-lockstep", meta["name"], name)
		out[kind] = doc
	}
	return out, nil
}

// at follows keys and indexes into a document.
func at(t *testing.T, doc any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, ok := doc.(map[string]any)
			require.True(t, ok, "%v", path)
			doc = m[s]
		case int:
			l, ok := doc.([]any)
			require.True(t, ok && s < len(l), "%v", path)
			doc = l[s]
		}
	}
	return doc
}

func TestChartLints(t *testing.T) {
	result := lint.AllWithKubeVersion(chartDir, values(nil), "schema", &chartutil.KubeVersion{Version: "v1.33.0", Major: "1", Minor: "33"})
	for _, m := range result.Messages {
		if m.Severity >= support.WarningSev {
			t.Errorf("%s: %s", m.Path, m.Err)
		}
	}
}

func TestChartRenders(t *testing.T) {
	docs, err := render(t, values(map[string]any{"serviceMonitor": map[string]any{
		"enabled": true, "tokenSecret": map[string]any{"name": "scraper"},
	}}))
	require.NoError(t, err)
	for _, kind := range []string{"Deployment", "Service", "ConfigMap", "ServiceAccount", "PodDisruptionBudget", "ServiceMonitor"} {
		assert.Contains(t, docs, kind)
	}
	d := docs["Deployment"]
	assert.EqualValues(t, 2, at(t, d, "spec", "replicas"))
	pod := at(t, d, "spec", "template", "spec")
	assert.Equal(t, true, at(t, pod, "securityContext", "runAsNonRoot"))
	c := at(t, pod, "containers", 0)
	assert.Equal(t, true, at(t, c, "securityContext", "readOnlyRootFilesystem"))
	assert.Equal(t, "/readyz", at(t, c, "readinessProbe", "httpGet", "path"))
	assert.Equal(t, "HTTPS", at(t, c, "livenessProbe", "httpGet", "scheme"))

	assert.Len(t, at(t, c, "env"), 1)
	withStore, err := render(t, values(map[string]any{
		"store": map[string]any{"existingSecret": "store"}, "env": []any{map[string]any{"name": "LOCKSTEP_SOURCE", "value": "https://modules.example.com"}},
	}))
	require.NoError(t, err)
	env := at(t, withStore["Deployment"], "spec", "template", "spec", "containers", 0, "env")
	assert.Equal(t, "LOCKSTEP_STORE", at(t, env, 0, "name"))
	assert.Equal(t, map[string]any{"name": "store", "key": "url"}, at(t, env, 0, "valueFrom", "secretKeyRef"))
	assert.Equal(t, "LOCKSTEP_SOURCE", at(t, env, 1, "name"))

	selector := at(t, docs["Service"], "spec", "selector")
	assert.Equal(t, selector, at(t, d, "spec", "selector", "matchLabels"))
	labels, _ := at(t, d, "spec", "template", "metadata", "labels").(map[string]any)
	for k, v := range selector.(map[string]any) {
		assert.Equal(t, v, labels[k], "the service finds the pods")
	}
	mounted := map[string]bool{}
	for _, v := range at(t, pod, "volumes").([]any) {
		mounted[at(t, v, "name").(string)] = true
	}
	for _, m := range at(t, c, "volumeMounts").([]any) {
		assert.True(t, mounted[at(t, m, "name").(string)], "every mount has its volume")
	}
}

// TestChartGivesTimeToRollBack holds the grace period to the settings.
func TestChartGivesTimeToRollBack(t *testing.T) {
	docs, err := render(t, values(nil))
	require.NoError(t, err)
	var settings map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(at(t, docs["ConfigMap"], "data", "lockstep.yaml").(string)), &settings))
	needed := time.Duration(0)
	for _, name := range []string{"shutdown_delay", "shutdown_timeout"} {
		d, err := time.ParseDuration(settings[name].(string))
		require.NoError(t, err)
		needed += d
	}
	grace := at(t, docs["Deployment"], "spec", "template", "spec", "terminationGracePeriodSeconds").(float64)
	assert.Greater(t, grace, needed.Seconds()+15, "rolling back takes its time")
}

// TestChartSettingsStart asks the program itself whether it would start with
// what the chart renders. LOCKSTEP names the binary.
func TestChartSettingsStart(t *testing.T) {
	binary := os.Getenv("LOCKSTEP")
	if binary == "" {
		t.Fatal("LOCKSTEP must name the binary: run scripts/check-deploy.sh")
	}
	for name, given := range map[string]map[string]any{
		"tokens": values(nil),
		"certificates": values(map[string]any{
			"tls": map[string]any{"clientCA": true}, "config": map[string]any{"tls_identities": map[string]any{"uri:spiffe://cluster/ops": "admin"}},
		}),
		"provider": values(map[string]any{
			"tokens": map[string]any{"existingSecret": ""},
			"config": map[string]any{"oidc_issuer": "https://id.example.com", "oidc_audience": "lockstep", "oidc_roles": map[string]any{"crm": "viewer; operator team=crm"}},
		}),
		"a file":         values(map[string]any{"replicaCount": 1, "store": map[string]any{"existingSecret": "", "persistence": map[string]any{"enabled": true}}}),
		"no store":       values(map[string]any{"store": map[string]any{"existingSecret": "", "disabled": true}}),
		"behind a proxy": values(map[string]any{"tls": map[string]any{"existingSecret": ""}, "config": map[string]any{"insecure_plaintext": true}}),
	} {
		t.Run(name, func(t *testing.T) {
			docs, err := render(t, given)
			require.NoError(t, err)
			file := filepath.Join(t.TempDir(), "lockstep.yaml")
			require.NoError(t, os.WriteFile(file, []byte(at(t, docs["ConfigMap"], "data", "lockstep.yaml").(string)), 0o600))
			out, err := exec.CommandContext(t.Context(), binary, "config", "--config", file).CombinedOutput()
			assert.NoError(t, err, "%s", out)
			assert.Contains(t, string(out), `listen: "0.0.0.0:7300"`)
		})
	}
}

func TestChartRefusesWhatWouldNotStart(t *testing.T) {
	for words, given := range map[string]map[string]any{
		"tls.existingSecret":                  values(map[string]any{"tls": map[string]any{"existingSecret": ""}}),
		"say who may call":                    values(map[string]any{"tokens": map[string]any{"existingSecret": ""}}),
		"target_hosts":                        values(map[string]any{"config": map[string]any{"target_hosts": []any{}}}),
		"say once where the control store is": values(map[string]any{"store": map[string]any{"existingSecret": ""}}),
		"say once where":                      values(map[string]any{"store": map[string]any{"disabled": true}}),
		"one replica":                         values(map[string]any{"store": map[string]any{"existingSecret": "", "persistence": map[string]any{"enabled": true}}}),
		"data_dir":                            values(map[string]any{"config": map[string]any{"data_dir": "/data"}}),
		"replicaCount":                        values(map[string]any{"replicaCount": 0}),
		"replicas":                            values(map[string]any{"replicas": 3}),
		"store":                               values(map[string]any{"config": map[string]any{"store": "postgres://u:p@h/d"}}),
		"listen":                              values(map[string]any{"config": map[string]any{"listen": "127.0.0.1:1"}}),
	} {
		_, err := render(t, given)
		require.Error(t, err, words)
		assert.Contains(t, err.Error(), words)
	}
}

func TestChartIsOneReplicaWithoutABudget(t *testing.T) {
	docs, err := render(t, values(map[string]any{"replicaCount": 1, "serviceAccount": map[string]any{"create": false}}))
	require.NoError(t, err)
	assert.NotContains(t, docs, "PodDisruptionBudget")
	assert.NotContains(t, docs, "ServiceAccount")
	assert.NotContains(t, docs, "ServiceMonitor")
}

// TestChartKeepsTheStoreOfOneReplicaInAFile: the volume is the pod's own, and no
// second pod opens it while the first one lives.
func TestChartKeepsTheStoreOfOneReplicaInAFile(t *testing.T) {
	inFile := map[string]any{"existingSecret": "", "persistence": map[string]any{"enabled": true, "storageClass": "fast"}}
	docs, err := render(t, values(map[string]any{"replicaCount": 1, "store": inFile}))
	require.NoError(t, err)
	assert.Equal(t, "Recreate", at(t, docs["Deployment"], "spec", "strategy", "type"))
	assert.Equal(t, "1Gi", at(t, docs["PersistentVolumeClaim"], "spec", "resources", "requests", "storage"))
	assert.Equal(t, "fast", at(t, docs["PersistentVolumeClaim"], "spec", "storageClassName"))
	pod := at(t, docs["Deployment"], "spec", "template", "spec")
	assert.Nil(t, at(t, pod, "containers", 0).(map[string]any)["env"])
	assert.Contains(t, at(t, pod, "volumes"), map[string]any{"name": "data", "persistentVolumeClaim": map[string]any{"claimName": "prod-lockstep"}})
	assert.Contains(t, at(t, pod, "containers", 0, "volumeMounts"), map[string]any{"name": "data", "mountPath": "/var/lib/lockstep"})
	assert.Contains(t, at(t, docs["ConfigMap"], "data", "lockstep.yaml"), "data_dir: /var/lib/lockstep")

	inFile["persistence"].(map[string]any)["existingClaim"] = "theirs"
	docs, err = render(t, values(map[string]any{"replicaCount": 1, "store": inFile}))
	require.NoError(t, err)
	assert.NotContains(t, docs, "PersistentVolumeClaim")
	assert.Contains(t, at(t, docs["Deployment"], "spec", "template", "spec", "volumes"),
		map[string]any{"name": "data", "persistentVolumeClaim": map[string]any{"claimName": "theirs"}})

	docs, err = render(t, values(map[string]any{"store": map[string]any{"existingSecret": "", "disabled": true}}))
	require.NoError(t, err)
	assert.Contains(t, at(t, docs["ConfigMap"], "data", "lockstep.yaml"), "store: none")
}
