package text

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Tenant writes what is registered of a tenant.
func (p *Printer) Tenant(t *lockstepv1.Tenant) {
	p.field("tenant", t.GetId())
	if t.GetDisplayName() != t.GetId() {
		p.field("name", t.GetDisplayName())
	}
	p.field("status", tenantStatus(t))
	p.field("target", t.GetTarget())
	p.field("secret", t.GetSecret())
	if t.GetServer() != "" {
		p.field("server", t.GetServer())
	}
	if len(t.GetLabels()) > 0 {
		p.field("labels", labelList(t.GetLabels()))
	}
	p.field("strategy", Strategy(t.GetStrategy()))
	for i, m := range t.GetModules() {
		name := "modules"
		if i > 0 {
			name = ""
		}
		p.field(name, tenantModule(m))
	}
	p.field("revision", fmt.Sprintf("%d, %s UTC", t.GetRevision(), timeText(t.GetUpdatedAt())))
}

// Tenants writes a page of tenants as a table.
func (p *Printer) Tenants(r *lockstepv1.ListTenantsResponse) {
	if len(r.GetTenants()) == 0 {
		p.line("No tenants.")
		return
	}
	rows := [][]string{{"TENANT", "STATUS", "TARGET", "STRATEGY", "LABELS", "MODULES"}}
	for _, t := range r.GetTenants() {
		var modules []string
		for _, m := range t.GetModules() {
			at := m.GetVersion()
			if at == "" {
				at = "-"
			}
			modules = append(modules, m.GetPath()[strings.LastIndexByte(m.GetPath(), '/')+1:]+"@"+at)
		}
		rows = append(rows, []string{
			t.GetId(), enumWord(t.GetStatus(), "TENANT_STATUS_", " "), t.GetTarget(), Strategy(t.GetStrategy()),
			labelList(t.GetLabels()), strings.Join(modules, " "),
		})
	}
	p.rows("", rows, func(row, _ int, cell string) string {
		if row == 0 {
			return p.paint(bold, cell)
		}
		return cell
	})
	if r.GetNextPageToken() != "" {
		p.line()
		p.line("There are more: add --page-token ", r.GetNextPageToken())
	}
}

func tenantStatus(t *lockstepv1.Tenant) string {
	word := enumWord(t.GetStatus(), "TENANT_STATUS_", " ")
	if t.GetStatusNote() != "" {
		word += ": " + t.GetStatusNote()
	}
	return word
}

// tenantModule renders a module: which versions it may have, and which it has.
func tenantModule(m *lockstepv1.TenantModule) string {
	wanted, at := m.GetQuery(), "not executed yet"
	if wanted == "" {
		wanted = "latest"
	}
	if m.GetVersion() != "" {
		at = "at " + m.GetVersion()
	}
	return m.GetPath() + "@" + wanted + ", " + at
}

func labelList(labels map[string]string) string {
	words := make([]string, 0, len(labels))
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		words = append(words, k+"="+labels[k])
	}
	return strings.Join(words, " ")
}
