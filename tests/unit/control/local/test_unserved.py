"""A folder is judged as control would judge it, without one."""

from pathlib import Path

import pytest
from resource_scenarios import service

from hauberk_control.local.unserved import unserved_status

ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}]
  rules:
  - backendRefs: [{name: reviews, port: 9080}]
"""
WEB = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: hauberk
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
POLICY = """
apiVersion: hauberk.dev/v1alpha1
kind: PluginPolicy
metadata: {name: small}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: web}]
  plugin: limits
  config: CONFIG
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One in which everything is right."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "route.yaml").write_text(ROUTE)
    (tmp_path / "deep" / "web.yaml").write_text(WEB + "---" + POLICY.replace("CONFIG", "{maxHeaders: 50}"))
    (tmp_path / "reviews.yaml").write_text(service("reviews"))
    return tmp_path


def refused(folder: Path) -> set[tuple[str, str, str, str]]:
    return {
        (row.kind, row.name, row.reason, row.place)
        for row in unserved_status(folder).conditions
        if row.status != "True" and row.type != "Conflicted"
    }


def test_of_a_right_folder_nothing_is_refused_and_nothing_said_of_proxies(folder: Path) -> None:
    status = unserved_status(folder)
    assert status.problems == []
    assert refused(folder) == set()
    assert {row.kind for row in status.conditions} == {"Gateway", "HTTPRoute", "PluginPolicy", "Service"}
    assert not any("Programmed" in row.type for row in status.conditions)


def test_what_objects_say_of_each_other_is_held_against_all_files(folder: Path) -> None:
    (folder / "reviews.yaml").unlink()
    assert refused(folder) == {("HTTPRoute", "shop", "BackendNotFound", "route.yaml:2:1")}


def test_installed_plugins_have_their_say(folder: Path) -> None:
    (folder / "deep" / "web.yaml").write_text(WEB + "---" + POLICY.replace("CONFIG", "{maxHeader: 50}"))
    assert refused(folder) == {("PluginPolicy", "small", "Invalid", "deep/web.yaml:9:1")}


def test_mistakes_in_files_are_told_with_their_places(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(ROUTE.replace("backendRefs", "backendRef").replace("name: shop", "name: other"))
    (folder / "twice.yaml").write_text(WEB)
    (folder / "gone.yaml").symlink_to(folder / "nowhere")
    told = unserved_status(folder).problems
    assert [problem.partition(" ")[0] for problem in told] == ["wrong.yaml:8:5:", "twice.yaml:2:1:"]
    assert "did you mean 'backendRefs'?" in told[0]
    assert "Gateway default/web stands here a second time" in told[1]


def test_nothing_is_written(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    unserved_status(folder)
    assert sorted(folder.rglob("*")) == before
