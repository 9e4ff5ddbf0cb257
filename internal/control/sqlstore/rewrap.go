package sqlstore

import (
	"context"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// Rewrap implements control.SecretStore: one batch, in one transaction. A row
// whose secret is set meanwhile keeps the new one.
func (s *Store) Rewrap(ctx context.Context, from control.Rewrapped, limit int) (control.Rewrapped, error) {
	if s.cfg.Keys.Current() == "" {
		return from, fault.New(fault.Refused, "SECRET_KEY_MISSING", "no secret key is configured").
			Suggest("set %s or %s", secret.KeyEnv, secret.KeyFileEnv)
	}
	limit = min(max(limit, 1), control.MaxPageSize)
	var out control.Rewrapped
	err := s.write(ctx, func(ctx context.Context, q query.Queries) error {
		out = from
		out.Failed = append([]string(nil), from.Failed...)
		if out.Table == "" {
			out.Table = "tenants"
		}
		return s.rewrapBatch(ctx, q, &out, int64(limit))
	})
	if err != nil {
		return from, err
	}
	return out, nil
}

func (s *Store) rewrapBatch(ctx context.Context, q query.Queries, out *control.Rewrapped, limit int64) error {
	key := s.cfg.Keys.Current()
	if out.Table == "tenants" {
		rows, err := q.ListTenantsToRewrap(ctx, query.ListTenantsToRewrapParams{CurrentKey: key, After: out.After, Most: limit})
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := s.rewrapOne(out, control.TenantPlace(r.ID), r.ID, r.Secret, func(sealed secret.Stored) (int64, error) {
				return q.RewrapTenant(ctx, query.RewrapTenantParams{Secret: sealed.Encode(), SecretKey: key, ID: r.ID, OldSecret: r.Secret})
			}); err != nil {
				return err
			}
		}
		if int64(len(rows)) < limit {
			out.Table, out.After = "servers", ""
		}
		return nil
	}
	rows, err := q.ListServersToRewrap(ctx, query.ListServersToRewrapParams{CurrentKey: key, After: out.After, Most: limit})
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := s.rewrapOne(out, control.ServerPlace(r.ID), r.ID, r.Secret, func(sealed secret.Stored) (int64, error) {
			return q.RewrapServer(ctx, query.RewrapServerParams{Secret: sealed.Encode(), SecretKey: key, ID: r.ID, OldSecret: r.Secret})
		}); err != nil {
			return err
		}
	}
	out.Done = int64(len(rows)) < limit
	return nil
}

func (s *Store) rewrapOne(out *control.Rewrapped, place, id, text string, put func(secret.Stored) (int64, error)) error {
	out.After = id
	plain, err := s.cfg.Keys.Open(secret.Decode(text), place)
	if err != nil {
		out.Failed = append(out.Failed, place)
		return nil //nolint:nilerr // it is reported by name, and the others go on
	}
	sealed, err := s.cfg.Keys.Seal(plain, place)
	if err != nil {
		return err
	}
	n, err := put(sealed)
	out.Rewrapped += int(n)
	return err
}
