"""What a proxy at the edge believes of its clients, what it passes on, and what it goes by."""

from typing import TYPE_CHECKING, Any

import pytest

from hauberk_core.model import Endpoint, FilterChain, HashBy, Listener, Match, PathMatch, Redirect, Rewrite, Snapshot
from hauberk_core.model.check import check_snapshot
from hauberk_core.model.edge import Edge
from hauberk_core.sim.peer import ScriptedEndpoint
from hauberk_core.sim.simulation import CLIENT_HOST

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

STRANGER = Edge()
ONE_HOP = Edge(trusted_hops=1)
TWO_HOPS = Edge(trusted_hops=2)
BY_ADDRESS = Edge(trusted_proxies=(f"{CLIENT_HOST}/32", "10.0.0.0/8"))
BY_FORWARDED = Edge(trusted_proxies=(f"{CLIENT_HOST}/32", "10.0.0.0/8"), address_field="forwarded")
OWN_ELEMENT = f'for={CLIENT_HOST};proto=http;host="a.test"'
OTHERS = Edge(trusted_proxies=("10.0.0.0/8",))


def sent(scenario: "Scenario", *fields: str, endpoint: ScriptedEndpoint | None = None) -> dict[str, str]:
    """What of a request with these fields reaches the endpoint."""
    endpoint = endpoint or scenario.serve()
    client = scenario.browser()
    scenario.get(client, "/", *fields)
    lines = endpoint.connection().received().decode("latin-1").split("\r\n\r\n")[0].split("\r\n")[1:]
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        assert name.lower() not in found, lines
        found[name.lower()] = value
    return found


@pytest.mark.parametrize(
    ("edge", "fields", "client", "listed"),
    [
        (STRANGER, (), CLIENT_HOST, CLIENT_HOST),
        (STRANGER, ("X-Forwarded-For: 1.1.1.1",), CLIENT_HOST, f"1.1.1.1, {CLIENT_HOST}"),
        (ONE_HOP, ("X-Forwarded-For: 1.1.1.1, 2.2.2.2",), "2.2.2.2", f"1.1.1.1, 2.2.2.2, {CLIENT_HOST}"),
        (TWO_HOPS, ("X-Forwarded-For: 9.9.9.9, 1.1.1.1, 2.2.2.2",), "1.1.1.1", f"9.9.9.9, 1.1.1.1, 2.2.2.2, {CLIENT_HOST}"),
        # Fewer than there are proxies: it did not come through all of them.
        (TWO_HOPS, ("X-Forwarded-For: 1.1.1.1",), CLIENT_HOST, f"1.1.1.1, {CLIENT_HOST}"),
        (ONE_HOP, ("X-Forwarded-For: a name",), CLIENT_HOST, f"a name, {CLIENT_HOST}"),
        (BY_ADDRESS, ("X-Forwarded-For: 9.9.9.9, 1.1.1.1, 10.0.0.1",), "1.1.1.1", f"1.1.1.1, 10.0.0.1, {CLIENT_HOST}"),
        (BY_ADDRESS, ("X-Forwarded-For: 10.0.0.2, 10.0.0.1",), "10.0.0.2", f"10.0.0.2, 10.0.0.1, {CLIENT_HOST}"),
        (BY_ADDRESS, ("X-Forwarded-For: 1.1.1.1, unknown, 10.0.0.1",), "10.0.0.1", f"10.0.0.1, {CLIENT_HOST}"),
        (BY_ADDRESS, ("X-Forwarded-For: [2001:db8::1]:5",), "2001:db8::1", f"2001:db8::1, {CLIENT_HOST}"),
        (OTHERS, ("X-Forwarded-For: 1.1.1.1",), CLIENT_HOST, CLIENT_HOST),
        (
            BY_FORWARDED,
            ("X-Forwarded-For: 7", "Forwarded: for=9.9.9.9, for=1.1.1.1;proto=https"),
            "1.1.1.1",
            f"1.1.1.1, {CLIENT_HOST}",
        ),
        (BY_FORWARDED, ("X-Forwarded-For: 7.7.7.7", 'Forwarded: for="broken'), CLIENT_HOST, CLIENT_HOST),
        (BY_FORWARDED, ("X-Forwarded-For: 7.7.7.7",), CLIENT_HOST, CLIENT_HOST),
    ],
)
def test_who_the_client_is(build: "Build", edge: Edge, fields: tuple[str, ...], client: str, listed: str) -> None:
    scenario = build(chain={"edge": edge})
    got = sent(scenario, *fields)
    assert (got["x-envoy-external-address"], got["x-forwarded-for"]) == (client, listed)
    assert "forwarded" not in got
    remote = scenario.record().downstream_remote
    host, _, port = remote.rpartition(":")
    assert host.strip("[]") == client
    assert (port == "0") == (client != CLIENT_HOST)


def test_without_an_edge_nothing_is_taken_off(scenario: "Scenario") -> None:
    got = sent(scenario, "X-Envoy-Retry-On: 5xx", "Forwarded: for=1.1.1.1", "X-Forwarded-Host: b")
    assert (got["x-envoy-retry-on"], got["forwarded"], got["x-forwarded-host"]) == ("5xx", "for=1.1.1.1", "b")
    assert "x-envoy-external-address" not in got


@pytest.mark.parametrize(
    "field",
    [
        "x-envoy-external-address: 1.1.1.1",
        "X-ENVOY-Retry-On: 5xx",
        "X_Envoy_Original_Path: /admin",
        "x-envoy_upstream-rq-timeout-ms: 1",
        "Hauberk-Sent: nothing",
        "HAUBERK_REASON: x",
        "X_Forwarded_For: 1.1.1.1",
        "x-forwarded_proto: https",
        "X_Real_IP: 1.1.1.1",
        "X-Real-IP: 1.1.1.1",
        "X-Forwarded-Host: evil.test",
        "X-Forwarded-Port: 1",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Prefix: /admin",
        "Forwarded: for=1.1.1.1",
    ],
)
@pytest.mark.parametrize("edge", [STRANGER, OTHERS])
def test_what_strangers_may_not_say(build: "Build", edge: Edge, field: str) -> None:
    scenario = build(chain={"edge": edge})
    endpoint = scenario.serve()
    plain = sent(scenario, endpoint=endpoint)
    plain.pop("x-request-id")
    got = sent(scenario, field, "X-Mine: kept", endpoint=endpoint)
    got.pop("x-request-id")
    assert got == plain | {"x-mine": "kept"}


def test_connection_cannot_name_ours(build: "Build") -> None:
    got = sent(build(chain={"edge": STRANGER}), "Connection: x-forwarded-for, X-Envoy-External-Address, x-forwarded-proto, via")
    assert (got["x-forwarded-for"], got["x-envoy-external-address"], got["x-forwarded-proto"]) == (
        CLIENT_HOST,
        CLIENT_HOST,
        "http",
    )


@pytest.mark.parametrize("edge", [ONE_HOP, BY_ADDRESS])
def test_what_trusted_proxies_may_say(build: "Build", edge: Edge) -> None:
    fields = ("X-Forwarded-Proto: https", "X-Forwarded-Host: shop.test", "X-Forwarded-Port: 8443")
    scenario = build(chain={"edge": edge})
    endpoint = scenario.serve()
    got = sent(scenario, *fields, endpoint=endpoint)
    assert [got[f"x-forwarded-{name}"] for name in ("proto", "host", "port")] == ["https", "shop.test", "8443"]
    assert sent(scenario, "X-Forwarded-Proto: gopher", endpoint=endpoint)["x-forwarded-proto"] == "http"
    assert "x-envoy-retry-on" not in sent(scenario, "X-Envoy-Retry-On: 5xx", *fields, endpoint=endpoint)


@pytest.mark.parametrize(
    ("edge", "fields", "expected"),
    [
        (
            Edge(forwarded="append"),
            ("Forwarded: for=1.1.1.1", "X-Forwarded-For: 1.1.1.1"),
            OWN_ELEMENT,
        ),
        (
            Edge(forwarded="replace", trusted_hops=1),
            ("X-Forwarded-For: 2001:db8::1",),
            'for="[2001:db8::1]";proto=http;host="a.test"',
        ),
        (
            Edge(forwarded="append", trusted_proxies=(f"{CLIENT_HOST}/32",), address_field="forwarded"),
            ("Forwarded: for=9.9.9.9", "Forwarded: for=1.1.1.1;proto=https"),
            f'for=1.1.1.1, for={CLIENT_HOST};proto=https;host="a.test"',
        ),
    ],
)
def test_the_forwarded_field_is_written_anew(build: "Build", edge: Edge, fields: tuple[str, ...], expected: str) -> None:
    assert sent(build(chain={"edge": edge}), *fields)["forwarded"] == expected


@pytest.mark.parametrize(
    ("fields", "location"),
    [
        ((), "http://a.test:8080/new"),
        (("X-Forwarded-Proto: https",), "https://a.test/new"),
        (("X-Forwarded-Proto: https", "X-Forwarded-Port: 8443"), "https://a.test:8443/new"),
        (("X-Forwarded-Proto: https", "X-Forwarded-Port: 99999"), "https://a.test/new"),
    ],
)
def test_a_redirect_stays_where_the_client_is(build: "Build", fields: tuple[str, ...], location: str) -> None:
    scenario = build(chain={"edge": ONE_HOP}, route={"backends": (), "redirect": Redirect(path="/new")})
    client = scenario.browser()
    scenario.get(client, "/", *fields)
    assert f"location: {location}\r\n".encode() in client.received()


def test_hashing_goes_by_the_client(build: "Build") -> None:
    endpoints = tuple([Endpoint(address=f"192.0.2.{number}:9080") for number in range(20, 30)])
    cluster: dict[str, Any] = {"endpoints": endpoints, "load_balancing": "ring_hash", "hash_by": HashBy(source_address=True)}
    scenario = build(chain={"edge": ONE_HOP}, cluster=cluster)
    served = [scenario.serve(endpoint.address) for endpoint in endpoints]
    client = scenario.browser()
    taken = set()
    for number in range(30):
        scenario.get(client, "/", f"X-Forwarded-For: 198.51.100.{number}")
        scenario.run()
        [(index, got)] = [(index, one) for index, one in enumerate(served) if one.connections() and one.connection().received()]
        got.connection().send(scenario.ok)
        client.received()
        taken.add(index)
    assert len(taken) > 4


@pytest.mark.parametrize("version", [1, 2])
def test_one_path_is_decided_by_and_sent(build: "Build", version: int) -> None:
    scenario = build(chain={"path_normalization": "base"}, route={"matches": (Match(path=PathMatch(value="/admin")),)})
    endpoint = scenario.serve()
    if version == 1:
        scenario.get(scenario.browser(), "/public/%2e%2E/admin/x?a=/../b")
    else:
        from h2_browser import Browser

        Browser(scenario.browser()).ask(path="/public/%2e%2E/admin/x")
    assert endpoint.connection().received().startswith(b"GET /admin/x" + (b"?a=/../b " if version == 1 else b" "))
    endpoint.connection().send(scenario.ok)
    assert scenario.record().path.startswith("/admin/x")


def test_a_rewritten_path_is_a_normal_one_too(build: "Build") -> None:
    matches = (Match(path=PathMatch(kind="starts_with", value="/a")),)
    route = {"matches": matches, "rewrite": Rewrite(prefix="/b//./c/")}
    scenario = build(chain={"path_normalization": "merge_slashes"}, route=route)
    endpoint = scenario.serve()
    client = scenario.browser()
    for path, expected in (("/ax/y", "/b/c/x/y"), ("/a../y", "/b/c/y"), ("/a/y", "/b/c/y")):
        scenario.get(client, path)
        assert endpoint.connection().received().split(b" ")[1] == expected.encode()
        endpoint.connection().send(scenario.ok)
        assert client.received()
    scenario.log()


def test_a_wrong_edge_is_told() -> None:
    chain = FilterChain(route_table="", protocol="tcp", edge=Edge(trusted_hops=1, trusted_proxies=("a",)))
    wrong = check_snapshot(Snapshot(listeners={"web": Listener(address=":1", filter_chains=(chain,))}))
    assert [mistake.path.rpartition("edge.")[2] for mistake in wrong] == ["trusted_proxies[0]", "trusted_hops"]
