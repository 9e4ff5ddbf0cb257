package rpc

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// defaultPageSize is the length of a page when the request does not say.
const defaultPageSize = 50

// tokenPrefix versions the content of page tokens.
const tokenPrefix = "below:"

// ListRevisions lists the tenant's history, newest first.
func (s *migrationService) ListRevisions(
	ctx context.Context, req *lockstepv1.ListRevisionsRequest,
) (*lockstepv1.ListRevisionsResponse, error) {
	at, err := s.places.of(ctx, req)
	if err != nil {
		return nil, err
	}
	before, err := parseToken(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := int(req.GetPageSize())
	if size == 0 {
		size = defaultPageSize
	}
	revs, err := s.migrator.Revisions(ctx, at.target, before, size+1)
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.ListRevisionsResponse{Target: at.target.String()}
	if len(revs) > size {
		revs = revs[:size]
		out.NextPageToken = makeToken(revs[size-1].Number)
	}
	for _, r := range revs {
		out.Revisions = append(out.Revisions, toRevision(r, false))
	}
	return out, nil
}

func makeToken(before int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(tokenPrefix + strconv.FormatInt(before, 10)))
}

func parseToken(token string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	invalid := func(err error) (int64, error) {
		return 0, fault.Wrap(err, fault.Invalid, "PAGE_TOKEN_INVALID", "the page token is not one that lockstep gave").
			Suggest("send next_page_token of the page before, unchanged")
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return invalid(err)
	}
	number, ok := strings.CutPrefix(string(raw), tokenPrefix)
	if !ok {
		return invalid(nil)
	}
	before, err := strconv.ParseInt(number, 10, 64)
	if err != nil || before < 1 {
		return invalid(err)
	}
	return before, nil
}
