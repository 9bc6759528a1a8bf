"""The latest store wins, and whoever watches hears of it."""

import threading

import pytest
from mesh_world import Meant, make_node, snapshot_to

from hauberk_control.discovery.snapshots import Configurations
from hauberk_control.translate.node import Node


@pytest.fixture
def node() -> Node:
    """Some proxy."""
    return make_node("reviews-v1")


def _version(store: str, node: Node) -> Meant:
    return Meant(snapshot_to(1, version=f"{store} for {node.name}"))


def test_the_latest_store_wins(node: Node) -> None:
    configurations: Configurations[str] = Configurations(_version)
    assert configurations.generation == 0
    for store in ("a", "b", "c"):
        configurations.publish(store)

    assert configurations.generation == 3
    assert configurations.for_node(node).version == "c for reviews-v1"


def test_every_publication_is_told_until_one_stops_listening() -> None:
    configurations: Configurations[str] = Configurations(_version)
    heard: list[str] = []
    end = configurations.watch(lambda: heard.append("first"))
    configurations.watch(lambda: heard.append("second"))
    configurations.publish("a")
    end()
    end()
    configurations.publish("b")

    assert heard == ["first", "second", "second"]


def test_stores_that_nobody_looks_at_are_not_translated(node: Node) -> None:
    translated: list[str] = []

    def translate(store: str, node: Node) -> Meant:
        translated.append(store)
        return _version(store, node)

    configurations: Configurations[str] = Configurations(translate)
    for number in range(100):
        configurations.publish(str(number))
    configurations.for_node(node)

    assert translated == ["99"]


def test_publishing_and_watching_go_on_in_several_threads() -> None:
    configurations: Configurations[int] = Configurations(lambda store, node: Meant(snapshot_to(store)))
    heard: list[None] = []

    def publish() -> None:
        for number in range(200):
            configurations.publish(number)

    def watch() -> None:
        for _ in range(200):
            configurations.watch(lambda: heard.append(None))()

    threads = [threading.Thread(target=target) for target in (publish, watch, publish, watch)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert configurations.generation == 400
    before = len(heard)
    configurations.publish(0)
    assert len(heard) == before
