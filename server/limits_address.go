package main

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// proxies are those whose word on where a request comes from is taken.
type proxies []netip.Prefix

// parseProxies takes networks, such as 10.0.0.0/8, and single addresses.
func parseProxies(texts []string) (proxies, error) {
	var out proxies
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			var one netip.Addr
			if one, err = netip.ParseAddr(text); err == nil {
				network, err = one.Prefix(one.BitLen())
			}
		}
		if err != nil {
			return nil, fmt.Errorf("HOLDFAST_TRUSTED_PROXIES has %q; give networks such as 10.0.0.0/8 or fd00::/8, with commas between them", text)
		}
		out = append(out, network.Masked())
	}
	return out, nil
}

func (p proxies) trust(address netip.Addr) bool {
	for _, network := range p {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// client is the address of who sent r, as limits count it. Each trusted proxy adds, at the right end of X-Forwarded-For, whom it
// got the request from; what is left of the first one that is not trusted is the client's own invention.
func (p proxies) client(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	at := peer.Addr().Unmap().WithZone("")
	hops := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for p.trust(at) && hops != "" {
		i := strings.LastIndexByte(hops, ',')
		hop, ok := parseHop(hops[i+1:])
		if !ok {
			break // the trusted one has sent nonsense: it is all that is known
		}
		at, hops = hop, hops[:max(i, 0)]
	}
	return oneAddress(at)
}

// parseHop takes an address with or without a port, as proxies write them.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	at, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		at = withPort.Addr()
	}
	return at.Unmap().WithZone(""), true
}

// oneAddress is what counts as one address: of IPv6 the /64, which any customer has.
func oneAddress(at netip.Addr) string {
	const customer = 64
	if network, err := at.Prefix(customer); err == nil && at.Is6() {
		return network.String()
	}
	return at.String()
}
