"""What a gateway's proxy is told of connections that pass as they are."""

import pytest
import trustme
from resource_scenarios import gateway_node, secret, service, store_of, workload

from hauberk_control.translate.translate import Translation, translate
from hauberk_core.config import check_whole
from hauberk_core.model import Datagrams, Duration, FilterChain, WeightedCluster
from hauberk_core.net.server_name import ServerNames

AUTHORITY = trustme.CA(key_type=trustme.KeyType.ECDSA)
LEAF = AUTHORITY.issue_cert("a.test", "*.a.test", key_type=trustme.KeyType.ECDSA)
SECRET = secret("shop", LEAF.cert_chain_pems[0].bytes(), LEAF.private_key_pem.bytes())
STORES = "".join(
    [
        service(name, 6379) + workload(f"{name}-v1", port, app=name, port_name="http-6379")
        for name, port in (("redis", 20001), ("other", 20002))
    ]
)
REDIS = "outbound|6379||redis.default.svc.cluster.local"
OTHER = "outbound|6379||other.default.svc.cluster.local"
PASS = "protocol: TLS, tls: {mode: Passthrough}"
END = "protocol: TLS, tls: {mode: Terminate, certificateRefs: [{name: shop}]}"
HTTPS = "protocol: HTTPS, tls: {certificateRefs: [{name: shop}]}"


def gateway(*listeners: str) -> str:
    listed = "".join([f"\n  - {{{one}}}" for one in listeners])
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web}}
spec:
  gatewayClassName: hauberk
  listeners:{listed}
"""


def route(kind: str, backends: str, hosts: str = "", name: str = "r", section: str = "", created: str = "") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {name}{f", creationTimestamp: '{created}'" if created else ""}}}
spec:
  parentRefs: [{{name: web{f", sectionName: {section}" if section else ""}}}]
  {f"hostnames: [{hosts}]" if hosts else ""}
  rules: [{{backendRefs: [{backends}]}}]
"""


def told(*texts: str) -> Translation:
    """A translation whose snapshot the proxy would take."""
    translation = translate(store_of(STORES, SECRET, *texts), gateway_node(ports={}))
    check_whole(translation.snapshot, "")
    return translation


def chains(translation: Translation, port: int) -> tuple[FilterChain, ...]:
    return translation.snapshot.listeners[f"port-{port}"].filter_chains


def shares(chain: FilterChain) -> list[tuple[str, int]]:
    return [(backend.cluster, backend.weight) for backend in chain.backends]


def asked(translation: Translation, port: int, name: str) -> list[tuple[str, int]] | None:
    """Where a client goes that asks for `name`; None: nobody is there for it."""
    found = chains(translation, port)
    index = ServerNames([chain.server_names for chain in found]).find(name)
    return None if index < 0 else shares(found[index])


def test_connections_are_shared_by_weight() -> None:
    backends = "{name: redis, port: 6379, weight: 9}, {name: other, port: 6379, weight: 1}"
    translation = told(gateway("name: a, port: 6379, protocol: TCP"), route("TCPRoute", backends))
    [chain] = chains(translation, 6379)
    assert (chain.protocol, chain.transport.security) == ("tcp", "plain")
    assert shares(chain) == [(REDIS, 9), (OTHER, 1)]
    assert [endpoint.address for endpoint in translation.snapshot.clusters[REDIS].endpoints] == ["127.0.0.1:20001"]
    assert translation.problems == ()


def test_the_share_of_a_backend_that_is_not_there_is_reset_and_named() -> None:
    backends = "{name: redis, port: 6379}, {name: gone, port: 1, weight: 3}"
    translation = told(gateway("name: a, port: 6379, protocol: TCP"), route("TCPRoute", backends))
    [chain] = chains(translation, 6379)
    assert shares(chain) == [(REDIS, 1), ("", 3)]
    [problem] = translation.problems
    assert problem.path == "spec.rules[0].backendRefs[1]"
    assert "reset" in problem.message


def test_a_tcp_listener_without_routes_listens_and_leads_nowhere() -> None:
    [chain] = chains(told(gateway("name: a, port: 6379, protocol: TCP")), 6379)
    assert chain == FilterChain(protocol="tcp")


def test_of_several_routes_of_a_tcp_listener_the_oldest_counts() -> None:
    younger = route("TCPRoute", "{name: redis, port: 6379}", name="a", created="2026-02-01T00:00:00Z")
    older = route("TCPRoute", "{name: other, port: 6379}", name="z", created="2026-01-01T00:00:00Z")
    [chain] = chains(told(gateway("name: a, port: 6379, protocol: TCP"), younger, older), 6379)
    assert shares(chain) == [(OTHER, 1)]


def test_tls_passes_by_the_names_that_listener_and_route_share() -> None:
    listener = gateway(f"name: a, port: 443, hostname: '*.a.test', {PASS}")
    exact = route("TLSRoute", "{name: redis, port: 6379}", "x.a.test", name="exact")
    wide = route("TLSRoute", "{name: other, port: 6379}", "'*.test'", name="wide")
    translation = told(listener, exact, wide)
    assert {chain.protocol for chain in chains(translation, 443)} == {"tls"}
    assert asked(translation, 443, "x.a.test") == [(REDIS, 1)]
    assert asked(translation, 443, "y.a.test") == [(OTHER, 1)]
    assert asked(translation, 443, "y.test") is None
    assert asked(translation, 443, "") is None


def test_a_name_that_two_routes_want_is_the_older_ones() -> None:
    younger = route("TLSRoute", "{name: redis, port: 6379}", "a.test, b.test", name="a", created="2026-02-01T00:00:00Z")
    older = route("TLSRoute", "{name: other, port: 6379}", "a.test", name="z", created="2026-01-01T00:00:00Z")
    translation = told(gateway(f"name: a, port: 443, {PASS}"), younger, older)
    assert asked(translation, 443, "a.test") == [(OTHER, 1)]
    assert asked(translation, 443, "b.test") == [(REDIS, 1)]


def test_no_listener_answers_for_a_more_specific_one_without_routes() -> None:
    listeners = gateway(f"name: wide, port: 443, hostname: '*.test', {PASS}", f"name: own, port: 443, hostname: a.test, {PASS}")
    translation = told(listeners, route("TLSRoute", "{name: redis, port: 6379}", "'*.test', a.test", section="wide"))
    assert asked(translation, 443, "b.test") == [(REDIS, 1)]
    assert asked(translation, 443, "a.test") == []


def test_one_port_ends_tls_for_some_names_passes_others_and_serves_https() -> None:
    listeners = gateway(
        f"name: end, port: 443, hostname: end.a.test, {END}",
        f"name: pass, port: 443, hostname: pass.test, {PASS}",
        f"name: web, port: 443, hostname: a.test, {HTTPS}",
    )
    texts = (
        route("TLSRoute", "{name: redis, port: 6379}", "end.a.test", name="end", section="end"),
        route("TLSRoute", "{name: other, port: 6379}", "pass.test", name="pass", section="pass"),
        route("HTTPRoute", "{name: redis, port: 6379}", "a.test", name="web", section="web"),
    )
    translation = told(listeners, *texts)
    found = {chain.server_names: chain for chain in chains(translation, 443)}
    ends, passes, web = found["end.a.test",], found["pass.test",], found["a.test",]
    assert (ends.protocol, ends.transport.security, ends.transport.alpn) == ("tcp", "tls", ())
    assert (passes.protocol, passes.transport.security) == ("tls", "plain")
    assert (web.protocol, web.transport.security, web.transport.alpn) == ("http", "tls", ("h2", "http/1.1"))
    assert list(translation.certificates) == list(ends.transport.certificates)
    assert translation.problems == ()


@pytest.mark.parametrize("name", ["a.test", "anything", ""])
def test_a_tcp_route_gets_everything_that_was_inside_tls(name: str) -> None:
    listener = gateway(f"name: a, port: 443, {END}, allowedRoutes: {{kinds: [{{kind: TCPRoute}}]}}")
    assert asked(told(listener, route("TCPRoute", "{name: redis, port: 6379}")), 443, name) == [(REDIS, 1)]


def test_whoever_asks_a_ports_clients_to_prove_who_they_are_asks_all_of_them() -> None:
    bundle = "".join([f"\n    {line}" for line in AUTHORITY.cert_pem.bytes().decode().splitlines()])
    authorities = f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: ca}}\ndata:\n  ca.crt: |{bundle}\n"
    validation = "{validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}}"
    listeners = gateway(f"name: a, port: 443, hostname: a.test, {END}", f"name: b, port: 443, hostname: b.test, {HTTPS}")
    texts = listeners.replace("  listeners:", f"  tls: {{frontend: {{default: {validation}}}}}\n  listeners:")
    assert {bool(chain.transport.trust_pem) for chain in chains(told(texts, authorities), 443)} == {True}


def annotated(value: str) -> str:
    own = f"metadata: {{name: web, annotations: {{hauberk.dev/proxy-protocol-from: '{value}'}}}}"
    return gateway("name: a, port: 6379, protocol: TCP").replace("metadata: {name: web}", own)


def test_a_gateway_names_the_proxies_that_say_whose_connections_they_pass_on() -> None:
    translation = told(annotated("10.0.0.0/8, 2001:db8::/32,192.0.2.7"))
    assert translation.snapshot.listeners["port-6379"].proxy_protocol_from == ("10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32")
    assert translation.problems == ()
    assert told(annotated("")).snapshot.listeners["port-6379"].proxy_protocol_from == ()


def test_of_proxies_written_wrongly_nobody_is_believed() -> None:
    translation = told(annotated("10.0.0.1/8, everybody, 192.0.2.7"))
    assert translation.snapshot.listeners["port-6379"].proxy_protocol_from == ("192.0.2.7/32",)
    assert [("10.0.0.1/8" in one.message, "everybody" in one.message) for one in translation.problems] == [
        (True, False),
        (False, True),
    ]
    many = ", ".join([f"192.0.2.{number}" for number in range(70)])
    translation = told(annotated(many))
    assert len(translation.snapshot.listeners["port-6379"].proxy_protocol_from) == 64
    assert "70 ranges" in translation.problems[0].message


DNS = """
---
apiVersion: v1
kind: Service
metadata: {name: dns}
spec:
  selector: {app: dns}
  ports:
  - {name: dns-tcp, port: 53, protocol: TCP}
  - {name: dns, port: 53, protocol: UDP}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: dns-a, labels: {kubernetes.io/service-name: dns}}
addressType: IPv4
endpoints: [{addresses: [10.1.0.1]}, {addresses: [10.1.0.2]}]
ports: [{name: dns-tcp, port: 1053, protocol: TCP}, {name: dns, port: 2053, protocol: UDP}]
"""
OF_UDP = "outbound|53/udp||dns.default.svc.cluster.local"
OF_TCP = "outbound|53||dns.default.svc.cluster.local"


def with_settings(text: str, **annotations: str) -> str:
    written = ", ".join([f"hauberk.dev/udp-{name.replace('_', '-')}: '{value}'" for name, value in annotations.items()])
    return text.replace("metadata: {name: r", f"metadata: {{annotations: {{{written}}}, name: r")


def test_tcp_and_udp_share_the_number_of_a_port() -> None:
    translation = told(
        DNS,
        gateway("name: tcp, port: 53, protocol: TCP", "name: udp, port: 53, protocol: UDP"),
        route("TCPRoute", "{name: dns, port: 53}", name="over-tcp", section="tcp"),
        route("UDPRoute", "{name: dns, port: 53}", name="over-udp", section="udp"),
    )
    assert translation.problems == ()
    [chain] = chains(translation, 53)
    assert shares(chain) == [(OF_TCP, 1)]
    udp = translation.snapshot.listeners["udp-53"]
    assert udp.address == "127.0.0.1:53"
    assert udp.datagrams == Datagrams(backends=(WeightedCluster(cluster=OF_UDP),))
    clusters = translation.snapshot.clusters
    assert [one.address for one in clusters[OF_UDP].endpoints] == ["10.1.0.1:2053", "10.1.0.2:2053"]
    assert [one.address for one in clusters[OF_TCP].endpoints] == ["10.1.0.1:1053", "10.1.0.2:1053"]


def test_datagrams_are_shared_by_weight_and_of_several_routes_the_oldest_has_them() -> None:
    backends = "{name: dns, port: 53, weight: 7}, {name: nobody, port: 53, weight: 2}, {name: redis, port: 6379, weight: 1}"
    translation = told(
        DNS,
        gateway("name: udp, port: 53, protocol: UDP"),
        route("UDPRoute", "{name: dns, port: 53}", name="young", created="2026-02-02T00:00:00Z"),
        route("UDPRoute", backends, name="old", created="2026-01-01T00:00:00Z"),
    )
    datagrams = translation.snapshot.listeners["udp-53"].datagrams
    assert datagrams is not None
    assert [(one.cluster, one.weight) for one in datagrams.backends] == [(OF_UDP, 7), ("", 2), ("", 1)]
    assert [error.message.rpartition("; ")[2] for error in translation.problems] == ["its share of datagrams is dropped"] * 2
    assert {error.severity for error in translation.problems} == {"warning"}


def test_a_udp_listener_without_a_route_drops_what_comes() -> None:
    translation = told(DNS, gateway("name: udp, port: 53, protocol: UDP"))
    assert translation.snapshot.listeners["udp-53"].datagrams == Datagrams()


def test_annotations_of_a_route_say_how_its_sessions_are() -> None:
    plain = route("UDPRoute", "{name: dns, port: 53}")
    listener = gateway("name: udp, port: 53, protocol: UDP")
    translation = told(DNS, listener, with_settings(plain, balance="datagram", idle_timeout="5s"))
    assert translation.problems == ()
    datagrams = translation.snapshot.listeners["udp-53"].datagrams
    assert datagrams is not None
    assert (datagrams.balance, datagrams.idle_timeout) == ("datagram", Duration(5.0))


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        ("balance", "packet", "'packet' is not what can be divided"),
        ("idle_timeout", "soon", "soon"),
        ("idle_timeout", "10ms", "too short a time"),
    ],
)
def test_what_an_annotation_says_wrongly_is_told_and_left_out(annotation: str, value: str, words: str) -> None:
    text = with_settings(route("UDPRoute", "{name: dns, port: 53}"), **{annotation: value})
    translation = told(DNS, gateway("name: udp, port: 53, protocol: UDP"), text)
    [error] = translation.problems
    assert words in error.message
    assert translation.snapshot.listeners["udp-53"].datagrams == Datagrams(backends=(WeightedCluster(cluster=OF_UDP),))
