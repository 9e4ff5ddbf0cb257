package rpc

import (
	"cmp"
	"context"
	"slices"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/discover/inventory"
)

// ListUsers lists the users of a server as its last sync found them.
func (s *serverService) ListUsers(
	ctx context.Context, req *lockstepv1.ListUsersRequest,
) (*lockstepv1.ListUsersResponse, error) {
	stock, err := s.stock(ctx, req.GetServer())
	if err != nil {
		return nil, err
	}
	all, err := stock.users()
	if err != nil {
		return nil, err
	}
	var found []*lockstepv1.ServerUser
	for _, u := range all {
		if strings.HasPrefix(u.GetAccount().GetName(), req.GetPrefix()) && stock.wantedUser(u, req.GetStatus()) {
			found = append(found, u)
		}
	}
	filter := []string{req.GetServer(), req.GetStatus().String(), req.GetPrefix()}
	page := control.Page{Size: int(req.GetPageSize()), Token: req.GetPageToken()}
	out := &lockstepv1.ListUsersResponse{LastSync: toSyncStatus(stock.Server)}
	out.Users, out.NextPageToken, err = paged("users", filter, page, found, accountKey)
	return out, err
}

// accountKey orders accounts by name, then by host: no name holds NUL.
func accountKey(u *lockstepv1.ServerUser) string {
	return u.GetAccount().GetName() + "\x00" + u.GetAccount().GetHost()
}

// users lists all, those that vanished included, sorted.
func (s *stock) users() ([]*lockstepv1.ServerUser, error) {
	out := make([]*lockstepv1.ServerUser, 0, len(s.Users))
	for _, r := range s.Users {
		u, err := inventory.UserOf(s.Server.Engine, r.Value)
		if err != nil {
			return nil, err
		}
		m := toServerUser(u)
		m.SeenAt, m.ChangedAt, m.VanishedAt = moment(r.Seen), moment(r.Changed), moment(r.Vanished)
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *lockstepv1.ServerUser) int { return cmp.Compare(accountKey(a), accountKey(b)) })
	return out, nil
}

func (s *stock) wantedUser(u *lockstepv1.ServerUser, status lockstepv1.UserStatus) bool {
	there := u.GetVanishedAt() == nil
	switch status {
	case lockstepv1.UserStatus_USER_STATUS_APPEARED:
		return there && s.isNew(u.GetSeenAt().AsTime())
	case lockstepv1.UserStatus_USER_STATUS_LOGIN:
		return there && u.GetCanLogin() && !u.GetLocked() && !u.GetExpired()
	case lockstepv1.UserStatus_USER_STATUS_ROLE:
		return there && !u.GetCanLogin()
	case lockstepv1.UserStatus_USER_STATUS_VANISHED:
		return !there
	case lockstepv1.UserStatus_USER_STATUS_UNSPECIFIED:
	}
	return there
}
