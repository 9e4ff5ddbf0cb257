package module

import (
	"context"
	"errors"
	"slices"

	gomod "golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/sync/errgroup"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// timesAsked is for how many versions of a listing, the newest, the source is
// asked when they were made; the cache answers for the others, if it knows.
const timesAsked = 32

// Versions lists the versions of a module, the newest first: tagged versions,
// pre-releases and retracted ones included and marked, or, when there is none,
// the one that the source calls latest. The list is that of the first source
// that knows the path. A replaced path has the one version Replaced.
//
// Errors: MODULE_NOT_FOUND, MODULE_PATH_INVALID, SOURCE_UNREACHABLE and its like.
func (c *Client) Versions(ctx context.Context, path string) ([]Info, error) {
	if _, ok := c.replace[path]; ok {
		return []Info{{Version: Replaced}}, nil
	}
	if err := checkServedPath(path); err != nil {
		return nil, err
	}
	var infos []Info
	err := c.sources.each(ctx, path, func(src source) error {
		l, err := c.list(ctx, src, path)
		if err != nil {
			return err
		}
		if len(l.versions) == 0 {
			i, err := c.latest(ctx, src, path, l)
			infos = []Info{i}
			return err
		}
		st, err := c.status(ctx, src, path, l)
		if err != nil {
			return err
		}
		infos = make([]Info, len(l.versions))
		for i, v := range l.versions {
			infos[i] = Info{Version: v, Time: l.times[v], Retracted: st.retracted(v)}
		}
		return c.fillTimes(ctx, src, path, infos)
	})
	if errors.Is(err, errAbsent) {
		return nil, unknownModule(path)
	}
	if err != nil {
		return nil, err
	}
	return infos, nil
}

// fillTimes adds the times that the list itself did not give. A time that
// cannot be had stays "".
func (c *Client) fillTimes(ctx context.Context, src source, path string, infos []Info) error {
	var g errgroup.Group
	g.SetLimit(8)
	for n := range infos {
		i := &infos[n]
		mv := gomod.Version{Path: path, Version: i.Version}
		if i.Time != "" {
			continue
		}
		g.Go(func() error {
			if known, ok := c.cachedInfo(mv); ok {
				i.Time = known.Time
			} else if n < timesAsked {
				if asked, err := c.info(ctx, src, mv); err == nil {
					i.Time = asked.Time
				}
			}
			return nil
		})
	}
	_ = g.Wait() // its functions return nil
	return ended(ctx, "while listing %s", path)
}

// Query resolves a version query. A release is preferred to a pre-release, and
// retracted versions are passed over, unless the query names one exactly: then
// Info.Retracted says why its author took it back. Version.Sum is set when the
// version was fetched before, or its path is replaced.
//
// Errors: MODULE_QUERY_INVALID, MODULE_PATH_INVALID (Invalid);
// MODULE_NOT_FOUND, MODULE_VERSION_NOT_FOUND, MODULE_NO_MATCHING_VERSION and
// MODULE_RETRACTED (NotFound); SOURCE_UNREACHABLE and its like (Unavailable).
func (c *Client) Query(ctx context.Context, ref Ref) (Version, Info, error) {
	r, err := c.resolve(ctx, ref)
	if err != nil {
		return Version{}, Info{}, err
	}
	return r.version, r.info, nil
}

// resolved is a resolved reference.
type resolved struct {
	version Version
	info    Info
	status  *status // nil when it is not known
}

func (c *Client) resolve(ctx context.Context, ref Ref) (*resolved, error) {
	if dir, ok := c.replace[ref.Path]; ok {
		m, err := c.readReplaced(ctx, ref.Path, dir)
		if err != nil {
			return nil, err
		}
		return &resolved{version: m.Version, info: Info{Version: Replaced}, status: &status{}}, nil
	}
	if err := checkServedPath(ref.Path); err != nil {
		return nil, err
	}
	q, err := parseQuery(ref.Path, ref.Query)
	if err != nil {
		return nil, err
	}
	var r *resolved
	if q.exact != "" {
		r, err = c.resolveExact(ctx, ref.Path, q)
	} else {
		r, err = c.resolveListed(ctx, ref.Path, q)
	}
	if err != nil {
		return nil, err
	}
	mv := gomod.Version{Path: ref.Path, Version: r.info.Version}
	r.version = Version{Path: mv.Path, Version: mv.Version}
	if rec, err := c.cache.record(mv); err == nil {
		r.version.Sum = rec.Sum
	}
	return r, nil
}

// resolveExact makes sure that the version exists. Whether it is retracted is
// told when it can be found out; what is in the cache can be used without.
func (c *Client) resolveExact(ctx context.Context, path string, q query) (*resolved, error) {
	mv := gomod.Version{Path: path, Version: q.exact}
	info, cached := c.cachedInfo(mv)
	if !cached {
		err := c.sources.each(ctx, path+"@"+q.exact, func(src source) (err error) {
			info, err = c.info(ctx, src, mv)
			return err
		})
		if errors.Is(err, errAbsent) {
			return nil, c.missing(ctx, mv)
		}
		if err != nil {
			rec, rerr := c.cache.record(mv)
			if over := ctx.Err(); over != nil || rerr != nil || rec.GoModSum == "" {
				return nil, err
			}
			info = Info{Version: mv.Version} // it was fetched before: it exists
		}
	}
	st, err := c.statusOf(ctx, path)
	if err != nil {
		return nil, err
	}
	if st != nil {
		info.Retracted = st.retracted(info.Version)
	}
	return &resolved{info: info, status: st}, nil
}

// statusOf finds out what is retracted; nil when that cannot be found out now.
// Its only error is that of a context that is over.
func (c *Client) statusOf(ctx context.Context, path string) (st *status, err error) {
	err = c.sources.each(ctx, path, func(src source) error {
		l, err := c.list(ctx, src, path)
		if err != nil {
			return err
		}
		st, err = c.status(ctx, src, path, l)
		return err
	})
	if over := ended(ctx, "while looking for retractions of %s", path); over != nil {
		return nil, over
	}
	if err != nil {
		return nil, nil //nolint:nilerr // documented
	}
	return st, nil
}

// resolveListed picks from the list of the first source that knows the path.
func (c *Client) resolveListed(ctx context.Context, path string, q query) (r *resolved, err error) {
	err = c.sources.each(ctx, path, func(src source) error {
		l, err := c.list(ctx, src, path)
		if err != nil {
			return err
		}
		r, err = c.pick(ctx, src, path, q, l)
		return err
	})
	if errors.Is(err, errAbsent) {
		return nil, unknownModule(path)
	}
	return r, err
}

// pick applies a query to a source's list.
func (c *Client) pick(ctx context.Context, src source, path string, q query, l *listing) (*resolved, error) {
	order, err := q.order(l.versions, c.hasGoMod(ctx, path))
	if err != nil {
		return nil, err
	}
	st, err := c.status(ctx, src, path, l)
	if err != nil {
		return nil, err
	}
	for _, v := range order {
		if st.retracted(v) == "" {
			return c.picked(ctx, src, path, v, l, st)
		}
	}
	if q.latest || len(l.versions) == 0 {
		tip, err := c.latest(ctx, src, path, l)
		switch {
		case errors.Is(err, errAbsent) && len(l.versions) == 0:
			return nil, err // an empty list from a source that knows nothing of the path
		case err != nil && !errors.Is(err, errAbsent):
			return nil, err
		case err == nil && q.latest && st.retracted(tip.Version) == "":
			return &resolved{info: tip, status: st}, nil
		}
	}
	if len(order) > 0 {
		return nil, fault.New(fault.NotFound, ReasonRetracted, "every version of %s that satisfies %q is retracted; %s: %s",
			path, q.text, order[0], st.retracted(order[0])).
			Suggest("to use a retracted version all the same, name it exactly: %s@%s", path, order[0])
	}
	return nil, noMatch(path, q, l)
}

// picked completes the choice with its time.
func (c *Client) picked(ctx context.Context, src source, path, version string, l *listing, st *status) (*resolved, error) {
	info, err := c.info(ctx, src, gomod.Version{Path: path, Version: version})
	if errors.Is(err, errAbsent) {
		info, err = Info{Version: version, Time: l.times[version]}, nil
	}
	return &resolved{info: info, status: st}, err
}

func noMatch(path string, q query, l *listing) error {
	e := fault.New(fault.NotFound, ReasonNoMatch, "no version of %s satisfies %q", path, q.text)
	if len(l.versions) == 0 {
		return e.Suggest("the module has no tagged version yet: tag one, or name a pseudo-version")
	}
	return e.Suggest("it has %s", some(l.versions))
}

func unknownModule(path string) error {
	return fault.New(fault.NotFound, ReasonModuleNotFound, "no module source knows the module %s", path).
		Suggest("check the spelling of the path and the list of sources; a working copy is given with --replace %s=DIR", path)
}

// missing finds out whether it is the version or the whole module that no
// source has.
func (c *Client) missing(ctx context.Context, mv gomod.Version) error {
	if mv.Version == Replaced {
		return fault.New(fault.NotFound, ReasonVersionNotFound, "%s was a working copy, which no source has", mv.Path).
			Suggest("give it with --replace %s=DIR, or name a published version", mv.Path)
	}
	var l *listing
	err := c.sources.each(ctx, mv.Path, func(src source) (err error) {
		if l, err = c.list(ctx, src, mv.Path); err == nil && len(l.versions) == 0 {
			_, err = c.latest(ctx, src, mv.Path, l)
		}
		return err
	})
	if errors.Is(err, errAbsent) {
		return unknownModule(mv.Path)
	}
	if over := ended(ctx, "while listing %s", mv.Path); over != nil {
		return over
	}
	if err == nil && slices.Contains(l.versions, mv.Version) {
		return fault.New(fault.NotFound, ReasonVersionNotFound, "a module source lists %s@%s, but none has its content", mv.Path, mv.Version).
			Suggest("see whether it is still being published, or what the source lost of it")
	}
	e := fault.New(fault.NotFound, ReasonVersionNotFound, "the module %s has no version %s", mv.Path, mv.Version)
	if err != nil || len(l.versions) == 0 {
		return e.Suggest("list what there is: lockstep module versions %s", mv.Path)
	}
	return e.Suggest("it has %s", some(nearest(l.versions, mv.Version)))
}

// nearest orders versions for a suggestion: of the same major and minor first,
// then of the same major, then the others.
func nearest(versions []string, wanted string) []string {
	rank := func(v string) int {
		switch {
		case semver.MajorMinor(v) == semver.MajorMinor(wanted):
			return 0
		case semver.Major(v) == semver.Major(wanted):
			return 1
		}
		return 2
	}
	out := slices.Clone(versions)
	slices.SortStableFunc(out, func(a, b string) int { return rank(a) - rank(b) })
	return out
}
