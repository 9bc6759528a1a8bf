"""Sampling: within bounds, the same at every hop, and no decision overruled that came."""

import random
import uuid

import pytest

from hauberk_tracing.config import make_sampler, read_config
from hauberk_tracing.context import DEFERRED, NOT_SAMPLED, SAMPLED, TraceContext
from hauberk_tracing.sampler import Sampler, new_trace_id

REQUESTS = 20_000
dice = random.Random(7)
IDS = [str(uuid.UUID(int=dice.getrandbits(128), version=4)) for _ in range(REQUESTS)]


def _context(decision: int, trace_id: str = "0" * 18 + "8" + "0" * 13) -> TraceContext:
    return TraceContext(trace_id, "b7ad6b7169203331", decision, decision, True)


@pytest.mark.parametrize("ratio", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("kind", ["random ids", "counted ids"])
def test_the_share_of_requests_without_a_context(ratio: float, kind: str) -> None:
    sampler = Sampler(ratio, True)
    ids = IDS if kind == "random ids" else [f"request-{number}" for number in range(REQUESTS)]
    share = sum(sampler.samples(None, request_id) for request_id in ids) / REQUESTS
    # Five standard deviations.
    assert abs(share - ratio) < 5 * (ratio * (1 - ratio) / REQUESTS) ** 0.5


def test_all_and_none() -> None:
    assert all(Sampler(1.0, True).samples(None, request_id) for request_id in IDS[:1000])
    assert not any(Sampler(0.0, True).samples(None, request_id) for request_id in IDS[:1000])


@pytest.mark.parametrize("ratio", [0.001, 0.1, 0.37])
def test_the_next_hop_agrees_by_the_trace_id_that_this_one_made(ratio: float) -> None:
    by_request, by_trace, larger = Sampler(ratio, True), Sampler(ratio, False), Sampler(min(1.0, ratio * 2), False)
    for request_id in IDS:
        digits = f"{dice.getrandbits(96):024x}"
        trace_id = new_trace_id(request_id, digits)
        assert len(trace_id) == 32
        sampled = by_request.samples(None, request_id)
        assert by_trace.samples(_context(SAMPLED, trace_id), "") == sampled
        assert larger.samples(_context(SAMPLED, trace_id), "") or not sampled


def test_equal_request_ids_do_not_make_equal_traces() -> None:
    assert new_trace_id("same", "1" * 24) != new_trace_id("same", "2" * 24)


def test_a_decision_that_came_is_kept_by_a_parent_based_sampler() -> None:
    assert Sampler(0.0, True).samples(_context(SAMPLED), "")
    assert not Sampler(1.0, True).samples(_context(NOT_SAMPLED), "")
    assert Sampler(1.0, True).samples(_context(DEFERRED), "")
    assert not Sampler(0.0, True).samples(_context(DEFERRED), "")


def test_other_samplers_go_by_the_trace_id_alone() -> None:
    # Half of all trace ids are as random as this one.
    assert Sampler(0.5, False).samples(_context(NOT_SAMPLED), "")
    assert not Sampler(0.49, False).samples(_context(SAMPLED), "")


@pytest.mark.parametrize(
    ("name", "without", "with_sampled", "with_unsampled"),
    [
        ("always_on", True, True, True),
        ("always_off", False, False, False),
        ("parentbased_always_on", True, True, False),
        ("parentbased_always_off", False, True, False),
    ],
)
def test_opentelemetrys_names(name: str, without: bool, with_sampled: bool, with_unsampled: bool) -> None:
    sampler = make_sampler(read_config({"sampler": name}))
    assert sampler.samples(None, "r") is without
    assert sampler.samples(_context(SAMPLED), "r") is with_sampled
    assert sampler.samples(_context(NOT_SAMPLED), "r") is with_unsampled


def test_the_ratio_belongs_to_the_two_that_have_one() -> None:
    assert make_sampler(read_config({"sampler": "always_on", "ratio": 0.0})).samples(None, "r")
    assert not make_sampler(read_config({"sampler": "parentbased_traceidratio", "ratio": 0.0})).samples(None, "r")


@pytest.mark.parametrize("config", [{"sampler": "sometimes"}, {"ratio": 1.5}, {"ratio": "1"}, {"ration": 0.1}])
def test_a_wrong_configuration_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"sampler|ratio|ration|Expected"):
        read_config(config)
