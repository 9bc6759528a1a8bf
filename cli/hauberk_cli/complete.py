"""What a shell offers where a name is to be typed: what the running mesh has.

A shell shows nothing where there is no answer, so that nothing here raises: there may be no mesh, or one of another version.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click
import msgspec
from click.shell_completion import CompletionItem

if TYPE_CHECKING:  # what a command does not need shall not make its help slow
    from hauberk_control.local.messages import Request

# Whoever has pressed the key looks at a terminal that does nothing.
_PATIENCE_SECONDS: Final = 1.0
_DEFAULT_NAMESPACE: Final = "default"

_AnswerT = TypeVar("_AnswerT", bound=msgspec.Struct)


def proxy_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Connected proxies; while control is away, those that were started here."""
    from hauberk_cli.errors import CommandError
    from hauberk_cli.mesh.local_proxies import local_proxies
    from hauberk_cli.mesh.proxies import full_name
    from hauberk_control.local.messages import AskProxies, Proxies

    answer = _ask(context, AskProxies(), Proxies)
    if answer is not None:
        return _items([(full_name(proxy), proxy.role) for proxy in answer.proxies], incomplete)
    try:
        return _items([(proxy.full_name, proxy.role) for proxy in local_proxies(_mesh(context))], incomplete)
    except CommandError:
        return []


def object_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Objects, `Kind/name`, with the namespace where it is not `default`; the kind may be written small."""
    from hauberk_control.local.messages import AskObjects, Objects

    answer = _ask(context, AskObjects(), Objects)
    if answer is None:
        return []
    kind, slash, rest = incomplete.partition("/")
    names: list[tuple[str, str]] = []
    for row in answer.objects:
        if slash and row.kind.lower() != kind.lower():
            continue
        shown = row.name if row.namespace in ("", _DEFAULT_NAMESPACE) and "/" not in rest else f"{row.namespace}/{row.name}"
        # A shell takes only what begins as it was typed.
        names.append((f"{kind if slash else row.kind}/{shown}", row.place))
        if not slash and incomplete[:1].islower():
            names.append((f"{row.kind.lower()}/{shown}", row.place))
    return _items(names, incomplete)


def service_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Services of the namespace that was given."""
    from hauberk_control.local.messages import AskServices, Services

    answer = _ask(context, AskServices(), Services)
    namespace = str(context.params.get("namespace") or _DEFAULT_NAMESPACE)
    services = [] if answer is None else [service for service in answer.services if service.namespace == namespace]
    return _items([(one.name, f"ports {', '.join(map(str, one.ports))}") for one in services], incomplete)


def service_ports(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ports of the service that was given."""
    from hauberk_control.local.messages import AskServices, Services

    answer = _ask(context, AskServices(), Services)
    wanted = (context.params.get("service"), str(context.params.get("namespace") or _DEFAULT_NAMESPACE))
    services = [] if answer is None else [one for one in answer.services if (one.name, one.namespace) == wanted]
    return _items([(str(port), service.name) for service in services for port in service.ports], incomplete)


def plugin_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Installed plugins; none of them is imported for it."""
    from hauberk_core.entry_points import find_entry_points
    from hauberk_core.plugin.installed import CONTROL, DATA

    names = {entry.name: "" for group in (DATA, CONTROL) for entry in find_entry_points(group)}
    return _items(sorted(names.items()), incomplete)


def _items(names: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    """Those that begin as it was typed. Args: names - each with what it is."""
    return [CompletionItem(name, help=what or None) for name, what in names if name.startswith(incomplete)]


def _mesh(context: click.Context) -> Path | None:
    mesh = context.params.get("mesh")
    return mesh if isinstance(mesh, Path) else None


def _ask(context: click.Context, request: "Request", expected: type[_AnswerT]) -> _AnswerT | None:
    """Ask the control of the mesh that the command line names; None if none answers, or it is further away than a keystroke."""
    if context.params.get("kubernetes"):
        return None
    import trio

    from hauberk_control.local.client import ControlAway, ControlConnection, ControlRefused, find_mesh

    async def ask() -> _AnswerT:
        with trio.fail_after(_PATIENCE_SECONDS):
            connection = await ControlConnection.open(find_mesh(_mesh(context)))
            try:
                return await connection.ask(request, expected)
            finally:
                await connection.close()

    try:
        return trio.run(ask)
    except (ControlAway, ControlRefused, trio.TooSlowError):
        return None
