package migrate

import (
	"slices"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/module"
)

// sameContent refuses a module version whose content is not the one that the
// tenant's latest revision was made from. The cache of this process remembers what it
// fetched itself; the tenant remembers for everybody. Working copies may change.
func (s *Service) sameContent(modules []module.Version, head *history.Revision) error {
	if head == nil || s.cfg.Unpublished {
		return nil
	}
	for _, now := range modules {
		i := slices.IndexFunc(head.Modules, func(v module.Version) bool { return v.Path == now.Path && v.Version == now.Version })
		if i < 0 || now.Version == module.Replaced || now.Sum == "" || head.Modules[i].Sum == "" || head.Modules[i].Sum == now.Sum {
			continue
		}
		return fault.New(fault.Corrupt, module.ReasonChecksum,
			"the content of %s is not what it should be: it was %s when revision %d of this tenant was recorded, and is now %s",
			now, head.Modules[i].Sum, head.Number, now.Sum).
			Suggest("a published version never changes: publish the new content as a new version, and find out who changed this one")
	}
	return nil
}
