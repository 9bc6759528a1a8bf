"""Puts tracing on a proxy's road: where spans are exported every filter chain traces, where they are not none does."""

from collections.abc import Mapping
from typing import Final

import msgspec

from hauberk_core.agent.export.settings import ExportSettings
from hauberk_core.entry_points import find_entry_points
from hauberk_core.model.listener import FilterChain, Listener
from hauberk_core.model.plugin import JsonObject, PluginConfig
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.plugin.installed import DATA, OFF_VARIABLE, switched_off

# The plugin's name.
TRACING: Final = "tracing"
# Before everything else: a request that is refused is traced too.
_FIRST: Final = -1_000_000


def with_tracing(snapshot: Snapshot, settings: ExportSettings | None) -> Snapshot:
    """The snapshot with the tracing plugin on each filter chain that does not configure it itself, as `settings` say.

    Args: settings - None: nobody takes spans, so that the plugin goes from the chains that name it, and costs nothing.
    """
    listeners: dict[str, Listener] = {}
    for name, listener in snapshot.listeners.items():
        chains = tuple([_traced(chain, settings) for chain in listener.filter_chains])
        listeners[name] = (
            listener if chains == listener.filter_chains else msgspec.structs.replace(listener, filter_chains=chains)
        )
    return msgspec.structs.replace(snapshot, listeners=listeners)


def _traced(chain: FilterChain, settings: ExportSettings | None) -> FilterChain:
    others = tuple([plugin for plugin in chain.plugins if plugin.plugin != TRACING])
    if settings is None:
        return msgspec.structs.replace(chain, plugins=others)
    if len(others) < len(chain.plugins):
        return chain
    config = JsonObject.of({"sampler": settings.sampler, "ratio": settings.ratio})
    # A request matters more than its trace.
    tracing = PluginConfig(plugin=TRACING, phase="authn", priority=_FIRST, failure="open", config=config)
    return msgspec.structs.replace(chain, plugins=(tracing, *others))


def why_not(environ: Mapping[str, str]) -> str:
    """Why the workers, who inherit `environ`, cannot use the plugin, for a person; empty if they can."""
    if switched_off(environ) & {TRACING, "*"}:
        return f"the plugin {TRACING} is switched off by {OFF_VARIABLE}"
    if all(entry.name != TRACING for entry in find_entry_points(DATA)):
        return f"the plugin {TRACING} is not installed"
    return ""
