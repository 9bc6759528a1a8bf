"""Workloads that joined, as objects of the store."""

import pytest

from hauberk_control.local import workloads as workloads_module
from hauberk_control.local.messages import RegisterWorkload
from hauberk_control.local.workloads import Workloads, WorkloadTaken, account_of, labels_of
from hauberk_control.store import Store
from hauberk_core.resources import Service, WorkloadEntry
from hauberk_core.resources.kubernetes.service import ServicePort, ServiceSpec
from hauberk_core.resources.meta import ObjectMeta


def _request(name: str = "reviews-v2", version: str = "v2", **more: object) -> RegisterWorkload:
    return RegisterWorkload(service="reviews", version=version, name=name, ports={9080: 41000}, **more)  # type: ignore[arg-type]


def _service(selector: dict[str, str], port_name: str | None = None) -> Service:
    return Service(
        api_version="v1",
        kind="Service",
        metadata=ObjectMeta(name="reviews"),
        spec=ServiceSpec(selector=selector, ports=(ServicePort(name=port_name, port=9080),)),
    )


def _entries(workloads: Workloads, store: Store) -> list[WorkloadEntry]:
    return list(workloads.added_to(store).of(WorkloadEntry))


def test_nobody_is_sent_to_a_workload_before_it_is_ready() -> None:
    workloads, store = Workloads(), Store()
    workloads.add(_request())
    assert _entries(workloads, store) == []
    assert workloads.note_ready("default", "reviews-v2")
    [entry] = _entries(workloads, store)
    assert (entry.metadata.namespace, entry.metadata.name) == ("default", "reviews-v2")
    assert entry.spec.address == "127.0.0.1"
    assert entry.spec.ports == {"9080": 41000}
    assert entry.spec.service_account == "reviews"
    assert entry.spec.labels == {"app": "reviews", "version": "v2"}


def test_who_is_not_registered_cannot_be_ready() -> None:
    workloads = Workloads()
    assert not workloads.note_ready("default", "reviews-v2")
    assert _entries(workloads, Store()) == []


def test_a_workload_that_left_is_gone_and_not_ready_when_it_comes_back() -> None:
    workloads = Workloads()
    first = _request()
    workloads.add(first)
    workloads.note_ready("default", "reviews-v2")
    workloads.remove(first)
    assert _entries(workloads, Store()) == []
    assert workloads.account("default", "reviews-v2") is None
    workloads.add(_request())
    assert _entries(workloads, Store()) == []


def test_the_end_of_an_older_one_leaves_a_newer_one_of_the_name() -> None:
    workloads = Workloads()
    older, newer = _request(), _request()
    workloads.add(older)
    workloads.remove(older)
    workloads.add(newer)
    workloads.note_ready("default", "reviews-v2")
    workloads.remove(older)
    assert len(_entries(workloads, Store())) == 1


def test_a_name_is_taken_once_in_a_namespace() -> None:
    workloads = Workloads()
    workloads.add(_request())
    with pytest.raises(WorkloadTaken, match=r"default/reviews-v2 runs already; stop it, or give this one another name: --name"):
        workloads.add(_request())
    workloads.add(_request(namespace="shop"))


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workloads_module, "MOST_WORKLOADS", 2)
    workloads = Workloads()
    workloads.add(_request("a"))
    workloads.add(_request("b"))
    with pytest.raises(WorkloadTaken, match="2 workloads run already"):
        workloads.add(_request("c"))


def test_the_account_is_the_service_where_none_is_named() -> None:
    workloads = Workloads()
    workloads.add(_request())
    workloads.add(_request("other", service_account="auditor"))
    assert workloads.account("default", "reviews-v2") == "reviews"
    assert workloads.account("default", "other") == "auditor"
    assert workloads.account("shop", "other") is None
    assert account_of(_request(service_account="auditor")) == "auditor"


def test_those_that_ran_before_take_requests_until_they_are_given_up() -> None:
    workloads, store = Workloads([_request("a"), _request("b")]), Store()
    assert [entry.metadata.name for entry in _entries(workloads, store)] == ["a", "b"]
    assert workloads.account("default", "a") == "reviews"
    workloads.add(_request("a"))
    # It has said that it is there, and not yet that its program is: it was before, and nobody is to notice.
    assert [entry.metadata.name for entry in _entries(workloads, store)] == ["a", "b"]
    workloads.note_ready("default", "a")
    assert workloads.serving() == [_request("a"), _request("b")]
    assert workloads.give_up_expected() == [_request("b")]
    assert workloads.serving() == [_request("a")]
    assert workloads.account("default", "b") is None


def test_another_run_under_the_name_of_one_before_is_not_taken_for_it() -> None:
    workloads, store = Workloads([_request()]), Store()
    workloads.add(_request(version="v3"))
    assert _entries(workloads, store) == []


def test_one_that_came_back_and_left_is_gone() -> None:
    workloads = Workloads([_request()])
    back = _request()
    workloads.add(back)
    workloads.remove(back)
    assert workloads.serving() == []


def test_its_service_selects_it_and_its_own_labels_win() -> None:
    store = Store().with_objects([_service({"app": "books", "tier": "back"})], "a test")
    assert labels_of(_request(), store) == {"app": "books", "tier": "back", "version": "v2"}
    assert labels_of(_request(labels={"tier": "front", "team": "x"}), store) == {
        "app": "books",
        "tier": "front",
        "version": "v2",
        "team": "x",
    }
    assert labels_of(_request(version=""), Store()) == {"app": "reviews"}


def test_named_ports_are_found_by_name_too() -> None:
    store = Store().with_objects([_service({"app": "reviews"}, "http")], "a test")
    workloads = Workloads()
    workloads.add(_request())
    workloads.note_ready("default", "reviews-v2")
    [entry] = _entries(workloads, store)
    assert entry.spec.ports == {"9080": 41000, "http": 41000}
