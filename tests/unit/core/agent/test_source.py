"""Noticing changes of a configuration file, and nothing but changes."""

import os
import sys
from pathlib import Path

import pytest
import trio
import trio.testing

from hauberk_core.agent import file_watch
from hauberk_core.agent import source as source_module
from hauberk_core.agent.source import PATIENCE_SECONDS, FileSource, StaticSource
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.model import Cluster, Endpoint, Snapshot
from hauberk_core.model.codec import encode_snapshot
from hauberk_core.model.errors import ConfigErrors


def _text(version: str) -> bytes:
    clusters = {"books": Cluster(endpoints=(Endpoint(address="127.0.0.1:9000"),))}
    return encode_snapshot(Snapshot(version=version, clusters=clusters))


async def _next_version(source: FileSource) -> str:
    with trio.fail_after(60):
        return (await source.next()).snapshot.version


async def _expect_nothing(source: FileSource, seconds: float = 0.15) -> None:
    with trio.move_on_after(seconds):
        loaded = await source.next()
        pytest.fail(f"{loaded.snapshot.version} was taken for a change")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "proxy.json"
    path.write_bytes(_text("1"))
    return path


async def test_the_first_call_reads_and_the_second_waits_for_a_change(file: Path) -> None:
    source = FileSource(file)
    assert await _next_version(source) == "1"
    await _expect_nothing(source)
    file.write_bytes(_text("2"))
    assert await _next_version(source) == "2"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has inotify")
async def test_a_change_is_notified_and_not_waited_for_until_the_next_look(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_watch, "LOOK_SECONDS", 3600.0)
    source = FileSource(file)
    await _next_version(source)
    for version in range(10):
        async with trio.open_nursery() as nursery:

            async def wait(expected: str = f"change {version}") -> None:
                assert await _next_version(source) == expected

            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            file.write_bytes(_text(f"change {version}"))


async def test_the_last_good_text_put_back_after_a_mistake_is_a_change(file: Path) -> None:
    source = FileSource(file)
    await _next_version(source)
    file.write_text("[]")
    with trio.fail_after(60), pytest.raises(ConfigErrors):
        await source.next()
    file.write_bytes(_text("1"))
    assert await _next_version(source) == "1"


async def test_a_text_written_again_within_a_tick_of_the_clock_is_not_missed(file: Path) -> None:
    source = FileSource(file)
    await _next_version(source)
    stamp = file.stat()
    file.write_bytes(_text("2"))
    assert await _next_version(source) == "2"
    before = file.stat()
    file.write_bytes(_text("3"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert stamp.st_size == before.st_size
    assert await _next_version(source) == "3"


async def test_an_atomic_rename_is_a_change(file: Path) -> None:
    source = FileSource(file)
    await _next_version(source)
    fresh = file.with_suffix(".new")
    fresh.write_bytes(_text("2"))
    fresh.rename(file)
    assert await _next_version(source) == "2"


async def test_a_link_swapped_in_the_folder_above_is_a_change(tmp_path: Path) -> None:
    # As Kubernetes mounts a ConfigMap: proxy.json -> ..data/proxy.json, ..data -> ..version.
    for version in ("1", "2"):
        folder = tmp_path / f"..{version}"
        folder.mkdir()
        (folder / "proxy.json").write_bytes(_text(version))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "proxy.json").symlink_to("..data/proxy.json")
    source = FileSource(tmp_path / "proxy.json")
    assert await _next_version(source) == "1"
    (tmp_path / "..tmp").symlink_to("..2")
    (tmp_path / "..tmp").rename(tmp_path / "..data")
    assert await _next_version(source) == "2"


async def test_an_emptied_file_that_is_filled_again_is_one_change(file: Path) -> None:
    source = FileSource(file)
    await _next_version(source)
    file.write_bytes(b"")
    await _expect_nothing(source, PATIENCE_SECONDS / 2)
    file.write_bytes(_text("2"))
    assert await _next_version(source) == "2"
    await _expect_nothing(source)


async def test_a_file_written_slowly_is_read_when_it_is_whole(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The writer is in this process: where that stands still for a moment, both do.
    monkeypatch.setattr(source_module, "PATIENCE_SECONDS", 60.0)
    source = FileSource(file)
    await _next_version(source)
    text = _text("2")

    async def write_slowly() -> None:
        with file.open("wb", buffering=0) as opened:
            for start in range(0, len(text), 8):
                opened.write(text[start : start + 8])
                await trio.sleep(0.02)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write_slowly)
        assert await _next_version(source) == "2"


async def test_a_wrong_file_is_reported_once_with_its_place_and_a_right_one_follows(file: Path) -> None:
    source = FileSource(file)
    await _next_version(source)
    file.write_bytes(b'{\n  "clusters": {"books": {"endpoint": []}}\n}')
    with trio.fail_after(60), pytest.raises(ConfigErrors) as caught:
        await source.next()
    assert caught.value.errors[0].origin == str(file)
    assert caught.value.errors[0].line == 2
    await _expect_nothing(source)
    file.write_bytes(_text("3"))
    assert await _next_version(source) == "3"


async def test_rules_across_the_document_are_held(file: Path) -> None:
    file.write_bytes(b'{"listeners": {"web": {"address": "127.0.0.1:0", "filter_chains": [{"route_table": "nowhere"}]}}}')
    with trio.fail_after(60), pytest.raises(ConfigErrors, match="nowhere"):
        await FileSource(file).next()


async def test_a_deleted_file_is_reported_and_comes_back_as_a_change(file: Path) -> None:
    source = FileSource(file)
    await _next_version(source)
    file.unlink()
    with trio.fail_after(60), pytest.raises(ConfigErrors, match="No such file"):
        await source.next()
    await _expect_nothing(source)
    file.write_bytes(_text("2"))
    assert await _next_version(source) == "2"


async def test_a_file_deleted_and_made_again_at_once_is_a_change_and_no_complaint(file: Path) -> None:
    source = FileSource(file)
    await _next_version(source)
    file.unlink()
    await _expect_nothing(source, PATIENCE_SECONDS / 2)
    file.write_bytes(_text("2"))
    assert await _next_version(source) == "2"


async def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with trio.fail_after(60), pytest.raises(ConfigErrors, match="no regular file"):
        await FileSource(path).next()


async def test_too_large_a_file_is_refused_without_reading_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as opened:
        opened.truncate(1 << 40)
    with trio.fail_after(60), pytest.raises(ConfigErrors, match="at most"):
        await FileSource(path).next()


async def test_a_cancelled_wait_loses_no_change(file: Path) -> None:
    source = FileSource(file)
    await _next_version(source)
    file.write_bytes(_text("2"))
    with trio.CancelScope() as scope:
        scope.cancel()
        await source.next()
    assert await _next_version(source) == "2"


async def test_a_static_source_tells_once() -> None:
    pem = CertificatePem(b"chain", b"key")
    source = StaticSource(Snapshot(version="only"), certificates={"made": pem})
    assert (await source.next()).snapshot.version == "only"
    assert source.certificates == {"made": pem}
    with trio.move_on_after(0.05) as scope:
        await source.next()
    assert scope.cancelled_caught


async def test_a_static_source_checks_too() -> None:
    source = StaticSource(Snapshot(clusters={"books": Cluster(endpoints=(Endpoint(address="nonsense"),))}))
    with pytest.raises(ConfigErrors):
        await source.next()


async def test_what_was_refused_for_a_passing_reason_comes_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "FIRST_RETRY_SECONDS", 0.01)
    source = FileSource(file)
    for _ in range(3):
        assert await _next_version(source) == "1"
        await source.refused("the port is taken", passing=True)
    assert await _next_version(source) == "1"
    await source.accepted()
    await _expect_nothing(source)


async def test_what_was_refused_for_good_does_not_come_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "FIRST_RETRY_SECONDS", 0.01)
    source = FileSource(file)
    await _next_version(source)
    await source.refused("it names a plugin that is not there")
    await _expect_nothing(source)
