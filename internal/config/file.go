package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// parseFile reads the YAML file into one text per setting, the same form that
// flags and the environment have. Lists are joined by commas, and the mapping
// of replace becomes PATH=DIR items.
func parseFile(data []byte, name string) (map[string]string, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var raw map[string]any
	err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&raw)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.Wrap(err, fault.Invalid, reasonInvalid, "%s is not valid YAML", name).
			Suggest("write one setting per line, such as listen: 127.0.0.1:7300")
	}
	known := map[string]bool{}
	for _, o := range Options() {
		known[o.Key()] = true
	}
	out := make(map[string]string, len(raw))
	for key, value := range raw {
		if !known[key] {
			return nil, fault.New(fault.Invalid, reasonInvalid, "%s: there is no setting %q", name, key).
				Suggest("the settings are %s", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		text, ok := flatten(value)
		if !ok {
			return nil, fault.New(fault.Invalid, reasonInvalid, "%s: %s is neither a value nor a list of values", name, key)
		}
		out[key] = text
	}
	return out, nil
}

func flatten(value any) (string, bool) {
	switch v := value.(type) {
	case nil:
		return "", true
	case []any:
		items := make([]string, 0, len(v))
		for _, item := range v {
			text, ok := flatten(item)
			if !ok {
				return "", false
			}
			items = append(items, text)
		}
		return strings.Join(items, ","), true
	case map[string]any:
		items := make([]string, 0, len(v))
		for _, path := range slices.Sorted(maps.Keys(v)) {
			dir, ok := v[path].(string)
			if !ok {
				return "", false
			}
			items = append(items, path+"="+dir)
		}
		return strings.Join(items, ","), true
	default:
		return fmt.Sprint(v), true
	}
}
