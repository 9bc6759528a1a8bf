"""What a UDPRoute says beside where its datagrams go.

Gateway API has no fields for it, so that annotations of the route say it.
"""

from typing import Final, Literal

from hauberk_core.model.datagrams import Datagrams
from hauberk_core.model.duration import Duration
from hauberk_core.model.errors import Path, quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources import UDPRoute

BALANCE_ANNOTATION: Final = "hauberk.dev/udp-balance"
IDLE_ANNOTATION: Final = "hauberk.dev/udp-idle-timeout"
_SHORTEST_IDLE: Final = 1.0


def datagram_settings(route: UDPRoute) -> tuple[Datagrams, list[Mistake]]:
    """What a listener does with the route's datagrams, still without backends, and what of it is wrong and left out."""
    mistakes: list[Mistake] = []
    annotations = route.metadata.annotations
    balance: Literal["session", "datagram"] = "session"
    told = annotations.get(BALANCE_ANNOTATION, balance)
    if told == "datagram":
        balance = "datagram"
    elif told != balance:
        message = f"{quote(told)} is not what can be divided among endpoints"
        mistakes.append(Mistake(_path(BALANCE_ANNOTATION), message, "write session or datagram"))
    idle = Datagrams().idle_timeout
    if IDLE_ANNOTATION in annotations:
        try:
            written = Duration.parse(annotations[IDLE_ANNOTATION])
        except ValueError as error:
            message, _, hint = str(error).partition("; ")
            mistakes.append(Mistake(_path(IDLE_ANNOTATION), message, hint or "write for example 30s"))
        else:
            if written.seconds < _SHORTEST_IDLE:
                mistakes.append(Mistake(_path(IDLE_ANNOTATION), "too short a time to wait for an answer in", "write at least 1s"))
            else:
                idle = written
    return Datagrams(balance=balance, idle_timeout=idle), mistakes


def _path(annotation: str) -> Path:
    return ("metadata", "annotations", annotation)
