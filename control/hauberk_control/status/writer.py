"""Writes statuses into the objects of a cluster, by server-side apply: each when it is another one, and never twice the same.

What the API server told last of an object is compared with what its status should be. Our own writes come back as events, and
find nothing to do. Where the API server makes something else of a status than was written, that is remembered and left alone
until one of the two changes. Lists that several controllers share are written on condition that nobody changed the object
meanwhile; if somebody did, the event that tells so has it compared again.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import trio

from hauberk_control.ca.authority import system_time
from hauberk_control.kubernetes.endpoints import Endpoint
from hauberk_control.kubernetes.errors import CONFLICT, NOT_FOUND, ApiError, Unreachable
from hauberk_control.kubernetes.objects import Manifest
from hauberk_control.kubernetes.pace import Pace
from hauberk_control.sources.known import Known
from hauberk_control.status.conditions import Status
from hauberk_control.status.merge import merged, shares_lists
from hauberk_control.store import ObjectKey
from hauberk_core.agent.backoff import Backoff
from hauberk_core.agent.logs import LOG
from hauberk_core.resources.gateway_api.references import ParentReference

GATHER_SECONDS: Final = 0.05
"""Proxies come first: what they have is known moments after a change, and is part of the status."""
# In a busy cluster something changes all the time; working statuses out takes no more than a fifth of a processor.
_REST: Final = 4.0
# A change may concern hundreds of objects; other controllers allow themselves as much (client-go's default is 5 a second).
_PER_SECOND: Final = 50.0
_AT_ONCE: Final = 100
_MOST_WRITES: Final = 8
"""At once."""
_INVALID: Final = (400, 422)
"""The API server will never take this."""


class Applies(Protocol):
    """Whoever writes objects."""

    async def apply(self, manifest: Mapping[str, Any], subresource: str = "") -> Manifest:
        """Raises: ApiError."""
        ...


class Cluster(Protocol):
    """What is known of the objects."""

    def known(self, key: ObjectKey) -> Known | None: ...

    def endpoint(self, key: ObjectKey) -> Endpoint | None: ...


class _Settled(NamedTuple):
    """What was compared, with nothing left to do."""

    status: Status
    versions: tuple[str, str]
    """Of the object: when it was compared, and when it was written."""
    actual: dict[str, Any]
    """Its status after that."""


class StatusWriter:
    """Keeps the statuses of all objects as they are to be."""

    def __init__(
        self,
        cluster: Cluster,
        objects: Applies,
        wanted: Callable[[], Awaitable[Mapping[ObjectKey, Status]]],
        random: Callable[[], float],
        now: Callable[[], dt.datetime] = system_time,
        is_theirs: Callable[[ObjectKey, ParentReference], bool] = lambda _key, _parent: False,
    ) -> None:
        """Args: wanted - works out the statuses as they should be now; is_theirs - whether another revision of control says
        what stands in an object for one of its parents, or ancestors."""
        self._cluster: Final = cluster
        self._objects: Final = objects
        self._wanted: Final = wanted
        self._random: Final = random
        self._now: Final = now
        self._is_theirs: Final = is_theirs
        self._pace: Final = Pace(_PER_SECOND, _AT_ONCE)
        self._settled: dict[ObjectKey, _Settled] = {}
        self._changed = trio.Event()

    def wake(self) -> None:
        """Something may be another: an object, its status, or what proxies have. From trio."""
        self._changed.set()

    async def run(self) -> None:
        """Write until cancelled. Only one replica should."""
        # Somebody else may have written meanwhile.
        self._settled = {}
        self._changed.set()
        backoff = Backoff(self._random)
        while True:
            await self._changed.wait()
            await trio.sleep(GATHER_SECONDS)
            self._changed = trio.Event()
            began = trio.current_time()
            try:
                wanted = await self._wanted()
            except Exception:  # whatever it is: statuses stay as they are, and the rest of control serves on
                LOG.exception("statuses cannot be worked out; they are looked at again when something changes")
                await trio.sleep(backoff.next_pause())
                continue
            took = trio.current_time() - began
            failed = await self._write_all(wanted)
            if failed is None:
                backoff.reset()
                await trio.sleep(took * _REST)
                continue
            if not isinstance(failed, Unreachable):
                LOG.warning("not every status is written: %s", failed)
            self._changed.set()
            await trio.sleep(backoff.next_pause())

    async def _write_all(self, wanted: Mapping[ObjectKey, Status]) -> ApiError | None:
        """Returns: the first failure that is worth another attempt."""
        self._settled = {key: settled for key, settled in self._settled.items() if key in wanted}
        failures: list[ApiError] = []
        limiter = trio.CapacityLimiter(_MOST_WRITES)
        async with trio.open_nursery() as nursery:
            for key, status in wanted.items():
                known = self._cluster.known(key)
                if known is not None and not self._is_settled(known, status):
                    await self._pace_if_due(known, status, nursery, limiter, failures)
        return failures[0] if failures else None

    def _is_settled(self, known: Known, status: Status) -> bool:
        settled = self._settled.get(known.key)
        if settled is None or settled.status != status:
            return False
        return known.version in settled.versions or _plain(known.status) == settled.actual

    async def _pace_if_due(
        self, known: Known, status: Status, nursery: trio.Nursery, limiter: trio.CapacityLimiter, failures: list[ApiError]
    ) -> None:
        endpoint = self._cluster.endpoint(known.key)
        if endpoint is None or not endpoint.has_status:
            return
        actual = _plain(known.status)
        body = merged(status, actual, _stamp(self._now()), partial(self._is_theirs, known.key))
        if body is None:
            self._settled[known.key] = _Settled(status, (known.version, known.version), actual)
            return
        await self._pace.wait()
        nursery.start_soon(self._write, known, status, endpoint, body, limiter, failures)

    async def _write(
        self,
        known: Known,
        status: Status,
        endpoint: Endpoint,
        body: Mapping[str, Any],
        limiter: trio.CapacityLimiter,
        failures: list[ApiError],
    ) -> None:
        metadata = {"name": known.key.name}
        if known.key.namespace:
            metadata["namespace"] = known.key.namespace
        if shares_lists(body):
            metadata["resourceVersion"] = known.version
        manifest = {"apiVersion": endpoint.api_version, "kind": endpoint.kind, "metadata": metadata, "status": body}
        try:
            async with limiter:
                stored = await self._objects.apply(manifest, "status")
        except ApiError as error:
            if error.status in _INVALID:
                LOG.error("the API server refuses the status of %s: %s", known.key, error)
                self._settled[known.key] = _Settled(status, (known.version, known.version), _plain(known.status))
            elif error.status not in (CONFLICT, NOT_FOUND):
                failures.append(error)
            return
        version = str(stored.get("metadata", {}).get("resourceVersion", ""))
        # If it comes back as something else than was written, it is not written again for that.
        self._settled[known.key] = _Settled(status, (known.version, version), stored.get("status") or {})


def _plain(status: bytes) -> dict[str, Any]:
    if not status:
        return {}
    plain = msgspec.json.decode(status)
    return plain if isinstance(plain, dict) else {}


def _stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
