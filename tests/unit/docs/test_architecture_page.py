"""ARCHITECTURE.md is true: its folders, its contracts and the steps of a request's road are those of the code."""

import importlib
import re
import sys
import tomllib
from pathlib import Path
from types import FrameType
from typing import Final

import pytest

from hauberk_core import build_info
from hauberk_core.model import Cluster, Endpoint, FilterChain, Listener, Route, RouteTable, Snapshot, VirtualHost, WeightedCluster
from hauberk_core.sim.simulation import Simulation

PACKAGES: Final = ("core", "control", "gateway", "sidecar", "plugins", "cli", "bookshop", "docs")
WEB: Final = "192.0.2.10:8080"
BOOKS: Final = "192.0.2.20:9080"


@pytest.fixture(scope="module")
def text(repository: Path) -> str:
    return (repository / "ARCHITECTURE.md").read_text()


def section(text: str, title: str) -> str:
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def test_every_package_has_its_row_and_no_other(text: str, repository: Path) -> None:
    packages = {
        str(found.parent.relative_to(repository)) for folder in PACKAGES for found in (repository / folder).rglob("__init__.py")
    }
    told = first_cells(section(text, "Folders"))
    assert sorted(told) == sorted(packages)
    assert len(set(told)) == len(told)


def test_every_folder_at_the_top_is_told(text: str, repository: Path) -> None:
    for found in repository.iterdir():
        if found.is_dir() and not found.name.startswith((".", "_")) and found.name not in {"build", "dist", "changelog.d"}:
            assert f"{found.name}/" in section(text, "Folders"), found.name


def test_contracts_are_those_that_are_checked(text: str, repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    names = [contract["name"] for contract in project["tool"]["importlinter"]["contracts"]]
    told = [item.removesuffix(".") for item in re.findall(r"^- (.+)$", section(text, "Which way imports point"), re.MULTILINE)]
    assert told == names


def test_paths_that_are_named_exist(text: str, repository: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (repository / target).exists(), target
    paths = re.findall(r"`([\w/.-]+/[\w/.-]*)`", section(text, "Where to make a change"))
    assert len(paths) > 10
    for path in paths:
        assert (repository / path).exists() or (repository / "core/hauberk_core" / path).exists(), path


def test_every_step_of_the_road_exists(text: str) -> None:
    steps = first_cells(section(text, "The road of a request"))
    assert len(steps) > 15
    for step in steps:
        module, _, names = step.partition(":")
        found: object = importlib.import_module(f"hauberk_core.{module}")
        for name in names.split("."):
            found = getattr(found, name)
        assert callable(found)


@pytest.mark.skipif(build_info.compiled(), reason="compiled functions cannot be watched")
def test_a_request_takes_that_road(text: str) -> None:
    steps = first_cells(section(text, "The road of a request"))
    simulation = Simulation(one_route())
    called: list[str] = []

    def watch(frame: FrameType, event: str, _: object) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith("hauberk_core."):
            step = f"{module.removeprefix('hauberk_core.')}:{frame.f_code.co_qualname}"
            if step in steps and step not in called:
                called.append(step)

    endpoint = simulation.endpoint(BOOKS)
    client = simulation.client(WEB)
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert endpoint.connection().received().startswith(b"GET / ")
        endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert client.received().endswith(b"ok")
    finally:
        sys.setprofile(before)
        simulation.close()
    assert called == steps


def one_route() -> Snapshot:
    routes = (Route(name="all", backends=(WeightedCluster(cluster="books"),)),)
    return Snapshot(
        listeners={"web": Listener(address=WEB, filter_chains=(FilterChain(route_table="all"),))},
        route_tables={"all": RouteTable(virtual_hosts=(VirtualHost(name="everything", hosts=("*",), routes=routes),))},
        clusters={"books": Cluster(endpoints=(Endpoint(address=BOOKS),))},
    )
