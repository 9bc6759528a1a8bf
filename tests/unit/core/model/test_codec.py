"""Reading and writing configurations: what is refused, where, and with which advice; and that nothing is lost on the way."""

import contextlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.model import (
    AccessLog,
    Certificate,
    Cluster,
    Duration,
    Endpoint,
    FilterChain,
    HeaderModifier,
    HttpLimits,
    HttpTimeouts,
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
from hauberk_core.model.codec import KINDS, decode_resource, decode_snapshot, encode_resource, encode_snapshot
from hauberk_core.model.document import LARGEST_DOCUMENT, MOST_ERRORS
from hauberk_core.model.errors import ConfigError, ConfigErrors
from hauberk_core.model.plugin import JsonObject

EXAMPLE = Path(__file__).parents[4] / "examples" / "gateway.json"


class Broken(NamedTuple):
    """A document with one mistake. In its text `<` marks the place where the mistake must be reported; it is removed."""

    text: str
    path: str
    message: str
    hint: str


def in_cluster(members: str, path: str, message: str, hint: str) -> Broken:
    """A mistake among the members of the cluster `c`."""
    return Broken(f'{{"clusters": {{"c": {{{members}}}}}}}', f"clusters.c.{path}", message, hint)


def in_route(members: str, path: str, message: str, hint: str) -> Broken:
    """A mistake among the members of the first route of the table `t`."""
    virtual_host = f'{{"name": "v", "hosts": ["*"], "routes": [{{"name": "r", {members}}}]}}'
    text = f'{{"route_tables": {{"t": {{"virtual_hosts": [{virtual_host}]}}}}}}'
    return Broken(text, f"route_tables.t.virtual_hosts[0].routes[0].{path}", message, hint)


def in_chain(members: str, path: str, message: str, hint: str) -> Broken:
    """A mistake among the members of the first filter chain of the listener `a`."""
    text = f'{{"listeners": {{"a": {{"address": ":1", "filter_chains": [{{"route_table": "t", {members}}}]}}}}}}'
    return Broken(text, f"listeners.a.filter_chains[0].{path}", message, hint)


BROKEN = {
    "empty": Broken("<", "", "the document ends where a value should stand", "write the whole document"),
    "only blanks": Broken(" \n  <", "", "the document ends", "write the whole document"),
    "unclosed object": Broken('{"version": "1"<', "", "the document ends where a comma or a closing brace", "line 1, column 1"),
    "unclosed list": Broken('{"a":\n[1<', "a", "the document ends where a comma or a closing bracket", "line 2, column 1"),
    "comma too many": Broken('{"version": "1"<,\n}', "", "a comma after the last member", "remove the comma"),
    "comma too many in a list": Broken('{"a": [1<, ]}', "a", "a comma after the last item", "remove the comma"),
    "comma missing": Broken('{"version": "1"\n  <"clusters": {}}', "", "expected a comma", "write a comma before it"),
    "colon missing": Broken('{"version" <"1"}', "", "expected a colon after the name 'version'", "write a colon"),
    "single quotes": Broken("{<'version': 1}", "", 'found "\'"', "double quotes"),
    "name without quotes": Broken(
        "{<version: 1}", "", "expected a member's name in double quotes, found 'version'", "double quotes"
    ),
    "comment": Broken('{\n  <// why\n  "version": "1"}', "", "found '/'", "no comments"),
    "Python's True": Broken('{"version": <True}', "version", "found 'True'", "write true"),
    "not a number": Broken('{"version": <NaN}', "version", "found 'NaN'", "no such number"),
    "number too large": Broken('{"version": <1e999}', "version", "out of range", "smaller"),
    "number too long": Broken(f'{{"version": <{"9" * 5000}}}', "version", "cannot be represented", "18 digits"),
    "text not closed": Broken('{"version": <"1}', "version", "not closed", "closing double quote"),
    "line break in text": Broken('{"version": "a<\nb"}', "version", "a line break", "\\n"),
    "unknown escape": Broken('{"version": "a<\\q"}', "version", "begins no escape", "\\\\ for a backslash"),
    "half a surrogate": Broken('{"version": <"\\ud800"}', "version", "half of a surrogate pair", "both halves"),
    "text behind": Broken("{}\n<{}", "", "text after the end", "closing brace too many"),
    "byte order mark": Broken("<\ufeff{}", "", "byte order mark", "without BOM"),
    "nested too deep": Broken('{"a":' + "[" * 63 + "<[", "a" + "[0]" * 63, "deeper than 64 levels", "flatten"),
    "not an object": Broken("<[]", "", "expected an object, got a list", "braces"),
    "unknown member": Broken('{<"versoin": "1"}', "versoin", "no member is called 'versoin'", "did you mean 'version'?"),
    "unknown member unlike any": Broken(
        '{<"qqq": "1"}', "qqq", "no member is called 'qqq'", "known: 'access_log', 'certificates'"
    ),
    "unknown member deep inside": Broken(
        '{"clusters": {"c": {"endpoints": [{"address": "h:1"}, {<"adress": "h:1"}]}}}',
        "clusters.c.endpoints[1].adress",
        "no member is called 'adress'",
        "did you mean 'address'?",
    ),
    "missing member": Broken('{"listeners": {"a": <{"captured": true}}}', "listeners.a", "'address' missing", "add it"),
    "several missing": Broken('{"certificates": {"a": <{}}}', "certificates.a", "'chain_file', 'key_file' missing", "add them"),
    "text for a number": in_cluster(
        '"max_pending": <"10"', "max_pending", "expected a whole number, got '10'", "write 10 without quotes"
    ),
    "word for a number": in_cluster(
        '"max_pending": <"ten"', "max_pending", "expected a whole number, got 'ten'", "without quotes"
    ),
    "fraction": in_cluster('"max_pending": <1.5', "max_pending", "expected a whole number, got 1.5", "without a fraction"),
    "true for a number": in_cluster('"max_pending": <true', "max_pending", "got true", "a number"),
    "number too small": in_cluster('"max_connections": <0', "max_connections", "0 is out of range", "from 1 to 1000000"),
    "number of 30 digits": in_chain(
        f'"limits": {{"body_bytes": <{"9" * 30}}}', "limits.body_bytes", "out of range", "from 0 to 1125899906842624"
    ),
    "number for text": Broken('{"version": <1}', "version", "expected text, got 1", "double quotes"),
    "null for text": Broken('{"version": <null}', "version", "expected text, got null", "double quotes"),
    "object for a list": in_cluster(
        '"endpoints": <{"address": "h:1"}', "endpoints", "expected a list, got an object", "in brackets"
    ),
    "list for an object": Broken('{"clusters": <[]}', "clusters", "expected an object, got a list", "under its name"),
    "text for an object": Broken('{"access_log": <"text"}', "access_log", "expected an object, got 'text'", "braces"),
    "text for true": in_cluster(
        '"transport": {"verify": <"no"}', "transport.verify", "expected true or false, got 'no'", "without quotes"
    ),
    "unknown word": in_cluster(
        '"load_balancing": <"round-robin"',
        "load_balancing",
        "'round-robin' is not one of the values",
        "did you mean 'round_robin'?",
    ),
    "wrong case": Broken('{"access_log": {"format": <"JSON"}}', "access_log.format", "'JSON' is not one", "did you mean 'json'?"),
    "text for a known number": in_route(
        '"redirect": {"status": <"301"}', "redirect.status", "'301' is not one", "write 301 without quotes"
    ),
    "duration without unit": in_cluster(
        '"idle_timeout": <"15"', "idle_timeout", "'15' is not a duration", "write '15s' or '15ms'"
    ),
    "number for a duration": in_cluster('"idle_timeout": <15', "idle_timeout", "expected a duration, got 15", '"15s"'),
    "duration with a foreign unit": in_cluster(
        '"idle_timeout": <"3 days"', "idle_timeout", "'3 days' is not a duration", "h, m, s, ms"
    ),
    "duration too fine": in_cluster('"idle_timeout": <"0.5ms"', "idle_timeout", "finer than a millisecond", "whole milliseconds"),
    "duration too long": in_cluster('"idle_timeout": <"37h"', "idle_timeout", "longer than the 36 h", "shorter"),
    "pair of one": in_route(
        '"request_headers": {"set": [<["x"]]}', "request_headers.set[0]", "expected 2 items, got 1", '["name", "value"]'
    ),
    "pair as object": in_route(
        '"request_headers": {"set": [<{"x": "y"}]}',
        "request_headers.set[0]",
        "expected a list of 2, got an object",
        '["name", "value"]',
    ),
    "plugin's configuration as text": in_route(
        '"plugins": [{"plugin": "p", "config": <"on"}]', "plugins[0].config", "is a JSON object", "in braces"
    ),
    "plugin's configuration too deep": in_route(
        '"plugins": [{"plugin": "p", "config": <' + '{"a":' * 33 + "1" + "}" * 33 + "}]",
        "plugins[0].config",
        "nested deeper than the 32 levels",
        "flatten",
    ),
    "a name twice": Broken(
        '{"clusters": {"c": {},\n   <"c": {}}}',
        "clusters.c",
        "'c' stands here a second time; the first is in line 1",
        "keep or rename one",
    ),
    "a strange name": Broken(
        '{"clusters": {"out bound|1": {<"x": 1}}}', "clusters['out bound|1'].x", "no member is called 'x'", "known: 'codec'"
    ),
}


def errors_of(text: str | bytes) -> list[ConfigError]:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ConfigErrors) as caught:
        decode_snapshot(data, "gateway.json")
    return caught.value.errors


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_mistake_is_told_with_place_path_reason_and_hint(broken: Broken) -> None:
    before, _, after = broken.text.partition("<")
    (error,) = errors_of(before + after)
    assert (error.line, error.column) == (before.count("\n") + 1, len(before) - before.rfind("\n"))
    assert error.origin == "gateway.json"
    assert error.severity == "error"
    assert error.path == broken.path
    assert broken.message in error.message
    assert broken.hint in error.hint


def test_all_mistakes_are_told_in_the_order_of_the_document() -> None:
    errors = errors_of(
        '{"listeners": {"a": {"adress": ":80", "filter_chains": 1}},\n "version": 3, "version": "x",\n "clusters": {"c": []}}'
    )
    assert [(error.line, error.path) for error in errors] == [
        (1, "listeners.a.adress"),
        (1, "listeners.a.filter_chains"),
        (2, "version"),
        (2, "version"),
        (3, "clusters.c"),
    ]


def test_columns_count_characters_not_octets() -> None:
    (error,) = errors_of('{"version": "äöü", "x": 1}')
    assert error.column == 20


def test_octets_that_are_no_utf8_are_told_with_their_place() -> None:
    (error,) = errors_of(b'{"version":\n "\xff"}')
    assert (error.line, error.column, error.message) == (2, 3, "not UTF-8")


def test_the_number_of_reported_mistakes_is_bounded() -> None:
    members = ", ".join(f'"unknown{number}": 1' for number in range(3 * MOST_ERRORS))
    assert len(errors_of("{" + members + "}")) == MOST_ERRORS
    twice = ", ".join(['"a": {}'] * (3 * MOST_ERRORS))
    assert len(errors_of('{"clusters": {' + twice + "}}")) == MOST_ERRORS


def test_a_document_beyond_the_limit_is_refused_unread() -> None:
    (error,) = errors_of(b" " * (LARGEST_DOCUMENT + 1))
    assert str(LARGEST_DOCUMENT) in error.message


def test_a_document_of_too_many_values_is_refused_before_each_costs_memory() -> None:
    (error,) = errors_of("[" + "1," * 1_000_001 + "1]")
    assert "more than 1000000 values" in error.message


def test_deep_nesting_ends_in_an_error_and_not_in_the_interpreters_limit() -> None:
    for opening in ("[", '{"a":'):
        (error,) = errors_of(opening * 100_000)
        assert "nested deeper than 64 levels" in error.message


def test_long_texts_are_shortened_in_messages() -> None:
    (error,) = errors_of('{"' + "x" * 10_000 + '": 1}')
    assert len(str(error)) < 500


def test_an_error_reads_as_place_path_message_and_indented_hint() -> None:
    (error,) = errors_of('{"version": 1}')
    assert str(error) == "gateway.json:1:13: version: expected text, got 1\n    write it in double quotes"


def test_the_shortest_document_is_a_snapshot_of_defaults() -> None:
    assert decode_snapshot(b"{}", "x") == Snapshot()


def test_the_model_keeps_its_promises_however_it_was_built() -> None:
    """Frozen, strict about members, and silent about defaults: also where the hot modules are compiled."""
    for struct in (*KINDS.values(), Snapshot, Route, Match, Endpoint, FilterChain, TransportConfig, PluginConfig, VirtualHost):
        config = struct.__struct_config__
        assert config.frozen
        assert config.forbid_unknown_fields
        assert config.omit_defaults
    with pytest.raises(AttributeError):
        Endpoint(address="h:1").address = "h:2"  # type: ignore[misc]


def test_text_is_stable_and_leaves_out_what_equals_its_default() -> None:
    spelled_out = decode_snapshot(b'{"clusters": {"b": {"max_pending": 1024, "idle_timeout": "1m"}, "a": {}}}', "x")
    left_out = Snapshot(clusters={"a": Cluster(), "b": Cluster()})
    assert encode_snapshot(spelled_out) == encode_snapshot(left_out) == b'{\n  "clusters": {\n    "a": {},\n    "b": {}\n  }\n}\n'


def test_a_member_without_default_is_always_written() -> None:
    text = encode_snapshot(Snapshot(access_log=None, listeners={"a": Listener(address="")}))
    assert json.loads(text) == {"listeners": {"a": {"address": ""}}, "access_log": None}


def test_the_example_survives_a_round() -> None:
    snapshot = decode_snapshot(EXAMPLE.read_bytes(), "gateway.json")
    assert len(snapshot.route_tables["bookshop"].virtual_hosts) == 2
    assert decode_snapshot(encode_snapshot(snapshot), "again") == snapshot


def test_a_plugins_configuration_is_kept_whatever_it_holds() -> None:
    config = '{"z": 1, "a": {"b": [null, true, 1.5, 123456789012345678901234567890, "\\u00e9"]}}'
    route = f'{{"name": "r", "plugins": [{{"plugin": "p", "config": {config}}}]}}'
    text = f'{{"route_tables": {{"t": {{"virtual_hosts": [{{"name": "v", "hosts": ["*"], "routes": [{route}]}}]}}}}}}'
    snapshot = decode_snapshot(text.encode(), "x")
    kept = snapshot.route_tables["t"].virtual_hosts[0].routes[0].plugins[0].config
    assert kept.decode() == json.loads(config)
    assert kept == JsonObject.of(json.loads(config))
    assert decode_snapshot(encode_snapshot(snapshot), "x") == snapshot
    table = snapshot.route_tables["t"]
    assert decode_resource("route_table", encode_resource(table)) == table


def test_a_resource_of_another_version_is_refused() -> None:
    foreign = msgspec.msgpack.encode({"endpoints": [], "invented_later": 1})
    with pytest.raises(msgspec.ValidationError, match="invented_later"):
        decode_resource("cluster", foreign)
    with pytest.raises(msgspec.ValidationError, match="Duration"):
        decode_resource("cluster", msgspec.msgpack.encode({"idle_timeout": 5}))
    with pytest.raises(KeyError):
        decode_resource("secret", b"")


# --- any snapshot -----------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DURATIONS = st.integers(0, 36 * 3600 * 1000).map(lambda milliseconds: Duration(milliseconds / 1000))
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def tuples(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=3).map(tuple)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


PAIRS = tuples(st.tuples(TEXTS, TEXTS))
TRANSPORTS = st.builds(
    TransportConfig,
    security=st.sampled_from(["plain", "tls"]),
    certificates=tuples(TEXTS),
    server_name=TEXTS,
    trust_file=TEXTS,
    verify=st.booleans(),
    alpn=tuples(TEXTS),
    min_version=st.sampled_from(["1.2", "1.3"]),
)
MODIFIERS = st.builds(HeaderModifier, remove=tuples(TEXTS), set=PAIRS, add=PAIRS)
VALUE_MATCHES = st.builds(
    ValueMatch, name=TEXTS, kind=st.sampled_from(["exact", "prefix", "regex", "present"]), value=TEXTS, invert=st.booleans()
)
PATH_MATCHES = st.builds(PathMatch, kind=st.sampled_from(["exact", "prefix", "starts_with", "regex"]), value=TEXTS)
ROUTES = st.builds(
    Route,
    name=TEXTS,
    matches=tuples(st.builds(Match, path=PATH_MATCHES, method=TEXTS, headers=tuples(VALUE_MATCHES), query=tuples(VALUE_MATCHES))),
    created=TEXTS,
    backends=tuples(
        st.builds(
            WeightedCluster,
            cluster=TEXTS,
            weight=st.integers(0, 1_000_000),
            request_headers=maybe(MODIFIERS),
            response_headers=maybe(MODIFIERS),
        )
    ),
    redirect=maybe(
        st.builds(
            Redirect,
            scheme=st.sampled_from(["", "http", "https"]),
            host=TEXTS,
            port=st.integers(0, 65535),
            path=maybe(TEXTS),
            prefix=maybe(TEXTS),
            status=st.sampled_from([301, 302, 303, 307, 308]),
        )
    ),
    rewrite=maybe(st.builds(Rewrite, host=TEXTS, path=maybe(TEXTS), prefix=maybe(TEXTS))),
    request_headers=maybe(MODIFIERS),
    response_headers=maybe(MODIFIERS),
    timeout=DURATIONS,
    backend_timeout=DURATIONS,
    plugins=tuples(st.builds(PluginConfig, plugin=TEXTS, config=st.dictionaries(TEXTS, JSON, max_size=3).map(JsonObject.of))),
)
ROUTE_TABLES = st.builds(
    RouteTable, virtual_hosts=tuples(st.builds(VirtualHost, name=TEXTS, hosts=tuples(TEXTS), routes=tuples(ROUTES)))
)
CHAINS = st.builds(
    FilterChain,
    route_table=TEXTS,
    server_names=tuples(TEXTS),
    transport=TRANSPORTS,
    codec=st.sampled_from(["strict", "h11"]),
    limits=st.builds(HttpLimits, head_bytes=st.integers(512, 1 << 20), body_bytes=st.integers(0, 1 << 50)),
    timeouts=st.builds(HttpTimeouts, head=DURATIONS, idle=DURATIONS, stall=DURATIONS, handshake=DURATIONS, drain=DURATIONS),
)
LISTENERS = st.builds(Listener, address=TEXTS, filter_chains=tuples(CHAINS))
CLUSTERS = st.builds(
    Cluster,
    endpoints=tuples(st.builds(Endpoint, address=TEXTS)),
    load_balancing=st.sampled_from(["least_request", "round_robin"]),
    transport=TRANSPORTS,
    connect_timeout=DURATIONS,
    idle_timeout=DURATIONS,
    max_connections=st.integers(1, 1_000_000),
    max_pending=st.integers(0, 1_000_000),
    connect_attempts=st.integers(1, 10),
    labels=st.dictionaries(TEXTS, TEXTS, max_size=3),
)
CERTIFICATES = st.builds(Certificate, chain_file=TEXTS, key_file=TEXTS)
ACCESS_LOGS = st.builds(AccessLog, file=TEXTS, format=st.sampled_from(["text", "json"]))
SNAPSHOTS = st.builds(
    Snapshot,
    version=TEXTS,
    listeners=st.dictionaries(TEXTS, LISTENERS, max_size=2),
    route_tables=st.dictionaries(TEXTS, ROUTE_TABLES, max_size=2),
    clusters=st.dictionaries(TEXTS, CLUSTERS, max_size=2),
    certificates=st.dictionaries(TEXTS, CERTIFICATES, max_size=2),
    access_log=maybe(ACCESS_LOGS),
)
RESOURCES = st.one_of(
    st.tuples(st.just("listener"), LISTENERS),
    st.tuples(st.just("route_table"), ROUTE_TABLES),
    st.tuples(st.just("cluster"), CLUSTERS),
    st.tuples(st.just("certificate"), CERTIFICATES),
    st.tuples(st.just("access_log"), ACCESS_LOGS),
)


@given(SNAPSHOTS)
def test_any_snapshot_survives_being_written_and_read(snapshot: Snapshot) -> None:
    text = encode_snapshot(snapshot)
    read = decode_snapshot(text, "round")
    assert read == snapshot
    assert encode_snapshot(read) == text


@given(RESOURCES)
def test_any_resource_survives_the_way_to_a_worker(resource: tuple[str, Any]) -> None:
    kind, value = resource
    assert decode_resource(kind, encode_resource(value)) == value


@given(st.binary(max_size=64) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_read_either_decodes_or_raises_errors_with_places(data: bytes) -> None:
    with contextlib.suppress(ConfigErrors):
        decode_snapshot(data, "x")
        return
    for error in errors_of(data):
        assert error.line >= 1
        assert error.column >= 1
        assert error.hint
