"""What a snapshot may not say although each part of it has the right form."""

from typing import Literal

import msgspec
import pytest

from hauberk_core.model import (
    AccessLog,
    Certificate,
    Cluster,
    Duration,
    Endpoint,
    FilterChain,
    HeaderModifier,
    Listener,
    Match,
    PathMatch,
    PluginConfig,
    Redirect,
    Rewrite,
    Route,
    RouteTable,
    Snapshot,
    TransportConfig,
    ValueMatch,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.model.check import LARGEST_BUNDLE, check_snapshot, find_mistakes
from hauberk_core.model.cors import Cors
from hauberk_core.model.mirror import Mirror
from hauberk_core.model.retry import Retry


def tls(
    certificates: tuple[str, ...] = ("cert",), server_name: str = "", alpn: tuple[str, ...] = ("http/1.1",)
) -> TransportConfig:
    return TransportConfig(security="tls", certificates=certificates, server_name=server_name, alpn=alpn)


def mesh(
    identities: tuple[str, ...] = ("spiffe://cluster.local/ns/default/sa/reviews",),
    certificates: tuple[str, ...] = ("workload",),
    trust_file: str = "workload",
    mode: Literal["strict", "permissive"] = "strict",
    verify: bool = True,
) -> TransportConfig:
    return TransportConfig(
        security="mesh", identities=identities, certificates=certificates, trust_file=trust_file, mode=mode, verify=verify
    )


def trusting(trust_file: str = "", trust_pem: str = "", subject_alt_names: tuple[str, ...] = ()) -> TransportConfig:
    return TransportConfig(security="tls", trust_file=trust_file, trust_pem=trust_pem, subject_alt_names=subject_alt_names)


TLS = tls()
EXACT = (Match(path=PathMatch(kind="exact", value="/a")),)
BACKENDS = (WeightedCluster(cluster="reviews"),)
PLAIN_ROUTE = Route(name="r", backends=BACKENDS)


def listening(*chains: FilterChain, address: str = ":8080") -> Snapshot:
    return snapshot(listeners={"web": Listener(address=address, filter_chains=chains)})


def routing(route: Route) -> Snapshot:
    return snapshot(route_tables={"shop": RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=(route,)),))})


def matching(match: Match) -> Snapshot:
    return routing(Route(name="r", matches=(match,), backends=BACKENDS))


def hosting(*virtual_hosts: VirtualHost) -> Snapshot:
    return snapshot(route_tables={"shop": RouteTable(virtual_hosts=virtual_hosts)})


def reaching(cluster: Cluster) -> Snapshot:
    return snapshot(clusters={"reviews": cluster})


def snapshot(
    *,
    listeners: dict[str, Listener] | None = None,
    route_tables: dict[str, RouteTable] | None = None,
    clusters: dict[str, Cluster] | None = None,
) -> Snapshot:
    return Snapshot(
        listeners=listeners or {},
        route_tables=route_tables or {"shop": RouteTable()},
        clusters=clusters or {"reviews": Cluster(endpoints=(Endpoint(address="127.0.0.1:9080"),))},
        certificates={"cert": Certificate(chain_file="a.crt", key_file="a.key")},
    )


def changing(**members: tuple[object, ...]) -> Snapshot:
    return routing(Route(name="r", backends=BACKENDS, request_headers=HeaderModifier(**members)))  # type: ignore[arg-type]


ROUTE = "route_tables.shop.virtual_hosts[0].routes[0]"
MATCH = f"{ROUTE}.matches[0]"
CHAIN = "listeners.web.filter_chains[0]"

TAKING = TransportConfig(security="tls", certificates=("cert",), unproven_clients="take")

WRONG = {
    "TLS that passes and is ended": (
        listening(FilterChain(protocol="tls", transport=TLS)),
        "listeners.web.filter_chains[0].transport",
        "TLS cannot be ended where it passes as it is",
        'remove it, or write "protocol": "tcp"',
    ),
    "requests in TLS that passes": (
        listening(FilterChain(protocol="tls", route_table="shop")),
        "listeners.web.filter_chains[0].route_table",
        "a chain that passes octets as they are routes no requests",
        'remove it, or write "protocol": "detect"',
    ),
    "TLS that passes beside what is plain": (
        listening(FilterChain(protocol="tcp"), FilterChain(protocol="tls", server_names=("a.test",))),
        "listeners.web.filter_chains[1].transport",
        "one address cannot be both plain and TLS",
        "give the plain and the TLS chains listeners with different ports",
    ),
    "captured TLS by name": (
        snapshot(listeners={"web": Listener(address=":1", captured=True, filter_chains=(FilterChain(protocol="tls"),))}),
        "listeners.web.filter_chains[0].protocol",
        "captured connections are told apart by where they were going, not by server names",
        'write "tcp"',
    ),
    "a proxy in front without an address": (
        snapshot(
            listeners={"web": Listener(address=":1", filter_chains=(FilterChain(protocol="tcp"),), proxy_protocol_from=("a",))}
        ),
        "listeners.web.proxy_protocol_from[0]",
        "'a' is neither an address nor a range of addresses",
        "write for example '10.0.0.7' or '10.0.0.0/8'",
    ),
    "a proxy in front of captured connections": (
        snapshot(
            listeners={
                "web": Listener(
                    address=":1", captured=True, filter_chains=(FilterChain(protocol="tcp"),), proxy_protocol_from=("10.0.0.0/8",)
                )
            }
        ),
        "listeners.web.proxy_protocol_from",
        "captured connections come from whom they are",
        "remove it",
    ),
    "unknown route table": (
        listening(FilterChain(route_table="shpo")),
        f"{CHAIN}.route_table",
        "no route table is called 'shpo'",
        "did you mean 'shop'?",
    ),
    "unknown cluster": (
        routing(Route(name="r", backends=(WeightedCluster(cluster="reviws"),))),
        f"{ROUTE}.backends[0].cluster",
        "no cluster is called 'reviws'",
        "did you mean 'reviews'?",
    ),
    "unknown certificate": (
        listening(FilterChain(route_table="shop", transport=tls(certificates=("cret",)))),
        f"{CHAIN}.transport.certificates[0]",
        "no certificate is called 'cret'",
        "did you mean 'cert'?",
    ),
    "address without port": (
        listening(FilterChain(route_table="shop"), address="localhost"),
        "listeners.web.address",
        "no port",
        "host:port",
    ),
    "no filter chain": (listening(), "listeners.web.filter_chains", "without a filter chain", "route_table"),
    "TLS without certificate": (
        listening(FilterChain(route_table="shop", transport=tls(certificates=()))),
        f"{CHAIN}.transport.certificates",
        "needs a certificate",
        "known: 'cert'",
    ),
    "server names in the clear": (
        listening(FilterChain(route_table="shop", server_names=("a.test",))),
        f"{CHAIN}.server_names",
        "only inside TLS",
        "virtual hosts",
    ),
    "server name of a listener": (
        listening(FilterChain(route_table="shop", transport=tls(server_name="a"))),
        f"{CHAIN}.transport.server_name",
        "for clusters only",
        "remove it",
    ),
    "clients that are let off, and not asked": (
        listening(FilterChain(route_table="shop", transport=TAKING)),
        f"{CHAIN}.transport.unproven_clients",
        "no client is asked",
        "'trust_file'",
    ),
    "clients that are let off in the clear": (
        listening(FilterChain(route_table="shop", transport=TransportConfig(unproven_clients="take"))),
        f"{CHAIN}.transport.unproven_clients",
        "the transport is plain",
        "remove it",
    ),
    "peers that are let off": (
        listening(FilterChain(route_table="shop", transport=msgspec.structs.replace(mesh(), unproven_clients="take"))),
        f"{CHAIN}.transport.unproven_clients",
        "always prove who they are",
        "security 'tls'",
    ),
    "a cluster with clients": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), transport=TAKING)),
        "clusters.reviews.transport.unproven_clients",
        "for listeners only",
        "remove it",
    ),
    "wrong server name": (
        listening(FilterChain(route_table="shop", transport=TLS, server_names=("a.*.test",))),
        f"{CHAIN}.server_names[0]",
        "'*' in the wrong place",
        "*.example.test",
    ),
    "a protocol that is not spoken": (
        listening(FilterChain(route_table="shop", transport=tls(alpn=("http/2",)))),
        f"{CHAIN}.transport.alpn[0]",
        "'http/2' is not spoken",
        "'http/1.1'",
    ),
    "two chains for everybody": (
        listening(FilterChain(route_table="shop"), FilterChain(route_table="shop")),
        "listeners.web.filter_chains[1].server_names",
        "filter chain 0 of this listener already takes every connection",
        "names of its own",
    ),
    "plain and TLS on one address": (
        listening(FilterChain(route_table="shop", transport=TLS, server_names=("a.test",)), FilterChain(route_table="shop")),
        "listeners.web.filter_chains[1].transport",
        "both plain and TLS",
        "different ports",
    ),
    "two listeners on one address": (
        snapshot(
            listeners={
                "web": Listener(address=":80", filter_chains=(FilterChain(route_table="shop"),)),
                "other": Listener(address="0.0.0.0:80", filter_chains=(FilterChain(route_table="shop"),)),
            }
        ),
        "listeners.other.address",
        "'web' already has the address",
        "another port",
    ),
    "TLS settings in the clear": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), transport=TransportConfig(server_name="a.test"))),
        "clusters.reviews.transport.server_name",
        "but the transport is plain",
        '"security": "tls"',
    ),
    "identities outside the mesh": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), transport=TransportConfig(identities=("spiffe://a/b",)))),
        "clusters.reviews.transport.identities",
        "the transport is not the mesh's",
        "remove it",
    ),
    "mode outside the mesh": (
        listening(FilterChain(route_table="shop", transport=TransportConfig(mode="permissive"))),
        f"{CHAIN}.transport.mode",
        "the transport is not the mesh's",
        "remove it",
    ),
    "server names in the mesh": (
        listening(FilterChain(route_table="shop", transport=mesh(identities=()), server_names=("a.test",))),
        f"{CHAIN}.server_names",
        "a chain is not chosen by server names",
        "listeners of their own",
    ),
    "a mesh peer without certificate": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), transport=mesh(certificates=()))),
        "clusters.reviews.transport.certificates",
        "must show who it is",
        "workload",
    ),
    "a mesh peer without authorities": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), transport=mesh(trust_file=""))),
        "clusters.reviews.transport.trust_file",
        "the mesh's authorities",
        "workload",
    ),
    "a mesh cluster for anybody": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), transport=mesh(identities=()))),
        "clusters.reviews.transport.identities",
        "could stand in for this one",
        "SPIFFE IDs",
    ),
    "an identity that is none": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), transport=mesh(identities=("reviews",)))),
        "clusters.reviews.transport.identities[0]",
        "no SPIFFE ID",
        "spiffe://",
    ),
    "a permissive cluster": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), transport=mesh(mode="permissive"))),
        "clusters.reviews.transport.mode",
        "for listeners only",
        "remove it",
    ),
    "a mesh cluster that trusts everybody": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), transport=mesh(verify=False))),
        "clusters.reviews.transport.verify",
        "always verified",
        "tls",
    ),
    "endpoint without host": (
        reaching(Cluster(endpoints=(Endpoint(address=":80"),))),
        "clusters.reviews.endpoints[0].address",
        "needs a host",
        "127.0.0.1:80",
    ),
    "endpoint with port 0": (
        reaching(Cluster(endpoints=(Endpoint(address="h:0"),))),
        "clusters.reviews.endpoints[0].address",
        "other than 0",
        "h:9080",
    ),
    "label name": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), labels={"a-b": "x"})),
        "clusters.reviews.labels.a-b",
        "'a-b' is no metric label",
        "underscores",
    ),
    "label value": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), labels={"a": "x\ny"})),
        "clusters.reviews.labels.a",
        "cannot be a label's value",
        "printable",
    ),
    "name with blanks": (
        snapshot(clusters={"a b": Cluster(endpoints=(Endpoint(address="h:1"),))}),
        "clusters['a b']",
        "'a b' is no name",
        "without blanks",
    ),
    "no hosts": (hosting(VirtualHost(name="v", hosts=())), "route_tables.shop.virtual_hosts[0].hosts", "never reached", '["*"]'),
    "host with port": (
        hosting(VirtualHost(name="v", hosts=("a.test:80",))),
        "route_tables.shop.virtual_hosts[0].hosts[0]",
        "has a port",
        "write 'a.test'",
    ),
    "host as URL": (
        hosting(VirtualHost(name="v", hosts=("http://a.test/",))),
        "route_tables.shop.virtual_hosts[0].hosts[0]",
        "is a URL",
        "only the host",
    ),
    "host in umlauts": (
        hosting(VirtualHost(name="v", hosts=("bücher.test",))),
        "route_tables.shop.virtual_hosts[0].hosts[0]",
        "no host name",
        "xn--",
    ),
    "a host twice": (
        hosting(VirtualHost(name="v", hosts=("a.test",)), VirtualHost(name="w", hosts=("b.test", "A.test"))),
        "route_tables.shop.virtual_hosts[1].hosts[1]",
        "already belongs to the virtual host 'v'",
        "move the routes",
    ),
    "a virtual host twice": (
        hosting(VirtualHost(name="v", hosts=("a.test",)), VirtualHost(name="v", hosts=("b.test",))),
        "route_tables.shop.virtual_hosts[1].name",
        "already called 'v'",
        "name of its own",
    ),
    "a route twice": (
        hosting(VirtualHost(name="v", hosts=("*",), routes=(PLAIN_ROUTE, PLAIN_ROUTE))),
        "route_tables.shop.virtual_hosts[0].routes[1].name",
        "route 0 of this virtual host is already called 'r'",
        "name of its own",
    ),
    "no matches": (
        routing(Route(name="r", matches=(), backends=BACKENDS)),
        f"{ROUTE}.matches",
        "takes nothing",
        "leave 'matches' out",
    ),
    "backends and redirect": (
        routing(Route(name="r", backends=BACKENDS, redirect=Redirect(host="a.test"))),
        f"{ROUTE}.redirect",
        "either backends or a redirect",
        "remove one",
    ),
    "redirect and rewrite": (
        routing(Route(name="r", redirect=Redirect(host="a.test"), rewrite=Rewrite(path="/x"))),
        f"{ROUTE}.rewrite",
        "both redirect and rewrite",
        "keep the redirect",
    ),
    "a mirror to nowhere": (
        routing(Route(name="r", backends=BACKENDS, mirrors=(Mirror(cluster="revews"),))),
        f"{ROUTE}.mirrors[0].cluster",
        "no cluster is called 'revews'",
        "did you mean 'reviews'",
    ),
    "too many mirrors": (
        routing(Route(name="r", backends=BACKENDS, mirrors=(Mirror(cluster="reviews"),) * 17)),
        f"{ROUTE}.mirrors",
        "17 mirrors, 16 are allowed",
        "fewer clusters",
    ),
    "a retry without pause": (
        routing(Route(name="r", backends=BACKENDS, retry=Retry(backoff=Duration(0.0)))),
        f"{ROUTE}.retry.backoff",
        "longer than nothing",
        "need a pause",
    ),
    "an origin without scheme": (
        routing(Route(name="r", backends=BACKENDS, cors=Cors(allow_origins=("shop.test",)))),
        f"{ROUTE}.cors.allow_origins[0]",
        "is no origin",
        "scheme and host",
    ),
    "a method that nobody sends": (
        routing(Route(name="r", backends=BACKENDS, cors=Cors(allow_methods=("*", "get")))),
        f"{ROUTE}.cors.allow_methods[1]",
        "case counts",
        "write GET",
    ),
    "a header that may break a head": (
        routing(Route(name="r", backends=BACKENDS, cors=Cors(expose_headers=("a b",)))),
        f"{ROUTE}.cors.expose_headers[0]",
        "is no header name",
        "letters, digits",
    ),
    "routes for misdirected hosts": (
        hosting(VirtualHost(name="all", hosts=("*",), routes=(Route(name="r", backends=BACKENDS),), misdirected=True)),
        "route_tables.shop.virtual_hosts[0].routes",
        "reach no routes",
        "remove the routes",
    ),
    "two bundles of authorities": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), transport=trusting(trust_file="ca.pem", trust_pem="pem"))),
        "clusters.reviews.transport.trust_pem",
        "both 'trust_file' and 'trust_pem'",
        "remove one",
    ),
    "a bundle without end": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), transport=trusting(trust_pem="x" * (LARGEST_BUNDLE + 1)))),
        "clusters.reviews.transport.trust_pem",
        "are allowed",
        "leave out authorities",
    ),
    "an alternative name that is none": (
        reaching(Cluster(endpoints=(Endpoint(address="h:1"),), transport=trusting(subject_alt_names=("a_b!",)))),
        "clusters.reviews.transport.subject_alt_names[0]",
        "is no host name",
        "write for example",
    ),
    "a listener that expects names of its clients": (
        listening(FilterChain(route_table="shop", transport=msgspec.structs.replace(TLS, subject_alt_names=("a.test",)))),
        "listeners.web.filter_chains[0].transport.subject_alt_names",
        "for clusters only",
        "remove it",
    ),
    "redirect to a pattern": (
        routing(Route(name="r", redirect=Redirect(host="*.test"))),
        f"{ROUTE}.redirect.host",
        "is a pattern",
        "the one host",
    ),
    "path and prefix": (
        routing(Route(name="r", backends=BACKENDS, rewrite=Rewrite(path="/a", prefix="/b"))),
        f"{ROUTE}.rewrite.prefix",
        "both 'path' and 'prefix'",
        "remove one",
    ),
    "prefix replaced where none matched": (
        routing(Route(name="r", matches=EXACT, backends=BACKENDS, rewrite=Rewrite(prefix="/b"))),
        f"{ROUTE}.rewrite.prefix",
        "every match of the route is by prefix",
        "use 'path'",
    ),
    "rewrite to a wrong host": (
        routing(Route(name="r", backends=BACKENDS, rewrite=Rewrite(host="a b"))),
        f"{ROUTE}.rewrite.host",
        "'a b' is no host",
        "reviews.test:9080",
    ),
    "line break in a rewritten path": (
        routing(Route(name="r", backends=BACKENDS, rewrite=Rewrite(path="/a\r\nx: y"))),
        f"{ROUTE}.rewrite.path",
        "is no URL path",
        "percent-encode",
    ),
    "an attempt longer than the exchange": (
        routing(Route(name="r", backends=BACKENDS, timeout=Duration(1.0), backend_timeout=Duration(2.0))),
        f"{ROUTE}.backend_timeout",
        "one attempt may take 2s, but the whole exchange only 1s",
        "at most '1s'",
    ),
    "no time": (
        routing(Route(name="r", backends=BACKENDS, created="yesterday")),
        f"{ROUTE}.created",
        "no RFC 3339 time",
        "2026-01-31T12:00:00Z",
    ),
    "relative path": (matching(Match(path=PathMatch(value="a"))), f"{MATCH}.path.value", "not absolute", "'/a'"),
    "path with query": (matching(Match(path=PathMatch(value="/a?b=c"))), f"{MATCH}.path.value", "has a query", "'query'"),
    "path with fragment": (matching(Match(path=PathMatch(value="/a#b"))), f"{MATCH}.path.value", "fragment", "remove it"),
    "path with blanks": (matching(Match(path=PathMatch(value="/a b"))), f"{MATCH}.path.value", "no URL path", "%20"),
    "path with dot segments": (matching(Match(path=PathMatch(value="/a/../b"))), f"{MATCH}.path.value", "'/../'", "without such"),
    "path with an encoded slash": (
        matching(Match(path=PathMatch(value="/a%2Fb"))),
        f"{MATCH}.path.value",
        "encoded slash",
        "regex",
    ),
    "path too long": (
        matching(Match(path=PathMatch(value="/" + "a" * 1024))),
        f"{MATCH}.path.value",
        "1025 characters, 1024 are allowed",
        "shorten",
    ),
    "empty regex": (
        matching(Match(path=PathMatch(kind="regex", value=""))),
        f"{MATCH}.path.value",
        "empty regular expression",
        "RE2",
    ),
    "method in lower case": (matching(Match(method="get")), f"{MATCH}.method", "case counts", "write GET"),
    "two methods": (matching(Match(method="GET,POST")), f"{MATCH}.method", "is no method", "one method"),
    "pseudo-header": (
        matching(Match(headers=(ValueMatch(name=":path", value="x"),))),
        f"{MATCH}.headers[0].name",
        "no header name",
        "instead of pseudo-headers",
    ),
    "header name": (
        matching(Match(headers=(ValueMatch(name="a b", value="x"),))),
        f"{MATCH}.headers[0].name",
        "no header name",
        "letters, digits",
    ),
    "header value": (
        matching(Match(headers=(ValueMatch(name="a", value="x\ny"),))),
        f"{MATCH}.headers[0].value",
        "cannot be a header value",
        "visible",
    ),
    "value beside present": (
        matching(Match(query=(ValueMatch(name="a", kind="present", value="x"),))),
        f"{MATCH}.query[0].value",
        "looks at no value",
        "remove the value",
    ),
    "nameless parameter": (
        matching(Match(query=(ValueMatch(name="", value="x"),))),
        f"{MATCH}.query[0].name",
        "needs a name",
        "in the URL",
    ),
    "header injection": (
        changing(set=(("x-a", "b\r\nx-c: d"),)),
        f"{ROUTE}.request_headers.set[0][1]",
        "cannot be a header value",
        "visible",
    ),
    "blank at the end": (
        changing(add=(("x-a", "b "),)),
        f"{ROUTE}.request_headers.add[0][1]",
        "begins or ends with a blank",
        "remove the blank",
    ),
    "framing": (
        changing(set=(("Transfer-Encoding", "chunked"),)),
        f"{ROUTE}.request_headers.set[0][0]",
        "belongs to the connection",
        "leave it out",
    ),
    "length": (
        changing(remove=("content-length",)),
        f"{ROUTE}.request_headers.remove[0]",
        "belongs to the connection",
        "leave it out",
    ),
    "host as a header": (
        changing(set=(("Host", "a.test"),)),
        f"{ROUTE}.request_headers.set[0][0]",
        "cannot be changed as a header",
        "rewrite.host",
    ),
}


def test_the_snapshots_that_the_cases_vary_are_right() -> None:
    assert find_mistakes(listening(FilterChain(route_table="shop"))) == []
    assert find_mistakes(listening(FilterChain(route_table="shop", transport=TLS))) == []
    assert find_mistakes(matching(Match(path=PathMatch(kind="starts_with", value="/a"), method="GET"))) == []
    assert find_mistakes(changing(set=(("x-a", "täxt"),), add=(("x-b", ""),), remove=("cookie",))) == []


@pytest.mark.parametrize(("wrong", "path", "message", "hint"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_told_with_path_reason_and_hint(wrong: Snapshot, path: str, message: str, hint: str) -> None:
    (error,) = check_snapshot(wrong)
    assert error.path == path
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("doubtful", "path"),
    [
        (reaching(Cluster()), "clusters.reviews.endpoints"),
        (
            reaching(Cluster(endpoints=(Endpoint(address="h:1"), Endpoint(address="H:1")))),
            "clusters.reviews.endpoints[1].address",
        ),
        (routing(Route(name="r")), ROUTE),
        (routing(Route(name="r", redirect=Redirect(status=303))), f"{ROUTE}.redirect"),
        (routing(Route(name="r", backends=(WeightedCluster(cluster="reviews", weight=0),))), f"{ROUTE}.backends"),
    ],
)
def test_what_is_allowed_but_hardly_meant_is_a_warning_and_no_error(doubtful: Snapshot, path: str) -> None:
    assert check_snapshot(doubtful) == []
    (warning,) = [mistake.without_place() for mistake in find_mistakes(doubtful)]
    assert (warning.severity, warning.path) == ("warning", path)


def test_files_must_be_named() -> None:
    wrong = Snapshot(certificates={"a": Certificate(chain_file="", key_file="x\0y")}, access_log=AccessLog(file=""))
    assert [error.path for error in check_snapshot(wrong)] == [
        "certificates.a.chain_file",
        "certificates.a.key_file",
        "access_log.file",
    ]


def test_ports_that_are_chosen_later_do_not_collide() -> None:
    free = Listener(address=":0", filter_chains=(FilterChain(route_table="shop"),))
    assert check_snapshot(snapshot(listeners={"a": free, "b": free})) == []


def test_the_mesh_needs_no_certificate_of_the_snapshot() -> None:
    inbound = FilterChain(route_table="shop", transport=mesh(identities=(), mode="permissive"))
    assert find_mistakes(listening(inbound)) == []
    assert find_mistakes(reaching(Cluster(endpoints=(Endpoint(address="h:1"),), transport=mesh()))) == []


def test_a_route_that_a_plugin_answers_needs_no_backends() -> None:
    assert find_mistakes(routing(Route(name="r", plugins=(PluginConfig(plugin="directresponse"),)))) == []


def test_a_share_without_cluster_is_worth_a_warning() -> None:
    shares = (WeightedCluster(cluster="reviews"), WeightedCluster(cluster=""))
    (mistake,) = find_mistakes(routing(Route(name="r", backends=shares)))
    assert mistake.severity == "warning"
    assert mistake.path[-3:] == ("backends", 1, "cluster")
