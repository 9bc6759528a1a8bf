"""Plugins for tests: a host of modules made on the spot, and filters that do what a test tells them."""

import types
from collections.abc import Callable
from typing import Any, Final

import pluggy

from hauberk_core.model import Duration, JsonObject, PluginConfig
from hauberk_core.model.plugin import Phase
from hauberk_core.plugin.data import Exchange, Reply, SyncFilter, hookimpl
from hauberk_core.plugin.host import PluginHost, data_host


class GivenEntry:
    """Looks like an entry point of an installed package, and loads what it was given."""

    def __init__(self, name: str, half: object, version: str = "1.0") -> None:
        self.name: Final = name
        self.value: Final = f"{name}.data"
        self.group: Final = "hauberk.data"
        self.dist: Final = types.SimpleNamespace(name=f"package-of-{name}", version=version)
        self._half: Final = half

    def load(self) -> object:
        if isinstance(self._half, Exception):
            raise self._half
        return self._half


def half(api: str | None = "1", marker: pluggy.HookimplMarker = hookimpl, **hooks: Callable[..., object]) -> types.ModuleType:
    """A module that implements hooks. Args: marker - of the half that it is."""
    module = types.ModuleType("a_plugin")
    if api is not None:
        vars(module)["HAUBERK_API"] = api
    for name, function in hooks.items():
        vars(module)[name] = marker(function)
    return module


def host(halves: dict[str, object], off: frozenset[str] = frozenset()) -> PluginHost:
    """A host of the given data halves, by name."""
    return data_host([GivenEntry(name, given) for name, given in halves.items()], off)


def filters_host(**made: Callable[[dict[str, Any]], object]) -> PluginHost:
    """A host whose plugins, by name, each have one request filter, made of its configuration."""

    def hook(make: Callable[[dict[str, Any]], object]) -> Callable[..., object]:
        def hauberk_request_filter(config: dict[str, Any]) -> object:
            return make(config)

        return hauberk_request_filter

    return host({name: half(hauberk_request_filter=hook(make)) for name, make in made.items()})


def use(
    plugin: str,
    config: str = "{}",
    *,
    phase: Phase = "traffic",
    priority: int = 0,
    failure: Any = "closed",
    timeout: float = 5.0,
) -> PluginConfig:
    """A use of a plugin."""
    return PluginConfig(
        plugin=plugin, phase=phase, priority=priority, failure=failure, timeout=Duration(timeout), config=JsonObject(config)
    )


class Marking(SyncFilter):
    """Appends its letter to a header on the way there, and on the way back."""

    def __init__(self, letter: str, closed: list[str] | None = None) -> None:
        self.letter: Final = letter
        self.closed: Final = [] if closed is None else closed

    def request(self, exchange: Exchange) -> Reply | None:
        exchange.headers.set("x-way", (exchange.headers.get("x-way") or "") + self.letter)
        return None

    def response(self, exchange: Exchange) -> Reply | None:
        exchange.response_headers.set("x-way", (exchange.response_headers.get("x-way") or "") + self.letter)
        return None

    def close(self) -> None:
        self.closed.append(self.letter)
