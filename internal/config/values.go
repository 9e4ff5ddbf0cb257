package config

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// text and textOf set and get a setting that is any text.
func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error { *field(c) = v; return nil }
}

func textOf(field func(*Config) *string) func(*Config) string {
	return func(c *Config) string { return *field(c) }
}

func durationOption(name, usage string, field func(*Config) *time.Duration) Option {
	return Option{
		Name: name, Usage: usage,
		set: func(c *Config, v string) error {
			d, err := time.ParseDuration(v)
			if err != nil || d < 0 {
				return errors.New("it is not a duration such as 30s, 2m or 1h")
			}
			*field(c) = d
			return nil
		},
		get: func(c *Config) string { return durationText(*field(c)) },
	}
}

// durationText renders 2m0s as 2m.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// numberOption is a whole number from least.
func numberOption(name, usage string, least int64, get func(*Config) int64, set func(*Config, int64)) Option {
	return Option{
		Name: name, Usage: usage,
		set: func(c *Config, v string) error {
			n, err := strconv.ParseInt(v, 10, 32)
			if err != nil || n < least {
				return errors.New("it is not a number from " + strconv.FormatInt(least, 10) + " to 2147483647")
			}
			set(c, n)
			return nil
		},
		get: func(c *Config) string { return strconv.FormatInt(get(c), 10) },
	}
}

func intOption(name, usage string, least int64, field func(*Config) *int) Option {
	return numberOption(name, usage, least,
		func(c *Config) int64 { return int64(*field(c)) }, func(c *Config, n int64) { *field(c) = int(n) })
}

// floatOption is a number from 0 to most.
func floatOption(name, usage string, most float64, field func(*Config) *float64) Option {
	return Option{
		Name: name, Usage: usage,
		set: func(c *Config, v string) error {
			n, err := strconv.ParseFloat(v, 64)
			if err != nil || !(n >= 0 && n <= most) {
				return errors.New("it is not a number from 0 to " + strconv.FormatFloat(most, 'g', -1, 64))
			}
			*field(c) = n
			return nil
		},
		get: func(c *Config) string { return strconv.FormatFloat(*field(c), 'g', -1, 64) },
	}
}

// listOption is a list of texts.
func listOption(name, usage string, field func(*Config) *[]string) Option {
	return Option{
		Name: name, Usage: usage, List: true,
		set: func(c *Config, v string) error { *field(c) = list(v); return nil },
		get: func(c *Config) string { return strings.Join(*field(c), ",") },
	}
}

// pairsOption is a mapping, KEY=VALUE items; a value may hold further signs of
// equality, a key none.
func pairsOption(name, usage string, field func(*Config) *map[string]string) Option {
	return Option{
		Name: name, Usage: usage, List: true,
		set: func(c *Config, v string) error {
			out := map[string]string{}
			for _, item := range list(v) {
				key, value, ok := strings.Cut(item, "=")
				if !ok || key == "" || value == "" {
					return errors.New("not every item is KEY=VALUE")
				}
				out[strings.TrimSpace(key)] = strings.TrimSpace(value)
			}
			*field(c) = out
			return nil
		},
		get: func(c *Config) string { return joinPairs(*field(c)) },
	}
}

func joinPairs(m map[string]string) string {
	items := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		items = append(items, k+"="+m[k])
	}
	return strings.Join(items, ",")
}

// redactURLs hides the passwords in a list of URLs, such as a GOPROXY.
func redactURLs(v string) string {
	split := func(r rune) bool { return r == ',' || r == '|' }
	for _, item := range strings.FieldsFunc(v, split) {
		u, err := url.Parse(strings.TrimSpace(item))
		switch {
		case err != nil && strings.Contains(item, "@"):
			v = strings.Replace(v, item, "(hidden)", 1)
		case err == nil && u.User != nil:
			v = strings.Replace(v, item, u.Redacted(), 1)
		}
	}
	return v
}
