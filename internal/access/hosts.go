package access

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

const anyPort = "*"

// host is where a target points.
type host struct {
	name string
	addr netip.Addr // the zero value for a name
	port string
}

// hostPattern is one entry of the list of allowed hosts.
type hostPattern struct {
	any    bool         // "*"
	prefix netip.Prefix // an address or a network
	suffix string       // ".example.com" of "*.example.com"
	name   string
	port   string // "": the engine's own; anyPort
}

// parseHost reads an entry: a name, "*.example.com" for every name below it, an
// address or a network (10.1.0.0/16), or "*" for all; behind a colon a port, or
// "*" for any. Without a port it is the engine's own. Names match by name, and
// an address only matches addresses: a name is never resolved to see whether it
// lies in a network, as its owner could move it afterwards.
func parseHost(text string) (hostPattern, error) {
	invalid := func() (hostPattern, error) {
		return hostPattern{}, fault.New(fault.Invalid, "HOST_INVALID", "the host %q of the allowed targets cannot be read", text).
			Suggest("write a name, *.example.com, an address, or a network such as 10.1.0.0/16 or [fd00::/8], and a port behind a colon")
	}
	name, port, ok := cutPort(strings.ToLower(strings.TrimSpace(text)))
	if !ok {
		return invalid()
	}
	p := hostPattern{port: port}
	switch {
	case name == "*":
		p.any = true
		return p, nil
	case strings.Contains(name, "/"):
		prefix, err := netip.ParsePrefix(name)
		if err != nil || prefix.Masked() != prefix {
			return invalid()
		}
		p.prefix = prefix
		return p, nil
	}
	if addr, err := netip.ParseAddr(name); err == nil && addr.Zone() == "" {
		p.prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		return p, nil
	}
	if rest, ok := strings.CutPrefix(name, "*."); ok {
		p.suffix, name = "."+rest, rest
	}
	p.name = name
	if !isName(name) {
		return invalid()
	}
	return p, nil
}

// cutPort splits NAME[:PORT], where an address of version 6 with a port stands
// in brackets.
func cutPort(text string) (name, port string, ok bool) {
	switch strings.Count(text, ":") {
	case 0:
		return text, "", text != ""
	case 1:
		name, port, _ = strings.Cut(text, ":")
		return name, port, name != "" && validPort(port)
	}
	inner, bracketed := strings.CutPrefix(text, "[")
	if !bracketed {
		return text, "", true
	}
	name, port, closed := strings.Cut(inner, "]")
	if closed && port == "" {
		return name, "", true
	}
	port, found := strings.CutPrefix(port, ":")
	return name, port, closed && found && validPort(port)
}

func validPort(port string) bool {
	if port == anyPort {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// splitHost reads the host of a target. What is not exactly one name or address
// with at most one port is refused: drivers read lists, sockets and services out
// of the rest.
func splitHost(text, otherwise string) (host, bool) {
	name, port, ok := cutPort(strings.ToLower(text))
	if !ok || port == anyPort {
		return host{}, false
	}
	if port == "" {
		port = otherwise
	}
	if addr, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return host{name: addr.Unmap().String(), addr: addr.Unmap(), port: port}, addr.Zone() == ""
	}
	name = strings.TrimSuffix(name, ".")
	return host{name: name, port: port}, isName(name)
}

// isName tells whether a text is a host name that no resolver takes for an
// address: its last label has a letter that begins no number ("127.1", "0x7f.1"
// and "2130706433" are addresses to some).
func isName(name string) bool {
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x") && len(name) <= 253
}

func (p hostPattern) matches(h host, enginePort string) bool {
	want := p.port
	if want == "" {
		want = enginePort
	}
	if want != anyPort && want != h.port {
		return false
	}
	switch {
	case p.any:
		return true
	case p.prefix.IsValid():
		return h.addr.IsValid() && p.prefix.Contains(h.addr)
	case h.addr.IsValid():
		return false
	case p.suffix != "":
		return strings.HasSuffix(h.name, p.suffix)
	}
	return h.name == p.name
}

func defaultPort(e dialect.Engine) string {
	switch e {
	case dialect.Postgres:
		return "5432"
	case dialect.MySQL, dialect.MariaDB:
		return "3306"
	case dialect.SQLServer:
		return "1433"
	case dialect.SQLite:
	}
	return ""
}
