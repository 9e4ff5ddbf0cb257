package access

import (
	"maps"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// ParseRole reads the name of a role.
func ParseRole(name string) (Role, error) {
	for _, r := range []Role{Viewer, Operator, Admin} {
		if r.String() == name {
			return r, nil
		}
	}
	return None, fault.New(fault.Invalid, "ROLE_UNKNOWN", "there is no such role").Suggest("use viewer, operator or admin")
}

// ParseGrants reads grants as settings spell them: a role and the labels that
// limit it, and more of them after a semicolon: "viewer; operator team=crm".
func ParseGrants(text string) ([]Grant, error) {
	var out []Grant
	for part := range strings.SplitSeq(text, ";") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		role, err := ParseRole(words[0])
		if err != nil {
			return nil, err
		}
		g := Grant{Role: role}
		for _, w := range words[1:] {
			key, value, ok := strings.Cut(w, "=")
			if !ok || key == "" || value == "" {
				return nil, fault.New(fault.Invalid, "GRANT_INVALID", "a label of a grant is not KEY=VALUE")
			}
			if g.Labels == nil {
				g.Labels = Labels{}
			}
			g.Labels[key] = value
		}
		out = append(out, g)
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Invalid, "GRANT_INVALID", "a grant names no role").
			Suggest("write a role and the labels that limit it, such as: operator team=crm")
	}
	return out, nil
}

// String renders the grant as ParseGrants reads it.
func (g Grant) String() string {
	words := []string{g.Role.String()}
	for _, k := range slices.Sorted(maps.Keys(g.Labels)) {
		words = append(words, k+"="+g.Labels[k])
	}
	return strings.Join(words, " ")
}
