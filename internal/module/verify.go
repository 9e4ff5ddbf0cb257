package module

import (
	"context"
	"strings"

	gomod "golang.org/x/mod/module"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// verifyZip holds the hash of a zip against the record and the checksum
// database, and records it.
func (c *Client) verifyZip(ctx context.Context, mv gomod.Version, sum string, rec *record) error {
	return c.verify(ctx, mv, "", sum, rec, &rec.Sum, &rec.SumDB)
}

// verifyGoMod does the same for a .mod.
func (c *Client) verifyGoMod(ctx context.Context, mv gomod.Version, data []byte, rec *record) error {
	sum, err := hashGoMod(data)
	if err != nil {
		return badGoMod(mv.Path+"@"+mv.Version, err)
	}
	return c.verify(ctx, mv, "/go.mod", sum, rec, &rec.GoModSum, &rec.GoModSumDB)
}

// verify compares a hash with what was recorded, and asks the checksum database
// once per version. A first hash is trusted and recorded, as in go.sum.
func (c *Client) verify(ctx context.Context, mv gomod.Version, part, sum string, rec *record, recorded, confirmed *string) error {
	if *recorded != "" && *recorded != sum {
		return mismatch(mv, part, "it was "+*recorded+" when it was first fetched, and is now "+sum)
	}
	changed := *recorded == ""
	if c.sumdb.covers(mv.Path) && *confirmed != c.sumdb.name {
		if err := c.sumdb.check(ctx, mv, part, sum); err != nil {
			return err
		}
		*confirmed, changed = c.sumdb.name, true
	}
	if !changed {
		return nil
	}
	*recorded = sum
	return c.cache.save(mv, rec)
}

func mismatch(mv gomod.Version, part, how string) error {
	what := "the content"
	if part != "" {
		what = "the go.mod"
	}
	return fault.New(fault.Corrupt, ReasonChecksum, "%s of %s@%s is not what it should be: %s", what, mv.Path, mv.Version, how).
		Suggest("a published version never changes: publish the new content as a new version, and find out who changed this one")
}

func isIncompatible(version string) bool { return strings.HasSuffix(version, "+incompatible") }
