"""What an API server sends becomes objects: as a file's text does, but for what only an API server would send."""

import json
from typing import Any

import pytest

from hauberk_core.resources import HTTPRoute, Resource, Secret, Service
from hauberk_core.resources.decode import decode_object
from hauberk_core.resources.read import read_file

ROUTE: dict[str, Any] = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {
        "name": "reviews",
        "namespace": "shop",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
    },
    "spec": {
        "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge"}],
        "hostnames": ["reviews.example"],
        "rules": [
            {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": [{"name": "reviews", "port": 80}]}
        ],
    },
    "status": {"parents": [{"anything": [1, 2]}]},
}
SERVICE: dict[str, Any] = {
    "metadata": {"name": "reviews", "namespace": "shop"},
    "spec": {"ports": [{"port": 80}], "clusterIP": "10.0.0.1"},
}


def decode(
    value: object, kind: type[Resource], api_version: str = "gateway.networking.k8s.io/v1"
) -> tuple[Resource | None, list[str]]:
    found, errors = decode_object(json.dumps(value).encode(), kind, "here", api_version)
    assert all((error.line, error.column, error.origin) == (0, 0, "here") for error in errors)
    return found, [f"{error.severity} {error.path}: {error.message}" for error in errors]


def changed(value: dict[str, Any], *path: str | int, to: object) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(value))
    inside: Any = copy
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = to
    return copy


def test_it_is_the_object_that_a_file_would_have_held() -> None:
    ((expected, *_),) = read_file(json.dumps(ROUTE).encode(), "route.json").objects

    assert decode(ROUTE, HTTPRoute) == (expected, [])


def test_items_of_a_list_do_not_say_what_they_are() -> None:
    found, errors = decode(SERVICE, Service, "v1")

    assert errors == []
    assert found is not None
    assert (found.api_version, found.kind) == ("v1", "Service")


def test_null_means_absent() -> None:
    found, errors = decode(changed(changed(ROUTE, "spec", "hostnames", to=None), "metadata", "labels", to=None), HTTPRoute)

    assert errors == []
    assert isinstance(found, HTTPRoute)
    assert found.spec.hostnames == ()


def test_a_field_that_a_newer_kubernetes_has_is_passed_over() -> None:
    assert decode(changed(SERVICE, "spec", "shinyNewField", to={"a": 1}), Service, "v1") == decode(SERVICE, Service, "v1")


def test_a_field_that_a_newer_gateway_api_has_is_told() -> None:
    found, errors = decode(changed(ROUTE, "spec", "rules", 0, "shinyNewField", to={"a": 1}), HTTPRoute)

    assert found == decode(ROUTE, HTTPRoute)[0]
    assert errors == [
        "warning spec.rules[0].shinyNewField: 'shinyNewField' is not known to this version of hauberk and has no effect"
    ]


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        (("metadata", "name"), "Not A Name", "metadata.name"),
        (("spec", "rules", 0, "backendRefs", 0, "port"), 70000, "spec.rules[0].backendRefs[0].port"),
        (("spec", "rules", 0, "backendRefs", 0, "port"), "80", "spec.rules[0].backendRefs[0].port"),
        (("spec", "rules", 0, "matches", 0, "path", "type"), "Guess", "spec.rules[0].matches[0].path.type"),
        (("spec", "rules"), "none", "spec.rules"),
        (("spec", "parentRefs", 0, "name"), "a b", "spec.parentRefs[0].name"),
        (("spec",), [], "spec"),
    ],
)
def test_each_mistake_has_its_path(path: tuple[str | int, ...], value: object, error: str) -> None:
    found, errors = decode(changed(ROUTE, *path, to=value), HTTPRoute)

    assert found is None
    assert [told.split(": ")[0] for told in errors] == [f"error {error}"]


def test_all_mistakes_are_told() -> None:
    wrong = changed(changed(ROUTE, "spec", "parentRefs", 0, "name", to="a b"), "spec", "hostnames", to=["!", "?"])

    assert len(decode(wrong, HTTPRoute)[1]) == 3


def test_a_rule_that_msgspec_does_not_know_is_held() -> None:
    secret = {"metadata": {"name": "s", "namespace": "shop"}, "type": "Opaque", "data": {"a": "no base64!"}}

    found, errors = decode(secret, Secret, "v1")

    assert found is None
    assert len(errors) == 1
    assert errors[0].startswith("error data.a: ")


@pytest.mark.parametrize("data", [b"", b"[]", b'{"metadata": 1}', b"{", b"[" * 100_000, b'"text"', b"\xff"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    found, errors = decode_object(data, Service, "here", "v1")

    assert found is None
    assert errors
