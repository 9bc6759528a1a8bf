"""What is known of a kind: a wrong object takes nothing away, and a new status is no new object."""

import json

import pytest

from hauberk_control.kubernetes.follow import Event
from hauberk_control.sources import known as module
from hauberk_control.sources.known import Change, Known, KnownObjects
from hauberk_control.store import ObjectKey
from hauberk_core.resources import Service

KEY = ObjectKey("", "Service", "shop", "reviews")


def service(version: int, port: object = 80, name: str = "reviews", **more: object) -> bytes:
    metadata = {"name": name, "namespace": "shop", "uid": "u", "resourceVersion": str(version), "generation": 3}
    return json.dumps({"metadata": metadata, "spec": {"ports": [{"port": port}]}, **more}).encode()


def services(*, keep_status: bool = True) -> KnownObjects:
    return KnownObjects(Service, "v1", keep_status=keep_status)


def put(objects: KnownObjects, data: bytes) -> Change:
    return objects.apply([Event(False, objects.decode(data))])


def get(objects: KnownObjects) -> Known:
    found = objects.get(KEY)
    assert found is not None
    return found


def test_a_new_status_is_no_new_object() -> None:
    objects = services()
    first = put(objects, service(1))
    second = put(objects, service(2, status={"loadBalancer": {}}))

    assert set(first.objects) == {KEY}
    assert second == Change({}, frozenset({KEY}))
    assert get(objects).version == "2"
    assert json.loads(get(objects).status) == {"loadBalancer": {}}
    assert get(objects).object is first.objects[KEY]


def test_statuses_are_kept_where_somebody_asks() -> None:
    objects = services(keep_status=False)
    put(objects, service(2, status={"loadBalancer": {}}))

    assert get(objects).status == b""


def test_a_wrong_object_is_refused_with_its_place_and_the_last_right_one_stays() -> None:
    objects = services()
    right = put(objects, service(1)).objects[KEY]
    change = put(objects, service(2, port="http"))

    assert change.objects == {}
    known = get(objects)
    assert known.refused
    assert known.object is right
    assert known.body == service(2, port="http")
    (error,) = known.errors
    assert error.origin == "resourceVersion 2"
    assert error.path == "spec.ports[0].port"
    assert error.message.startswith("Service shop/reviews: ")
    assert list(objects.wrong) == [KEY]

    mended = put(objects, service(3))
    assert mended.objects == {}
    assert get(objects).errors == ()
    assert objects.wrong == {}


def test_an_object_that_was_never_right_is_known_as_refused() -> None:
    objects = services()
    assert put(objects, service(2, port=0)).objects == {}
    assert get(objects).object is None
    assert put(objects, service(3)).objects[KEY] is not None


def test_a_list_takes_away_what_is_not_in_it() -> None:
    objects = services()
    put(objects, service(1))
    put(objects, service(1, name="ratings"))
    put(objects, service(2, port="http"))
    other = ObjectKey("", "Service", "shop", "ratings")

    change = objects.replace([objects.decode(service(2, port="http"))])

    assert change.objects == {other: None}
    assert get(objects).object is not None
    assert objects.replace([]).objects == {KEY: None}
    assert list(objects.all()) == []


def test_an_event_for_what_is_gone_changes_nothing() -> None:
    objects = services()
    item = objects.decode(service(1))

    assert objects.apply([Event(True, item)]).objects == {}


def test_kubectls_copy_is_not_kept() -> None:
    objects = services()
    text = json.loads(service(1))
    text["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "x" * 1000, "team": "a"}
    put(objects, json.dumps(text).encode())

    kept = get(objects).object
    assert kept is not None
    assert kept.value.metadata.annotations == {"team": "a"}


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OBJECTS", 1)
    objects = services()
    put(objects, service(1))
    assert put(objects, service(1, name="ratings")).objects == {}
    assert objects.too_many


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"metadata": {"name": 1}}', b"x"])
def test_what_is_no_object_at_all_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec's own words
        services().decode(data)


def test_a_wrong_object_does_not_inherit_from_one_of_its_name_that_is_gone() -> None:
    objects = services()
    put(objects, service(1))
    again = objects.decode(service(7, port="http").replace(b'"uid": "u"', b'"uid": "v"'))
    assert objects.replace([again]).objects == {KEY: None}
    assert get(objects).object is None
    right = objects.decode(service(8).replace(b'"uid": "u"', b'"uid": "w"'))
    assert objects.replace([right]).objects == {KEY: right.object}
