"""Where the datagrams of a listener go."""

from typing import Annotated, Literal

import msgspec

from hauberk_core.model.duration import Duration
from hauberk_core.model.route import WeightedCluster


class Datagrams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a listener of UDP does. The datagrams of one client's address, and the answers to them, are a session."""

    backends: tuple[WeightedCluster, ...] = ()
    """Where they go, by weight; without any they are dropped."""
    balance: Literal["session", "datagram"] = "session"
    """What weights and load balancing divide: sessions, so that a client stays with one endpoint, or each datagram by itself."""
    idle_timeout: Duration = Duration(60.0)
    """A session is over when nothing has come either way for so long; at least `1s`. Envoy's default."""
    max_sessions: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 8192
    """Of one worker; each is a descriptor, and all listeners together use a quarter of the worker's at most. When there are so
    many, a host that has more than 16 and more than a part in 64 of them makes room for others; else a new client takes the
    place of the oldest that no endpoint has answered, or of the oldest whose client has said nothing since it was answered,
    because addresses of senders can be forged. Where there is none, its datagrams are dropped."""
