"""The application's probes, which the agent makes in the kubelet's place.

The kubelet cannot prove who it is, and where peers must it would be reset. So its probes lead to the agent, which asks the
application directly, from the address that rules of the kernel let pass.
"""

import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

import msgspec
import trio

from hauberk_core.agent.pod.dial import Target, open_connection
from hauberk_core.agent.pod.http_get import HttpGetError, http_get

# The kubelet's own bound.
_MOST_REDIRECTS: Final = 10
_MOST_PROBES: Final = 1000


class ProbeError(ValueError):
    """The probes cannot be understood."""


class HttpHeader(msgspec.Struct, frozen=True):
    """A field of the request."""

    name: str
    value: str


class HttpGet(msgspec.Struct, frozen=True, rename="camel"):
    """Kubernetes' HTTPGetAction."""

    port: int
    path: str = "/"
    scheme: str = "HTTP"
    http_headers: tuple[HttpHeader, ...] = ()


class TcpSocket(msgspec.Struct, frozen=True):
    """Kubernetes' TCPSocketAction."""

    port: int


class Grpc(msgspec.Struct, frozen=True):
    """Kubernetes' GRPCAction."""

    port: int
    service: str | None = None


class Probe(msgspec.Struct, frozen=True, rename="camel"):
    """What the kubelet would have asked."""

    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    grpc: Grpc | None = None
    timeout_seconds: float = 1.0


class Verdict(NamedTuple):
    """What the kubelet is told."""

    status: int
    """What the application answered, where it speaks HTTP; else 200 or 503."""
    detail: str


def read_probes(text: str) -> dict[str, Probe]:
    """The probes by path, from JSON. Raises: ProbeError."""
    try:
        found = msgspec.json.decode(text, type=dict[str, Probe])
    except msgspec.MsgspecError as error:
        raise ProbeError(f"no probes can be read: {error}") from error
    for path, probe in found.items():
        if sum(kind is not None for kind in (probe.http_get, probe.tcp_socket, probe.grpc)) != 1:
            raise ProbeError(f"{path} is neither an httpGet, nor a tcpSocket, nor a grpc probe")
    if len(found) > _MOST_PROBES:
        raise ProbeError(f"{len(found)} probes; a pod has at most {_MOST_PROBES}")
    return found


async def make_probe(probe: Probe, address: str, fields: Mapping[str, str]) -> Verdict:
    """Ask the application. Never raises but for cancellation.

    Args: address - the pod's; fields - of the kubelet's own request that are passed on, by their names in lower case.
    """
    with trio.move_on_after(probe.timeout_seconds):
        try:
            return await _ask(probe, address, fields)
        except (OSError, HttpGetError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            return Verdict(503, f"the application does not answer: {error}")
    return Verdict(503, f"the application does not answer within {probe.timeout_seconds:g} s")


async def _ask(probe: Probe, address: str, fields: Mapping[str, str]) -> Verdict:
    if probe.http_get is not None:
        return await _ask_http(probe.http_get, address, fields)
    if probe.grpc is not None:
        # Only here: HTTP/2 takes a MiB of memory, and few applications are asked by it.
        from hauberk_core.agent.pod.grpc_health import serving_status

        status = await serving_status(Target(address, probe.grpc.port), probe.grpc.service or "")
        return Verdict(200 if status == "SERVING" else 503, f"the application's health is {status}")
    assert probe.tcp_socket is not None
    stream = await open_connection(Target(address, probe.tcp_socket.port))
    await trio.aclose_forcefully(stream)
    return Verdict(200, "the application accepts connections")


async def _ask_http(asked: HttpGet, address: str, fields: Mapping[str, str]) -> Verdict:
    secure = asked.scheme.upper() == "HTTPS"
    host = f"[{address}]" if ":" in address else address
    headers = {"host": f"{host}:{asked.port}", "user-agent": "kube-probe/", "accept": "*/*"}
    headers |= {name: value for name, value in fields.items() if name in {"user-agent", "accept"}}
    headers |= {header.name.lower(): header.value for header in asked.http_headers}
    target = asked.path if asked.path.startswith("/") else f"/{asked.path}"
    for _ in range(_MOST_REDIRECTS):
        answer = await http_get(Target(address, asked.port), target, headers, _unverified() if secure else None)
        location = answer.location
        if not 300 <= answer.status < 400 or not location:
            return Verdict(answer.status, f"the application answers {answer.status}")
        onward = urlsplit(urljoin(f"{asked.scheme.lower()}://{host}:{asked.port}{target}", location))
        if onward.netloc not in {f"{host}:{asked.port}", headers["host"]}:
            # To the kubelet, too, an answer that leads elsewhere is a sign of life.
            return Verdict(200, f"the application answers {answer.status}, and leads to {onward.netloc}")
        target = (onward.path or "/") + (f"?{onward.query}" if onward.query else "")
    return Verdict(503, f"the application leads from place to place, {_MOST_REDIRECTS} times")


def _unverified() -> ssl.SSLContext:
    """As the kubelet, which cannot know whose certificate an application shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
