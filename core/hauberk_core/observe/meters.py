"""What the proxy counts, behind methods that only add to cells: everything is looked up when a snapshot is prepared.

The one thing found during traffic is the series of an outcome (status, flags, security): by a small key, and made once.
"""

from typing import Final

from hauberk_core.http.grpc.status import NOT_KNOWN
from hauberk_core.model.reason import Reason
from hauberk_core.observe.cells import Cells
from hauberk_core.observe.datagram_meters import DatagramMeters
from hauberk_core.observe.metrics import (
    CLUSTER,
    DURATION,
    DURATION_SUM,
    DURATIONS,
    HTTP,
    LISTENER,
    LOCAL_ANSWER,
    OTHER,
    PASSAGE_RECEIVED,
    PASSAGE_SENT,
    PASSAGES_CLOSED,
    PASSAGES_OPENED,
    REQUEST_SIZE,
    REQUEST_SIZE_SUM,
    REQUESTS,
    RESPONSE_SIZE,
    RESPONSE_SIZE_SUM,
    SIZES,
    TCP,
    WORKER,
)
from hauberk_core.observe.mirror_meters import MirrorMeters
from hauberk_core.observe.overload_meters import OverloadMeters

# Istio's values of the label `reporter`: a gateway and the client's sidecar are a source, the server's sidecar a destination.
SOURCE: Final = "source"
DESTINATION: Final = "destination"

# Outcomes of one cluster that get series of their own. Honest services know a few dozen statuses; one that makes them up must
# not use up the cells of all others.
OUTCOMES_PER_CLUSTER: Final = 100


class ListenerMeters:
    """Counts what happens to the connections of one listener."""

    __slots__ = ("_view",)

    def __init__(self, view: memoryview) -> None:
        self._view: Final = view

    def connection_opened(self) -> None:
        """A client's connection was accepted."""
        self._view[0] += 1
        self._view[1] += 1

    def connection_closed(self) -> None:
        """A connection that was reported as opened is closed."""
        self._view[1] -= 1

    def handshake_failed(self) -> None:
        """A client's TLS handshake failed or timed out."""
        self._view[2] += 1

    def accept_failed(self) -> None:
        """An accept failed."""
        self._view[3] += 1

    def misled(self) -> None:
        """A captured connection had nowhere to go."""
        self._view[4] += 1

    def excused(self) -> None:
        """A client was let in that was asked to prove who it is, and did not."""
        self._view[5] += 1


class PassageMeters:
    """Counts connections whose octets pass as they are, between one pair of peers."""

    __slots__ = ("_view",)

    def __init__(self, view: memoryview) -> None:
        self._view: Final = view

    def opened(self) -> None:
        """One passes."""
        self._view[PASSAGES_OPENED] += 1

    def closed(self) -> None:
        """One that was reported as opened is over."""
        self._view[PASSAGES_CLOSED] += 1

    def received(self, size: int) -> None:
        """So many octets have come from a client."""
        self._view[PASSAGE_RECEIVED] += size

    def sent(self, size: int) -> None:
        """So many octets go to a client."""
        self._view[PASSAGE_SENT] += size


class ClusterMeters:
    """Counts the exchanges of one cluster, and the connections to it."""

    __slots__ = (
        "_by_case",
        "_by_peer",
        "_cells",
        "_http_labels",
        "_is_destination",
        "_mirrored",
        "_name",
        "_outcomes",
        "_passages",
        "_plain",
        "_view",
    )

    def __init__(self, cells: Cells, reporter: str, name: str, labels: dict[str, str]) -> None:
        self._cells: Final = cells
        self._name: Final = name
        self._view: Final = cells.view(CLUSTER, CLUSTER.label_values({"cluster": name}))
        self._http_labels: Final[dict[str, str]] = {"reporter": reporter}
        if name:
            self._http_labels["destination_service"] = name
            self._http_labels["destination_service_name"] = name
        for label, value in labels.items():
            self._http_labels[label] = value
        self._is_destination: Final = self._http_labels["reporter"] == DESTINATION
        # By status (see `_outcome_key`). Most have no flags and are found at once, or by their peer; the others by flags and peer
        # first.
        self._plain: Final[dict[int, memoryview]] = {}
        self._by_peer: Final[dict[str, dict[int, memoryview]]] = {}
        self._by_case: Final[dict[str, dict[int, memoryview]]] = {}
        self._outcomes = 0
        self._passages: Final[dict[str, PassageMeters]] = {}
        self._mirrored: MirrorMeters | None = None

    def finished(
        self,
        status: int,
        grpc_status: int,
        flags: str,
        client: str,
        endpoint: str,
        request_bytes: int,
        response_bytes: int,
        duration: float,
    ) -> None:
        """Count an exchange that is over.

        Args: status - 0 where no response was begun; grpc_status - of a gRPC call, NOT_KNOWN for all others; flags - Envoy's
            response flags, `-` for none; client, endpoint - identities proved by mutual TLS, or empty; request_bytes and
            response_bytes - octets of the bodies; duration - seconds, from a clock that never goes back.
        """
        peer = client if self._is_destination else endpoint
        if flags != "-":
            by_status = self._by_case.get(flags + " " + peer)
        elif peer:
            by_status = self._by_peer.get(peer)
        else:
            by_status = self._plain
        view = None if by_status is None else by_status.get(_outcome_key(status, grpc_status))
        if view is None:
            view = self._outcome(status, grpc_status, flags, peer)
        microseconds = int(duration * 1000000.0)
        view[REQUESTS] += 1
        view[DURATION + DURATIONS.index(microseconds)] += 1
        view[DURATION_SUM] += microseconds
        view[REQUEST_SIZE + SIZES.index(request_bytes)] += 1
        if request_bytes:
            view[REQUEST_SIZE_SUM] += request_bytes
        view[RESPONSE_SIZE + SIZES.index(response_bytes)] += 1
        view[RESPONSE_SIZE_SUM] += response_bytes

    def passage(self, client: str, endpoint: str) -> PassageMeters:
        """The meters of connections whose octets pass as they are.

        Args: client, endpoint - identities proved by mutual TLS, or empty.
        """
        peer = client if self._is_destination else endpoint
        known = self._passages.get(peer)
        if known is None:
            principal = peer if len(self._passages) < OUTCOMES_PER_CLUSTER else OTHER
            known = self._passages.get(principal)
        if known is None:
            labels = self._with_peer(principal)
            labels["request_protocol"] = "tcp"
            labels["response_flags"] = "-"
            known = PassageMeters(self._cells.view(TCP, TCP.label_values(labels)))
            self._passages[principal] = known
        return known

    def mirrored(self) -> MirrorMeters:
        """The meters of copies that come here; few clusters get any."""
        known = self._mirrored
        if known is None:
            known = MirrorMeters(self._cells, self._name)
            self._mirrored = known
        return known

    def connection_opened(self) -> None:
        """A connection to an endpoint is established."""
        self._view[0] += 1
        self._view[1] += 1

    def connection_closed(self) -> None:
        """A connection that was reported as opened is closed."""
        self._view[1] -= 1

    def connect_failed(self) -> None:
        """An attempt to connect failed or timed out."""
        self._view[2] += 1

    def wait_began(self) -> None:
        """A request waits for a connection."""
        self._view[3] += 1

    def wait_ended(self) -> None:
        """A request that was reported as waiting does so no more."""
        self._view[3] -= 1

    def overflowed(self) -> None:
        """A request was refused because pool and queue were full."""
        self._view[4] += 1

    def sent_again(self) -> None:
        """A request was sent once more, because a kept connection had just ended."""
        self._view[5] += 1

    def retried(self) -> None:
        """Another attempt is made for a request."""
        self._view[6] += 1

    def retry_succeeded(self) -> None:
        """An attempt that was not the first has brought an answer."""
        self._view[7] += 1

    def retries_exhausted(self) -> None:
        """A request failed, and no attempt was left."""
        self._view[8] += 1

    def retry_overflowed(self) -> None:
        """An attempt was not made because of the budget."""
        self._view[9] += 1

    def _with_peer(self, principal: str) -> dict[str, str]:
        """The labels of what is exchanged with a peer. Args: principal - its identity, or empty."""
        labels = dict(self._http_labels)
        if self._is_destination:
            # As in Istio, where only the destination says how secure the request was.
            labels["connection_security_policy"] = "mutual_tls" if principal else "none"
        if principal:
            labels["source_principal" if self._is_destination else "destination_principal"] = principal
        return labels

    def _outcome(self, status: int, grpc_status: int, flags: str, peer: str) -> memoryview:
        code = str(status)
        is_grpc = grpc_status != NOT_KNOWN
        result = str(grpc_status) if is_grpc else ""
        principal = peer
        if self._outcomes >= OUTCOMES_PER_CLUSTER:
            # Not remembered: the cells know this series, and a hundred others come first.
            code = OTHER
            result = OTHER if is_grpc else ""
            flags = OTHER
            principal = OTHER if peer else ""
        labels = self._with_peer(principal)
        labels["request_protocol"] = "grpc" if is_grpc else "http"
        labels["response_code"] = code
        labels["grpc_response_status"] = result
        labels["response_flags"] = flags
        view = self._cells.view(HTTP, HTTP.label_values(labels))
        if code == OTHER:
            return view
        self._outcomes += 1
        if flags != "-":
            by_status = self._by_case.setdefault(flags + " " + peer, {})
        elif peer:
            by_status = self._by_peer.setdefault(peer, {})
        else:
            by_status = self._plain
        by_status[_outcome_key(status, grpc_status)] = view
        return view


def _outcome_key(status: int, grpc_status: int) -> int:
    """One number for both; a status of HTTP has three digits."""
    return status + (grpc_status - NOT_KNOWN) * 1000


class ProxyMeters:
    """Everything one worker counts. Meters are kept by name, so that a new snapshot goes on with the old one's."""

    __slots__ = (
        "_cells",
        "_clusters",
        "_datagrams",
        "_listeners",
        "_reasons",
        "_reporter",
        "_worker",
        "overload",
        "without_cluster",
    )

    def __init__(self, cells: Cells, reporter: str = SOURCE) -> None:
        """Prepare.

        Args: reporter - `SOURCE` or `DESTINATION`.
        Raises: ValueError if the cells are too few for the first series of every group.
        """
        self._cells: Final = cells
        self._reporter: Final = reporter
        self._worker: Final = cells.view(WORKER, ())
        self._reasons: Final[dict[str, memoryview]] = {}
        for reason in Reason:
            self._reasons[reason.code] = cells.view(LOCAL_ANSWER, (reason.code,))
        self.overload: Final = OverloadMeters(cells)
        """For a worker that comes to its limits."""
        self._listeners: Final[dict[str, ListenerMeters]] = {}
        self._datagrams: Final[dict[str, DatagramMeters]] = {}
        self._clusters: Final[dict[tuple[str, ...], ClusterMeters]] = {}
        self.without_cluster: Final = self.cluster_meters("", {})
        """For exchanges that were answered before any cluster was chosen."""

    def cluster_meters(self, name: str, labels: dict[str, str]) -> ClusterMeters:
        """The meters of a cluster.

        Args: labels - Istio's destination and source labels that are known; others are ignored. Where they do not say
            `destination_service` and `destination_service_name`, the cluster's name stands in, and where they do not say
            `reporter`, the proxy's.
        """
        key = (name, *[part for label in sorted(labels) for part in (label, labels[label])])
        known = self._clusters.get(key)
        if known is None:
            known = ClusterMeters(self._cells, self._reporter, name, labels)
            self._clusters[key] = known
        return known

    def listener_meters(self, name: str) -> ListenerMeters:
        """The meters of a listener."""
        known = self._listeners.get(name)
        if known is None:
            known = ListenerMeters(self._cells.view(LISTENER, (name,)))
            self._listeners[name] = known
        return known

    def datagram_meters(self, name: str) -> DatagramMeters:
        """The meters of a listener of UDP."""
        known = self._datagrams.get(name)
        if known is None:
            known = DatagramMeters(self._cells, name)
            self._datagrams[name] = known
        return known

    def local_answer(self, reason: Reason) -> None:
        """The proxy made an answer itself."""
        self._reasons[reason.code][0] += 1

    def requests_active(self, number: int) -> None:
        """So many exchanges are running now; to be told every second, because two cells for each exchange would say no more."""
        self._worker[0] = number

    def access_log_dropped(self, total: int) -> None:
        """The access log has lost so many lines since the worker's start."""
        self._worker[1] = total

    def config_updated(self) -> None:
        """A new configuration is in use."""
        self._worker[2] += 1
