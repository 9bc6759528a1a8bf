"""Whether the proxies that an object concerns have it: what they acknowledged and refused, merged into one condition."""

from collections.abc import Iterable, Sequence
from typing import Final

from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.status.conditions import Condition, fails, holds, joined
from hauberk_control.store import ObjectKey
from hauberk_core.model.suggest import nearest
from hauberk_core.resources import Gateway, PluginPolicy, VirtualService

PROGRAMMED = "Programmed"
"""Gateway API's, for Gateways and their listeners."""
POLICY_PROGRAMMED = "hauberk.dev/Programmed"
"""Ours, for policies: Gateway API has none for them."""

_WITH_PLUGINS: Final = (PluginPolicy.KIND, VirtualService.KIND)
_INSTALL: Final = "install it there (on Kubernetes: an image that has it, by the annotation hauberk.dev/proxy-image)"


def of_gateway(gateway: Gateway, proxies: Sequence[ProxyStatus]) -> list[ProxyStatus]:
    """The proxies of a Gateway: its replicas, or pods of somebody's own that serve it, perhaps with others."""
    name = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
    return [proxy for proxy in proxies if proxy.role == "gateway" and (proxy.name == name or name in proxy.notes.gateways)]


def gateway_programmed(gateway: Gateway, proxies: Sequence[ProxyStatus]) -> Condition:
    """Whether all proxies of a Gateway have the latest configuration."""
    own = of_gateway(gateway, proxies)
    generation = gateway.metadata.generation
    if not own:
        return fails(PROGRAMMED, "Pending", generation, "no proxy of this Gateway is connected")
    return _programmed(PROGRAMMED, generation, own)


def policy_programmed(key: ObjectKey, generation: int, proxies: Sequence[ProxyStatus]) -> Condition:
    """Whether all proxies that a policy has a part in have the latest configuration, and the plugin that it names."""
    concerned = [proxy for proxy in proxies if key in proxy.notes.policies]
    missing = _missing(key, concerned) if key.kind in _WITH_PLUGINS else ""
    if missing:
        return fails(POLICY_PROGRAMMED, "PluginMissing", generation, missing)
    if not concerned:
        return holds(POLICY_PROGRAMMED, "NothingToDo", generation, "no connected proxy is concerned")
    return _programmed(POLICY_PROGRAMMED, generation, concerned)


def _programmed(type_: str, generation: int, proxies: Sequence[ProxyStatus]) -> Condition:
    refusing = [proxy for proxy in proxies if proxy.refused_version]
    if refusing:
        messages = [f"{_name(proxy)} serves on with what it had: {_first_line(proxy.refused_reason)}" for proxy in refusing]
        return fails(type_, "Refused", generation, joined(list(dict.fromkeys(messages))))
    behind = [proxy for proxy in proxies if not proxy.current]
    if behind:
        return fails(type_, "Pending", generation, f"not there yet: {_names(behind)}")
    return holds(type_, "Programmed", generation)


def _missing(key: ObjectKey, proxies: Iterable[ProxyStatus]) -> str:
    """Which proxies lack the plugin of a policy, and what becomes of their requests; empty if none does."""
    lacking = [(proxy, missing) for proxy in proxies for missing in proxy.notes.missing if missing.policy == key]
    if not lacking:
        return ""
    one = lacking[0][1]
    absent = [_name(proxy) for proxy, missing in lacking if missing.installed is None]
    other = [f"{_name(proxy)} ({missing.installed or 'unknown'})" for proxy, missing in lacking if missing.installed is not None]
    where = [f"is not installed at {_few(absent)}"] if absent else []
    where += [f"is of another version than {one.wanted} at {_few(other)}"] if other else []
    outcome = "are answered with 503 (failure: closed)" if one.failure == "closed" else "go on without it (failure: open)"
    meant = nearest(one.plugin, [name for proxy, _ in lacking for name in proxy.plugins]) if absent else None
    advice = f"did you mean {meant!r}? else {_INSTALL}" if meant else _INSTALL
    return f"the plugin {one.plugin!r} {', and '.join(where)}; its requests there {outcome}; {advice}"


def _names(proxies: Sequence[ProxyStatus]) -> str:
    return _few([_name(proxy) for proxy in proxies])


def _few(names: Sequence[str]) -> str:
    return joined(list(dict.fromkeys(names)), ", ")


def _name(proxy: ProxyStatus) -> str:
    return f"{proxy.role} {proxy.name if proxy.role == 'gateway' else f'{proxy.namespace}/{proxy.name}'}"


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
