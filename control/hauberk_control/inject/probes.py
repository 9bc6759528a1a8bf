"""Probes that lead to the proxy, which asks the application in the kubelet's place.

The kubelet has no identity in the mesh: under STRICT its own connection to a captured port would be reset. What it asked for
before stands in the proxy's environment. Probes that run a program stay as they are, and so do those to another host.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from hauberk_control.inject.json_object import JsonObject, as_object
from hauberk_control.inject.pod_view import Container
from hauberk_core.model.errors import quote
from hauberk_core.pod import METRICS_PORT, PROBES_PATH

_PATHS: Final = {"livenessProbe": "livez", "readinessProbe": "readyz", "startupProbe": "startupz"}
_HANDLERS: Final = ("httpGet", "tcpSocket", "grpc")
# What the kubelet takes where a probe does not say it.
_DEFAULT_TIMEOUT_SECONDS: Final = 1


class Rewritten(NamedTuple):
    """A container whose probes lead to the proxy, and by path what each asked for before."""

    container: JsonObject
    probes: dict[str, JsonObject]
    warnings: list[str]


def rewrite_probes(container: JsonObject, view: Container, known: Mapping[str, object]) -> Rewritten:
    """Rewrite the probes of one container.

    Args: known - what the proxy knows from an earlier pass: a probe that already leads to it stays, with what is known of it.
    """
    changed = dict(container)
    probes: dict[str, JsonObject] = {}
    warnings: list[str] = []
    for member, last in _PATHS.items():
        probe = as_object(container.get(member))
        path = f"{PROBES_PATH}/{view.name}/{last}"
        if _leads_to(probe, path):
            if path in known:
                probes[path] = as_object(known[path])
            continue
        handler = next((name for name in _HANDLERS if name in probe), None)
        if handler is None:
            continue
        asked = as_object(probe[handler])
        if asked.get("host"):
            continue
        port = _port_number(asked.get("port"), view)
        if port is None:
            warnings.append(f"{member} of {view.name} stays as it is: the container has no port {quote(str(asked.get('port')))}")
            continue
        probes[path] = {
            handler: {**asked, "port": port},
            "timeoutSeconds": probe.get("timeoutSeconds") or _DEFAULT_TIMEOUT_SECONDS,
        }
        to_proxy = {"path": path, "port": METRICS_PORT, "scheme": "HTTP"}
        changed[member] = {
            ("httpGet" if name == handler else name): to_proxy if name == handler else value for name, value in probe.items()
        }
    return Rewritten(changed, probes, warnings)


def _leads_to(probe: JsonObject, path: str) -> bool:
    asked = probe.get("httpGet")
    return isinstance(asked, dict) and asked.get("path") == path and asked.get("port") == METRICS_PORT


def _port_number(port: object, view: Container) -> int | None:
    """A port that may be a container port's name."""
    if isinstance(port, int):
        return port
    if isinstance(port, str) and port.isascii() and port.isdecimal() and len(port) <= 5:
        return int(port)
    return next((found.container_port for found in view.ports or [] if found.name == port), None)
