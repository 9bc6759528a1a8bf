"""Whatever an object says: a proxy can serve what becomes of it, and each problem has its place in the object."""

from typing import Any, Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from resource_scenarios import FILE, sidecar_node, store_of
from virtual_service_scenarios import OUTBOUND, WORLD

from hauberk_control.store import Object, Place, key_of
from hauberk_control.translate.translate import translate
from hauberk_core.config import check_whole
from hauberk_core.resources.read import read_file

BASE: Final = store_of(WORLD)
NODES: Final = (sidecar_node(outbound=OUTBOUND, http_proxy_port=15099), msgspec.structs.replace(sidecar_node(), captured=True))


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with any of some fields."""
    return st.fixed_dictionaries({}, optional=fields)


_texts = st.sampled_from(["", "/", "/a", "/a/", "/A.b", "a", "GET", "reviews", "[", "a+", "é", "http", "https://a.test", "%2f"])
_matches = st.one_of(st.sampled_from(["exact", "prefix", "regex"]).flatmap(lambda kind: st.fixed_dictionaries({kind: _texts})))
_conditions = st.dictionaries(st.sampled_from(["x", "host", "uri", "Y"]), st.one_of(_matches, st.just({})), max_size=2)
_destinations = st.builds(
    lambda host, more: {"host": host, **more},
    st.sampled_from(["reviews", "ratings", "nobody", "reviews.default.svc.cluster.local"]),
    some(subset=st.sampled_from(["v1", "v2", "v9", ""]), port=st.sampled_from([{"number": 9080}, {"number": 1}])),
)
_values = st.dictionaries(st.sampled_from(["x", "host", ":authority", "y"]), st.sampled_from(["", "a", "a.test", "%START_TIME%"]))
_operations = some(set=_values, add=_values, remove=st.lists(st.sampled_from(["x", "host", "y"]), max_size=2))
_headers = some(request=_operations, response=_operations)
_percentages = st.builds(lambda value: {"value": value}, st.sampled_from([0, 0.1, 50, 100]))
_durations = st.sampled_from(["0s", "1ms", "1.5s", "48h"])
_outcomes = st.one_of(
    st.builds(
        lambda several: {"route": several},
        st.lists(
            st.builds(
                lambda to, weight, more: {"destination": to, "weight": weight, **more},
                _destinations,
                st.integers(1, 3),
                some(headers=_headers),
            ),
            min_size=1,
            max_size=3,
        ),
    ),
    st.builds(
        lambda told: {"redirect": told},
        some(uri=_texts, authority=_texts, scheme=st.just("https"), derivePort=st.just("FROM_REQUEST_PORT")),
    ),
    st.sampled_from([{"directResponse": {"status": 200}}, {"directResponse": {"status": 503, "body": {"string": "a"}}}]),
)
_more = some(
    name=_texts,
    match=st.lists(
        some(
            uri=_matches,
            scheme=_matches,
            method=_matches,
            authority=_matches,
            headers=_conditions,
            withoutHeaders=_conditions,
            queryParams=_conditions,
            ignoreUriCase=st.booleans(),
            port=st.sampled_from([9080, 1]),
            sourceLabels=st.sampled_from([{"app": "productpage"}, {"app": "other"}]),
            gateways=st.sampled_from([["mesh"], ["edge"]]),
        ),
        max_size=3,
    ),
    rewrite=some(uri=_texts, authority=_texts),
    timeout=_durations,
    retries=some(attempts=st.integers(0, 30), perTryTimeout=_durations, retryOn=st.sampled_from(["5xx", "a,503", ""])),
    fault=some(
        delay=some(fixedDelay=_durations, percentage=_percentages),
        abort=some(httpStatus=st.integers(0, 700), percentage=_percentages),
    ),
    mirrors=st.lists(
        st.builds(lambda to, share: {"destination": to, "percentage": share}, _destinations, _percentages), max_size=2
    ),
    corsPolicy=some(allowOrigins=st.lists(_matches, max_size=2), allowMethods=st.lists(_texts, max_size=2), maxAge=_durations),
    headers=_headers,
)
_rules = st.builds(lambda outcome, more: {**more, **outcome}, _outcomes, _more)
_specs = st.builds(
    lambda hosts, http: {"hosts": hosts, "http": http},
    st.sampled_from([["reviews"], ["*"], ["*.default.svc.cluster.local", "reviews"]]),
    st.lists(_rules, min_size=1, max_size=3),
)


@settings(max_examples=40)
@given(_specs)
def test_any_rules_make_a_configuration_that_a_proxy_takes(spec: dict[str, Any]) -> None:
    document = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "reviews"}, "spec": spec}
    read = read_file(msgspec.json.encode(document), f"{FILE}.json")
    [found] = read.objects
    place = Place(found.written.origin, found.line, found.column)
    store = BASE.with_changes({key_of(found.value): Object(key_of(found.value), found.value, place, found.written)})
    for node in NODES:
        translation = translate(store, node)
        check_whole(translation.snapshot, "")
        assert all(problem.line and problem.path.startswith("spec.") and problem.hint for problem in translation.problems)
