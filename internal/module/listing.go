package module

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	gomod "golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// listing is what one source says it has of a module. It is asked for anew each
// time: a version published a moment ago counts.
type listing struct {
	versions []string          // tagged versions, the newest first
	times    map[string]string // of those where the list says it
	tip      string            // the newest pseudo-version, when the list holds some
}

// list asks a source for the versions of a module.
func (c *Client) list(ctx context.Context, src source, path string) (*listing, error) {
	escaped, err := gomod.EscapePath(path)
	if err != nil {
		return nil, badPath(path, err)
	}
	data, err := read(ctx, src, escaped+"/@v/list", maxList)
	if err != nil {
		return nil, err
	}
	l := &listing{times: map[string]string{}}
	var tipTime time.Time
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		if len(words) == 0 || gomod.CanonicalVersion(words[0]) != words[0] || !ofMajor(path, words[0]) {
			continue
		}
		v := words[0]
		if gomod.IsPseudoVersion(v) {
			if at, err := gomod.PseudoVersionTime(v); err == nil && at.After(tipTime) {
				l.tip, tipTime = v, at
			}
			continue
		}
		l.versions = append(l.versions, v)
		if len(words) > 1 {
			l.times[v] = rfc3339(words[1])
		}
	}
	sortNewest(l.versions)
	l.versions = slices.Compact(l.versions)
	return l, nil
}

// rfc3339 is s when it is a time, else "".
func rfc3339(s string) string {
	if _, err := time.Parse(time.RFC3339, s); err != nil {
		return ""
	}
	return s
}

// latest is the version that a source calls latest, which counts when no tagged
// version will do. Sources need not have @latest; the newest pseudo-version of
// the list stands in. errAbsent: there is neither.
func (c *Client) latest(ctx context.Context, src source, path string, l *listing) (Info, error) {
	escaped, err := gomod.EscapePath(path)
	if err != nil {
		return Info{}, badPath(path, err)
	}
	data, err := read(ctx, src, escaped+"/@latest", maxInfo)
	if errors.Is(err, errAbsent) && l.tip != "" {
		i, err := c.info(ctx, src, gomod.Version{Path: path, Version: l.tip})
		if errors.Is(err, errAbsent) {
			return Info{Version: l.tip}, nil
		}
		return i, err
	}
	if err != nil {
		return Info{}, err
	}
	return parseInfo(src, path, data)
}

// parseInfo reads the body of an .info or of @latest.
func parseInfo(src source, path string, data []byte) (Info, error) {
	var raw struct{ Version, Time string }
	if err := json.Unmarshal(data, &raw); err != nil || raw.Version == "" {
		return Info{}, badAnswer(src, err, path, "it is not the JSON of a version")
	}
	if checkVersion(path, raw.Version) != nil {
		return Info{}, badAnswer(src, nil, path, fmt.Sprintf("%q is no version of it", short(raw.Version, "")))
	}
	return Info{Version: raw.Version, Time: rfc3339(raw.Time)}, nil
}

func badAnswer(src source, err error, path, why string) error {
	return fault.Wrap(err, fault.Unavailable, ReasonSourceResponse, "the module source %s answers wrongly about %s: %s", src.name(), path, why).
		Suggest("check that the source is a Go module proxy, and that no login page stands before it")
}

// info returns the .info of a version, from the cache or a source.
func (c *Client) info(ctx context.Context, src source, mv gomod.Version) (Info, error) {
	if i, ok := c.cachedInfo(mv); ok {
		return i, nil
	}
	from, err := rel(mv, ".info")
	if err != nil {
		return Info{}, err
	}
	data, err := read(ctx, src, from, maxInfo)
	if err != nil {
		return Info{}, err
	}
	i, err := parseInfo(src, mv.Path, data)
	if err != nil {
		return Info{}, err
	}
	if i.Version != mv.Version {
		return Info{}, badAnswer(src, nil, mv.Path, "asked for "+mv.Version+" it tells of "+i.Version)
	}
	return i, c.cache.write(mv, ".info", data)
}

// cachedInfo reads an .info from the cache; one that is damaged is not there.
func (c *Client) cachedInfo(mv gomod.Version) (Info, bool) {
	data, err := c.cache.read(mv, ".info", maxInfo)
	if err != nil {
		return Info{}, false
	}
	i, err := parseInfo(&fileSource{}, mv.Path, data)
	return i, err == nil && i.Version == mv.Version
}

// status is what a module's newest version says about the others.
type status struct {
	retract    []*modfile.Retract
	deprecated string
}

// status reads it (Go Modules Reference, "retract directive"): from the go.mod
// of the version that "latest" would give if nothing were retracted, so from a
// pre-release only when there is no release. A go.mod that cannot be read
// retracts nothing.
func (c *Client) status(ctx context.Context, src source, path string, l *listing) (*status, error) {
	none := &status{}
	q, err := parseQuery(path, "latest")
	if err != nil {
		return nil, err
	}
	order, err := q.order(l.versions, c.hasGoMod(ctx, path))
	if err != nil {
		return nil, err
	}
	var newest string
	if len(order) > 0 {
		newest = order[0]
	} else {
		i, err := c.latest(ctx, src, path, l)
		if errors.Is(err, errAbsent) {
			return none, nil
		}
		if err != nil {
			return nil, err
		}
		newest = i.Version
	}
	mod, err := c.goMod(ctx, gomod.Version{Path: path, Version: newest})
	if err != nil {
		if k := fault.KindOf(err); k == fault.Invalid || k == fault.NotFound {
			return none, nil
		}
		return nil, err
	}
	return &status{retract: mod.file.Retract, deprecated: mod.file.Module.Deprecated}, nil
}

// hasGoMod tells whether a version has a go.mod of its own.
func (c *Client) hasGoMod(ctx context.Context, path string) func(string) (bool, error) {
	return func(version string) (bool, error) {
		mod, err := c.goMod(ctx, gomod.Version{Path: path, Version: version})
		if err != nil {
			return false, err
		}
		return !isLegacy(path, mod.data), nil
	}
}

// retracted returns the rationale of a version's retraction, "" when it is not.
func (s *status) retracted(version string) string {
	for _, r := range s.retract {
		if semver.Compare(r.Low, version) <= 0 && semver.Compare(version, r.High) <= 0 {
			return short(r.Rationale, "its author gives no reason")
		}
	}
	return ""
}
