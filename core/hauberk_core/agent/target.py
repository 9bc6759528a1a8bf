"""One configuration on its way to the workers: octets by resource name, and the descriptors that some of them need."""

from collections.abc import Mapping
from typing import Final

from hauberk_core.agent.secrets import Secrets
from hauberk_core.agent.sockets import BoundListener
from hauberk_core.agent.wire import ACCESS_LOG, CLUSTER, LISTENER, ROUTE_TABLE, Delta
from hauberk_core.model.codec import Resource, encode_resource
from hauberk_core.model.snapshot import Snapshot

ACCESS_LOG_NAME: Final = f"{ACCESS_LOG}/"


class Target:
    """What every worker is to serve."""

    def __init__(
        self,
        number: int,
        snapshot: Snapshot,
        secrets: Secrets,
        sockets: dict[str, BoundListener],
        access_log: int,
        before: "Target | None" = None,
    ) -> None:
        """Put a configuration together.

        Args: number - counts the agent's configurations, from 1; sockets - by the listeners' names; access_log - the descriptor
        of its file, or -1; before - the one in force: what is the same there is not encoded again. Descriptors remain the
        caller's.
        """
        self.number: Final = number
        self.snapshot: Final = snapshot
        self.secrets: Final = secrets
        self.resources: Final = _encode(snapshot, secrets, before)
        self.sockets: Final = sockets
        self.access_log: Final = access_log

    def delta_from(self, other: "Target | None", worker: int) -> tuple[Delta, list[int]]:
        """The step that brings a worker from `other` (None: from nothing) to this, with the descriptors to attach."""
        before: dict[str, bytes] = {} if other is None else other.resources
        names: list[str] = []
        descriptors: list[int] = []
        for name, bound in self.sockets.items():
            if other is None or other.sockets.get(name) is not bound:
                for sock in bound.of_worker(worker):
                    names.append(f"{LISTENER}/{name}")
                    descriptors.append(sock.fileno())
        if self.access_log >= 0 and (other is None or other.access_log != self.access_log):
            names.append(ACCESS_LOG_NAME)
            descriptors.append(self.access_log)
        delta = Delta(
            number=self.number,
            version=self.snapshot.version,
            set={name: data for name, data in self.resources.items() if before.get(name) != data},
            removed=[name for name in before if name not in self.resources],
            descriptors=names,
        )
        return delta, descriptors


def _encode(snapshot: Snapshot, secrets: Secrets, before: Target | None) -> dict[str, bytes]:
    resources = dict(secrets.resources)
    old = Snapshot() if before is None else before.snapshot
    known: dict[str, bytes] = {} if before is None else before.resources
    groups: tuple[tuple[str, Mapping[str, Resource], Mapping[str, Resource]], ...] = (
        (LISTENER, snapshot.listeners, old.listeners),
        (ROUTE_TABLE, snapshot.route_tables, old.route_tables),
        (CLUSTER, snapshot.clusters, old.clusters),
    )
    for kind, values, old_values in groups:
        for name, value in values.items():
            resource = f"{kind}/{name}"
            resources[resource] = known[resource] if old_values.get(name) is value else encode_resource(value)
    if snapshot.access_log is not None:
        resources[ACCESS_LOG_NAME] = encode_resource(snapshot.access_log)
    return resources
