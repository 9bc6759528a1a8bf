"""Lists and watches against an API server that misbehaves: nothing is lost, nothing vanishes that is still there."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import pytest
import trio
from eventually import eventually
from kube_api import Asked, KubeApi, Reply, bookmark
from programs import free_port

from hauberk_control.kubernetes import follow
from hauberk_control.kubernetes.errors import ApiError
from hauberk_control.kubernetes.follow import Collection, Event, Follower

SERVICES: Final = "/api/v1/services"


class Told(NamedTuple):
    """One call of the sink."""

    replaced: bool
    names: tuple[str, ...]


class RecordingSink:
    """Keeps what it is told, and what is there according to that."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        """Versions by name."""
        self.least = 0
        """The fewest objects there ever were since this was last set."""
        self.told: list[Told] = []
        self.troubles: list[int | None] = []

    def decode(self, data: bytes) -> dict[str, Any]:
        metadata: dict[str, Any] = msgspec.json.decode(data)["metadata"]
        if "name" not in metadata:
            raise ValueError("no name")
        return metadata

    def replace(self, items: Sequence[dict[str, Any]]) -> None:
        self.there = {item["name"]: item["resourceVersion"] for item in items}
        self._note(replaced=True, names=[item["name"] for item in items])

    def apply(self, events: Sequence[Event[dict[str, Any]]]) -> None:
        for event in events:
            if event.deleted:
                self.there.pop(event.item["name"], None)
            else:
                self.there[event.item["name"]] = event.item["resourceVersion"]
        self._note(replaced=False, names=[event.item["name"] for event in events])

    def trouble(self, error: ApiError | None) -> None:
        self.troubles.append(None if error is None else error.status)

    def _note(self, *, replaced: bool, names: list[str]) -> None:
        self.told.append(Told(replaced, tuple(names)))
        self.least = min(self.least, len(self.there))

    async def wait_names(self, *names: str) -> None:
        await eventually(lambda: sorted(self.there) == sorted(names))


@contextlib.asynccontextmanager
async def following(api: KubeApi) -> AsyncIterator[RecordingSink]:
    sink = RecordingSink()
    client = api.client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Follower(client, Collection(SERVICES), sink, lambda: 0.0).run)
        yield sink
        nursery.cancel_scope.cancel()
    client.close()


def put(api: KubeApi, *names: str) -> None:
    for name in names:
        api.put("v1", "services", name, "shop", spec={"ports": [{"port": 80}]})


def lists(api: KubeApi) -> int:
    return len([one for one in api.asked if one.path == SERVICES and "watch" not in one.query])


async def test_lists_in_pages_and_then_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "PAGE", 2)
    api = KubeApi()
    put(api, "a", "b", "c", "d", "e")
    async with api.serving(), following(api) as sink:
        await sink.wait_names("a", "b", "c", "d", "e")
        assert sink.told == [Told(True, ("a", "b", "c", "d", "e"))]
        await api.wait_watching(1)
        put(api, "f")
        api.remove("v1", "services", "a", "shop")
        await sink.wait_names("b", "c", "d", "e", "f")
    assert lists(api) == 3
    assert not any(told.replaced for told in sink.told[1:])


async def test_a_broken_stream_goes_on_where_it_was() -> None:
    api = KubeApi()
    put(api, "a")
    async with api.serving(), following(api) as sink:
        await api.wait_watching(1)
        put(api, "b")
        await sink.wait_names("a", "b")
        api.cut_watches()
        put(api, "c")
        await sink.wait_names("a", "b", "c")
    assert lists(api) == 1


async def test_after_410_nothing_disappears_that_is_there_and_what_vanished_goes() -> None:
    api = KubeApi()
    put(api, "a", "b", "c")
    async with api.serving(), following(api) as sink:
        await sink.wait_names("a", "b", "c")
        await api.wait_watching(1)
        sink.least = 3
        api.cut_watches()
        api.remove("v1", "services", "b", "shop")
        put(api, "d", "e")
        api.forget()
        await sink.wait_names("a", "c", "d", "e")
        assert sink.least == 3
        assert lists(api) == 2
        await api.wait_watching(1)
        put(api, "f")
        await sink.wait_names("a", "c", "d", "e", "f")


async def test_410_within_the_pages_of_a_list_has_all_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "PAGE", 1)
    api = KubeApi()
    put(api, "a", "b", "c")
    api.script = lambda asked: Reply(410, b'{"message": "expired"}') if "continue" in asked.query else None
    async with api.serving(), following(api) as sink:
        await sink.wait_names("a", "b", "c")


async def test_a_bookmark_is_where_the_next_watch_begins() -> None:
    api = KubeApi()
    put(api, "a")
    async with api.serving(), following(api) as sink:
        await sink.wait_names("a")
        await api.wait_watching(1)
        # In pieces, as a network may deliver it.
        api.say(bookmark(5000)[:9])
        api.say(bookmark(5000)[9:])
        api.end_watches()
        await api.wait_asked("GET", SERVICES, 3)
    assert api.asked[-1].query["resourceVersion"] == "5000"


async def test_the_server_restarts_and_what_happened_meanwhile_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(follow, "TROUBLE_SECONDS", 0.0)
    api = KubeApi(free_port())
    put(api, "a")
    sink = RecordingSink()
    async with trio.open_nursery() as nursery:
        async with api.serving():
            nursery.start_soon(Follower(api.client(), Collection(SERVICES), sink, lambda: 0.0).run)
            await sink.wait_names("a")
            await api.wait_watching(1)
        put(api, "b")
        await eventually(lambda: bool(sink.troubles) and "everything serves on as it is" in caplog.text)
        assert sorted(sink.there) == ["a"]
        async with api.serving():
            await sink.wait_names("a", "b")
            assert sink.troubles[0] == 0
            assert sink.troubles[-1] is None
            # However often it was tried.
            assert caplog.text.count("everything serves on as it is") == 1
            nursery.cancel_scope.cancel()


async def test_an_answer_that_is_cut_off_is_asked_for_again() -> None:
    api = KubeApi()
    put(api, "a", "b")
    cut = [True, True]

    def script(asked: Asked) -> Reply | None:
        if "watch" not in asked.query and cut:
            cut.pop()
            return Reply(200, b'{"metadata": {"resourceVersion": "9"}, "items": []}', cut=True)
        return None

    api.script = script
    async with api.serving(), following(api) as sink:
        await sink.wait_names("a", "b")
    assert sink.told == [Told(True, ("a", "b"))]


@pytest.mark.parametrize(
    "line",
    [
        b"this is no JSON\n",
        b'{"type": "MODIFIED"}\n',
        b'{"type": "MODIFIED", "object": {"metadata": {}}}\n',
        b'{"type": "MODIFIED", "object": []}\n',
        b'{"type": "ERROR", "object": {"code": 500, "message": "etcd is away"}}\n',
        b'{"type": "ERROR", "object": "bad"}\n',
        b"\xff\xfe\n",
    ],
)
async def test_a_line_that_is_no_event_takes_nothing_away(line: bytes) -> None:
    api = KubeApi()
    put(api, "a", "b")
    async with api.serving(), following(api) as sink:
        await sink.wait_names("a", "b")
        await api.wait_watching(1)
        sink.least = 2
        api.say(line)
        await api.wait_asked("GET", SERVICES, 4)
        put(api, "c")
        await sink.wait_names("a", "b", "c")
        assert sink.least == 2


async def test_an_object_that_is_nested_without_end_keeps_no_other_from_being_read() -> None:
    api = KubeApi()
    put(api, "a")
    deep = msgspec.Raw(b"[" * 9_000 + b"]" * 9_000)
    api.put("v1", "services", "deep", "shop", spec=deep)
    async with api.serving(), following(api) as sink:
        await sink.wait_names("a", "deep")
        await api.wait_watching(1)
        api.put("v1", "services", "deeper", "shop", spec=deep)
        put(api, "c")
        await sink.wait_names("a", "deep", "deeper", "c")


async def test_events_that_come_twice_change_nothing() -> None:
    api = KubeApi()
    put(api, "a")
    async with api.serving(), following(api) as sink:
        await api.wait_watching(1)
        item = api.put("v1", "services", "b", "shop")
        line = msgspec.json.encode({"type": "ADDED", "object": item}) + b"\n"
        api.say(line + line)
        put(api, "c")
        await sink.wait_names("a", "b", "c")


async def test_large_objects_pass_and_too_large_ones_end_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    api = KubeApi()
    put(api, "a")
    async with api.serving(), following(api) as sink:
        await api.wait_watching(1)
        api.put("v1", "services", "large", "shop", metadata={"annotations": {"text": "x" * 3_000_000}})
        await sink.wait_names("a", "large")
        monkeypatch.setattr(follow, "LARGEST_EVENT", 100_000)
        api.say(b"x" * 300_000)
        await eventually(lambda: lists(api) >= 2)
        await sink.wait_names("a", "large")


async def test_a_server_that_falls_silent_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "SHORTEST_WATCH", 0.1)
    monkeypatch.setattr(follow, "SILENCE_SECONDS", 0.1)
    # On a busy machine an answer may take longer than these.
    monkeypatch.setattr(follow, "TROUBLE_SECONDS", 60.0)
    api = KubeApi()
    put(api, "a")
    async with api.serving(), following(api) as sink:
        # Its watches never end by themselves, and say nothing.
        await api.wait_asked("GET", SERVICES, 4)
        put(api, "b")
        await sink.wait_names("a", "b")
        assert sink.troubles == []
    assert lists(api) == 1


async def test_cancellation_closes_the_stream() -> None:
    api = KubeApi()
    async with api.serving():
        async with following(api):
            await api.wait_watching(1)
        await api.wait_watching(0)


async def test_a_collection_that_is_not_there_is_told_to_the_caller() -> None:
    api = KubeApi()
    async with api.serving():
        follower = Follower(api.client(), Collection("/apis/example.com/v1/things"), RecordingSink(), lambda: 0.0)
        with pytest.raises(ApiError, match="404"):
            await follower.run()
