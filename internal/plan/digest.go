package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// digest hashes everything that decides what runs: engine and version,
// strategy, module hashes, the fingerprints around the plan, and the bytes of
// the SQL. Fields are separated by their lengths, so no two plans collide by
// moving text from one field to the next.
func digest(p *Plan) string {
	h := sha256.New()
	put := func(values ...string) {
		for _, v := range values {
			_, _ = fmt.Fprintf(h, "%d:%s", len(v), v) // a hash never fails
		}
	}
	put("lockstep plan 1", string(p.Engine), fmt.Sprint(p.EngineVersion), string(p.Strategy), p.Base, p.Target, p.Result)
	if p.Variant != "" {
		put("variant", p.Variant)
	}
	for _, m := range p.Modules {
		put("module", m.Path, m.Version, m.Sum)
	}
	for i := range p.Statements {
		s := &p.Statements[i]
		put("statement", s.SQL, fmt.Sprint(s.Destructive))
		if s.Final {
			put("final")
		}
		put(s.Fallback...)
		if s.Phase != "" {
			put("phase", string(s.Phase))
			put(s.Reverse...)
		}
	}
	return "p1:" + hex.EncodeToString(h.Sum(nil)[:16])
}
