"""A store finds objects by kind and name, never changes, and tells duplicates."""

from hauberk_control.store import Object, ObjectKey, Place, Store, gather, key_of
from hauberk_core.resources import HTTPRoute, Namespace, ObjectMeta, Service, WorkloadEntry
from hauberk_core.resources.istio.workload_entry import WorkloadEntrySpec
from hauberk_core.resources.read import read_file


def _service(name: str, namespace: str = "default") -> Service:
    return Service(api_version="v1", kind="Service", metadata=ObjectMeta(name=name, namespace=namespace))


def _object(value: Service | Namespace, file: str = "a.yaml", line: int = 1) -> Object:
    return Object(key_of(value), value, Place(file, line, 1))


def test_objects_are_found_by_kind_and_by_name() -> None:
    store = gather([_object(_service("b", "x")), _object(_service("a", "y")), _object(_service("a", "x"))]).store
    assert [(one.metadata.namespace, one.metadata.name) for one in store.of(Service)] == [("x", "a"), ("x", "b"), ("y", "a")]
    assert list(store.of(HTTPRoute)) == []
    assert store.service("y", "a") == _service("a", "y")
    assert store.service("z", "a") is None
    assert store.get(HTTPRoute, "x", "a") is None
    assert len(store) == 3


def test_a_kind_outside_namespaces_is_found_whatever_namespace_is_asked_for() -> None:
    books = Namespace(api_version="v1", kind="Namespace", metadata=ObjectMeta(name="books"))
    store = Store().with_objects([books], "a test")
    assert key_of(books) == ObjectKey("", "Namespace", "", "books")
    assert store.get(Namespace, "anything", "books") is books
    assert str(key_of(books)) == "Namespace books"


def test_of_two_with_one_name_the_first_stays_and_both_places_are_told() -> None:
    store, errors = gather([_object(_service("a"), "a.yaml", 3), _object(_service("a"), "b.yaml", 7)])
    assert store.place(_service("a")) == Place("a.yaml", 3, 1)
    (error,) = errors
    assert (error.origin, error.line, error.column) == ("b.yaml", 7, 1)
    assert error.message == "Service default/a stands here a second time; the one at a.yaml:3:1 is used"


def test_added_objects_make_another_store_and_replace_those_of_the_same_name() -> None:
    before = gather([_object(_service("a"))]).store
    entry = WorkloadEntry(
        api_version="networking.istio.io/v1",
        kind="WorkloadEntry",
        metadata=ObjectMeta(name="a"),
        spec=WorkloadEntrySpec(address="127.0.0.1"),
    )
    other = Service(api_version="v1", kind="Service", metadata=ObjectMeta(name="a", labels={"x": "y"}))
    after = before.with_objects([entry, other], "a test")
    assert len(before) == 1
    assert after.service("default", "a") is other
    assert list(after.of(WorkloadEntry)) == [entry]
    assert str(after.place(entry)) == "a test"
    assert after != before
    assert after == before.with_objects([other, entry], "a test")


def test_a_field_is_located_in_the_file_or_else_its_object_is() -> None:
    text = "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec: {ports: [{port: 1}]}\n"
    ((value, line, column, written),) = read_file(text.encode(), "a.yaml").objects
    item = Object(key_of(value), value, Place("a.yaml", line, column), written)
    assert item.locate(("spec", "ports", 0, "port")) == Place("a.yaml", 5, 23)
    assert item._replace(written=None).locate(("spec", "ports")) == Place("a.yaml", 1, 1)
