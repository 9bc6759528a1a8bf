"""What control on a cluster answers over its local socket, to whoever may run commands in its pod."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from hauberk_control.ca.errors import AuthorityError
from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.kubernetes.errors import ApiError
from hauberk_control.local.messages import (
    Answer,
    AskObjects,
    AskProgress,
    AskProxies,
    AskStatus,
    Objects,
    Progress,
    Proxies,
    Refused,
    RegisterWorkload,
    Request,
    Rotated,
    RotateRoot,
    Status,
)
from hauberk_control.local.rows import absent_proxies, condition_rows, file_problems, object_rows, proxy_rows
from hauberk_control.status.conditions import Status as ObjectStatus
from hauberk_control.store import ObjectKey, Store
from hauberk_core.model.errors import ConfigError
from hauberk_core.resources import Gateway

# Objects of a cluster stand in no folder that places could be told relative to.
_NO_FOLDER: Final = Path("/")


class Seen(NamedTuple):
    """What control works from at one moment, and what it makes of it."""

    store: Store
    statuses: Mapping[ObjectKey, ObjectStatus]
    gateways: Sequence[Gateway]
    """Those that are ours to serve."""
    problems: Sequence[ConfigError]
    """Mistakes in objects."""
    proxies: Sequence[ProxyStatus]
    """Those that this replica serves."""
    elsewhere: Sequence[ProxyStatus]
    """What is known of other replicas' proxies."""


class ClusterService:
    """Tells what control knows, and announces roots. Pods join otherwise: by their service accounts' tokens."""

    def __init__(
        self,
        look: Callable[[], Awaitable[Seen]],
        rotate: Callable[[], Awaitable[Rotated]],
        missing: Callable[[], str],
        clock: Callable[[], float],
    ) -> None:
        """Args: rotate - raises ApiError, AuthorityError; missing - what control waits for before it serves; clock - seconds
        since the epoch."""
        self._look: Final = look
        self._rotate: Final = rotate
        self._missing: Final = missing
        self._clock: Final = clock

    async def answer(self, request: Request) -> Answer:
        missing = self._missing()
        if missing:
            return Refused(message=f"control does not serve yet: {missing}", starting=True)
        match request:
            case AskStatus():
                return _status(await self._look())
            case AskObjects():
                return Objects(objects=object_rows((await self._look()).store, _NO_FOLDER))
            case AskProxies():
                return Proxies(proxies=proxy_rows((await self._look()).proxies, self._clock()))
            case AskProgress():
                return self._progress(await self._look())
            case RotateRoot():
                try:
                    return await self._rotate()
                except (ApiError, AuthorityError) as error:
                    return Refused(message=f"no other root is announced: {error}")
            case _:
                return Refused(message="this control serves a cluster, whose proxies join it as pods")

    def unregister(self, request: RegisterWorkload) -> None:
        """Nobody registers here."""

    def _progress(self, seen: Seen) -> Progress:
        return Progress(
            unread=[],
            problems=file_problems(seen.problems, _NO_FOLDER),
            absent=absent_proxies(seen.gateways, (), (*seen.proxies, *seen.elsewhere)),
            proxies=proxy_rows(seen.proxies, self._clock()),
        )


def _status(seen: Seen) -> Status:
    told = [problem for proxy in (*seen.proxies, *seen.elsewhere) for problem in proxy.notes.problems]
    return Status(
        conditions=condition_rows(seen.store, seen.statuses, _NO_FOLDER),
        problems=[str(problem) for problem in dict.fromkeys([*seen.problems, *told])],
    )
