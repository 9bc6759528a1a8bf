"""The rules about listeners of UDP."""

from collections.abc import Mapping
from typing import Final

from hauberk_core.model.check_capture import check_backends
from hauberk_core.model.cluster import Cluster
from hauberk_core.model.datagrams import Datagrams
from hauberk_core.model.errors import Path, quote
from hauberk_core.model.listener import Listener
from hauberk_core.model.mistake import Mistake

_SHORTEST_IDLE: Final = 1.0


def check_datagrams(
    listener: Listener, datagrams: Datagrams, clusters: Mapping[str, Cluster], path: Path, mistakes: list[Mistake]
) -> None:
    """Append what is wrong with a listener of UDP. Args: path - the listener's."""
    for member, given in (
        ("filter_chains", bool(listener.filter_chains)),
        ("captured", listener.captured),
        ("proxy_protocol_from", bool(listener.proxy_protocol_from)),
    ):
        if given:
            message = f"{quote(member)} is about connections, and datagrams have none"
            mistakes.append(Mistake((*path, member), message, 'remove it, or "datagrams"'))
    path = (*path, "datagrams")
    if datagrams.idle_timeout.seconds < _SHORTEST_IDLE:
        message = "too short a time to wait for an answer in"
        mistakes.append(Mistake((*path, "idle_timeout"), message, "write at least 1s"))
    check_backends(datagrams.backends, clusters, path, mistakes)
    for index, backend in enumerate(datagrams.backends):
        cluster = clusters.get(backend.cluster)
        if cluster is None:
            continue
        place = (*path, "backends", index, "cluster")
        if cluster.reach != "endpoints":
            message = f"the cluster {quote(backend.cluster)} has no endpoints of its own"
            mistakes.append(Mistake(place, message, "name a cluster with endpoints"))
        elif cluster.transport.security != "plain":
            message = f"the cluster {quote(backend.cluster)} is reached by TLS, which datagrams are not put into"
            mistakes.append(Mistake(place, message, "name a cluster that is reached in the clear"))
