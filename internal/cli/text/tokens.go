package text

import (
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Token writes what is kept of a token.
func (p *Printer) Token(t *lockstepv1.Token) {
	p.field("token", t.GetId())
	if t.GetName() != t.GetId() {
		p.field("name", t.GetName())
	}
	p.field("may", grantList(t.GetGrants()))
	p.field("made by", t.GetCreatedBy())
	p.field("expires", timeText(t.GetExpiresAt())+" UTC")
	if t.GetRevokedAt() != nil {
		p.field("revoked", timeText(t.GetRevokedAt())+" UTC")
	}
	if t.GetLastUsedAt() != nil {
		p.field("last used", timeText(t.GetLastUsedAt())+" UTC")
	}
}

// Tokens writes a page of tokens as a table.
func (p *Printer) Tokens(r *lockstepv1.ListTokensResponse) {
	if len(r.GetTokens()) == 0 {
		p.line("No tokens.")
		return
	}
	rows := [][]string{{"TOKEN", "MAY", "EXPIRES (UTC)", "LAST USED (UTC)", "REVOKED (UTC)"}}
	for _, t := range r.GetTokens() {
		used, revoked := "never", ""
		if t.GetLastUsedAt() != nil {
			used = timeText(t.GetLastUsedAt())
		}
		if t.GetRevokedAt() != nil {
			revoked = timeText(t.GetRevokedAt())
		}
		rows = append(rows, []string{t.GetId(), grantList(t.GetGrants()), timeText(t.GetExpiresAt()), used, revoked})
	}
	p.rows("", rows, func(row, col int, cell string) string {
		switch {
		case row == 0:
			return p.paint(bold, cell)
		case col == 4:
			return p.paint(red, cell)
		}
		return cell
	})
	if r.GetNextPageToken() != "" {
		p.line()
		p.line("There are more: add --page-token ", r.GetNextPageToken())
	}
}

// grantList spells grants as settings do: operator team=crm; viewer.
func grantList(grants []*lockstepv1.TokenGrant) string {
	out := make([]string, len(grants))
	for i, g := range grants {
		out[i] = strings.TrimSpace(strings.ToLower(strings.TrimPrefix(g.GetRole().String(), "ROLE_")) + " " + labelList(g.GetLabels()))
	}
	return strings.Join(out, "; ")
}
