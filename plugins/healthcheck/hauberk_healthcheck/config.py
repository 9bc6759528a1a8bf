"""What the configuration may say to this plugin."""

import re
from typing import Annotated, Final

import msgspec

from hauberk_core.model.duration import Duration
from hauberk_healthcheck.rules import Asked, Rules

_SHORTEST_INTERVAL: Final = 0.1
"""Shorter ones would be a load rather than a check."""
_LONGEST_INTERVAL: Final = 3600.0
_MOST_FIELDS: Final = 16
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,998}[\x21-\x7e])?")
_TARGET: Final = re.compile(r"/[\x21-\x22\x24-\x7e]{0,2000}")
_HOST: Final = re.compile(r"[0-9A-Za-z._:\[\]-]{1,255}")
_RANGE: Final = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
_SERVICE: Final = re.compile(r"[0-9A-Za-z._/-]{0,127}")
_OURS: Final = frozenset(("host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "expect"))

Threshold = Annotated[int, msgspec.Meta(ge=1, le=100)]


class HttpConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One request without a body."""

    path: str = "/"
    """With its query."""
    host: str = ""
    """Empty: the endpoint's address."""
    method: str = "GET"
    headers: dict[str, str] = {}
    statuses: tuple[int | str, ...] = ("200-299",)
    """That pass: numbers, and ranges as in `200-299`."""
    http2: bool = False
    """Speak HTTP/2, with prior knowledge."""


class TcpConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whether it can be connected to, TLS included."""


class GrpcConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """grpc.health.v1.Health/Check; SERVING passes."""

    service: str = ""
    """Empty: the server as a whole."""
    authority: str = ""
    """Empty: the endpoint's address."""


class CheckConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How endpoints are checked: exactly one of the first three."""

    http: HttpConfig | None = None
    tcp: TcpConfig | None = None
    grpc: GrpcConfig | None = None
    interval: Duration = Duration(10.0)
    """From one check to the next; by all workers of a proxy together."""
    jitter_percent: Annotated[int, msgspec.Meta(ge=0, le=50)] = 10
    """Of the interval, by which it varies up and down, so that proxies do not all ask at once."""
    timeout: Duration = Duration(1.0)
    """For the whole check, the connection included; at most the interval."""
    healthy_threshold: Threshold = 2
    """Checks in a row that must pass before an unhealthy endpoint is used again."""
    unhealthy_threshold: Threshold = 3
    """Checks in a row that must fail before an endpoint is left out."""
    first_check_decides: bool = False
    """Whether an endpoint gets no requests before it has been checked; the first check then decides alone."""


def read_rules(config: dict[str, object]) -> Rules:
    """Check a configuration. Raises: msgspec.ValidationError (a ValueError) that names the wrong member; ValueError."""
    read = msgspec.convert(config, CheckConfig, dec_hook=_read_duration)
    if sum([kind is not None for kind in (read.http, read.tcp, read.grpc)]) != 1:
        raise ValueError("write exactly one of http, tcp and grpc, for example http: {path: /healthz}")
    if not _SHORTEST_INTERVAL <= read.interval.seconds <= _LONGEST_INTERVAL:
        raise ValueError(f"interval is {read.interval}; write 100ms at least, and 1h at most")
    if not 0 < read.timeout.seconds <= read.interval.seconds:
        raise ValueError(f"timeout is {read.timeout}; write more than nothing, and at most the interval ({read.interval})")
    return Rules(
        _asked(read),
        read.interval.seconds,
        read.jitter_percent / 100,
        read.timeout.seconds,
        read.healthy_threshold,
        read.unhealthy_threshold,
        read.first_check_decides,
    )


def _asked(read: CheckConfig) -> Asked:
    if read.http is not None:
        return _asked_by_http(read.http)
    if read.grpc is not None:
        grpc = read.grpc
        _match(_SERVICE, grpc.service, "grpc.service", "a name of at most 127 letters, digits, dots, dashes and slashes")
        asked = Asked("grpc", f"gRPC {grpc.service}".strip())
        asked.service = grpc.service
        asked.authority = _host(grpc.authority, "grpc.authority")
        return asked
    return Asked("tcp", "TCP")


def _asked_by_http(http: HttpConfig) -> Asked:
    _match(_TARGET, http.path, "http.path", "a path that begins with a slash, for example /healthz")
    _match(_TOKEN, http.method, "http.method", "a method, for example GET")
    if http.method == "CONNECT":
        raise ValueError("http.method is CONNECT, which opens a tunnel; write for example GET")
    if len(http.headers) > _MOST_FIELDS:
        raise ValueError(f"http.headers has {len(http.headers)} fields; write at most {_MOST_FIELDS}")
    for name, value in http.headers.items():
        _match(_TOKEN, name, "http.headers", "names of fields")
        _match(_VALUE, value, f"http.headers.{name}", "at most 1000 printable ASCII characters")
        if name.lower() in _OURS:
            raise ValueError(f"http.headers has {name!r}, which the check sets itself; for Host write http.host")
    if not http.statuses:
        raise ValueError("http.statuses is empty, so that nothing would pass; leave it out for 200-299")
    asked = Asked("http", f"HTTP{'/2' if http.http2 else ''} {http.method} {http.path}")
    asked.path, asked.method, asked.http2 = http.path, http.method, http.http2
    asked.authority = _host(http.host, "http.host")
    asked.fields = list(http.headers.items())
    asked.statuses = [_range(status) for status in http.statuses]
    return asked


def _host(text: str, member: str) -> str:
    if text:
        _match(_HOST, text, member, "a host name or address, with :port where one is wanted")
    return text


def _match(pattern: re.Pattern[str], text: str, member: str, wanted: str) -> None:
    if pattern.fullmatch(text) is None:
        raise ValueError(f"{member} is {text[:100]!r}; write {wanted}")


def _range(told: int | str) -> tuple[int, int]:
    found = _RANGE.fullmatch(str(told))
    first = int(found[1]) if found is not None else 0
    last = int(found[2] or first) if found is not None else 0
    if found is None or last < first:
        raise ValueError(f"http.statuses has {told!r}; write a status as in 200, or a range as in 200-299")
    return first, last


def _read_duration(kind: type, value: object) -> object:
    if kind is Duration and isinstance(value, str):
        return Duration.parse(value)
    raise ValueError("write a duration, for example 10s")
