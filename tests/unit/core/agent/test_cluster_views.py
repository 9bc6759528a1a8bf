"""Each worker's view of its clusters, and their sum."""

import msgspec
import pytest

from hauberk_core.agent.cluster_views import ClusterView, EndpointView, sum_clusters


def _told(*views: ClusterView) -> bytes:
    return msgspec.json.encode(list(views))


def _books(*endpoints: EndpointView, unresolved: tuple[str, ...] = ()) -> ClusterView:
    return ClusterView("books", "least_request", "tls", 3, 1, list(endpoints), list(unresolved))


def test_workers_are_summed_by_address() -> None:
    one = _told(_books(EndpointView("127.0.0.1:1", "a.test", 2, 1), EndpointView("127.0.0.1:2", "a.test", 0, 0)))
    other = _told(_books(EndpointView("127.0.0.1:1", "a.test", 5, 0), unresolved=("b.test",)))
    [summed] = sum_clusters([one, other])
    assert summed.endpoints == [EndpointView("127.0.0.1:1", "a.test", 7, 1), EndpointView("127.0.0.1:2", "a.test", 0, 0)]
    assert (summed.connections, summed.waiting, summed.unresolved) == (6, 2, ["b.test"])


def test_a_cluster_that_only_one_worker_has_yet_is_shown() -> None:
    pens = ClusterView("pens", "round_robin", "plain", 0, 0, [], [])
    assert [view.name for view in sum_clusters([_told(pens, _books()), _told(_books())])] == ["books", "pens"]


def test_what_is_no_view_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        sum_clusters([b'[{"name": 7}]'])
