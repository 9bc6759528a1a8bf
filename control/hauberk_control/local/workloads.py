"""Workloads that joined over the local socket, as objects: a WorkloadEntry for as long as its connection stands.

When control starts again, those that ran before count as running for a while: they come back, each in its own time.
"""

from collections.abc import Sequence
from typing import Final

from hauberk_control.local.messages import RegisterWorkload
from hauberk_control.store import Store
from hauberk_core.resources import WorkloadEntry
from hauberk_core.resources.istio.workload_entry import WorkloadEntrySpec
from hauberk_core.resources.meta import ObjectMeta

# A laptop runs fewer, and each is an endpoint in every proxy's configuration.
MOST_WORKLOADS: Final = 1024
ORIGIN: Final = "hauberk run"
"""Where these objects come from, told in place of a file."""


class WorkloadTaken(Exception):
    """There is a workload of this name already; the message says what to do."""


class Workloads:
    """Those that are registered now, and those that are expected back."""

    def __init__(self, before: Sequence[RegisterWorkload] = ()) -> None:
        """Begin. Args: before - those that took requests when control ended."""
        self._registered: Final[dict[tuple[str, str], RegisterWorkload]] = {}
        self._ready: Final[set[tuple[str, str]]] = set()
        self._expected: Final = {(request.namespace, request.name): request for request in before[:MOST_WORKLOADS]}

    def add(self, request: RegisterWorkload) -> None:
        """Register. Raises: WorkloadTaken."""
        key = (request.namespace, request.name)
        if key in self._registered:
            raise WorkloadTaken(
                f"a workload {request.namespace}/{request.name} runs already; stop it, or give this one another name: --name"
            )
        if len(self._registered) >= MOST_WORKLOADS:
            raise WorkloadTaken(f"{MOST_WORKLOADS} workloads run already, the most that one control takes; stop some")
        self._registered[key] = request
        if self._expected.get(key) != request:
            # Another run under the same name: where the one before it listened, nobody does.
            self._expected.pop(key, None)

    def remove(self, request: RegisterWorkload) -> None:
        """Forget a workload; one of the same name that came after it stays."""
        key = (request.namespace, request.name)
        if self._registered.get(key) is request:
            del self._registered[key]
            self._ready.discard(key)
            self._expected.pop(key, None)

    def note_ready(self, namespace: str, name: str) -> bool:
        """The workload takes requests. Returns: whether it is registered."""
        if (namespace, name) not in self._registered:
            return False
        self._ready.add((namespace, name))
        self._expected.pop((namespace, name), None)
        return True

    def give_up_expected(self) -> list[RegisterWorkload]:
        """Forget those that have not come back. Returns: them."""
        gone = list(self._expected.values())
        self._expected.clear()
        return gone

    def serving(self) -> list[RegisterWorkload]:
        """Those that take requests, by namespace and name."""
        serving = {**self._expected, **{key: self._registered[key] for key in self._ready}}
        return [request for _, request in sorted(serving.items())]

    def account(self, namespace: str, name: str) -> str | None:
        """The service account of a workload; None if it is neither registered nor expected."""
        key = (namespace, name)
        request = self._registered.get(key) or self._expected.get(key)
        return None if request is None else account_of(request)

    def added_to(self, store: Store) -> Store:
        """The store with an object for each workload that takes requests."""
        serving = self.serving()
        return store.with_objects([_entry(request, store) for request in serving], ORIGIN) if serving else store


def account_of(request: RegisterWorkload) -> str:
    """The service account of a workload: as its service, where it names none."""
    return request.service_account or request.service


def labels_of(request: RegisterWorkload, store: Store) -> dict[str, str]:
    """The workload's labels: its own, and those by which its service selects it."""
    labels = {"app": request.service}
    if request.version:
        labels["version"] = request.version
    service = store.service(request.namespace, request.service)
    if service is not None:
        labels.update(service.spec.selector)
    labels.update(request.labels)
    return labels


def _entry(request: RegisterWorkload, store: Store) -> WorkloadEntry:
    ports = {str(port): listen for port, listen in request.ports.items()}
    service = store.service(request.namespace, request.service)
    if service is not None:
        for port in service.spec.ports:
            if port.name is not None and port.port in request.ports:
                ports[port.name] = request.ports[port.port]
    return WorkloadEntry(
        api_version="networking.istio.io/v1",
        kind="WorkloadEntry",
        metadata=ObjectMeta(name=request.name, namespace=request.namespace),
        spec=WorkloadEntrySpec(
            address=request.address, ports=ports, labels=labels_of(request, store), service_account=account_of(request)
        ),
    )
