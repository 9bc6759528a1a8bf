"""What becomes of resources, read as control reads its files."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from example_teams.control import hauberk_kinds, hauberk_translate

from hauberk_core.plugin.control import Resource
from hauberk_core.resources.istio.destination_rule import TrafficPolicy
from hauberk_core.resources.read import ReadFile, read_file
from hauberk_core.resources.registry import CORE_KINDS

ResourceT = TypeVar("ResourceT", bound=Resource)

GATEWAY = b"""\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: bookshop}
spec:
  gatewayClassName: hauberk
  listeners:
  - {name: http, port: 80, protocol: HTTP}
---
"""
TEAMS = b"""\
apiVersion: example-teams.example.com/v1
kind: ExampleTeams
metadata: {name: front-door}
spec:
  gateway: bookshop
  teams: [green, blue]
"""


class Proxy:
    """The scope of a gateway's proxy."""

    role = "gateway"
    namespace = "default"
    labels: Mapping[str, str] = {}
    policies: Mapping[str, TrafficPolicy] = {}

    def __init__(self, name: str, text: bytes) -> None:
        self.name = name
        found = read(text)
        assert found.errors == ()
        self._resources = [read_object.value for read_object in found.objects]

    def of(self, kind: type[ResourceT]) -> Sequence[ResourceT]:
        return [resource for resource in self._resources if isinstance(resource, kind)]

    def secret(self, purpose: str) -> str:
        return purpose


def read(text: bytes) -> ReadFile:
    return read_file(text, "teams.yaml", kinds=CORE_KINDS.with_kinds(hauberk_kinds()))


def test_a_gateway_s_proxy_is_told_its_teams() -> None:
    [use] = hauberk_translate(Proxy("default/bookshop", GATEWAY + TEAMS)).listener
    assert use.plugin == "example-teams"
    assert use.config.text == '{"teams":["blue","green"]}'


def test_no_other_proxy_is() -> None:
    assert hauberk_translate(Proxy("default/another", GATEWAY + TEAMS)).listener == ()


def test_a_gateway_that_is_not_there_is_told() -> None:
    attached = hauberk_translate(Proxy("default/bookshop", TEAMS))
    assert attached.listener == ()
    [problem] = attached.problems
    assert (problem.path, problem.message) == (("spec", "gateway"), "there is no Gateway default/bookshop")


def test_a_mistake_in_a_field_is_told_with_its_place() -> None:
    [error] = read(TEAMS.replace(b"teams:", b"team:")).errors
    assert error.line == 6
