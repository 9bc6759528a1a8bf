"""Finds installed plugins, refuses those that cannot be used, and calls the hooks of the others.

Discovery reads entry points, so that installing a package beside hauberk is all it takes. One that is broken, was written for
another version of the face, or implements hooks that do not exist is refused with its reason and disturbs nobody else. Each can
be switched off by name.
"""

from collections.abc import Iterable
from typing import Any, Final, Literal, Protocol

import msgspec
import pluggy
from msgspec.structs import replace

from hauberk_core.entry_points import find_entry_points
from hauberk_core.model.errors import quote
from hauberk_core.model.suggest import suggest
from hauberk_core.plugin.errors import PluginMissing
from hauberk_core.plugin.installed import OFF_VARIABLE, switched_off


class Entry(Protocol):
    """What is asked of an entry point."""

    @property
    def name(self) -> str:
        """The plugin's name."""

    @property
    def value(self) -> str:
        """What is loaded."""

    @property
    def dist(self) -> Any:
        """The distribution that brought it, with name and version, or None."""

    def load(self) -> Any:
        """Import it. Raises: whatever its module does."""


class Description(msgspec.Struct, frozen=True):
    """One plugin's half, for people."""

    name: str
    """As policies and configurations call it."""
    half: Literal["data", "control"]
    """`data`: in the proxy; `control`: in control."""
    package: str
    """The distribution that brought it; empty where it was none."""
    version: str
    """Of that distribution."""
    api: str
    """What it was written for; empty if it does not say."""
    hooks: tuple[str, ...]
    """What it implements."""
    state: Literal["on", "off", "refused"]
    """Whether it is used where a configuration names it."""
    reason: str
    """Why it is refused, or how it was switched off; empty while it is on."""


class PluginHost:
    """The plugins of one half."""

    def __init__(
        self,
        half: Literal["data", "control"],
        hooks: type,
        api: str,
        entries: Iterable[Entry],
        off: frozenset[str] = frozenset(),
    ) -> None:
        """Load what `entries` name; those that are switched off are not imported.

        Args: hooks - the class with the hookspecs; api - the version that a plugin must have been written for.
        """
        self._half: Final = half
        self._api: Final = api
        self._off: Final = off
        self._manager: Final = pluggy.PluginManager(f"hauberk.{half}")
        self._manager.add_hookspecs(hooks)
        self._described: Final[dict[str, Description]] = {}
        self._twice: Final[list[Description]] = []
        for entry in entries:
            described = self._load(entry)
            if entry.name in self._described:
                self._twice.append(described)
            else:
                self._described[entry.name] = described

    def describe(self) -> list[Description]:
        """All plugins, refused and switched off ones too."""
        return [*self._described.values(), *self._twice]

    def names(self) -> list[str]:
        """Those that are on."""
        return [described.name for described in self._described.values() if described.state == "on"]

    def hooks(self, plugin: str) -> tuple[str, ...]:
        """What a plugin that is on implements."""
        return self._described[plugin].hooks

    def require(self, plugin: str) -> None:
        """Raises: PluginMissing unless the plugin is on."""
        described = self._described.get(plugin)
        if described is None:
            hint = suggest(plugin, self.names()) or "no plugin is installed"
            raise PluginMissing(
                f"no plugin {quote(plugin)} is installed here", f"install it beside hauberk, or correct its name: {hint}"
            )
        if described.state == "off":
            raise PluginMissing(
                f"the plugin {quote(plugin)} is switched off", f"take it out of {OFF_VARIABLE}, or out of the configuration"
            )
        if described.state == "refused":
            raise PluginMissing(f"the plugin {quote(plugin)} is refused: {described.reason}", "install a version that fits")

    def call(self, plugin: str, hook: str, **arguments: object) -> object:
        """Call one plugin's implementation of a hook.

        Returns: what it returned; None if it does not implement the hook. Raises: PluginMissing, and whatever the plugin raises.
        """
        self.require(plugin)
        others = [known for name, known in self._manager.list_name_plugin() if name != plugin]
        caller: Any = self._manager.subset_hook_caller(hook, others)
        results: list[object] = caller(**arguments)
        return results[0] if results else None

    def _load(self, entry: Entry) -> Description:
        package = "" if entry.dist is None else entry.dist.name
        version = "" if entry.dist is None else entry.dist.version
        found = Description(entry.name, self._half, package, version, "", (), "refused", "")
        if entry.name in self._off or "*" in self._off:
            return replace(found, state="off", reason=f"by {OFF_VARIABLE}")
        known = self._described.get(entry.name)
        if known is not None:
            return replace(found, reason=f"the package {known.package or 'before'} has a plugin of this name already")
        try:
            half = entry.load()
        except Exception as error:
            # Whatever a stranger's module does while it is imported.
            return replace(found, reason=f"importing {entry.value} failed: {type(error).__name__}: {error}")
        api = getattr(half, "HAUBERK_API", None)
        if not isinstance(api, str):
            return replace(found, reason=f'it does not say for which API it was written; write HAUBERK_API = "{self._api}"')
        found = replace(found, api=api[:32])
        if api != self._api:
            return replace(found, reason=f"it was written for API {api[:32]}, this is API {self._api}")
        try:
            self._manager.register(half, entry.name)
            wrong = self._unknown_hooks(entry.name, half)
        except (ValueError, pluggy.PluginValidationError) as error:
            wrong = str(error)
        if wrong:
            if self._manager.has_plugin(entry.name):
                self._manager.unregister(name=entry.name)
            return replace(found, reason=wrong)
        callers = self._manager.get_hookcallers(half) or []
        hooks = tuple(sorted([caller.name for caller in callers]))
        if not hooks:
            return replace(found, reason="it implements no hook; mark implementations with @hookimpl")
        return replace(found, hooks=hooks, state="on")

    def _unknown_hooks(self, name: str, half: object) -> str:
        for caller in self._manager.get_hookcallers(half) or []:
            if not caller.has_spec():
                return f"it implements {caller.name}, which is no hook of API {self._api}"
        return ""


def data_host(entries: Iterable[Entry] | None = None, off: frozenset[str] | None = None) -> PluginHost:
    """The data halves that are installed, or those that are given."""
    from hauberk_core.plugin import data

    return PluginHost(
        "data",
        data.DataHooks,
        data.API,
        find_entry_points(data.GROUP) if entries is None else entries,
        switched_off() if off is None else off,
    )


def control_host(entries: Iterable[Entry] | None = None, off: frozenset[str] | None = None) -> PluginHost:
    """The control halves that are installed, or those that are given."""
    from hauberk_core.plugin import control

    return PluginHost(
        "control",
        control.ControlHooks,
        control.API,
        find_entry_points(control.GROUP) if entries is None else entries,
        switched_off() if off is None else off,
    )
