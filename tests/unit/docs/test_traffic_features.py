"""The pages of traffic features: every example is taken as it stands, every member and counter is described."""

import importlib
import re
from pathlib import Path

import msgspec
import pytest
from plugin_fixtures import GivenEntry
from resource_scenarios import gateway_node, service, sidecar_node, store_of, workload

from hauberk_control.plugins import PluginTranslation
from hauberk_control.translate.translate import Translator
from hauberk_core.config import check_whole
from hauberk_core.model import Snapshot
from hauberk_core.plugin.check import find_plugin_mistakes
from hauberk_core.plugin.control_plugins import read_policy
from hauberk_core.plugin.host import control_host, data_host

CONFIGS = {
    "buffering": "BufferingConfig",
    "compression": "CompressionConfig",
    "directresponse": "DirectResponseConfig",
    "fault": "FaultConfig",
    "limits": "LimitsConfig",
    "ratelimit": "RateLimitConfig",
}
WORLD = service("reviews") + workload("reviews-v1", 20001, app="reviews")
ROUTES = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec: {gatewayClassName: hauberk, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec: {parentRefs: [{name: web}], rules: [{name: all, backendRefs: [{name: reviews, port: 9080}]}]}
"""
NODES = (
    gateway_node(),
    sidecar_node(outbound={"reviews.default:9080": 15001}),
    sidecar_node("reviews-v1", labels={"app": "reviews"}, inbound={9080: (20001, 30001)}),
)


@pytest.fixture(scope="module")
def how_to(repository: Path) -> str:
    return (repository / "docs" / "how-to" / "traffic-features.md").read_text()


@pytest.fixture(scope="module")
def sections(repository: Path) -> dict[str, str]:
    """The reference's sections."""
    parts = re.split(r"^## (.+)\n", (repository / "docs/reference/traffic-features.md").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def snapshots(*texts: str) -> list[Snapshot]:
    halves = {name: importlib.import_module(f"hauberk_{name}.control") for name in CONFIGS}
    host = control_host([GivenEntry(name, half) for name, half in halves.items()], frozenset())
    translator = Translator(lambda plugin, kind, config: read_policy(host, plugin, kind, config))
    found: list[Snapshot] = []
    for node in NODES:
        translation = PluginTranslation(translator, host, str).translate(store_of(WORLD, ROUTES, *texts), node)
        check_whole(translation.snapshot, "")
        assert [problem for problem in translation.problems if "no such Gateway" not in problem.message] == []
        found.append(msgspec.structs.replace(translation.snapshot, version=""))
    return found


def test_each_example_is_taken_and_changes_what_some_proxy_does(how_to: str) -> None:
    examples = re.findall(r"^```yaml\n(.*?)^```", how_to, re.MULTILINE | re.DOTALL)
    host = data_host(
        [GivenEntry(name, importlib.import_module(f"hauberk_{name}.plugin")) for name in (*CONFIGS, "mtls")], frozenset()
    )
    without = snapshots()
    used: set[str] = set()
    for example in examples:
        changed = snapshots(f"---\n{example}")
        assert changed != without, example
        assert [mistake for snapshot in changed for mistake in find_plugin_mistakes(snapshot, host)] == []
        used.update(re.findall(r"^  plugin: (\w+)$", example, re.MULTILINE))
    assert used == set(CONFIGS)


def members(kind: type[msgspec.Struct], prefix: str = "") -> set[str]:
    """The written names of a configuration's members, and of theirs."""
    found: set[str] = set()
    for field in msgspec.structs.fields(kind):
        name = prefix + field.encode_name
        found.add(name)
        for inner in inner_types(field.type):
            found |= members(inner, name + ".")
    return found


def inner_types(annotation: object) -> list[type[msgspec.Struct]]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return [annotation]
    return [found for argument in getattr(annotation, "__args__", ()) for found in inner_types(argument)]


@pytest.mark.parametrize("plugin", CONFIGS)
def test_every_member_and_counter_is_in_the_reference(plugin: str, sections: dict[str, str], repository: Path) -> None:
    config = getattr(importlib.import_module(f"hauberk_{plugin}.config"), CONFIGS[plugin])
    counted: set[str] = set()
    for source in (repository / "plugins" / plugin / f"hauberk_{plugin}").glob("*.py"):
        counted |= set(re.findall(r'\.counter\("(\w+)"\)', source.read_text()))
    assert set(re.findall(r"^\| `([^`]+)`", sections[plugin], re.MULTILINE)) == members(config) | counted


def test_the_reference_has_these_plugins_and_no_others(sections: dict[str, str]) -> None:
    assert set(sections) == set(CONFIGS)
