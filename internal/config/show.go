package config

import (
	"fmt"
	"strings"
)

// Setting is one setting as it is in force.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"` // without what is secret
	Origin string `json:"origin"`
	Usage  string `json:"usage"`
}

// originDefault is the origin of what nobody has set.
const originDefault = "default"

// Settings lists all settings as they are in force and where each came from.
func (c *Config) Settings() []Setting {
	out := make([]Setting, 0, len(Options()))
	for _, o := range Options() {
		s := Setting{Name: o.Name, Value: o.get(c), Origin: originDefault, Usage: o.Usage}
		if origin, ok := c.origins[o.Name]; ok {
			s.Origin = origin
		}
		out = append(out, s)
	}
	return out
}

// YAML renders the settings as a configuration file that says where each came
// from. What is secret is left out, so it is for reading rather than for use.
func (c *Config) YAML() string {
	var b strings.Builder
	for _, s := range c.Settings() {
		fmt.Fprintf(&b, "%s: %q # %s\n", strings.ReplaceAll(s.Name, "-", "_"), s.Value, s.Origin)
	}
	return b.String()
}
