"""Asks control for its proxies, and shows them."""

from typing import Final

import click

from hauberk_cli.exit_codes import CHECK_FAILED, OK
from hauberk_cli.mesh.look import ask_control
from hauberk_cli.mesh.table import show_table
from hauberk_cli.mesh.which import WhichMesh
from hauberk_cli.mesh.words import age, printable
from hauberk_cli.output import show_json
from hauberk_control.local.messages import AskProxies, Proxies, ProxyRow, RefusalRow

_HEADINGS: Final = ("PROXY", "ROLE", "PROGRAM", "VERSION", "LATEST", "IN-FORCE", "CONNECTED", "REFUSED", "IDENTITY")


_PLUGIN_HEADINGS: Final = ("PROXY", "ROLE", "PLUGIN", "VERSION")


def show_proxies(mesh: WhichMesh, as_json: bool, plugins: bool) -> int:
    """Args: plugins - show what is installed beside each instead. Returns: the exit code."""
    answer = ask_control(mesh, AskProxies(), Proxies)
    if as_json:
        show_json(answer)
    elif plugins:
        show_table([_PLUGIN_HEADINGS, *[row for proxy in answer.proxies for row in _plugin_rows(proxy)]])
    else:
        show_table([_HEADINGS, *[_row(proxy) for proxy in answer.proxies]])
        for proxy in answer.proxies:
            _tell_refusal(proxy)
    return CHECK_FAILED if any(is_refusing(proxy) for proxy in answer.proxies) else OK


def is_refusing(proxy: ProxyRow) -> bool:
    """Whether it serves on with less than it was told."""
    return proxy.last_refusal is not None and not proxy.last_refusal.settled


def full_name(proxy: ProxyRow) -> str:
    """What a proxy is called, unlike any other of its role: `namespace/name`."""
    return proxy.name if proxy.role == "gateway" else f"{proxy.namespace}/{proxy.name}"


def _row(proxy: ProxyRow) -> tuple[str, ...]:
    return (
        full_name(proxy),
        proxy.role,
        proxy.program or "-",
        proxy.version or "none",
        "yes" if proxy.current else f"behind for {age(proxy.behind_seconds)}",
        "-" if proxy.in_force_seconds is None else age(proxy.in_force_seconds),
        age(proxy.connected_seconds),
        "never" if proxy.last_refusal is None else _when(proxy.last_refusal),
        proxy.identity,
    )


def _plugin_rows(proxy: ProxyRow) -> list[tuple[str, ...]]:
    return [(full_name(proxy), proxy.role, plugin, version or "-") for plugin, version in sorted(proxy.plugins.items())]


def _when(refusal: RefusalRow) -> str:
    return f"{age(refusal.seconds_ago)} ago" + (", settled" if refusal.settled else "")


def _tell_refusal(proxy: ProxyRow) -> None:
    refusal = proxy.last_refusal
    if refusal is None:
        return
    # Reasons have several lines, one for each mistake.
    reason = "\n".join([printable(line) for line in refusal.reason.splitlines()])
    sentence = f"{printable(full_name(proxy))} refused version {printable(refusal.version)} {_when(refusal)}: {reason}"
    if refusal.settled:
        click.echo(sentence)
    else:
        click.secho(sentence, fg="red", err=True)
