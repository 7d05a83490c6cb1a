package k6

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios"
)

// allowedHosts returns the names or addresses that a plan may reach: its
// target and the hosts of its limits, without ports.
func allowedHosts(p *scenarios.Plan) ([]string, error) {
	var hosts []string
	if p.Target != "" {
		u, err := url.Parse(p.Target)
		if err != nil || u.Hostname() == "" {
			return nil, hint.Exit(hint.Wrap(fmt.Errorf("target %q is not a URL", p.Target),
				"give the target as --target http://HOST:PORT"), hint.NotStarted)
		}
		hosts = append(hosts, u.Hostname())
	}
	for _, h := range p.Limits.Hosts {
		if host, _, err := net.SplitHostPort(h); err == nil {
			h = host
		}
		hosts = append(hosts, strings.Trim(h, "[]"))
	}
	if len(hosts) == 0 {
		return nil, hint.Exit(hint.Wrap(errors.New("no host may be sent a request"),
			"name the system under test with --target URL"), hint.NotStarted)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), nil
}

// resolve returns all addresses of the hosts, sorted.
func resolve(ctx context.Context, hosts []string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, h := range hosts {
		if a, err := netip.ParseAddr(h); err == nil {
			addrs = append(addrs, a.Unmap().WithZone(""))
			continue
		}
		as, err := net.DefaultResolver.LookupNetIP(ctx, "ip", h)
		if err != nil {
			return nil, hint.Exit(hint.Wrapf(fmt.Errorf("resolve allowed host %s: %w", h, err),
				"check the name; addresses are looked up once, before the load"), hint.NotStarted)
		}
		for _, a := range as {
			addrs = append(addrs, a.Unmap().WithZone(""))
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs), nil
}

// complement returns the fewest prefixes that cover every address except those
// in allowed, v4 first.
func complement(allowed []netip.Addr) []netip.Prefix {
	var out []netip.Prefix
	var cut func(p netip.Prefix, in []netip.Addr)
	cut = func(p netip.Prefix, in []netip.Addr) {
		var inside []netip.Addr
		for _, a := range in {
			if p.Contains(a) {
				inside = append(inside, a)
			}
		}
		switch {
		case len(inside) == 0:
			out = append(out, p)
		case p.IsSingleIP(): // allowed
		default:
			lower := netip.PrefixFrom(p.Addr(), p.Bits()+1)
			cut(lower, inside)
			cut(netip.PrefixFrom(upper(lower), lower.Bits()), inside)
		}
	}
	cut(netip.PrefixFrom(netip.IPv4Unspecified(), 0), allowed)
	cut(netip.PrefixFrom(netip.IPv6Unspecified(), 0), allowed)
	return out
}

// upper returns the first address of p's sibling: p's own with the last bit of
// the prefix set.
func upper(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	bit := p.Bits() - 1
	b[bit/8] |= 0x80 >> (bit % 8)
	a, _ := netip.AddrFromSlice(b)
	return a
}

// check returns an error when a script asks for more than the limits allow.
func (r Requirements) check(l scenarios.Limits) error {
	refuse := func(what string, wants, limit any) error {
		return hint.Exit(hint.Wrap(fmt.Errorf("the script wants %s %v, the limit is %v", what, wants, limit),
			"lower it in the script's options, or raise the limit of the run"), hint.NotStarted)
	}
	switch {
	case l.Users > 0 && float64(r.MaxVUs) > l.Users:
		return refuse("virtual users:", r.MaxVUs, l.Users)
	case l.Duration > 0 && r.Endless:
		return refuse("a duration:", "without end", l.Duration.Duration())
	case l.Duration > 0 && r.Duration > l.Duration:
		return refuse("a duration:", r.Duration.Duration(), l.Duration.Duration())
	}
	return nil
}

// refusedHint says which requests the allow-list kept back, and what to do.
func refusedHint(refused map[string]int64, allowed []string) string {
	if len(refused) == 0 {
		return ""
	}
	hosts := make([]string, 0, len(refused))
	for h := range refused {
		hosts = append(hosts, h)
	}
	slices.SortFunc(hosts, func(a, b string) int {
		return cmp.Or(cmp.Compare(refused[b], refused[a]), cmp.Compare(a, b))
	})
	var n int64
	for _, c := range refused {
		n += c
	}
	also := ""
	if len(hosts) > 3 {
		hosts, also = hosts[:3], fmt.Sprintf(" and %d more", len(hosts)-3)
	}
	return fmt.Sprintf("%d requests to %s%s were kept back: only %s may be sent requests; "+
		"let the script take its address from __ENV.BASE_URL, or put the host on the allow-list",
		n, strings.Join(hosts, ", "), also, strings.Join(allowed, ", "))
}
