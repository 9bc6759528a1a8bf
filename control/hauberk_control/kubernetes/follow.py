"""Lists a collection and watches it, for ever: what happens in the cluster is told within moments and without a gap.

The protocol is Kubernetes': a list tells a resource version, and a watch from that version on tells everything that happened
since, so that a connection that breaks loses nothing. Where the API server remembers the version no longer (410 Gone), all is
listed again; what is known stays in use meanwhile, and what has vanished is told when the list is complete.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec
import trio

from hauberk_control.kubernetes.errors import GONE, NOT_FOUND, ApiError, Unreachable
from hauberk_control.kubernetes.shallow_json import shallow
from hauberk_core.agent.backoff import STEADY_SECONDS, Backoff
from hauberk_core.agent.logs import LOG

Item = TypeVar("Item")

# What the API server sends at once; lists of any size then take bounded memory there.
PAGE: Final = 500
# A watch is ended by the server after so many seconds, each another number so that not all begin anew at once.
SHORTEST_WATCH: Final = 300.0
# Bookmarks come about once a minute; a server that says nothing beyond the watch's own end is gone.
SILENCE_SECONDS: Final = 30.0
# etcd takes objects of 1.5 MiB; as JSON, with its bookkeeping, one is smaller than this.
LARGEST_EVENT: Final = 16 << 20
TROUBLE_SECONDS: Final = 2.0
"""For so long an API server may be away before that counts as trouble."""
# A server that ends each watch at once would otherwise be asked without a pause.
_TOO_SHORT: Final = 1.0


class Event(NamedTuple, Generic[Item]):
    """Something happened to one object."""

    deleted: bool
    item: Item
    """As it is now; of a deleted one, as it last was."""


class Sink(Protocol[Item]):
    """Where followed objects go. Its methods must be quick; `decode` runs in a thread, the others in trio."""

    def decode(self, data: bytes) -> Item:
        """Read one object. Raises: ValueError (or msgspec's) for what is no object at all: then all is listed again."""
        ...

    def replace(self, items: Sequence[Item]) -> None:
        """These are all; what is not among them is gone."""
        ...

    def apply(self, events: Sequence[Event[Item]]) -> None:
        """This happened, in this order."""
        ...

    def trouble(self, error: ApiError | None) -> None:
        """The collection cannot be followed now; None: it can again."""
        ...


class Streams(Protocol):
    """Whoever can ask the API server."""

    async def request(self, method: str, path: str, query: Mapping[str, str], *, accept: str) -> bytes: ...

    async def run_stream(
        self, path: str, query: Mapping[str, str], seconds: float, take: Callable[[Iterator[bytes]], None], accept: str
    ) -> None: ...


class Collection(NamedTuple):
    """What to follow."""

    path: str
    selectors: tuple[tuple[str, str], ...] = ()
    """`labelSelector` and `fieldSelector`."""
    accept_list: str = "application/json"
    accept_watch: str = "application/json"


class _Version(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    metadata: _Version
    items: list[msgspec.Raw] | None = None


class _Seen(msgspec.Struct):
    metadata: _Version = msgspec.field(default_factory=_Version)
    code: int = 0
    message: str = ""


class _Watched(msgspec.Struct):
    type: str
    object: msgspec.Raw


class Follower(Generic[Item]):
    """Follows one collection."""

    def __init__(self, client: Streams, collection: Collection, sink: Sink[Item], random: Callable[[], float]) -> None:
        """Args: random - uniform in [0, 1)."""
        self._client: Final = client
        self._collection: Final = collection
        self._sink: Final = sink
        self._random: Final = random
        self._backoff: Final = Backoff(random)
        self._version = ""
        """From here on a watch tells what happens; empty: list first."""
        self._troubled = False
        self._failing_since: float | None = None

    async def run(self) -> None:
        """Follow until cancelled. Raises: ApiError if there is no such collection (404); what is known stays as it is."""
        while True:
            began = trio.current_time()
            try:
                if not self._version:
                    await self._list()
                heard = await self._watch()
            except ApiError as error:
                if error.status == NOT_FOUND:
                    self._version = ""
                    raise
                if error.status == GONE:
                    self._version = ""
                else:
                    self._tell_trouble(error)
            else:
                if heard or trio.current_time() - began >= _TOO_SHORT:
                    self._backoff.reset()
                    continue
            if trio.current_time() - began >= STEADY_SECONDS:
                self._backoff.reset()
            await trio.sleep(self._backoff.next_pause())

    async def _list(self) -> None:
        try:
            version, items = await self._pages(PAGE)
        except ApiError as error:
            if error.status != GONE:
                raise
            # The pages took longer than the API server remembers their version; one page has no such trouble.
            version, items = await self._pages(0)
        self._sink.replace(items)
        self._version = version
        self._tell_well()

    async def _pages(self, size: int) -> tuple[str, list[Item]]:
        items: list[Item] = []
        rest = ""
        while True:
            query = dict(self._collection.selectors)
            if size:
                query["limit"] = str(size)
            if rest:
                query["continue"] = rest
            data = await self._client.request("GET", self._collection.path, query, accept=self._collection.accept_list)
            page, read = await trio.to_thread.run_sync(self._decode_page, data)
            items += read
            rest = page.continue_
            if not rest:
                return page.resource_version, items

    def _decode_page(self, data: bytes) -> tuple[_Version, list[Item]]:
        try:
            try:
                return self._read_page(data)
            except RecursionError:
                return self._read_page(shallow(data))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise ApiError(0, f"GET {self._collection.path}: this is no list of objects: {error}") from error

    def _read_page(self, data: bytes) -> tuple[_Version, list[Item]]:
        page = msgspec.json.decode(data, type=_Page)
        return page.metadata, [self._sink.decode(bytes(item)) for item in page.items or ()]

    async def _watch(self) -> bool:
        """Watch until the server ends it. Returns: whether it told anything."""
        seconds = SHORTEST_WATCH * (1 + self._random())
        query = dict(self._collection.selectors) | {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(int(seconds)),
        }
        before = self._version
        await self._client.run_stream(
            self._collection.path, query, seconds + SILENCE_SECONDS, self._read, self._collection.accept_watch
        )
        return self._version != before

    def _read(self, pieces: Iterator[bytes]) -> None:
        """In a thread: take in what the server sends, until it ends."""
        trio.from_thread.run_sync(self._tell_well)
        rest = b""
        for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n") if rest else piece.split(b"\n")
            if len(rest) > LARGEST_EVENT:
                trio.from_thread.run_sync(self._forget_version)
                raise ApiError(0, f"watch of {self._collection.path}: an event has more than {LARGEST_EVENT} octets")
            if lines:
                # One hop for all that came together; the next are read once these have been taken.
                version, events, failure = self._decode_events(lines)
                trio.from_thread.run_sync(self._take, version, events)
                if failure is not None:
                    trio.from_thread.run_sync(self._forget_version)
                    raise failure

    def _decode_events(self, lines: list[bytes]) -> tuple[str, list[Event[Item]], ApiError | None]:
        version = ""
        events: list[Event[Item]] = []
        for line in lines:
            if not line.strip():
                continue
            try:
                try:
                    told, event = self._read_line(line)
                except RecursionError:
                    told, event = self._read_line(shallow(line))
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                return version, events, ApiError(0, f"watch of {self._collection.path}: this is no event: {error}")
            except ApiError as failure:
                return version, events, failure
            if event is not None:
                events.append(event)
            version = told or version
        return version, events, None

    def _read_line(self, line: bytes) -> tuple[str, Event[Item] | None]:
        """The version that a line tells, and the event, if it is one. Raises: ApiError: the watch ends here."""
        watched = msgspec.json.decode(line, type=_Watched)
        seen = msgspec.json.decode(watched.object, type=_Seen)
        if watched.type == "ERROR":
            raise ApiError(seen.code, f"watch of {self._collection.path}: {seen.code}: {seen.message}")
        version = seen.metadata.resource_version
        if watched.type == "BOOKMARK":
            return version, None
        return version, Event(watched.type == "DELETED", self._sink.decode(bytes(watched.object)))

    def _take(self, version: str, events: list[Event[Item]]) -> None:
        if events:
            self._sink.apply(events)
        self._version = version or self._version

    def _forget_version(self) -> None:
        self._version = ""

    def _tell_trouble(self, error: ApiError) -> None:
        now = trio.current_time()
        self._failing_since = now if self._failing_since is None else self._failing_since
        # A stream that breaks goes on at once, mostly, and an API server that starts refuses for moments.
        if (isinstance(error, Unreachable) or error.status >= 500) and now - self._failing_since < TROUBLE_SECONDS:
            return
        # One that is away is told by the client.
        if not self._troubled and not isinstance(error, Unreachable):
            LOG.warning("%s; what is known stays in use", error)
        self._troubled = True
        self._sink.trouble(error)

    def _tell_well(self) -> None:
        self._failing_since = None
        if self._troubled:
            self._troubled = False
            self._sink.trouble(None)
