"""One of several replicas does what only one may do: who, is written in a Lease.

The holder renews it; who sees it unchanged for as long as it is good for takes it over. How long is measured by the watcher's own
clock from when it saw the last change, because clocks of machines differ. Source: coordination.k8s.io/v1, as client-go's leader
election uses it.
"""

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio

from hauberk_control.kubernetes.errors import CONFLICT, ApiError, Unreachable
from hauberk_control.kubernetes.objects import Manifest, Objects
from hauberk_core.agent.logs import LOG

API_VERSION: Final = "coordination.k8s.io/v1"
# As client-go's defaults: a leader that dies is replaced within a quarter of a minute, one that ends in order at once.
LEASE_SECONDS: Final = 15.0
# A leader that could not renew for so long is none any more, well before anybody else can be.
RENEW_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 2.0
# What giving it back may take when we end.
_FAREWELL_SECONDS: Final = 2.0


class Lease:
    """One Lease, and us as one who would hold it."""

    def __init__(self, objects: Objects, namespace: str, name: str, identity: str, random: Callable[[], float]) -> None:
        """Args: identity - ours, told to people; no other replica may have the same; random - uniform in [0, 1)."""
        self._objects: Final = objects
        self._namespace: Final = namespace
        self._name: Final = name
        self._identity: Final = identity
        self._random: Final = random
        self._seen: tuple[object, ...] = ()
        self._seen_at = 0.0
        self.leading = False

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` whenever the lease is ours, and cancel it when it is not any more, until cancelled."""
        while True:
            await self._acquire()
            LOG.info("this replica, %s, leads: it holds the lease %s", self._identity, self._name)
            self.leading = True
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._keep, nursery.cancel_scope)
                    await work()
                    # Work that has nothing left to do does not end the reign.
                    await trio.sleep_forever()
            finally:
                self.leading = False
                await self._give_back()
            LOG.warning("this replica leads no more: the lease %s could not be renewed", self._name)

    async def _acquire(self) -> None:
        troubled = False
        while True:
            try:
                if await self._try():
                    return
                troubled = False
            except ApiError as error:
                if not troubled:
                    LOG.warning("the lease %s cannot be had at the moment: %s", self._name, error)
                troubled = True
            await trio.sleep(RETRY_SECONDS * (0.5 + self._random()))

    async def _keep(self, reign: trio.CancelScope) -> None:
        renewed = trio.current_time()
        while True:
            await trio.sleep(RETRY_SECONDS)
            left = renewed + RENEW_SECONDS - trio.current_time()
            with trio.move_on_after(max(left, 0.0)):
                try:
                    if not await self._try():
                        break
                    renewed = trio.current_time()
                except ApiError as error:
                    if not isinstance(error, Unreachable):
                        LOG.warning("the lease %s is not renewed: %s", self._name, error)
            if trio.current_time() - renewed >= RENEW_SECONDS:
                break
        reign.cancel()

    async def _try(self) -> bool:
        """Take or renew the lease. Returns: whether it is ours. Raises: ApiError."""
        lease = await self._objects.get(API_VERSION, "Lease", self._namespace, self._name)
        try:
            if lease is None:
                await self._objects.create(self._manifest({}, {}))
                return True
            spec: dict[str, Any] = lease.get("spec") or {}
            if spec.get("holderIdentity") not in (self._identity, "", None) and not self._is_over(spec):
                return False
            await self._objects.update(self._manifest(lease["metadata"], spec))
            return True
        except ApiError as error:
            if error.status == CONFLICT:
                return False
            raise

    def _is_over(self, spec: dict[str, Any]) -> bool:
        """Whether its holder has not renewed it for as long as it is good for, as far as we have seen."""
        seen = (spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions"))
        now = trio.current_time()
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        seconds = spec.get("leaseDurationSeconds")
        return now - self._seen_at >= (seconds if isinstance(seconds, int) else LEASE_SECONDS)

    def _manifest(self, metadata: dict[str, Any], spec: dict[str, Any]) -> Manifest:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        ours = spec.get("holderIdentity") == self._identity
        transitions = spec.get("leaseTransitions")
        return {
            "apiVersion": API_VERSION,
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace, **metadata},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": int(LEASE_SECONDS),
                "acquireTime": spec.get("acquireTime", now) if ours else now,
                "renewTime": now,
                "leaseTransitions": (transitions if isinstance(transitions, int) else 0) + (not ours and bool(metadata)),
            },
        }

    async def _give_back(self) -> None:
        """Leave it to the others, who need not wait then. Whatever goes wrong: it ends by itself."""
        with trio.CancelScope(shield=True), trio.move_on_after(_FAREWELL_SECONDS):
            try:
                while True:
                    lease = await self._objects.get(API_VERSION, "Lease", self._namespace, self._name)
                    if lease is None or lease["spec"].get("holderIdentity") != self._identity:
                        return
                    lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                    try:
                        await self._objects.update(lease)
                        return
                    except ApiError as error:
                        # A renewal of ours that was under way when we were cancelled has just taken effect.
                        if error.status != CONFLICT:
                            raise
            except ApiError as error:
                LOG.info("the lease %s is not given back: %s", self._name, error)
